"""What the tools for tests and search answer, as typed records: rendered as text, or as JSON.

An agent that is a program asks with `format="json"` and reads the answer back with
`TestRun.model_validate_json` and the like.
"""

from __future__ import annotations

import json
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict

from repos.runners.protocol import Status

Format = Literal["text", "json"]


class Record(BaseModel):
    """A part of an answer; nothing of it changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def shorter(self) -> Self | None:
        """Return the record with less of its longest list; None where nothing can be left out."""
        return None

    def to_json(self, max_chars: int) -> str:
        """Return it as JSON that is valid however little fits.

        Args:
            max_chars: Bound in characters; what does not fit is left out and counted.
        """
        record: Self | None = self
        text = ""
        while record is not None and (not text or len(text) > max_chars):
            text = json.dumps(record.model_dump(), ensure_ascii=False, separators=(",", ":"))
            record = record.shorter()
        # Names of files may hold bytes that are no text.
        return text.encode("utf-8", "replace").decode()


class Frame(Record):
    """A line on the way to a failure."""

    path: str
    line: int


class TestResult(Record):
    """What one test did.

    Attributes:
        id: Its id; for a file that could not be collected, the file.
        status: Its outcome.
        message: Exception type and message, one line.
        frames: Where the failure passed, the outermost first.
        traceback: The same with the source and the compared values, as text.
    """

    __test__ = False

    id: str
    status: Status
    message: str = ""
    frames: tuple[Frame, ...] = ()
    traceback: str = ""


class LineCounts(Record):
    """How many failing and how many passing tests ran a range of lines."""

    first: int
    last: int
    failed: int
    passed: int


class Coverage(Record):
    """Which lines ran.

    Attributes:
        spectrum: By source file, the lines that a failing test ran.
        tests: By test id and file, the ranges of lines that the test ran, `1-4,7`; failing tests
            first. The id `(collection)` stands for what ran while tests were imported.
        omitted: Tests that are left out.
    """

    spectrum: dict[str, tuple[LineCounts, ...]] = {}
    tests: dict[str, dict[str, str]] = {}
    omitted: int = 0

    def shorter(self) -> Self | None:
        """Leave out the later half of the tests, then of the files."""
        if self.tests:
            kept = dict(list(self.tests.items())[: len(self.tests) // 2])
            left = self.omitted + len(self.tests) - len(kept)
            return self.model_copy(update={"tests": kept, "omitted": left})
        kept = dict(list(self.spectrum.items())[: len(self.spectrum) // 2])
        return self.model_copy(update={"spectrum": kept}) if self.spectrum else None


class TestRun(Record):
    """What one run of tests showed.

    Attributes:
        counts: Tests by status, in the order of the summary.
        incomplete: Why the run did not come to its end; "" where it did.
        tests: Tests that did not pass, then the others where few tests ran.
        omitted: Tests that did not pass and are left out.
        output: What was printed, where the run showed no test.
        coverage: Which lines ran, where that was asked for.
    """

    __test__ = False

    counts: dict[Status, int] = {}
    incomplete: str = ""
    tests: tuple[TestResult, ...] = ()
    omitted: int = 0
    output: str = ""
    coverage: Coverage | None = None

    def shorter(self) -> Self | None:
        """Leave out coverage first, then tests, then output."""
        less = self.coverage.shorter() if self.coverage else None
        if less is not None:
            return self.model_copy(update={"coverage": less})
        if self.tests:
            kept = self.tests[: len(self.tests) // 2]
            left = self.omitted + len(self.tests) - len(kept)
            return self.model_copy(update={"tests": kept, "omitted": left})
        return self.model_copy(update={"output": ""}) if self.output else None


class TrialFailure(Record):
    """A test that a candidate does not pass; `line` is the one of its own file where it stopped."""

    id: str
    status: Status
    message: str
    line: int | None = None


Verdict = Literal[
    "PASS", "FAIL", "REJECTED", "TIMEOUT", "MEMORY", "PROCESSES", "DISK", "BROKEN", "SKIPPED"
]


class Trial(Record):
    """What became of one candidate.

    Attributes:
        verdict: PASS (all tests passed), FAIL (some did not), REJECTED (an edit could not be
            applied), TIMEOUT, MEMORY, PROCESSES or DISK (the bound that stopped the run), BROKEN
            (no test could be run) or SKIPPED (not tried).
        detail: Why it was rejected, or what ended its tests early.
        passed: Tests that passed.
        failed: Tests that did not.
        marks: One character a test in the order of the listed tests.
        failures: The first tests that did not pass.
        omitted: Further ones.
    """

    verdict: Verdict
    detail: str = ""
    passed: int = 0
    failed: int = 0
    marks: str = ""
    failures: tuple[TrialFailure, ...] = ()
    omitted: int = 0


class Trials(Record):
    """What became of the candidates of one call, in their order.

    Attributes:
        count: Tests that ran.
        tests: Their ids, where they are few.
        candidates: One trial each.
        passing: Numbers, from 1, of the candidates that passed all tests.
    """

    count: int
    tests: tuple[str, ...] = ()
    candidates: tuple[Trial, ...] = ()
    passing: tuple[int, ...] = ()

    def shorter(self) -> Self | None:
        """Leave out the failures of the later half of the candidates that show any."""
        shown = [n for n, trial in enumerate(self.candidates) if trial.failures]
        dropped = set(shown[len(shown) // 2 :])
        candidates = tuple(
            trial.model_copy(
                update={"failures": (), "omitted": trial.omitted + len(trial.failures)}
            )
            if number in dropped
            else trial
            for number, trial in enumerate(self.candidates)
        )
        return self.model_copy(update={"candidates": candidates}) if dropped else None


class Match(Record):
    """A line that matches a search, or one of its context."""

    path: str
    line: int
    text: str
    context: bool = False


class Matches(Record):
    """What a search found.

    Attributes:
        total: Matching lines in all.
        files: Files that hold them.
        matches: The first of them, sorted by path and line, with their context.
    """

    total: int = 0
    files: int = 0
    matches: tuple[Match, ...] = ()

    def shorter(self) -> Self | None:
        """Leave out the later half of the lines."""
        kept = self.matches[: len(self.matches) // 2]
        return self.model_copy(update={"matches": kept}) if self.matches else None
