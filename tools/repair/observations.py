"""What the tools answered, as this model needs it: test runs, trials of candidates, files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from pydantic import ValidationError

from tools.records import TestResult, TestRun, Trials
from tools.report import BAD, numbers

_HEAD = re.compile(
    r"\A(?P<path>.+): lines (?P<first>\d+)-(?P<last>\d+) of (?P<count>\d+)(?P<notes>.*)"
)
_CUT = re.compile(r"\[\.\.\. [\d,]+ more characters\]\Z")


@dataclass(frozen=True)
class SuiteRun:
    """One run of tests.

    Attributes:
        record: What `run_tests` answered.
    """

    record: TestRun

    @property
    def complete(self) -> bool:
        """Whether it came to its end."""
        return not self.record.incomplete

    @property
    def covered(self) -> bool:
        """Whether coverage was asked for."""
        return self.record.coverage is not None

    @cached_property
    def failures(self) -> list[TestResult]:
        """The tests that did not pass, in order."""
        return [test for test in self.record.tests if test.status in BAD]

    @property
    def bad(self) -> int:
        """How many tests did not pass."""
        return sum(self.record.counts.get(status, 0) for status in BAD)

    @property
    def good(self) -> int:
        """How many tests passed."""
        return self.record.counts.get("passed", 0)

    @cached_property
    def spectrum(self) -> dict[str, dict[int, int]]:
        """By source file and line that a failing test ran, how many passing tests ran it."""
        coverage = self.record.coverage
        return {
            path: {n: one.passed for one in counts for n in range(one.first, one.last + 1)}
            for path, counts in (coverage.spectrum if coverage else {}).items()
        }

    @cached_property
    def covers(self) -> dict[str, dict[str, frozenset[int]]]:
        """By test id and file, the lines that it ran."""
        coverage = self.record.coverage
        return {
            test: {path: frozenset(numbers(lines)) for path, lines in files.items()}
            for test, files in (coverage.tests if coverage else {}).items()
        }


def read_run(text: str) -> SuiteRun:
    """Read an answer of `run_tests`; one that is no JSON is a run that never began."""
    try:
        return SuiteRun(TestRun.model_validate_json(text))
    except ValidationError:
        return SuiteRun(TestRun(incomplete=text))


@dataclass(frozen=True)
class Outcome:
    """What became of one candidate.

    Attributes:
        verdict: PASS, FAIL, REJECTED, TIMEOUT, SKIPPED, ...; UNKNOWN where there was no answer.
        passed: How many tests passed.
        failed: How many did not.
        errors: By test id, the exception, for the first few.
        good: Ids of the tests that passed, where the tests were listed.
    """

    verdict: str
    passed: int = 0
    failed: int = 0
    errors: tuple[tuple[str, str], ...] = ()
    good: frozenset[str] = frozenset()


def read_trials(text: str) -> list[Outcome]:
    """Read an answer of `try_edits`: one outcome a candidate; [] where it is no JSON."""
    try:
        answer = Trials.model_validate_json(text)
    except ValidationError:
        return []
    return [
        Outcome(
            one.verdict,
            one.passed,
            one.failed,
            tuple((failure.id, failure.message) for failure in one.failures),
            frozenset(test for test, m in zip(answer.tests, one.marks, strict=False) if m == "."),
        )
        for one in answer.candidates
    ]


@dataclass(frozen=True)
class View:
    """A part of a file as `view` showed it.

    Attributes:
        lines: Text by line number; lines that were cut are missing.
        count: How many lines the file has.
        last: The last line shown.
        final_newline: Whether the file ends with a line end.
    """

    path: str
    lines: dict[int, str]
    count: int
    last: int
    final_newline: bool


def read_view(text: str) -> View | None:
    """Read an answer of `view` on a file; None for anything else."""
    head, _, body = text.partition("\n")
    match = _HEAD.match(head)
    if match is None:
        return None
    lines: dict[int, str] = {}
    expected = int(match["first"])
    for line in body.split("\n"):
        number, tab, content = line.partition("\t")
        if not tab or number != str(expected):
            break
        if not _CUT.search(content):
            lines[expected] = content
        expected += 1
    last = min(int(match["last"]), expected - 1)
    final = "no newline at the end" not in match["notes"]
    return View(match["path"], lines, int(match["count"]), last, final)
