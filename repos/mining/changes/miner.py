"""Turns single changes of a release into tasks by taking them back and running the tests."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from repos.cache import cache_root
from repos.errors import InfrastructureError, RepoGymError
from repos.mining.changes.checks import (
    TOLD_FILES,
    FairChange,
    ReleaseChange,
    UnfairError,
    judge,
    place_of,
    single,
)
from repos.mining.changes.reach import Reach
from repos.mining.changes.rule import ChangeRule
from repos.mining.changes.runs import ReleaseRuns, passed
from repos.mining.changes.units import Unit, functions, group, half_used, merge
from repos.mining.pypi.miner import Miner
from repos.mining.pypi.selection import (
    Candidate,
    EasyError,
    NoTaskError,
    Rule,
    contents,
    licence,
    test_files,
    test_paths,
)
from repos.mining.pypi.verdicts import seconds, verdicts, why_nothing, work
from repos.prepare import prepare
from repos.runners.protocol import TestRun
from repos.runners.python.source import function_spans
from repos.runners.registry import choose_runner, get_runner
from repos.sandbox.protocol import Backend
from repos.sandbox.surroundings import varied
from repos.scoring.grading import files_of
from repos.scoring.score import run_expected
from repos.scoring.validation import REPETITIONS, validate
from repos.tasks.environments import python_id
from repos.tasks.records import Expected, TaskSpec
from repos.tasks.sources.assertions import place_of_more
from repos.tasks.sources.git import belongs_to_tests
from repos.tasks.sources.pypi.classify import classify
from repos.tasks.sources.pypi.index import PackageIndex, normalise
from repos.tasks.sources.pypi.pairs import Pair, read_pair
from repos.tasks.sources.pypi.records import PyPIPairSource
from repos.tasks.sources.removed.records import TestPart
from repos.tasks.sources.reverted.build import silent_release
from repos.tasks.sources.reverted.bullets import bullet_digest, bullets
from repos.tasks.sources.reverted.hunks import find_hunks, live_hunks
from repos.tasks.sources.reverted.records import Bullet, RevertedChangeSource

Report = Callable[[str], None]


@dataclass
class ChangeMiner:
    """Makes tasks of the single changes of releases.

    Attributes:
        backend: Makes the sandboxes.
        python: Minor version of the environment that is played.
        rule: Which changes are taken.
        report: Told what became of each unit, one line.
        index: Where releases are listed.
    """

    backend: Backend
    python: str
    rule: ChangeRule = field(default_factory=ChangeRule)
    report: Report = lambda line: None
    index: PackageIndex = field(default_factory=PackageIndex)

    @property
    def environment(self) -> str:
        """Id of the environment that tasks get."""
        return python_id(self.python)

    def mine(self, candidate: Candidate) -> Iterator[TaskSpec]:
        """Yield the admitted tasks of one release, as they are found.

        Args:
            candidate: The release, and the one before.

        Raises:
            NoTaskError: The release makes no task.
            InfrastructureError: The index or the sandbox failed.
        """
        pair, spec, every, first = self._open(candidate)
        change = _known(pair)
        if not change.hunks:
            raise NoTaskError("no code changes in files that both releases have")
        if len(change.hunks) > self.rule.hunks:
            raise NoTaskError(f"too big: {len(change.hunks)} hunks change code")
        task = prepare(spec, environment=self.environment)
        files = every
        if work(first) > self.rule.seconds:
            touched = set(pair.changed("test"))
            files = [path for path in every if path in touched]
            if not files:
                raise NoTaskError(f"the tests take {work(first):.0f} s")
        runs = ReleaseRuns(task, self.backend, change.new)
        try:
            yield from self._changes(runs, change, spec, files, pair)
        finally:
            runs.close()

    def _open(self, candidate: Candidate) -> tuple[Pair, TaskSpec, list[str], TestRun]:
        """Return the pair, a record of the whole release, its test files and their run."""
        package, old, new = normalise(candidate.package), candidate.old, candidate.new
        names = PyPIPairSource(package=package, old=old.archive, new=new.archive)
        pair = read_pair(names, cache_root() / "archives", self.index)
        if not pair.changed("source"):
            raise NoTaskError("no source change")
        runner = choose_runner(contents(pair.new))
        if runner == "unittest":
            runner = "pytest"  # It runs such tests too, and tells where they fail.
        _, every = test_files(pair, get_runner(runner))
        if not every:
            raise NoTaskError("the archive holds no tests")
        if runner != "pytest":
            raise NoTaskError(f"its tests are run by {runner}; examples are made with pytest")
        source = RevertedChangeSource(
            package=package, old=old.archive, new=new.archive, hunks=(), tests=()
        )
        spec = TaskSpec(
            id=candidate.name,
            source=source,
            title=f"{package} {pair.new_version}",
            runner=runner,
            source_dirs=pair.layout.source_dirs,
            test_paths=test_paths(pair),
            date=new.uploaded[:10],
            licence=licence(pair),
        )
        finder = Miner(
            trial=lambda spec, files, fixed, repetition: self._run(spec, files, fixed, repetition),
            python=self.python, archives=cache_root() / "archives", index=self.index,
            rule=Rule(pins=self.rule.pins),
        )  # fmt: skip
        spec, first = finder.find_environment(spec, pair, new.uploaded, every)
        if not first.complete or not any(o.status == "passed" for o in first.outcomes.values()):
            why = why_nothing(first, first)
            raise NoTaskError("no test passes" if why.startswith("no test fails") else why)
        return pair, _measured(spec, self.environment, Expected(fail_to_pass=()), 6.0), every, first

    def _changes(
        self, runs: ReleaseRuns, change: ReleaseChange, spec: TaskSpec, files: list[str], pair: Pair
    ) -> Iterator[TaskSpec]:
        good = passed(runs.run(files, timeout_s=120.0))
        traced = runs.runner.run(runs.workspace, files, timeout_s=400.0, coverage=True)
        good &= passed(traced)
        reach = Reach(traced.coverage or {}, good)
        units = group(change.old, change.new, change.hunks)[: self.rule.units]
        failing = {unit: self._failing(runs, change, unit, files, reach) for unit in units}
        merged = merge([u for u in units if failing[u]], failing)
        fixed: list[TestRun] = []
        taken: list[str] = []
        for unit in merged:
            name = place_of([change.hunks[k] for k in sorted(unit)], change.new)
            tests = failing.get(unit)
            if tests is None:
                tests = self._failing(runs, change, unit, files, reach)
            try:
                self._check_size(change, unit, tests)
                for part, own in single(runs, change, unit, tests):
                    found = self._judged(runs, change, part, own, files, reach)
                    admitted = self._admitted(spec, change, found, pair, files, fixed, taken)
                    taken.append(admitted.id)
                    self.report(f"{admitted.id}: task ({len(found.tests)} fail to pass)")
                    yield admitted
                    if len(taken) >= self.rule.per_package:
                        return
            except InfrastructureError:
                raise
            except RepoGymError as error:
                self.report(f"{spec.id} {name}: no task: {error}")

    def _failing(
        self, runs: ReleaseRuns, change: ReleaseChange, unit: Unit, files: Sequence[str],
        reach: Reach,
    ) -> frozenset[str]:  # fmt: skip
        """Return the tests that fail without a unit; none where they can't be told apart."""
        reached = reach.tests([change.hunks[k] for k in unit], change.new)
        report = runs.run(files if reached is None else sorted(reached), change.base(unit))
        if report.collection_errors or not report.complete or report.limit:
            return frozenset()
        return (reach.good if reached is None else reached) - passed(report)

    def _check_size(self, change: ReleaseChange, unit: Unit, tests: frozenset[str]) -> None:
        if not tests:
            raise NoTaskError("no test fails without it, or its tests can't be collected")
        if len(tests) > self.rule.failing:
            raise NoTaskError(f"{len(tests)} tests fail without it")
        touched = functions([change.hunks[k] for k in unit], change.new)
        if len(touched) > self.rule.functions:
            raise NoTaskError(f"it touches {len(touched)} functions")

    def _judged(
        self, runs: ReleaseRuns, change: ReleaseChange, unit: Unit, tests: frozenset[str],
        files: Sequence[str], reach: Reach,
    ) -> FairChange:  # fmt: skip
        again = self._failing(runs, change, unit, files, reach)
        if not again or not tests <= again or len(again) > self.rule.failing:
            raise UnfairError("single", "without it alone other tests fail")
        base = {**change.new, **change.base(unit)}
        broken = half_used(base, change.old, change.new)
        if broken:
            raise UnfairError("single", f"the base would use {', '.join(sorted(broken))}")
        return judge(runs, change, unit, again)

    def _admitted(
        self, spec: TaskSpec, change: ReleaseChange, found: FairChange, pair: Pair,
        files: Sequence[str], fixed: list[TestRun], taken: Sequence[str],
    ) -> TaskSpec:  # fmt: skip
        """Return the validated record.

        Args:
            spec: Of the whole release.
            change: What is known of it.
            found: What the checks pass.
            pair: The files.
            files: The test files that decide.
            fixed: Runs of the whole release's tests, made once.
            taken: Ids of this release's other tasks.
        """
        try:
            return self._measure(spec, change, found, pair, files, fixed, taken)
        except EasyError:
            if found.more or not found.reserve:
                raise
            notes = {**found.notes}
            notes["hidden"] += f", {len(found.reserve)} assertions made"
            fuller = replace(found, more=found.reserve, notes=notes)
            return self._measure(spec, change, fuller, pair, files, fixed, taken)

    def _measure(
        self, spec: TaskSpec, change: ReleaseChange, found: FairChange, pair: Pair,
        files: Sequence[str], fixed: list[TestRun], taken: Sequence[str],
    ) -> TaskSpec:  # fmt: skip
        runner = get_runner(spec.runner)
        draft = self._draft(spec, change, found, taken)
        if not fixed:
            fixed += [self._run(draft, files, True, n) for n in range(REPETITIONS)]
        whole = work(fixed[0]) <= self.rule.whole_seconds
        deciding = files
        if not whole or len(fixed[0].outcomes) > self.rule.ids:
            deciding = list(files_of(found.tests, runner))
        assert isinstance(draft.source, RevertedChangeSource)
        right, more = fixed, draft.source.more_path
        if more:
            deciding = [*deciding, more]
            right = [
                replace(run, outcomes={**run.outcomes, **made.outcomes})
                for n, run in enumerate(fixed)
                for made in [self._run(draft, [more], True, n)]
            ]
        base = [self._run(draft, deciding, False, n) for n in range(REPETITIONS)]
        versions = (pair.old_version, pair.new_version)
        expected, _ = verdicts(right, base, versions, runner)
        cut = {(t.path, t.name) for t in draft.source.tests}
        cut |= {(more, f"test_more_{n}") for n in range(len(draft.source.more))}
        if not {runner.split_id(t).place for t in expected.fail_to_pass} <= cut:
            raise UnfairError("stable", "in a fresh workspace another test fails")
        if len(expected.fail_to_pass) < 2 and not (found.further and expected.fail_to_pass):
            raise UnfairError("stable", "in other surroundings fewer than two tests fail")
        if not expected.pass_to_pass:
            raise NoTaskError("no test passes before and after")
        took = seconds(fixed[0]) if whole else seconds(base[0])
        full = _measured(draft, self.environment, expected, round(took, 1))
        return self._validated(full)

    def _validated(self, spec: TaskSpec) -> TaskSpec:
        verdict = validate(prepare(spec), backend=self.backend, repetitions=0)
        if verdict.equality_trips:
            spec = spec.model_copy(update={"canaries": "plain"})
            verdict = validate(prepare(spec), backend=self.backend, repetitions=0)
        if not verdict.valid:
            raise NoTaskError("validation refuses it: " + "; ".join(verdict.problems))
        bits = float(verdict.details["bits"])
        if bits < self.rule.bits:
            raise EasyError(bits)
        return spec.model_copy(update={"labels": {**spec.labels, "strength": f"{bits:.0f} bits"}})

    def _draft(
        self, spec: TaskSpec, change: ReleaseChange, found: FairChange, taken: Sequence[str]
    ) -> TaskSpec:
        assert isinstance(spec.source, RevertedChangeSource)
        hunks = tuple(change.hunks[k] for k in sorted(found.unit))
        place = place_of(hunks, change.new)
        name = re.sub(r"[^A-Za-z0-9._+-]", "_", f"{spec.id}-{place}")
        name += f"-{len(taken)}" if name in taken else ""
        item = None
        if found.bullet is not None:
            digest = bullet_digest(change.items[found.bullet])
            item = Bullet(number=found.bullet, sha256=digest)
        lines = sum(h.old[1] + h.new[1] for h in hunks)
        parts = self._parts(spec, change, found)
        update: dict = {"hunks": hunks, "bullet": item, "tests": parts, "more": found.more}
        paths = spec.test_paths
        if found.more:
            path = update["more_path"] = place_of_more(parts[0].path)
            if not belongs_to_tests(path, paths):
                paths = tuple(sorted({*paths, path}))
        source = spec.source.model_copy(update=update)
        labels = {f"check {check}": note for check, note in found.notes.items()}
        labels |= {"check single": f"{len(hunks)} hunks", "changed_lines": str(lines)}
        labels["check stable"] = f"{REPETITIONS} surroundings a side"
        return spec.model_copy(
            update={
                "id": name, "source": source, "test_paths": paths, "labels": labels,
                "title": f"{spec.title}: {place}", "symptom": found.example.text(),
            }
        )  # fmt: skip

    def _parts(
        self, spec: TaskSpec, change: ReleaseChange, found: FairChange
    ) -> tuple[TestPart, ...]:
        runner = get_runner(spec.runner)
        parts = []
        for path, name in sorted({runner.split_id(test).place for test in found.tests}):
            span = function_spans(change.tests[path]).get(name) if path in change.tests else None
            if span is None:
                raise NoTaskError(f"the test {name} can't be cut out of its file")
            parts.append(TestPart(path=path, name=name, first=span[0], last=span[1]))
        return tuple(parts)

    def _run(self, spec: TaskSpec, files: Sequence[str], fixed: bool, number: int) -> TestRun:
        task = prepare(spec, environment=self.environment)
        diff = task.hidden.reference if fixed else b""
        run = run_expected(
            task, diff, backend=self.backend, surroundings=varied(number), files=files
        )
        if run is None:
            raise NoTaskError("the reference patch does not apply to the base")
        return run


def _measured(spec: TaskSpec, environment: str, expected: Expected, took: float) -> TaskSpec:
    return spec.model_copy(
        update={"expected": {environment: expected}, "seconds": {environment: took}}
    )


def _known(pair: Pair) -> ReleaseChange:
    """Return what is known of a release before any test runs."""

    def texts(side: Mapping) -> dict[str, bytes]:
        return {path: side[path].data for path in both if path in side}

    both = [
        path for path in pair.changed("source")
        if path.endswith(".py") and path in pair.old and path in pair.new
        and not pair.old[path].link and not pair.new[path].link
    ]  # fmt: skip
    old, new = texts(pair.old), texts(pair.new)
    release = silent_release(pair)
    told, tests = {}, {}
    for path, member in release.items():
        kind = classify(path, pair.layout)
        if kind == "test":
            tests[path] = member.data
        elif path.endswith(TOLD_FILES) and kind != "changelog" and not member.link:
            told[path] = member.data
    hunks = live_hunks(old, new, find_hunks(old, new))
    return ReleaseChange(old, new, hunks, told, tests, bullets(pair.entry), pair.layout.packages)
