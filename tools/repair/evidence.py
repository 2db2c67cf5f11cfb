"""What failing tests, coverage, source and statement tell of a fault.

A program that repairs gathers it from the answers of `run_tests` and `view`; everything here
follows from those.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from functools import cached_property

from tools.records import TestResult
from tools.repair.facts import Facts, function_source, gather
from tools.repair.fault_localisation import Words, base_scores, boosted, words_of
from tools.repair.observations import SuiteRun, View
from tools.repair.paths import file_of, function_of, is_test_file, is_vendored
from tools.repair.project import Project
from tools.repair.source import Module
from tools.report import COLLECTION

MAX_FILES = 5
"""Source files that are viewed at most."""

MAX_LINES = 4_000
"""Lines of source that are viewed at most, over all files."""

MAX_SEARCH_TESTS = 5
"""Failing tests that candidates are tried on at most; plausible ones face all."""

VENDORED = 0.1
"""Factor of files that a project only carries along: it seldom repairs them."""

MAX_PASSING = 30
"""Passing tests near the suspicious lines that changes face."""


class Evidence:
    """What is known of a fault.

    Attributes:
        statement: The problem in prose.
        named: Ids of the failing tests that it names; () is any that fails.
        spectrum_run: The run that coverage comes from; one that ran out of time tells of the
            tests that ran until then.
        views: What was read of each file.
    """

    def __init__(
        self,
        statement: str,
        named: Sequence[str],
        run: SuiteRun | None,
        views: Mapping[str, View],
    ) -> None:
        """Keep what was observed."""
        self.statement = statement
        self.named = tuple(named)
        self.spectrum_run = run
        self.views = views

    # -- tests -------------------------------------------------------------------------------------

    def _is_wanted(self, failure: TestResult) -> bool:
        """Whether a failure is one of the named tests', or any where none are named."""
        named = self.named
        return not named or failure.id in named or failure.id in map(file_of, named)

    @cached_property
    def failures(self) -> list[TestResult]:
        """The failing tests to repair: those that were named, else all that fail."""
        run = self.spectrum_run
        return [failure for failure in run.failures if self._is_wanted(failure)] if run else []

    @cached_property
    def search_tests(self) -> list[str]:
        """A few failing tests on which candidates are tried: different functions and errors."""
        chosen: dict[str, TestResult] = {}
        for failure in self.failures:
            chosen.setdefault(function_of(failure.id), failure)
        kinds: dict[str, str] = {}
        for failure in chosen.values():
            kinds.setdefault(failure.message[:40], failure.id)
        first = [failure.id for failure in chosen.values()]
        every = [failure.id for failure in self.failures]
        return list(dict.fromkeys([*kinds.values(), *first, *every]))[:MAX_SEARCH_TESTS]

    # -- files -----------------------------------------------------------------------------

    @cached_property
    def covered_files(self) -> list[str]:
        """Source files that failing tests ran, the most suspicious first."""
        best: dict[str, list[float]] = {}
        for (path, _), score in self.base.items():
            if not is_test_file(path):
                best.setdefault(path, []).append(score)
        traced = {frame.path for failure in self.failures for frame in failure.frames}

        def weight(path: str) -> tuple[float, str]:
            top = sorted(best[path], reverse=True)[:10]
            stem = posixpath.basename(path).removesuffix(".py")
            factor = (1.5 if path in traced else 1.0) * (1.2 if stem in self.words.code else 1.0)
            factor *= VENDORED if is_vendored(path) else 1.0
            return (-factor * (top[0] + 0.02 * sum(top)), path)

        return sorted(best, key=weight)

    @cached_property
    def modules(self) -> dict[str, Module]:
        """Source files that were seen whole and parse."""
        found = {}
        for path, view in self.views.items():
            if is_test_file(path) or len(view.lines) != view.count:
                continue
            text = "\n".join(view.lines[number] for number in range(1, view.count + 1))
            module = Module.parse(path, text + ("\n" if view.final_newline else ""))
            if module is not None:
                found[path] = module
        return found

    @cached_property
    def project(self) -> Project:
        """The viewed source files together."""
        return Project(self.modules)

    # -- suspicion -------------------------------------------------------------------------

    @cached_property
    def words(self) -> Words:
        """Identifiers of the statement and of the names of the failing tests."""
        statement = self.statement.partition("\nThese tests fail")[0]
        names = [f.id.rpartition("::")[2].removeprefix("test_") for f in self.failures]
        return words_of(statement, names)

    @cached_property
    def base(self) -> dict[tuple[str, int], float]:
        """Ochiai's scores by file and line."""
        run = self.spectrum_run
        if run is None:
            return {}
        scores = base_scores(run.covers, [failure.id for failure in self.failures], run.spectrum)
        return {
            (path, line): score * (VENDORED if is_vendored(path) else 1.0)
            for (path, line), score in scores.items()
        }

    @cached_property
    def suspicion(self) -> dict[tuple[str, int], float]:
        """Suspiciousness by file and line."""
        tracebacks = [failure.frames for failure in self.failures]
        silent = any("DID NOT RAISE" in failure.message for failure in self.failures)
        return boosted(self.base, self.modules, tracebacks, self.words, did_not_raise=silent)

    @cached_property
    def facts(self) -> Facts:
        """What the failing tests tell."""
        messages = [failure.message for failure in self.failures]
        return gather(self._test_sources(), messages, self.words)

    def _test_sources(self) -> list[str]:
        """Return the source of the first failing tests."""
        sources = []
        for failure in self.failures[:8]:
            path, _, name = function_of(failure.id).partition("::")
            near = next((frame.line for frame in failure.frames if frame.path == path), 0)
            view = self.views.get(path)
            source = function_source(view.lines, name.rpartition("::")[2], near) if view else None
            sources += [source] if source else []
        return sources

    # -- passing tests ----------------------------------------------------------------------

    @cached_property
    def _passing(self) -> dict[str, dict[str, frozenset[int]]]:
        """Passing tests with the lines that they ran, by file: what a repair must not break."""
        run = self.spectrum_run
        if run is None:
            return {}
        bad = {failure.id for failure in run.failures}
        return {t: c for t, c in run.covers.items() if t not in bad and t != COLLECTION}

    def passing_at(self, path: str, line: int, count: int) -> list[str]:
        """Return passing tests that ran a line, of different functions first."""
        found = [test for test, lines in self._passing.items() if line in lines.get(path, ())]
        first: dict[str, str] = {}
        for test in found:
            first.setdefault(function_of(test), test)
        return list(dict.fromkeys([*first.values(), *found]))[:count]

    def near_suspicious(self) -> list[str]:
        """Return passing tests that run the suspicious lines: what repairs must not break."""
        found: dict[str, None] = {}
        ordered = sorted(self.suspicion.items(), key=lambda one: (-one[1], one[0]))
        for (path, line), _ in ordered[:60]:
            found.update(dict.fromkeys(self.passing_at(path, line, 5)))
        return list(found)[:MAX_PASSING]
