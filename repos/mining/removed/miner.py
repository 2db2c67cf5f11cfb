"""Turns parts of a release into tasks by running its tests without them."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from repos.cache import cache_root
from repos.errors import InfrastructureError, InputError, RepoGymError
from repos.mining.pypi.selection import NoTaskError
from repos.mining.pypi.validated import admit
from repos.mining.pypi.verdicts import seconds, verdicts
from repos.mining.removed.candidates import Candidate, Coverage, RemovalRule, candidates, parses
from repos.prepare import prepare
from repos.runners.protocol import TestRun
from repos.runners.registry import get_runner
from repos.sandbox.protocol import Backend
from repos.sandbox.surroundings import varied
from repos.sandbox.workspace import Workspace
from repos.scoring.score import run_expected
from repos.scoring.validation import REPETITIONS
from repos.tasks.environments import python_id
from repos.tasks.records import Expected, TaskSpec
from repos.tasks.sources.pypi.archives import Tree, read_archive
from repos.tasks.sources.pypi.index import PackageIndex
from repos.tasks.sources.pypi.records import PyPIPairSource
from repos.tasks.sources.removed.records import RemovedCodeSource
from repos.tasks.sources.removed.text import digest, remove_part

Report = Callable[[str], None]


@dataclass
class RemovalMiner:
    """Makes tasks of the new release of a task of the source "pypi".

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

    def mine(self, origin: TaskSpec) -> Iterator[TaskSpec]:
        """Yield the validated tasks of one release, as they are found.

        Args:
            origin: A task whose new release, pins, tests and runner are used.

        Raises:
            InputError: It is not of the source "pypi", or not played on this Python.
            InfrastructureError: The index or the sandbox failed.
        """
        if not isinstance(origin.source, PyPIPairSource) or (
            self.environment not in origin.expected
        ):
            raise InputError(
                f"{origin.id} is no pair of releases that is played in {self.environment}."
            )
        archives = cache_root() / "archives"
        release = read_archive(
            PackageIndex().fetch(origin.source.package, origin.source.new, archives)
        )
        coverage = self._coverage(origin, release)
        runner = get_runner(origin.runner)
        with tempfile.TemporaryDirectory(prefix="repogym-removed-") as name:
            package = origin.source.package
            found = candidates(package, release, coverage, runner, self.rule, Path(name) / "tree")
        fixed: list[TestRun] = []
        for level, wanted in self.rule.wanted.items():
            taken = 0
            for candidate in found.get(level, [])[: wanted * self.rule.tries]:
                if taken == wanted:
                    break
                name = f"{candidate.path} {candidate.part.name} ({level})"
                try:
                    spec = self._measure(origin, release, candidate, fixed)
                except InfrastructureError:
                    raise
                except RepoGymError as error:
                    self.report(f"{origin.source.package}: {name}: no task: {error}")
                    continue
                taken += 1
                count = len(spec.expected[self.environment].fail_to_pass)
                self.report(f"{spec.id}: task ({count} fail to pass)")
                yield spec

    def _coverage(self, origin: TaskSpec, release: Tree) -> Coverage:
        """Return which lines of the release each of its passing tests runs."""
        task = prepare(origin, environment=self.environment)
        files = sorted({p for p in get_runner(origin.runner).test_files(
            {path: member.data for path, member in release.items()}
        ) if any(p == t or p.startswith(t + "/") for t in origin.test_paths)})  # fmt: skip
        with Workspace(self.backend.create(task.layers, task.sandbox)) as workspace:
            for path, member in release.items():
                if not member.link:
                    workspace.write(path, member.data)
            told = get_runner(origin.runner).run(workspace, files, timeout_s=400, coverage=True)
        if told.coverage is None:
            raise NoTaskError(f"no coverage: {told.output[-300:]}")
        return {
            test: lines
            for test, lines in told.coverage.items()
            if test in told.outcomes and told.outcomes[test].status == "passed"
        }

    def _measure(
        self, origin: TaskSpec, release: Tree, candidate: Candidate, fixed: list[TestRun]
    ) -> TaskSpec:
        """Return the validated task of one candidate.

        Args:
            origin: Pins, runner and folders.
            release: The whole release.
            candidate: What is removed.
            fixed: Runs of all test files of the whole release, made once: restored, every
                candidate gives the same files.

        Raises:
            NoTaskError: Its tests do not decide.
        """
        part, member = candidate.part, release[candidate.path]
        if not parses(remove_part(member.data, part.start, part.end, part.level)):
            raise NoTaskError("the file can't be read without it")
        runner = get_runner(origin.runner)
        draft = self._draft(origin, candidate, 0)
        if not fixed:
            every = [
                path
                for path in runner.test_files({p: m.data for p, m in release.items()})
                if any(path == t or path.startswith(t + "/") for t in origin.test_paths)
            ]
            fixed += [self._run(draft, every, True, n) for n in range(REPETITIONS)]
        files = sorted({test.path for test in candidate.tests})
        base = [self._run(draft, files, False, n) for n in range(REPETITIONS)]
        expected, _ = verdicts(fixed, base, ("\0", "\0"), runner)
        failing = {runner.split_id(test).place for test in expected.fail_to_pass}
        places = [(test.path, test.name) for test in candidate.tests]
        if not all(run.complete for run in (*fixed, *base)):
            raise NoTaskError("the tests do not end regularly")
        if len(failing) < 2:
            raise NoTaskError("fewer than two tests fail without it")
        if not failing <= set(places):
            raise NoTaskError("a test fails that coverage does not name")
        sizes = {p: t.last - t.first for p, t in zip(places, candidate.tests, strict=True)}
        shown = min(failing, key=lambda place: (sizes[place], place))
        took = sum(seconds(run) for run in fixed[:1])
        spec = self._draft(origin, candidate, places.index(shown)).model_copy(
            update={
                "expected": {self.environment: expected},
                "seconds": {self.environment: round(took, 1)},
            }
        )
        return admit(spec, self.backend, self.environment)

    def _run(self, spec: TaskSpec, files: Sequence[str], restored: bool, number: int) -> TestRun:
        task = prepare(spec, environment=self.environment)
        diff = task.hidden.reference if restored else b""
        around = varied(number)
        run = run_expected(task, diff, backend=self.backend, surroundings=around, files=files)
        if run is None:
            raise NoTaskError("the reference patch does not apply to the base")
        return run

    def _draft(self, origin: TaskSpec, candidate: Candidate, shown: int) -> TaskSpec:
        assert isinstance(origin.source, PyPIPairSource)
        part, package = candidate.part, origin.source.package
        archive = origin.source.new
        stem = re.sub(r"\.py$|^src/|^lib/", "", candidate.path).replace("/", ".")
        place = "" if part.level in ("function", "class") else f"-{part.level}-{part.start[0]}"
        return TaskSpec(
            id=f"{package}-{archive.version}-{stem}.{part.name}{place}",
            source=RemovedCodeSource(
                package=package,
                archive=archive,
                path=candidate.path,
                name=part.name,
                level=part.level,
                start=part.start,
                end=part.end,
                text_sha256=digest(candidate.text),
                tests=candidate.tests,
                shown=candidate.tests[shown],
            ),
            title=f"{package} {archive.version}: {part.level} of {part.name}",
            runner=origin.runner,
            source_dirs=origin.source_dirs,
            test_paths=origin.test_paths,
            environments={self.environment: origin.environments[self.environment]},
            expected={self.environment: Expected(fail_to_pass=())},
            seconds={self.environment: origin.seconds[self.environment]},
            date=origin.date,
            licence=origin.licence,
            labels={
                "level": part.level,
                "lines": str(len(part.lines)),
                "dependencies": " ".join(candidate.dependencies),
            },
        )
