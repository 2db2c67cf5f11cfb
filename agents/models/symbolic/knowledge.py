"""What follows from a conversation: test results, file texts, suspicion, tried candidates.

Everything is a function of the messages, so that a replayed or forked conversation goes on
in the same way.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from agents.models.symbolic.candidates import key_of
from agents.models.symbolic.facts import Facts, function_source, gather
from agents.models.symbolic.fault_localisation import Words, base_scores, boosted, words_of
from agents.models.symbolic.history import Exchange, History
from agents.models.symbolic.observations import (
    Outcome,
    SuiteRun,
    View,
    read_run,
    read_trials,
    read_view,
)
from agents.models.symbolic.paths import (
    file_of,
    function_of,
    is_test_file,
    is_vendored,
    outermost,
)
from agents.models.symbolic.project import Project
from agents.models.symbolic.source import Module, Snippet
from tools.records import TestResult
from tools.report import COLLECTION

MAX_FILES = 5
"""Source files that are viewed at most."""

MAX_LINES = 4_000
"""Lines of source that are viewed at most, over all files."""

MAX_SEARCH_TESTS = 5
"""Failing tests that candidates are tried on at most; plausible ones face all."""

VENDORED = 0.1
"""Factor of files that a project only carries along: it seldom repairs them."""


@dataclass(frozen=True, eq=False)
class Knowledge:
    """What is known after a conversation.

    Attributes:
        history: The conversation.
    """

    history: History

    # -- tests -----------------------------------------------------------------------------

    @cached_property
    def runs(self) -> list[tuple[Exchange, SuiteRun]]:
        """All test runs before the first edit, in order."""
        return [(e, read_run(e.text)) for e in self.history.before_edit if e.name == "run_tests"]

    @cached_property
    def spectrum_run(self) -> SuiteRun | None:
        """The run that coverage comes from: the last one that saw a failing test.

        One that ran out of time tells of the tests that ran until then.
        """
        usable = [run for _, run in self.runs if run.spectrum]
        return usable[-1] if usable else None

    def _is_wanted(self, failure: TestResult) -> bool:
        """Whether a failure is one of the named tests', or any where none are named."""
        named = self.history.failing
        return not named or failure.id in named or failure.id in map(file_of, named)

    @cached_property
    def scope(self) -> list[str]:
        """The tests of the run that candidates must not make worse; [] is the whole suite.

        Where that run was cut short, these are the files of the failing tests.
        """
        for exchange, run in reversed(self.runs):
            if run is self.spectrum_run and run.complete:
                return list(exchange.arguments.get("tests", []))
            if run is self.spectrum_run:
                return sorted({file_of(failure.id) for failure in self.failures})
        return []

    @cached_property
    def all_tests(self) -> list[str]:
        """What plausible changes have to pass, as `try_edits` takes it: files or folders."""
        if self.scope:
            return self.scope
        run = self.spectrum_run
        names = [*(run.covers if run else ()), *self.history.failing]
        files = {file_of(name) for name in names if name != COLLECTION}
        return outermost(files) or sorted(self.history.failing)

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
    def views(self) -> dict[str, View]:
        """What was viewed of each file before the first edit, parts joined."""
        found: dict[str, View] = {}
        for exchange in self.history.before_edit:
            view = read_view(exchange.text) if exchange.name == "view" else None
            if view is None:
                continue
            old = found.get(view.path)
            lines = {**(old.lines if old else {}), **view.lines}
            last = max(view.last, old.last if old else 0)
            found[view.path] = View(view.path, lines, view.count, last, view.final_newline)
        return found

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
        statement = self.history.statement.partition("\nThese tests fail")[0]
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

    # -- candidates ------------------------------------------------------------------------

    @cached_property
    def trials(self) -> dict[str, Outcome]:
        """What became of each candidate on the search tests, by its key."""
        return self._tried([e for e in self.history.of("try_edits") if self.is_search(e)])

    @cached_property
    def validations(self) -> dict[str, Outcome]:
        """What became of candidates on all visible tests, by their key."""
        if self.all_tests == self.search_tests:
            return self.trials
        return self._tried([e for e in self.history.of("try_edits") if not self.is_search(e)])

    def _tried(self, calls: Sequence[Exchange]) -> dict[str, Outcome]:
        found: dict[str, Outcome] = {}
        for exchange in calls:
            outcomes = read_trials(exchange.text)
            passed = any(outcome.verdict == "PASS" for outcome in outcomes)
            for number, edits in enumerate(exchange.arguments.get("candidates", ())):
                known = outcomes[number] if number < len(outcomes) else Outcome("UNKNOWN")
                if passed and known.verdict == "SKIPPED":
                    continue  # Enough others passed: its turn may come.
                found[key_of(_snippets(edits))] = known
        return found

    @property
    def batches(self) -> int:
        """How many batches of candidates were tried on the search tests."""
        return sum(map(self.is_search, self.history.of("try_edits")))

    def is_search(self, exchange: Exchange) -> bool:
        """Whether a `try_edits` was about the search tests, perhaps with others behind them."""
        tests = exchange.arguments.get("tests") or []
        return tests[: len(self.search_tests)] == self.search_tests

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


def _snippets(edits: Sequence[dict[str, Any]]) -> list[Snippet]:
    return [Snippet(str(e.get("path")), str(e.get("old")), str(e.get("new"))) for e in edits]
