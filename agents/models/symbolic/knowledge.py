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

from agents.models.symbolic.absent import Missing, Scene
from agents.models.symbolic.absent.seeking import defined_in, missing_of, wanted
from agents.models.symbolic.absent.usage import Tests
from agents.models.symbolic.candidates import key_of
from agents.models.symbolic.facts import Facts, function_source, gather
from agents.models.symbolic.formats import (
    Failure,
    Frame,
    TestRun,
    Trial,
    View,
    read_run,
    read_trials,
    read_view,
)
from agents.models.symbolic.history import Exchange, History
from agents.models.symbolic.paths import (
    file_of,
    function_of,
    is_test_file,
    is_vendored,
)
from agents.models.symbolic.project import Project
from agents.models.symbolic.scope import all_tests
from agents.models.symbolic.source import Module, Snippet
from agents.models.symbolic.spectrum import Words, base_scores, boosted, spoken, words_of

MAX_FILES = 5
"""Source files that are viewed at most."""

MAX_LINES = 4_000
"""Lines of source that are viewed at most, over all files."""

MAX_SEARCH_TESTS = 5
"""Failing tests that candidates are tried on at most; survivors face all."""

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
    def runs(self) -> list[tuple[Exchange, TestRun]]:
        """All test runs before the first edit, in order."""
        found = []
        for exchange in self.history.exchanges:
            if exchange.name == "edit":
                break
            if exchange.name == "run_tests":
                found.append((exchange, read_run(exchange.text)))
        return found

    @cached_property
    def spectrum_run(self) -> TestRun | None:
        """The run that coverage comes from: the last one that saw a failing test.

        One that ran out of time tells of the tests that ran until then.
        """
        runs = [run for _, run in self.runs if run.covered]
        # Where files can't be imported, or a test fails before it calls anything, no test that
        # fails has run a line.
        bare = [run for run in runs if run.complete and any(map(self._is_wanted, run.failures))]
        usable = [run for run in runs if run.spectrum] or bare
        return usable[-1] if usable else None

    def _is_wanted(self, failure: Failure) -> bool:
        """Whether a failure is one of the named tests', or any where none are named."""
        named = self.history.failing
        inside = "::" not in failure.id and failure.id in map(file_of, named)
        return not named or inside or failure.id in named or file_of(failure.id) in named

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
    def failures(self) -> list[Failure]:
        """The failing tests to repair: those that were named, else all that fail."""
        run = self.spectrum_run
        if run is None:
            return []
        return [failure for failure in run.failures if self._is_wanted(failure)]

    @cached_property
    def broken(self) -> list[tuple[str, Failure]]:
        """The failing tests by id; those of a file that can't be collected share its failure."""
        found = []
        for failure in self.failures:
            inside = [] if "::" in failure.id else self.history.failing
            ids = [name for name in inside if file_of(name) == failure.id and "::" in name]
            found += [(name, failure) for name in ids or [failure.id]]
        return found

    @cached_property
    def search_tests(self) -> list[str]:
        """A few failing tests on which candidates are tried: different functions and errors."""
        chosen: dict[str, str] = {}
        messages: dict[str, str] = {}
        for name, failure in self.broken:
            chosen.setdefault(function_of(name), name)
            messages[name] = failure.message
        first = list(chosen.values())
        kinds: dict[str, str] = {}
        for name in first:
            kinds.setdefault(messages[name][:40], name)
        order = [*kinds.values(), *(name for name in first if name not in kinds.values())]
        order += [name for name, _ in self.broken if name not in order]
        return order[:MAX_SEARCH_TESTS]

    @property
    def baseline(self) -> dict[str, str]:
        """The message of each failing test before any change."""
        found = {failure.id: failure.message for failure in self.failures}
        return {**found, **{name: failure.message for name, failure in self.broken}}

    @cached_property
    def stops(self) -> dict[str, int]:
        """The line of its own file at which each failing test stopped before any change."""
        found: dict[str, int] = {}
        for failure in self.failures:
            own = (f.line for f in failure.frames if f.path == file_of(failure.id))
            line = next(own, 0)
            if line:
                found[failure.id] = line
        return found

    # -- files -----------------------------------------------------------------------------

    @cached_property
    def covered_files(self) -> list[str]:
        """Source files that failing tests ran, the most suspicious first."""
        run = self.spectrum_run
        if run is None:
            return []
        best: dict[str, list[float]] = {}
        for (path, _), score in self._base.items():
            if not is_test_file(path):
                best.setdefault(path, []).append(score)
        traced = {frame.path for frame in self.frames}
        code = self.words.code

        def weight(path: str) -> tuple[float, str]:
            top = sorted(best[path], reverse=True)[:10]
            stem = posixpath.basename(path).removesuffix(".py")
            factor = (1.5 if path in traced else 1.0) * (1.2 if stem in code else 1.0)
            factor *= VENDORED if is_vendored(path) else 1.0
            return (-factor * (top[0] + 0.02 * sum(top)), path)

        return sorted(best, key=weight)

    @cached_property
    def frames(self) -> list[Frame]:
        """All frames of the failures."""
        return [frame for failure in self.failures for frame in failure.frames]

    @cached_property
    def views(self) -> dict[str, View]:
        """What was viewed of each file before the first edit, parts joined."""
        found: dict[str, View] = {}
        for exchange in self.history.exchanges:
            if exchange.name == "edit":
                break
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
        prose = self.history.statement
        names = [f.id.rpartition("::")[2].removeprefix("test_") for f in self.failures]
        return words_of(prose.partition("\nThese tests fail")[0], names)

    @cached_property
    def _base(self) -> dict[tuple[str, int], float]:
        run = self.spectrum_run
        if run is None:
            return {}
        failing = [failure.id for failure in self.failures]
        scores = base_scores(run.covers, failing, run.spectrum)
        foreign = {path for path in run.spectrum if is_vendored(path)}
        return {
            (path, line): score * (VENDORED if path in foreign else 1.0)
            for (path, line), score in scores.items()
        }

    @cached_property
    def suspicion(self) -> dict[tuple[str, int], float]:
        """Suspiciousness by file and line."""
        tracebacks = [failure.frames for failure in self.failures]
        silent = any("DID NOT RAISE" in failure.message for failure in self.failures)
        scores = boosted(self._base, self.modules, tracebacks, self.words, did_not_raise=silent)
        wrong = [piece.before for piece in self.facts.symptoms.pieces]
        return spoken(scores, self.modules, wrong)

    @cached_property
    def facts(self) -> Facts:
        """What the failing tests tell."""
        return gather(self.test_sources, self.failures, self.words, self.history.statement)

    @cached_property
    def test_sources(self) -> list[str]:
        """The source of the first failing tests."""
        sources = []
        for test, failure in self.broken[:8]:
            path, _, name = function_of(test).partition("::")
            near = next((f.line for f in failure.frames if f.path == path), 0)
            near = near if "::" in failure.id else 0
            view = self.views.get(path)
            source = function_source(view.lines, name.rpartition("::")[2], near) if view else None
            if source:
                sources.append(source)
        return sources

    # -- what does not exist yet -----------------------------------------------------------

    @cached_property
    def missing(self) -> dict[Missing, list[str]]:
        """What the failures say to be missing, with the tests that say so."""
        return missing_of(self)

    @cached_property
    def asked_for(self) -> set[str]:
        """The failing tests that themselves ask for something missing, not the source."""
        told = {test for tests in self.missing.values() for test in tests}
        own = {n for n, f in self.broken if not f.frames or is_test_file(f.frames[-1].path)}
        return told & own

    @cached_property
    def definitions(self) -> dict[str, list[str]]:
        """Files that define a name, as the tool search found them."""
        return defined_in(self.history)

    @cached_property
    def paths(self) -> list[str]:
        """Source files that are known to exist: those that tests ran, and those found."""
        run = self.spectrum_run
        found = {path for covered in (run.covers if run else {}).values() for path in covered}
        found.update(run.spectrum if run else ())
        found.update(path for paths in self.definitions.values() for path in paths)
        return sorted(path for path in found if not is_test_file(path))

    @cached_property
    def wanted_files(self) -> list[str]:
        """Source files to read: where something is missing, then the most suspicious ones."""
        return list(dict.fromkeys([*wanted(self), *self.covered_files]))

    @cached_property
    def scene(self) -> Scene:
        """What definitions of missing things are made from."""
        return Scene(self.project, self.facts, Tests.parse(self.test_sources), self.paths)

    # -- candidates ------------------------------------------------------------------------

    @cached_property
    def trials(self) -> dict[str, Trial]:
        """What became of each candidate on the search tests, by its key."""
        return self._tried(searching=True)

    @cached_property
    def validations(self) -> dict[str, Trial]:
        """What became of candidates on all visible tests, by their key."""
        if self.all_tests == self.search_tests:
            return self.trials
        return self._tried(searching=False)

    @cached_property
    def rounds(self) -> list[dict[str, Trial]]:
        """The validations, one record for each call of the tool."""
        if self.all_tests == self.search_tests:
            return []
        calls = [e for e in self.history.of("try_edits") if not self.is_search(e)]
        return [self._tried_by([exchange]) for exchange in calls]

    def _tried(self, *, searching: bool) -> dict[str, Trial]:
        calls = self.history.of("try_edits")
        return self._tried_by([e for e in calls if self.is_search(e) == searching])

    def _tried_by(self, calls: Sequence[Exchange]) -> dict[str, Trial]:
        found: dict[str, Trial] = {}
        for exchange in calls:
            trials = read_trials(exchange.text)
            passed = any(trial.verdict == "PASS" for trial in trials.values())
            for number, edits in enumerate(exchange.arguments.get("candidates", ()), 1):
                if passed and number in trials and trials[number].verdict == "SKIPPED":
                    continue  # Enough others passed: its turn may come.
                found[key_of(_snippets(edits))] = trials.get(number, Trial("UNKNOWN"))
        return found

    @property
    def batches(self) -> int:
        """How many batches of candidates were tried on the search tests."""
        return sum(map(self.is_search, self.history.of("try_edits")))

    def is_search(self, exchange: Exchange) -> bool:
        """Whether a `try_edits` was about the search tests, perhaps with neighbours of them."""
        tests = exchange.arguments.get("tests") or []
        return tests[: len(self.search_tests)] == self.search_tests

    @cached_property
    def neighbours(self) -> dict[str, dict[str, frozenset[int]]]:
        """Passing tests with the lines that they ran, by file: what a repair must not break."""
        run = self.spectrum_run
        if run is None:
            return {}
        bad = {failure.id for failure in run.failures}
        return {t: c for t, c in run.covers.items() if t not in bad and t != "(collection)"}

    def passing_at(self, path: str, line: int, count: int) -> list[str]:
        """Return passing tests that ran a line, of different functions first."""
        found = [t for t, c in self.neighbours.items() if line in c.get(path, ())]
        first: dict[str, str] = {}
        for test in found:
            first.setdefault(function_of(test), test)
        order = [*first.values(), *(t for t in found if t not in first.values())]
        return order[:count]

    @cached_property
    def all_tests(self) -> list[str]:
        """What survivors have to pass, as `try_edits` takes it: files or folders."""
        return all_tests(self)


def _snippets(edits: Sequence[dict[str, Any]]) -> list[Snippet]:
    return [Snippet(str(e.get("path")), str(e.get("old")), str(e.get("new"))) for e in edits]
