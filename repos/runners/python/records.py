"""Reads the records that the programs inside write: one JSON object a test, an error, an end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from repos.errors import InfrastructureError
from repos.runners.controls import Answer
from repos.runners.protocol import TestOutcome, TestReport, TestRun
from repos.runners.python.messages import (
    Answered,
    Changed,
    Covered,
    Ended,
    Message,
    NotCollected,
    Started,
    Tested,
    Unfinished,
    read_answer,
    read_lines,
)
from repos.sandbox.protocol import ExecResult

READY = b"ready\n"
SHOWN = 10
"""Changed files that are named at most."""


@dataclass
class Folded:
    """Records by what they tell of; `end` is the exit status that the tested process told."""

    outcomes: dict[str, TestOutcome] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    coverage: dict[str, dict[str, tuple[int, ...]]] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    end: int | None = None
    stopped: bool = False
    unfinished: str = ""


def fold(records: Sequence[Message]) -> Folded:
    """Return what records tell; a second one never makes up for a first one."""
    folded = Folded()
    for record in records:
        match record:
            case Tested():
                earlier = folded.outcomes.get(record.id)
                if earlier is not None and earlier.status != "passed":
                    continue
                folded.outcomes[record.id] = TestOutcome(
                    record.status, round(record.seconds, 4), record.message, record.traceback,
                    record.cpu_seconds,
                )  # fmt: skip
            case NotCollected():
                folded.errors[record.id] = record.message
            case Covered():
                folded.coverage.setdefault(record.id, {})[record.file] = tuple(record.lines)
            case Answered():
                told = (record.item, record.row, record.question, record.value)
                folded.answers.append(Answer(*told, record.key, record.agree))
            case Unfinished():
                tests = "test has" if record.missing == 1 else "tests have"
                count = f"{record.missing} collected {tests} no result" if record.missing else ""
                folded.unfinished = ": ".join(filter(None, (count, record.reason)))
            case Ended(kind="stopped"):
                folded.stopped = True
            case Ended():
                folded.end = record.status
    return folded


def developer_report(raw: bytes, done: ExecResult) -> TestReport:
    """Return the report of a developer's run; malformed records count as not written.

    Args:
        raw: The records' file, its last line maybe cut.
        done: How the program ended, and what it printed.
    """
    records, malformed = read_lines(raw)
    folded = fold(records)
    return TestReport(
        outcomes=folded.outcomes,
        collection_errors=folded.errors,
        coverage=folded.coverage or None,
        complete=folded.end is not None and not malformed and not folded.unfinished,
        unfinished=folded.unfinished,
        exit_code=done.exit_code,
        limit=done.limit or ("time" if folded.stopped else None),
        output=done.text[-8000:],
    )


def supervised_run(done: ExecResult) -> TestRun:
    """Return what the supervisor of a graded run told.

    Whatever the tested process sent, this returns a run: a record that does not have the shape
    of one shows that results were interfered with.

    Raises:
        InfrastructureError: It did not start, or the framework did not start under it.
    """
    log = done.stderr.decode("utf-8", "replace")[-20000:]
    if done.limit is not None and done.limit != "output":
        return TestRun({}, complete=False, limit=done.limit, log=log)
    # Only the supervisor can write to its standard output, and "ready" comes before any
    # code of the project: what is missing after it is the tested process's own doing.
    if not done.stdout.startswith(READY):
        raise InfrastructureError(f"The test supervisor did not start: {log[-500:]}")
    told = done.stdout.removeprefix(READY)
    read = read_answer(told)
    if read is None:
        killed = not told.endswith(b"}")
        note = "the test supervisor was killed" if killed else "result records that can't be read"
        return TestRun({}, complete=False, tampered=(note,), log=log)
    answer, records, malformed = read
    started = any(isinstance(record, Started) for record in records)
    if not started and not malformed and not answer.forged:
        raise InfrastructureError(f"The tests did not start in the environment: {log[-500:]}")
    folded = fold(records)
    changed = [record.id[:200] for record in records if isinstance(record, Changed)]
    tampered = [f"{name} was changed" for name in changed[:SHOWN]]
    if answer.overflow:
        tampered.append("more result records than any run could make")
    if answer.forged:
        tampered.append(f"{answer.forged} forged result records")
    if malformed:
        tampered.append(f"{malformed} malformed result records")
    return TestRun(
        outcomes=folded.outcomes,
        collection_errors=folded.errors,
        complete=folded.end is not None,
        tampered=tuple(tampered),
        log=log,
        answers=tuple(folded.answers),
    )
