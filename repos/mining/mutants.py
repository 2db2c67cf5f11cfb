"""Turns synthetic bugs of a release into tasks by running the tests that reach them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from repos.cache import cache_root
from repos.environments.interpreters import find_python, minor_version
from repos.errors import InfrastructureError, InputError, RepoGymError
from repos.mining.changes.runs import ReleaseRuns, passed
from repos.mining.pypi.selection import NoTaskError
from repos.mining.pypi.symptoms import describe_symptoms, tells
from repos.mining.pypi.verdicts import seconds, verdicts
from repos.mining.removed.command import origins
from repos.prepare import prepare
from repos.runners.protocol import TestOutcome, TestRun
from repos.runners.python.source import function_spans
from repos.runners.registry import get_runner
from repos.sandbox.protocol import Backend
from repos.sandbox.select import get_backend
from repos.sandbox.surroundings import varied
from repos.scoring.score import run_expected
from repos.scoring.validation import REPETITIONS, validate
from repos.tasks.environments import python_id
from repos.tasks.records import Expected, TaskSpec
from repos.tasks.sources.mutants.build import variants
from repos.tasks.sources.mutants.operators import Mutation, mutations, pick
from repos.tasks.sources.mutants.records import MutantSource
from repos.tasks.sources.pypi.archives import Tree, read_archive
from repos.tasks.sources.pypi.classify import Layout, classify, read_layout
from repos.tasks.sources.pypi.index import PackageIndex
from repos.tasks.sources.pypi.records import PyPIPairSource
from repos.tasks.sources.removed.records import TestPart
from repos.tasks.suite import open_manifest, write_manifest

Report = Callable[[str], None]
DESCRIPTION = "Synthetic bugs: one change of meaning in one function of a release."


@dataclass(frozen=True)
class MutantRule:
    """Which bugs become tasks.

    Attributes:
        wanted: Tasks of one package at most.
        tries: Bugs tried for each wanted task.
        failing: Tests that fail at most.
        reaching: Tests that run the place at most; beyond it nearly everything fails.
        bits: Bits of blind answers that must remain.
        seed: Decides which bugs are drawn.
    """

    wanted: int = 12
    tries: int = 5
    failing: int = 20
    reaching: int = 300
    bits: float = 10.0
    seed: int = 7


@dataclass(frozen=True)
class Bug:
    """A drawn bug: its file, and the tests that reach it."""

    path: str
    mutation: Mutation
    variant: int
    tests: frozenset[str]


def split_of(package: str) -> str:
    """Return the split of a package: a fifth of all packages are for testing, by their names."""
    return "test" if hashlib.sha256(package.encode()).digest()[0] % 5 == 0 else "train"


def mutate(
    names: Sequence[str], output: Path, *, suite: str, rule: MutantRule, python: str,
    sandbox: str, allow_unsafe: bool, report: Report,
) -> int:  # fmt: skip
    """Append validated tasks of packages to a manifest; return how many tasks it holds.

    The manifest is written after each task. A package of which it holds enough is passed over.

    Args:
        names: Packages of the suite (their newest task is used) or ids of its tasks; none
            stand for all its packages.
        output: The manifest.
        suite: A suite of release pairs, whose pins and tests are used.
        rule: Which bugs are taken.
        python: Minor version to run tests on; the running one by default.
        sandbox: Name of the back end.
        allow_unsafe: Whether a back end without isolation may be used.
        report: Told what became of each bug, one line.

    Raises:
        InputError: A name is not of the suite, or the manifest can't be written.
        InfrastructureError: The index or the sandbox failed.
    """
    header, kept = open_manifest(output, DESCRIPTION)
    python = python or minor_version()
    find_python(python)
    chosen = origins(names, suite)
    if all(_enough(origin, kept, rule) for origin in chosen):
        return len(kept)
    backend = get_backend(sandbox, allow_unsafe=allow_unsafe)
    try:
        for origin in chosen:
            miner = MutantMiner(backend, python, rule, report)
            try:
                for spec in miner.mine(origin, kept):
                    kept[spec.id] = spec
                    write_manifest(output, header, list(kept.values()))
            except (InputError, InfrastructureError):
                raise
            except RepoGymError as error:
                report(f"{origin.id}: {error}")
    finally:
        backend.close()
    return len(kept)


@dataclass
class MutantMiner:
    """Makes tasks of the new release of a task of the source "pypi".

    Attributes:
        backend: Makes the sandboxes.
        python: Minor version of the environment that is played.
        rule: Which bugs are taken.
        report: Told what became of each bug, one line.
    """

    backend: Backend
    python: str
    rule: MutantRule
    report: Report = lambda line: None

    @property
    def environment(self) -> str:
        """Id of the environment that tasks get."""
        return python_id(self.python)

    def mine(self, origin: TaskSpec, known: Mapping[str, TaskSpec]) -> Iterator[TaskSpec]:
        """Yield the validated tasks of one release, as they are found; the seed decides which.

        Args:
            origin: A task whose new release, pins, tests and runner are used.
            known: Tasks that exist; those of this release count and are not made again.

        Raises:
            InputError: It is not of the source "pypi", or not played on this Python.
            NoTaskError: Its tests can't be used.
        """
        if not isinstance(origin.source, PyPIPairSource) or (
            self.environment not in origin.expected
        ):
            raise InputError(
                f"{origin.id} is no pair of releases that is played in {self.environment}."
            )
        package, archive = origin.source.package, origin.source.new
        mine = [s for s in known.values() if _is_of(s, package, archive.sha256)]
        left = self.rule.wanted - len(mine)
        if left <= 0:
            return
        release = read_archive(PackageIndex().fetch(package, archive, cache_root() / "archives"))
        layout = read_layout(release, package)
        texts = {path: member.data for path, member in release.items() if not member.link}
        runs = ReleaseRuns(prepare(origin, environment=self.environment), self.backend, texts)
        try:
            for path, text in texts.items():
                runs.workspace.write(path, text)
            files = _test_files(origin, release)
            bugs, good = self._draw(runs, origin, layout, texts, files)
            fixed: list[TestRun] = []
            seen = {(s.source.path, s.expected[self.environment].fail_to_pass)  # type: ignore
                    for s in mine}  # fmt: skip
            for bug in bugs:
                spec = self._tried(runs, origin, release, bug, files, good, fixed, known, layout)
                if spec is None:
                    continue
                mark = (bug.path, spec.expected[self.environment].fail_to_pass)
                if mark in seen:
                    self.report(f"{spec.id}: no task: the same tests fail as with another bug")
                    continue
                seen.add(mark)
                yield spec
                left -= 1
                if not left:
                    return
        finally:
            runs.close()

    def _draw(
        self, runs: ReleaseRuns, origin: TaskSpec, layout: Layout, texts: Mapping[str, bytes],
        files: Sequence[str],
    ) -> tuple[list[Bug], set[str]]:  # fmt: skip
        """Return bugs on lines that tests run, and the tests that pass without any."""
        report = runs.runner.run(runs.workspace, files, timeout_s=400, coverage=True)
        if report.coverage is None:
            raise NoTaskError(f"no coverage: {report.output[-300:]}")
        good = passed(report)
        running: dict[tuple[str, int], set[str]] = {}
        for test, lines in report.coverage.items():
            for path, numbers in lines.items():
                for number in numbers if test in good else ():
                    running.setdefault((path, number), set()).add(test)
        assert isinstance(origin.source, PyPIPairSource)
        random = Random(f"{self.rule.seed}:{origin.source.package}")
        found: dict[Mutation, Bug] = {}
        for path in sorted(texts):
            if not path.endswith(".py") or classify(path, layout) != "source":
                continue
            try:
                every = mutations(texts[path])
            except (SyntaxError, ValueError):
                continue
            for mutation in every:
                lines = range(mutation.start[0], mutation.end[0] + 1)
                tests = set().union(*(running.get((path, n), set()) for n in lines))
                if 1 <= len(tests) <= self.rule.reaching:
                    same = variants(every, mutation.operator, mutation.start, mutation.end)
                    bug = Bug(path, mutation, same.index(mutation), frozenset(tests))
                    found.setdefault(mutation, bug)
        drawn = pick(list(found), self.rule.wanted * self.rule.tries, random)
        return [found[mutation] for mutation in drawn], good

    def _tried(
        self, runs: ReleaseRuns, origin: TaskSpec, release: Tree, bug: Bug, files: Sequence[str],
        good: set[str], fixed: list[TestRun], known: Mapping[str, TaskSpec], layout: Layout,
    ) -> TaskSpec | None:  # fmt: skip
        broken = bug.mutation.apply(release[bug.path].data)
        draft = self._draft(origin, bug, broken)
        if draft.id in known:
            return None
        try:
            report = runs.run(sorted(bug.tests), {bug.path: broken})
            failing = bug.tests - passed(report)
            if report.collection_errors or not report.complete or report.limit:
                raise NoTaskError("the tests can't be collected or do not end")
            if not failing:
                raise NoTaskError("no test notices it")
            if len(failing) > self.rule.failing:
                raise NoTaskError(f"{len(failing)} tests fail")
            outcomes = [report.outcomes[t] for t in failing if t in report.outcomes]
            if all(_is_trivial(outcome) for outcome in outcomes):
                raise NoTaskError("it only breaks names or calls")
            spec = self._measured(draft, release, failing, files, fixed, layout)
        except InfrastructureError:
            raise
        except RepoGymError as error:
            self.report(f"{draft.id}: no task: {error}")
            return None
        count = len(spec.expected[self.environment].fail_to_pass)
        self.report(f"{spec.id}: task ({count} fail to pass)")
        return spec

    def _measured(
        self, draft: TaskSpec, release: Tree, failing: frozenset[str], files: Sequence[str],
        fixed: list[TestRun], layout: Layout,
    ) -> TaskSpec:  # fmt: skip
        runner = get_runner(draft.runner)
        parts = []
        for path, name in sorted({runner.split_id(test).place for test in failing}):
            span = function_spans(release[path].data).get(name) if path in release else None
            if span is None:
                raise NoTaskError(f"the test {name} can't be cut out of its file")
            parts.append(TestPart(path=path, name=name, first=span[0], last=span[1]))
        assert isinstance(draft.source, MutantSource)
        path = draft.source.path
        source = draft.source.model_copy(update={"tests": tuple(parts)})
        draft = draft.model_copy(update={"source": source})
        if not fixed:
            fixed += [self._run(draft, files, True, n) for n in range(REPETITIONS)]
        deciding = sorted({part.path for part in parts})
        base = [self._run(draft, deciding, False, n) for n in range(REPETITIONS)]
        expected, failures = verdicts(fixed, base, ("\0", "\0"), runner)
        if not expected.fail_to_pass or not expected.pass_to_pass:
            raise NoTaskError("no test decides in all surroundings")
        cut = {(part.path, part.name) for part in parts}
        if not {runner.split_id(t).place for t in expected.fail_to_pass} <= cut:
            raise NoTaskError("in a fresh workspace another test fails")
        symptom = describe_symptoms(failures, layout.packages)
        if not tells(symptom):
            raise NoTaskError("the failure does not tell what is wrong")
        hard = difficulty(failures.values(), path)
        spec = draft.model_copy(
            update={
                "expected": {self.environment: expected},
                "seconds": {self.environment: round(seconds(base[0]), 1)},
                "symptom": symptom,
                "labels": {**draft.labels, "difficulty": hard},
            }
        )
        verdict = validate(prepare(spec), backend=self.backend, repetitions=0)
        if not verdict.valid:
            raise NoTaskError("validation refuses it: " + "; ".join(verdict.problems))
        bits = float(verdict.details["bits"])
        if bits < self.rule.bits:
            raise NoTaskError(f"{bits} bits of blind answers remain")
        return spec.model_copy(update={"labels": {**spec.labels, "strength": f"{bits:.0f} bits"}})

    def _draft(self, origin: TaskSpec, bug: Bug, broken: bytes) -> TaskSpec:
        assert isinstance(origin.source, PyPIPairSource)
        package, archive, found = origin.source.package, origin.source.new, bug.mutation
        line, column = found.start
        stem = bug.path.removesuffix(".py").rpartition("/")[2]
        return TaskSpec(
            id=f"{package}-{archive.version}-{stem}-{line}-{column}-{found.operator}"
            + (f"-{bug.variant}" if bug.variant else ""),
            source=MutantSource(
                package=package, archive=archive, path=bug.path, operator=found.operator,
                start=found.start, end=found.end, variant=bug.variant,
                sha256=hashlib.sha256(broken).hexdigest(),
            ),
            title=f"{package} {archive.version}: a bug in {bug.path}",
            runner=origin.runner,
            source_dirs=origin.source_dirs,
            test_paths=origin.test_paths,
            environments={self.environment: origin.environments[self.environment]},
            expected={self.environment: Expected(fail_to_pass=())},
            seconds={self.environment: max(6.0, origin.seconds[self.environment])},
            date=origin.date,
            licence=origin.licence,
            labels={"operator": found.operator, "split": split_of(package)},
        )  # fmt: skip

    def _run(self, spec: TaskSpec, files: Sequence[str], fixed: bool, number: int) -> TestRun:
        task = prepare(spec, environment=self.environment)
        diff = task.hidden.reference if fixed else b""
        run = run_expected(
            task, diff, backend=self.backend, surroundings=varied(number), files=files
        )
        if run is None:
            raise NoTaskError("the reference patch does not apply to the base")
        return run


def difficulty(failures: Iterable[TestOutcome], path: str) -> str:
    """Return how hard a bug is to find: "easy", "medium" or "hard".

    Easy: every failure is an exception whose frames name the file. Hard: no frame names it, and at
    most three tests fail.

    Args:
        failures: How the failing tests fail.
        path: The file with the bug.
    """
    told = [(o, path in o.traceback) for o in failures]
    if all(named and not o.message.startswith(("assert", "AssertionError")) for o, named in told):
        return "easy"
    return "hard" if len(told) <= 3 and not any(named for _, named in told) else "medium"


def _is_trivial(outcome: TestOutcome) -> bool:
    """Whether a failure says only that a name or a call does not fit."""
    kind = outcome.message.partition(":")[0].strip()
    return kind in ("NameError", "UnboundLocalError", "ImportError", "SyntaxError")


def _is_of(spec: TaskSpec, package: str, digest: str) -> bool:
    source = spec.source
    return isinstance(source, MutantSource) and (source.package, source.archive.sha256) == (
        package, digest,
    )  # fmt: skip


def _enough(origin: TaskSpec, kept: Mapping[str, TaskSpec], rule: MutantRule) -> bool:
    source = origin.source
    assert isinstance(source, PyPIPairSource)
    mine = [s for s in kept.values() if _is_of(s, source.package, source.new.sha256)]
    return len(mine) >= rule.wanted


def _test_files(origin: TaskSpec, release: Tree) -> list[str]:
    every = get_runner(origin.runner).test_files({p: m.data for p, m in release.items()})
    tests = origin.test_paths
    return [p for p in every if any(p == t or p.startswith(t + "/") for t in tests)]
