"""Turns release pairs into tasks by running their tests in sandboxes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from repos.errors import InfrastructureError, RecordError, RepoGymError
from repos.mining.pypi.requirements import declared_requirements, resolve, undeclared
from repos.mining.pypi.selection import (
    Candidate,
    NoTaskError,
    Rule,
    candidates,
    check_form,
    contents,
    licence,
    named_candidate,
    test_files,
    test_paths,
)
from repos.mining.pypi.symptoms import describe_symptoms, tells
from repos.mining.pypi.verdicts import seconds, verdicts, why_nothing, work
from repos.runners.protocol import TestRun
from repos.runners.registry import choose_runner, get_runner
from repos.scoring.grading import files_of
from repos.tasks.environments import PythonEnvironment, python_id
from repos.tasks.records import Expected, TaskSpec
from repos.tasks.sources.pypi.archives import Member
from repos.tasks.sources.pypi.index import PackageIndex, normalise
from repos.tasks.sources.pypi.pairs import Pair, read_pair
from repos.tasks.sources.pypi.records import PyPIPairSource

Trial = Callable[[TaskSpec, Sequence[str], bool, int], TestRun]
"""Runs test files of a provisional task: (task, files, with the reference, repetition's number)."""

Report = Callable[[str], None]

REPETITIONS = 3
"""Runs a side, each in other surroundings."""

MOST_ENVIRONMENTS = 4
"""How often requirements that a run asked for are added."""


@dataclass
class Miner:
    """Makes tasks that are played in one environment.

    Attributes:
        trial: Runs test files in a sandbox.
        python: Minor version of the environment in which `trial` runs.
        archives: Content-addressed store of archives.
        index: Where releases are listed.
        rule: Which pairs are taken.
        report: Told what became of each candidate, one line.
        admit: Validation: returns the record to keep, or raises `NoTaskError`.
        slow: Packages whose whole test suite took too long; the rest of their pairs is
            decided by the changed test files.
    """

    trial: Trial
    python: str
    archives: Path
    index: PackageIndex
    rule: Rule = field(default_factory=Rule)
    report: Report = lambda line: None
    admit: Callable[[TaskSpec], TaskSpec] = lambda spec: spec
    slow: set[str] = field(default_factory=set)

    @property
    def environment(self) -> str:
        """Id of the environment that tasks get."""
        return python_id(self.python)

    def mine(self, names: Sequence[str]) -> list[TaskSpec]:
        """Return tasks, sorted by id.

        The same index content gives the same tasks.

        Args:
            names: Package names (their newest pairs), or pairs as `name:old:new`.

        Raises:
            InfrastructureError: The index or the sandbox failed.
            RecordError: A package or a release is not on the index, or a name is malformed.
        """
        found: list[TaskSpec] = []
        pools = [self._pool(name) for name in names]
        for pool in pools:
            taken = 0
            for candidate in pool:
                if taken >= self.rule.per_package:
                    break
                spec = self._try(candidate.name, lambda c=candidate: self.pair(c))
                if spec is not None:
                    found.append(spec)
                    taken += 1
        return sorted(found, key=lambda spec: spec.id)

    def extend(self, specs: Iterable[TaskSpec]) -> list[TaskSpec]:
        """Return the same tasks, measured in this environment too where they hold in it."""
        result: list[TaskSpec] = []
        for spec in specs:
            fuller = None
            if self.environment not in spec.expected and isinstance(spec.source, PyPIPairSource):
                fuller = self._try(spec.id, lambda s=spec: self._again(s))
            result.append(fuller or spec)
        return result

    def _again(self, spec: TaskSpec) -> TaskSpec:
        assert isinstance(spec.source, PyPIPairSource)
        pair = read_pair(spec.source, self.archives, self.index)
        return self.measure(spec, pair, spec.date)

    def _pool(self, name: str) -> list[Candidate]:
        package, *versions = name.split(":")
        if not versions:
            return candidates(package, self.index, self.rule)
        if len(versions) != 2 or not all(versions):
            raise RecordError(f"{name!r} is neither a package nor a pair as name:old:new.")
        return [named_candidate(package, versions[0], versions[1], self.index)]

    def _try(self, name: str, make: Callable[[], TaskSpec]) -> TaskSpec | None:
        try:
            spec = self.admit(make())
        except InfrastructureError:
            raise
        except RepoGymError as error:
            self.report(f"{name}: no task: {error}")
            return None
        expected = spec.expected[self.environment]
        self.report(
            f"{name}: task ({len(expected.fail_to_pass)} fail to pass, "
            f"{len(expected.pass_to_pass)} pass to pass)"
        )
        return spec

    def pair(self, candidate: Candidate) -> TaskSpec:
        """Make a task of one pair, before validation.

        Raises:
            NoTaskError: It does not follow the rule; the message says in what.
        """
        source = PyPIPairSource(
            package=normalise(candidate.package),
            old=candidate.old.archive,
            new=candidate.new.archive,
        )
        pair = read_pair(source, self.archives, self.index)
        files, lines = check_form(pair, self.rule)
        spec = TaskSpec(
            id=candidate.name,
            source=source,
            title=f"{pair.package} {pair.old_version} → {pair.new_version}",
            runner=choose_runner(contents(pair.new)),
            source_dirs=pair.layout.source_dirs,
            test_paths=test_paths(pair),
            date=candidate.new.uploaded[:10],
            licence=licence(pair),
            labels={"source_files": str(files), "changed_lines": str(lines)},
        )
        return self.measure(spec, pair, candidate.new.uploaded)

    def measure(self, spec: TaskSpec, pair: Pair, uploaded: str) -> TaskSpec:
        """Find environment and expected tests on this Python; return the fuller record.

        Facts of other environments that `spec` already has are kept.

        Args:
            spec: The facts so far.
            pair: Its files.
            uploaded: ISO time of the new release, by which requirements are frozen.

        Raises:
            NoTaskError: The tests do not show the fix on this Python.
        """
        runner = get_runner(spec.runner)
        changed, every = test_files(pair, runner)
        settled = _files_of(spec)
        if settled:
            changed, every = settled, settled
        if not changed:
            raise NoTaskError("no changed test file")
        spec, first = self.find_environment(spec, pair, uploaded, changed)
        if work(first) > self.rule.seconds:
            raise NoTaskError(f"the changed tests take {work(first):.0f} s")
        before = self.trial(self.provisional(spec), changed, False, 0)
        versions = (pair.old_version, pair.new_version)
        if not verdicts([first], [before], versions, runner)[0].fail_to_pass:
            raise NoTaskError(why_nothing(first, before))
        chosen, fixed, base = changed, [first], [before]
        more = len(every) > len(changed) and pair.package not in self.slow
        if more and work(first) <= self.rule.whole_seconds:
            whole = self.trial(self.provisional(spec), every, True, 0)
            if not whole.complete or work(whole) > self.rule.whole_seconds:
                self.slow.add(pair.package)
            elif len(whole.outcomes) <= self.rule.ids:
                chosen, fixed, base = every, [whole], []
        draft = self.provisional(spec)
        fixed += [self.trial(draft, chosen, True, n) for n in range(len(fixed), REPETITIONS)]
        base += [self.trial(draft, chosen, False, n) for n in range(len(base), REPETITIONS)]
        expected, failures = verdicts(fixed, base, versions, runner)
        took = max(seconds(run) for run in fixed)
        if not expected.fail_to_pass:
            raise NoTaskError("no test fails before and passes after in all three repetitions")
        if not expected.pass_to_pass:
            raise NoTaskError("no test passes before and after")
        if max(map(work, fixed)) > self.rule.seconds:
            raise NoTaskError(f"the tests take {max(map(work, fixed)):.0f} s")
        symptom = spec.symptom or describe_symptoms(failures, pair.layout.packages)
        self._check_telling(pair, expected, symptom)
        return spec.model_copy(
            update={
                "expected": {**spec.expected, self.environment: expected},
                "seconds": {**spec.seconds, self.environment: round(took, 1)},
                "symptom": symptom,
            }
        )

    def _check_telling(self, pair: Pair, expected: Expected, symptom: str) -> None:
        """Refuse a task whose statement would say nothing."""
        if pair.entry:
            return
        if len(expected.fail_to_pass) > self.rule.silent_tests:
            raise NoTaskError("no changelog entry, and many tests fail")
        if not tells(symptom):
            raise NoTaskError("neither the changelog nor the failure tells what is wrong")

    def provisional(self, spec: TaskSpec) -> TaskSpec:
        """Return a provisional task, of which it is not known which tests decide.

        Its time limit leaves room for a busy machine; the rule counts processor time.
        """
        nothing = Expected(fail_to_pass=())
        wanted = {"expected": {self.environment: nothing}, "seconds": {self.environment: 12.0}}
        return spec.model_copy(update=wanted)

    def find_environment(
        self, spec: TaskSpec, pair: Pair, uploaded: str, changed: Sequence[str]
    ) -> tuple[TaskSpec, TestRun]:
        """Find pins with which tests run on the fixed side; return that run too.

        Args:
            spec: The facts so far.
            pair: Its files.
            uploaded: ISO time of the new release, by which requirements are frozen.
            changed: The test files that are run.

        Raises:
            NoTaskError: There are no such pins.
        """
        declared = declared_requirements(pair.new, pair.package, self.python)
        own = {p.rsplit("/", 1)[-1].removesuffix(".py") for p in pair.layout.packages}
        needed_by_runner = get_runner(spec.runner).requirements
        asked: set[str] = set()
        for _ in range(MOST_ENVIRONMENTS):
            try:
                wanted = [*declared, *needed_by_runner, *sorted(asked)]
                pins = self._resolve(wanted, pair.package, uploaded)
            except NoTaskError as error:
                fewer = self._without_unmet(declared, pair, uploaded, error)
                gone = sorted(set(declared) - set(fewer))
                self.report(
                    f"{spec.id}: left out of the requirements: {', '.join(gone)} ({error})"[:400]
                )
                declared = fewer
                wanted = [*declared, *needed_by_runner, *sorted(asked)]
                pins = self._resolve(wanted, pair.package, uploaded)
            environment = PythonEnvironment(python=self.python, requirements=pins, install=True)
            known = {**spec.environments, self.environment: environment}
            spec = spec.model_copy(update={"environments": known})
            run = self.trial(self.provisional(spec), changed, True, 0)
            texts = [*run.collection_errors.values(), *(o.message for o in run.outcomes.values())]
            missing = undeclared([*texts, run.log], own) - asked
            if not missing:
                return spec, run
            asked |= missing
        raise NoTaskError(f"the tests need more than {', '.join(sorted(asked))}")

    def _without_unmet(
        self, declared: Sequence[str], pair: Pair, uploaded: str, error: NoTaskError
    ) -> list[str]:
        """Return the requirements without those of the tests that can't be met by themselves.

        Where they can be met one by one, but not together, those for running are left.

        Raises:
            NoTaskError: What the release needs for running can't be met.
        """
        running = set(_runtime_requirements(pair, self.python))
        kept: list[str] = []
        for requirement in declared:
            try:
                self._resolve([requirement], pair.package, uploaded)
                kept.append(requirement)
            except NoTaskError:
                if requirement in running:
                    raise
        if len(kept) == len(declared):
            kept = [requirement for requirement in declared if requirement in running]
        if len(kept) == len(declared):
            raise error
        return kept

    def _resolve(self, wanted: list[str], package: str, uploaded: str) -> tuple[str, ...]:
        try:
            pins = resolve(wanted, package, self.python, uploaded, self.index.configuration)
        except InfrastructureError:
            raise
        except RepoGymError as error:
            raise NoTaskError(str(error)) from error
        if len(pins) > self.rule.pins:
            raise NoTaskError(f"the tests need {len(pins)} packages")
        return pins


def _files_of(spec: TaskSpec) -> list[str]:
    """Return the test files that decide in the environments measured so far."""
    known = spec.expected.values()
    ids = (ident for e in known for ident in (*e.fail_to_pass, *e.pass_to_pass))
    return list(files_of(ids, get_runner(spec.runner)))


def _runtime_requirements(pair: Pair, python: str) -> list[str]:
    """Return what the release declares without any extra."""
    member = pair.new.get("PKG-INFO", Member(b""))
    head = member.data.decode("utf-8", "replace").partition("\n\n")[0]
    lines = [line for line in head.splitlines() if "extra ==" not in line]
    text = "\n".join(lines) + "\n\n"
    return declared_requirements({"PKG-INFO": Member(text.encode())}, pair.package, python)
