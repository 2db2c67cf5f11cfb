"""Turns parts of a release into tasks by running its tests without them."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from repos.errors import InfrastructureError, InputError, RepoGymError
from repos.mining.pypi.selection import NoTaskError
from repos.mining.pypi.validated import admit
from repos.mining.pypi.verdicts import seconds, verdicts
from repos.mining.removed.candidates import (
    Candidate,
    Coverage,
    RemovalRule,
    candidates,
    covers,
    overlap,
    parses,
)
from repos.mining.removed.origins import is_of, package_of, part_of, whole_of
from repos.mining.removed.release import Release, TestPlace
from repos.prepare import prepare
from repos.runners.protocol import TestRun
from repos.runners.registry import get_runner
from repos.sandbox.protocol import Backend
from repos.sandbox.surroundings import varied
from repos.scoring.score import run_expected
from repos.scoring.validation import REPETITIONS
from repos.tasks.environments import python_id
from repos.tasks.records import Expected, TaskSpec
from repos.tasks.sources.removed.records import Level, RemovedPart
from repos.tasks.sources.removed.text import digest, remove_part

Report = Callable[[str], None]

LEAST_S = 12.0
"""Seconds that a draft's time limit is made of at least: they leave room for a busy machine."""


@dataclass
class _Origin:
    """A package that is worked on.

    Attributes:
        spec: Pins, runner and folders.
        version: The release's; "" for a bundled package.
        release: The whole release, open in a sandbox.
        coverage: Which lines each of its tests runs.
        fixed: Runs of all of its test files, in other surroundings each; made once.
    """

    spec: TaskSpec
    version: str
    release: Release
    coverage: Coverage
    fixed: list[TestRun] = field(default_factory=list)


@dataclass
class RemovalMiner:
    """Makes tasks of the new release of a task of the source "pypi", or of a bundled package.

    Attributes:
        backend: Makes the sandboxes.
        python: Minor version of the environment that is played.
        rule: Which parts are taken.
        report: Told what became of each candidate, one line.
    """

    backend: Backend
    python: str
    rule: RemovalRule = field(default_factory=RemovalRule)
    report: Report = lambda line: None

    @property
    def environment(self) -> str:
        """Id of the environment that tasks get."""
        return python_id(self.python)

    def mine(
        self, origin: TaskSpec, known: Mapping[str, TaskSpec] | None = None
    ) -> Iterator[TaskSpec]:
        """Yield the validated tasks of one release, as they are found.

        Levels take turns, so that what is found at any time is spread over them.

        Args:
            origin: A task whose new release (or repaired package), pins, tests and runner are
                used.
            known: Tasks that were found before, by id: they count, are not made again, and
                none that is made shares code with them.

        Raises:
            InputError: It is of another source, or not played on this Python.
            InfrastructureError: The index or the sandbox failed.
        """
        package, playable = package_of(origin), self.environment in origin.expected
        whole = whole_of(origin) if playable else None
        if whole is None:
            raise InputError(
                f"{origin.id} is neither a pair of releases nor a bundled task that is played in "
                f"{self.environment}."
            )
        task = prepare(origin, environment=self.environment)
        with Release(task, whole.tree, self.backend) as release:
            coverage = release.coverage()
            with tempfile.TemporaryDirectory(prefix="repogym-removed-") as name:
                runner, folder = get_runner(origin.runner), Path(name) / "tree"
                found = candidates(package, whole.tree, coverage, runner, self.rule, folder)
            yield from self._turns(
                _Origin(origin, whole.version, release, coverage), found, known or {}
            )

    def _turns(
        self,
        origin: _Origin,
        found: Mapping[Level, Sequence[Candidate]],
        known: Mapping[str, TaskSpec],
    ) -> Iterator[TaskSpec]:
        """Yield tasks of a package until there are enough, a level a turn."""
        sources = (spec.source for spec in known.values())
        before = [s for s in sources if isinstance(s, RemovedPart) and is_of(s, origin.spec)]
        waiting = {
            level: [c for c in found.get(level, ()) if not any(covers(s, c) for s in before)]
            for level in self.rule.levels
        }
        taken: list[Candidate] = []
        while len(taken) < self.rule.wanted and any(waiting.values()):
            for level in self.rule.levels:
                if len(taken) == self.rule.wanted:
                    break
                for _ in range(self.rule.tries):
                    fits = (c for c in waiting[level] if not any(overlap(c, t) for t in taken))
                    candidate = next(fits, None)
                    if candidate is None:
                        waiting[level] = []
                        break
                    waiting[level].remove(candidate)
                    spec = self._try(origin, candidate, known)
                    if spec is not None:
                        taken.append(candidate)
                        if spec.id not in known:
                            yield spec
                        break
                else:
                    waiting[level] = []

    def _try(
        self, origin: _Origin, candidate: Candidate, known: Collection[str]
    ) -> TaskSpec | None:
        """Return the task of a candidate, None where it gives none, and report what came of it."""
        draft = self._draft(origin, candidate, 0)
        if draft.id in known:
            return draft
        try:
            spec = self._measure(origin, candidate)
        except InfrastructureError:
            raise
        except RepoGymError as error:
            self.report(f"{draft.id}: no task: {error}")
            return None
        count = len(spec.expected[self.environment].fail_to_pass)
        self.report(f"{spec.id}: task ({count} fail to pass)")
        return spec

    def _measure(self, origin: _Origin, candidate: Candidate) -> TaskSpec:
        """Return the validated task of one candidate.

        A quick run of all of the release's tests comes first, and refuses most of those that
        are refused.

        Raises:
            NoTaskError: Its tests do not decide.
        """
        part, member = candidate.part, origin.release.tree[candidate.path]
        if not parses(remove_part(member.data, part.start, part.end, part.level)):
            raise NoTaskError("the file can't be read without it")
        places = [(test.path, test.name) for test in candidate.tests]
        failing = origin.release.failing(origin.coverage, candidate)
        _check(failing, places)
        runner = get_runner(origin.spec.runner)
        sizes = {p: t.last - t.first for p, t in zip(places, candidate.tests, strict=True)}
        shown = min(failing, key=lambda place: (sizes[place], place))
        draft = self._draft(origin, candidate, places.index(shown))
        files = sorted({test.path for test in candidate.tests})
        base = [self._run(draft, files, False, n) for n in range(REPETITIONS)]
        if not origin.fixed:  # restored, every candidate gives the same files
            origin.fixed += [
                self._run(draft, origin.release.files, True, n) for n in range(REPETITIONS)
            ]
        expected, _ = verdicts(origin.fixed, base, ("\0", "\0"), runner)
        if not all(run.complete for run in (*origin.fixed, *base)):
            raise NoTaskError("the tests do not end regularly")
        failing = {runner.split_id(test).place for test in expected.fail_to_pass}
        _check(failing, places)
        if shown not in failing:
            raise NoTaskError("the test that would be shown does not fail in all runs")
        took = sum(seconds(run) for run in origin.fixed[:1])
        spec = draft.model_copy(
            update={
                "expected": {self.environment: expected},
                "seconds": {self.environment: round(took, 1)},
            }
        )
        return admit(spec, self.backend, self.environment, empty=False)

    def _run(self, spec: TaskSpec, files: Sequence[str], restored: bool, number: int) -> TestRun:
        task = prepare(spec, environment=self.environment)
        diff = task.hidden.reference if restored else b""
        around = varied(number)
        run = run_expected(task, diff, backend=self.backend, surroundings=around, files=files)
        if run is None:
            raise NoTaskError("the reference patch does not apply to the base")
        return run

    def _draft(self, worked: _Origin, candidate: Candidate, shown: int) -> TaskSpec:
        origin, part = worked.spec, candidate.part
        named = " ".join(filter(None, [package_of(origin), worked.version]))
        stem = re.sub(r"\.py$|^src/|^lib/", "", candidate.path).replace("/", ".")
        place = "" if part.level in ("function", "class") else f"-{part.level}-{part.start[0]}"
        return TaskSpec(
            id=f"{named.replace(' ', '-')}-{stem}.{part.name}{place}",
            source=part_of(
                origin,
                path=candidate.path,
                name=part.name,
                level=part.level,
                start=part.start,
                end=part.end,
                text_sha256=digest(candidate.text),
                tests=candidate.tests,
                shown=candidate.tests[shown],
            ),
            title=f"{named}: {part.level} of {part.name}",
            runner=origin.runner,
            source_dirs=origin.source_dirs,
            test_paths=origin.test_paths,
            environments={self.environment: origin.environments[self.environment]},
            expected={self.environment: Expected(fail_to_pass=())},
            seconds={self.environment: max(LEAST_S, origin.seconds[self.environment])},
            date=origin.date,
            licence=origin.licence,
            labels={
                "level": part.level,
                "lines": str(len(part.lines)),
                "dependencies": " ".join(candidate.dependencies),
            },
        )


def _check(failing: Collection[TestPlace], covering: Collection[TestPlace]) -> None:
    """Refuse a part that too few tests miss, or that tests miss which coverage does not name."""
    if len(failing) < 2:
        raise NoTaskError("fewer than two tests fail without it")
    if not set(failing) <= set(covering):
        raise NoTaskError("a test fails that coverage does not name")
