"""Reads which tests decide from repeated runs of both sides."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from repos.runners.protocol import Runner, TestOutcome, TestReport, TestRun
from repos.tasks.records import Expected

MAX_ID = 300


def verdicts(
    fixed: Sequence[TestRun],
    base: Sequence[TestRun],
    versions: tuple[str, str],
    runner: Runner,
) -> tuple[Expected, Mapping[str, TestOutcome]]:
    """Return the expected ids and, for those that fail on the base, how they fail.

    An id counts only where all runs of a side agree. A test that is missing on the base
    counts as failing only where its file could not be collected. Left out are ids that hold
    addresses or are very long, and failures that only ask for the new version's number.

    Args:
        fixed: Runs with the reference patch.
        base: Runs without it.
        versions: The two releases' versions.
        runner: Made the runs.
    """
    if not all(run.complete for run in (*fixed, *base)):
        return Expected(fail_to_pass=()), {}
    fail: list[str] = []
    keep: list[str] = []
    how: dict[str, TestOutcome] = {}
    for ident in sorted(fixed[0].outcomes):
        if len(ident) > MAX_ID or re.search(r"0x[0-9a-f]{6}|[\x00-\x1f]", ident):
            continue
        file = runner.split_id(ident).file
        if any(_status(run, ident, file) != "passed" for run in fixed):
            continue
        before = {_status(run, ident, file) for run in base}
        if before == {"passed"}:
            keep.append(ident)
        elif before <= {"failed", "error"}:
            outcome = base[0].outcomes[ident]
            if not _asks_version(outcome, versions):
                fail.append(ident)
                how[ident] = outcome
        elif before == {"uncollected"}:
            fail.append(ident)
            how.setdefault(file, _collection_failure(base[0].collection_errors[file]))
    return Expected(fail_to_pass=tuple(fail), pass_to_pass=tuple(keep)), how


def _status(run: TestRun, ident: str, file: str) -> str:
    outcome = run.outcomes.get(ident)
    if outcome is not None:
        return outcome.status
    return "uncollected" if file in run.collection_errors else "missing"


def _collection_failure(text: str) -> TestOutcome:
    errors = re.findall(r"^E\s+(\w[\w.]*(?:Error|Exception|Warning)\b.*)$", text, re.MULTILINE)
    last = errors[-1] if errors else text.strip().splitlines()[-1]
    return TestOutcome("error", 0.0, last, text)


def _asks_version(outcome: TestOutcome, versions: tuple[str, str]) -> bool:
    return all(version in outcome.message for version in versions)


def seconds(run: TestRun | TestReport) -> float:
    """Return the time of a run's tests, in seconds."""
    return sum(outcome.seconds for outcome in run.outcomes.values())


def work(run: TestRun | TestReport) -> float:
    """Return what a run's tests cost, in seconds: what a busy machine takes longer for is the same.

    Processor time where the runner tells it, else time by the clock. A test that waits counts a
    tenth of its time by the clock, so that none is free.
    """
    return sum(
        outcome.seconds if outcome.cpu_seconds is None
        else max(outcome.cpu_seconds, outcome.seconds / 10)
        for outcome in run.outcomes.values()
    )  # fmt: skip


def why_nothing(fixed: TestRun, base: TestRun) -> str:
    """Return why two runs show no test that the fix repairs."""
    for run, side in ((fixed, "new"), (base, "old")):
        if not run.complete:
            tail = " ".join(run.log.split())[-200:]
            return f"the tests of the {side} side do not end regularly ({run.limit or tail})"
    if fixed.collection_errors and not fixed.outcomes:
        error = next(iter(fixed.collection_errors.values())).strip().splitlines()
        return f"the tests cannot be collected: {error[-1] if error else ''}"
    if not fixed.outcomes:
        return f"no test ran: {' '.join(fixed.log.split())[-200:]}"
    return "no test fails before and passes after"
