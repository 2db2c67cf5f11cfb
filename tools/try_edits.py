"""The tool `try_edits`: several candidate changes, each tested on a copy of the workspace."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from repos.runners.protocol import Runner, TestOutcome, TestReport
from tools.context import ToolContext
from tools.records import Format, Trial, TrialFailure, Trials, Verdict
from tools.registry import tool
from tools.report import BAD, first_error, frames, one_line
from tools.result import ToolError, ToolResult
from tools.run_tests import test_ids
from tools.text import clip, clip_line, plural, printable, scrub
from tools.trial_fork import TrialFork

MAX_TESTS = 60
MAX_FAILURES = 3
MAX_CHARS = 150_000
_MARKS = {
    "passed": ".",
    "failed": "F",
    "error": "E",
    "skipped": "s",
    "xfailed": "x",
    "xpassed": "X",
}


class Edit(BaseModel):
    """One exact replacement."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(description="File of the repository.")
    old: str = Field(description="Text to replace; it must occur exactly once.")
    new: str = Field(description="Text to put in its place.")


_BOUNDS: dict[str, Verdict] = {
    "time": "TIMEOUT",
    "memory": "MEMORY",
    "processes": "PROCESSES",
    "disk": "DISK",
}


@tool(max_chars=MAX_CHARS)
def try_edits(
    ctx: ToolContext,
    *,
    candidates: Annotated[
        Sequence[Annotated[Sequence[Edit], Field(min_length=1)]], Field(min_length=1)
    ],
    tests: Annotated[Sequence[str], Field(min_length=1)],
    stop_after: Annotated[int, Field(ge=0)] = 0,
    timeout_s: Annotated[float, Field(gt=0)] = 60.0,
    format: Format = "text",
) -> ToolResult:
    """Try several candidate changes, each on its own copy of the workspace, and run tests on each.

    The workspace itself stays as it is: apply the best candidate with edit afterwards. The
    answer has a line `TESTS N` and, where they are few, a line `Tk id` for each test that
    ran; then for each candidate a line

    `CANDIDATE n VERDICT passed=P failed=F marks`

    n counts from 1. VERDICT is PASS (all tests that were collected passed), FAIL (some did not,
    or have no result because the session was ended; what ended it follows), REJECTED (an edit
    could not be applied; the reason follows), TIMEOUT (or MEMORY, PROCESSES, DISK: the bound
    that stopped the run), BROKEN (no test could be run) or SKIPPED (not tried, because of
    stop_after or the time for the whole call). marks has a character for each test in the
    order of the `Tk` lines: `.` passed, `F` failed, `E` error, `s` skipped, `x` expected
    failure, `X` unexpected success, `-` not run. Below a candidate that did not pass,
    indented by two, come the first tests that did not pass: `FAILED id: exception (line n)`,
    n being the line of the test's file at which it stopped, so that a change after which a test
    gets further can be told. The last line is `PASSING 1,4` or `PASSING none`.

    With format="json" the answer is one JSON object instead: `{"count": tests that ran,
    "tests": [their ids where they are few], "candidates": [{"verdict", "detail": why it was
    rejected or ended early, "passed", "failed", "marks", "failures": [{"id", "status",
    "message", "line"}, ...], "omitted": further failures}, ...] in the order of the
    call, "passing": [numbers]}`.

    Args:
        ctx: What the episode offers to tools.
        candidates: Each candidate is a list of edits that belong together.
        tests: Test ids, files or folders to run on each candidate.
        stop_after: Stop when so many candidates pass; 0 tries all.
        timeout_s: Seconds for the tests of one candidate.
        format: "json" for programs.
    """
    limit = ctx.limits.candidates
    if len(candidates) > limit:
        raise ToolError(f"{len(candidates)} candidates are too many for one call: send {limit}.")
    ids = test_ids(tests, ctx.runner)
    timeout = min(timeout_s, ctx.limits.tests_s)
    trials, names = _Workers(ctx, candidates, ids, stop_after, timeout).run()
    few = len(names) <= MAX_TESTS
    answer = Trials(
        count=len(names),
        tests=tuple(map(one_line, names)) if few else (),
        candidates=tuple(trials if few else (_unmarked(trial) for trial in trials)),
        passing=tuple(n for n, trial in enumerate(trials, 1) if trial.verdict == "PASS"),
    )
    if format == "json":
        return ToolResult(answer.to_json(MAX_CHARS))
    return ToolResult(clip("\n".join(_lines(answer)), ctx.limits.max_chars))


def _unmarked(trial: Trial) -> Trial:
    return trial.model_copy(update={"marks": ""})


def _lines(answer: Trials) -> list[str]:
    lines = [f"TESTS {answer.count}"]
    lines += [f"T{number} {name}" for number, name in enumerate(answer.tests, 1)]
    for number, trial in enumerate(answer.candidates, 1):
        ran = trial.verdict not in ("REJECTED", "SKIPPED")
        counts = f"passed={trial.passed} failed={trial.failed}" if ran else ""
        said = " ".join(filter(None, (trial.verdict, counts, trial.marks, trial.detail)))
        lines.append(f"CANDIDATE {number} {said}")
        for one in trial.failures:
            stop = f" (line {one.line})" if one.line else ""
            lines.append(f"  {one.status.upper()} {one.id}: {one.message}{stop}")
        if trial.omitted:
            lines.append(f"  [... {plural(trial.omitted, 'more')}]")
    passing = ",".join(map(str, answer.passing))
    return [*lines, f"PASSING {passing or 'none'}"]


class _Workers:
    """Runs the candidates of one call, a few at a time, with an answer as if one by one."""

    def __init__(
        self,
        ctx: ToolContext,
        candidates: Sequence[Sequence[Edit]],
        ids: list[str],
        stop_after: int,
        timeout_s: float,
    ) -> None:
        self._ctx = ctx
        self._candidates = candidates
        self._ids = ids
        self._stop_after = stop_after
        self._timeout_s = timeout_s
        self._deadline = time.monotonic() + ctx.limits.try_edits_s
        self._results: dict[int, Trial | TestReport] = {}
        self._next = 0
        self._lock = threading.Lock()

    def run(self) -> tuple[list[Trial], list[str]]:
        """Return a trial for each candidate, and the ids of the tests that ran."""
        workers = min(self._ctx.limits.parallel, len(self._candidates))
        forks: list[TrialFork] = []
        try:
            for _ in range(workers):
                forks.append(TrialFork(self._ctx.workspace, self._ctx.runner))
            with ThreadPoolExecutor(workers) as pool:
                for done in [pool.submit(self._work, fork) for fork in forks]:
                    done.result()
        finally:
            for fork in forks:
                fork.close()
        return self._settle()

    def _work(self, fork: TrialFork) -> None:
        while (index := self._take()) is not None:
            try:
                result = self._try(fork, self._candidates[index])
            except BaseException:
                with self._lock:
                    self._next = len(self._candidates)
                raise
            with self._lock:
                self._results[index] = result

    def _take(self) -> int | None:
        with self._lock:
            if self._enough() or time.monotonic() > self._deadline:
                return None
            if self._next >= len(self._candidates):
                return None
            self._next += 1
            return self._next - 1

    def _enough(self) -> bool:
        """Whether the candidates before the first one without a result hold enough passes."""
        passed = 0
        for index in range(len(self._candidates)):
            if index not in self._results or 0 < self._stop_after <= passed:
                break
            passed += _passed(self._results[index])
        return 0 < self._stop_after <= passed

    def _try(self, fork: TrialFork, edits: Sequence[Edit]) -> Trial | TestReport:
        """Make the edits and run the tests."""
        try:
            return fork.run(edits, self._ids, timeout_s=self._timeout_s)
        except ToolError as error:
            detail = clip_line(str(error).replace("\n", " | "), 300)
            return Trial(verdict="REJECTED", detail=detail)

    def _settle(self) -> tuple[list[Trial], list[str]]:
        """Forget what ran beyond the candidate at which one worker would have stopped."""
        kept: list[Trial | TestReport | None] = []
        passed = 0
        for index in range(len(self._candidates)):
            if 0 < self._stop_after <= passed:
                kept.append(None)
                continue
            result = self._results.get(index)
            passed += result is not None and _passed(result)
            kept.append(result)
        names: dict[str, None] = {}
        for result in kept:
            if isinstance(result, TestReport):
                names.update(dict.fromkeys(result.outcomes))
        order = sorted(names)
        return [_trial(result, order, self._ctx.runner) for result in kept], order


def _passed(result: Trial | TestReport) -> bool:
    if isinstance(result, Trial):
        return False
    statuses = [outcome.status for outcome in result.outcomes.values()]
    fine = result.complete and not result.collection_errors and result.limit in (None, "output")
    return fine and "passed" in statuses and not any(status in BAD for status in statuses)


def _trial(result: Trial | TestReport | None, names: list[str], runner: Runner) -> Trial:
    if result is None:
        return Trial(verdict="SKIPPED")
    if isinstance(result, Trial):
        return result
    outcomes = result.outcomes
    failures = [
        TrialFailure(id=one_line(file), status="error", message=_last_line(message))
        for file, message in sorted(result.collection_errors.items())
    ]
    failures += [_failure(name, one, runner) for name, one in outcomes.items() if one.status in BAD]
    if result.limit in _BOUNDS:
        verdict = _BOUNDS[result.limit]
    elif _passed(result):
        verdict = "PASS"
    else:
        verdict = "FAIL" if outcomes or result.collection_errors else "BROKEN"
    return Trial(
        verdict=verdict,
        detail=_unfinished(result),
        passed=sum(outcome.status == "passed" for outcome in outcomes.values()),
        failed=len(failures),
        marks="".join(_MARKS[outcomes[name].status] if name in outcomes else "-" for name in names),
        failures=tuple(failures[:MAX_FAILURES]),
        omitted=max(0, len(failures) - MAX_FAILURES),
    )


def _failure(name: str, outcome: TestOutcome, runner: Runner) -> TrialFailure:
    path = runner.split_id(name).file
    stops = (frame.line for frame in frames(outcome.traceback) if frame.path == path)
    return TrialFailure(
        id=one_line(name),
        status=outcome.status,
        message=first_error(outcome),
        line=next(stops, None),
    )


def _unfinished(result: TestReport) -> str:
    return clip_line(one_line(scrub(printable(result.unfinished))), 300)


def _last_line(message: str) -> str:
    lines = [line for line in message.strip().split("\n") if line.strip()]
    return clip_line(lines[-1].strip(), 300) if lines else ""
