"""One release in one sandbox: its tests with coverage, and quick runs without a part of it."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from repos.mining.pypi.selection import NoTaskError
from repos.mining.pypi.verdicts import seconds, work
from repos.mining.removed.candidates import Candidate, Coverage
from repos.runners.registry import get_runner
from repos.sandbox.protocol import Backend
from repos.sandbox.workspace import Workspace
from repos.tasks.records import Task
from repos.tasks.sources.pypi.archives import Tree
from repos.tasks.sources.removed.text import remove_part

COVERAGE_S = 400.0
RUN_S = 120.0
"""What the tests may cost, with coverage and without, in seconds of work (see `work`)."""

BUSY = 4.0
"""How many times longer than that tests may take by the clock, since machines may be busy."""

TestPlace = tuple[str, str]
"""File and name of a test function, as `Runner.split_id` tells it."""


class Release:
    """A release that is open in a sandbox; closing ends it.

    Attributes:
        tree: Its files.
        files: Its test files that decide.
    """

    def __init__(self, task: Task, tree: Tree, backend: Backend) -> None:
        """Open the sandbox and write the release into it.

        Args:
            task: Prepared; it gives the environment and the folders of tests.
            tree: The release's files.
            backend: Makes the sandbox.
        """
        self.tree = tree
        self._runner = get_runner(task.public.runner)
        tests = task.spec.test_paths
        every = self._runner.test_files({path: member.data for path, member in tree.items()})
        self.files = sorted(
            {p for p in every if any(p == t or p.startswith(t + "/") for t in tests)}
        )
        self._workspace = Workspace(backend.create(task.layers, task.sandbox))
        self._warm = self._runner.warm(self._workspace)
        self._limit = BUSY * RUN_S
        for path, member in tree.items():
            if not member.link:
                self._workspace.write(path, member.data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._warm.close()
        self._workspace.close()

    def coverage(self) -> Coverage:
        """Return which lines each passing test runs.

        Raises:
            NoTaskError: The tests told none, or are too slow.
        """
        wait = BUSY * COVERAGE_S
        told = self._runner.run(self._workspace, self.files, timeout_s=wait, coverage=True)
        if told.coverage is None:
            raise NoTaskError(f"no coverage: {told.output[-300:]}")
        if work(told) > COVERAGE_S:
            raise NoTaskError(f"the tests take {work(told):.0f} s with coverage")
        # a test that hangs without a part costs no more than it must
        self._limit = min(max(RUN_S, BUSY * seconds(told)), BUSY * RUN_S)
        return {
            test: lines
            for test, lines in told.coverage.items()
            if test in told.outcomes and told.outcomes[test].status == "passed"
        }

    def failing(self, passing: Coverage, candidate: Candidate) -> set[TestPlace]:
        """Return the test functions of the whole release that do not pass without a part.

        Those that coverage does not name must fail twice: some depend on how busy a machine is.

        Args:
            passing: Tests that pass with it.
            candidate: The part.

        Raises:
            NoTaskError: The tests do not end regularly without it.
        """
        part, member = candidate.part, self.tree[candidate.path]
        named = {(test.path, test.name) for test in candidate.tests}
        cut = remove_part(member.data, part.start, part.end, part.level)
        self._workspace.write(candidate.path, cut)
        try:
            failing = self._not_passing(self.files, [test for test in passing if test])
            odd = [test for test in failing if self._place(test) not in named]
            if odd:
                again = self._not_passing(odd, odd)
                failing = [test for test in failing if test not in odd or test in again]
        finally:
            self._workspace.write(candidate.path, member.data)
        return {self._place(test) for test in failing}

    def _place(self, test: str) -> TestPlace:
        return self._runner.split_id(test).place

    def _not_passing(self, ids: Sequence[str], tests: Sequence[str]) -> list[str]:
        """Run files or tests, and return which of some tests do not pass."""
        told = self._warm.run(ids, timeout_s=self._limit)
        if told.limit:
            raise NoTaskError(f"without it the tests hit the {told.limit} bound")
        if work(told) > RUN_S:
            raise NoTaskError(f"without it the tests take {work(told):.0f} s")
        passed = {test for test, outcome in told.outcomes.items() if outcome.status == "passed"}
        return [test for test in tests if test not in passed]
