"""Reads the records that the programs inside write: one JSON object a test, an error, an end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from repos.errors import InfrastructureError
from repos.runners.protocol import TestOutcome, TestReport, TestRun
from repos.sandbox.protocol import ExecResult

READY = b"ready\n"


@dataclass
class Folded:
    """Records by what they tell of; `end` is the exit status that the tested process told."""

    outcomes: dict[str, TestOutcome] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    coverage: dict[str, dict[str, tuple[int, ...]]] = field(default_factory=dict)
    end: int | None = None


def fold(records: Sequence[dict[str, Any]]) -> Folded:
    """Return what records tell; a second one never makes up for a first one."""
    folded = Folded()
    for record in records:
        kind = record["kind"]
        if kind == "test":
            earlier = folded.outcomes.get(record["id"])
            if earlier is not None and earlier.status != "passed":
                continue
            folded.outcomes[record["id"]] = TestOutcome(
                record["status"],
                round(record["seconds"], 4),
                record.get("message", ""),
                record.get("traceback", ""),
            )
        elif kind == "collect":
            folded.errors[record["id"]] = record["message"]
        elif kind == "coverage":
            tests = folded.coverage.setdefault(record["id"], {})
            tests[record["file"]] = tuple(record["lines"])
        elif kind == "end":
            folded.end = record["status"]
    return folded


def developer_report(raw: bytes, done: ExecResult) -> TestReport:
    """Return the report of a developer's run.

    Args:
        raw: The records' file, its last line maybe cut.
        done: How the program ended, and what it printed.
    """
    records = []
    for line in raw.decode("utf-8", "replace").splitlines():
        try:
            records.append(json.loads(line))
        except ValueError:
            continue  # the last line of a killed run
    folded = fold(records)
    stopped = any(record["kind"] == "stopped" for record in records)
    return TestReport(
        outcomes=folded.outcomes,
        collection_errors=folded.errors,
        coverage=folded.coverage or None,
        complete=folded.end is not None,
        exit_code=done.exit_code,
        limit=done.limit or ("time" if stopped else None),
        output=done.text[-8000:],
    )


def supervised_run(done: ExecResult) -> TestRun:
    """Return what the supervisor of a graded run told.

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
    try:
        answer = json.loads(done.stdout.removeprefix(READY))
    except ValueError:
        killed = ("the test supervisor was killed",)
        return TestRun({}, complete=False, tampered=killed, log=log)
    records = answer["records"]
    if not any(record["kind"] == "start" for record in records):
        raise InfrastructureError(f"The tests did not start in the environment: {log[-500:]}")
    folded = fold(records)
    tampered = [f"{r['id']} was changed" for r in records if r["kind"] == "tampered"]
    if answer["overflow"]:
        tampered.append("more result records than any run could make")
    if answer["forged"]:
        tampered.append(f"{answer['forged']} forged result records")
    return TestRun(
        outcomes=folded.outcomes,
        collection_errors=folded.errors,
        complete=folded.end is not None,
        tampered=tuple(tampered),
        log=log,
    )
