"""Turns pairs of releases into tasks by running their tests."""

from __future__ import annotations

import fnmatch
import itertools
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING

from repos.errors import InfrastructureError, RecordError, RepoGymError
from repos.records import Environment, Expected, PyPIPairSource, TaskSpec
from repos.runners.pytest_config import project_options
from repos.sources.pypi.archives import Member, write_tree
from repos.sources.pypi.index import PackageIndex, Release, normalise
from repos.sources.pypi.pairs import Pair, read_pair, reference_patch
from repos.sources.pypi.requirements import declared_requirements, resolve, undeclared
from repos.sources.pypi.statement import describe_symptoms

if TYPE_CHECKING:
    from repos.runners.protocol import TestOutcome
    from repos.runners.pytest import GradedRun

Trial = Callable[[TaskSpec, bool, int], "GradedRun"]
"""Runs the test files named in a provisional task: (task, with the reference patch, hash seed)."""

SEEDS = (0, 1, 42)
MAX_ID = 300


@dataclass(frozen=True)
class Rule:
    """Which pairs become tasks.

    Attributes:
        newest_releases: How many final releases of a package are looked at.
        per_package: How many tasks of one package at most, newest first.
        source_files: Source files that the reference patch may change.
        changed_lines: Lines that it may add and remove in them.
        seconds: Wall time that the expected tests may take.
        whole_seconds: Up to this time all test files decide, beyond it the changed ones.
        ids: Expected tests at most for all test files to decide.
        silent_lines: Changed lines at most where the release has no changelog entry.
        silent_tests: Failing tests at most in that case.
    """

    newest_releases: int = 14
    per_package: int = 3
    source_files: int = 5
    changed_lines: int = 200
    seconds: float = 20.0
    whole_seconds: float = 5.0
    ids: int = 2000
    silent_lines: int = 60
    silent_tests: int = 20


@dataclass(frozen=True)
class Candidate:
    """Two consecutive releases of a package."""

    package: str
    old: Release
    new: Release

    @property
    def name(self) -> str:
        """The task's id."""
        return f"{normalise(self.package)}-{self.new.version}"


@dataclass
class Mined:
    """What mining found.

    Attributes:
        tasks: The tasks, sorted by id.
        rejected: Why each other candidate is no task, by id.
    """

    tasks: list[TaskSpec] = field(default_factory=list)
    rejected: dict[str, str] = field(default_factory=dict)


class NoTaskError(RepoGymError):
    """A pair of releases that makes no task; the message says why."""


def candidates(package: str, index: PackageIndex, rule: Rule) -> list[Candidate]:
    """Return the consecutive pairs among a package's newest final releases, newest first."""
    releases = index.releases(package)[-rule.newest_releases :]
    pairs = list(itertools.pairwise(releases))
    return [Candidate(package, old, new) for old, new in reversed(pairs)]


def named_candidate(package: str, old: str, new: str, index: PackageIndex) -> Candidate:
    """Return the pair with these versions.

    Raises:
        RecordError: The index has no source distribution of one of them.
    """
    known = {release.version: release for release in index.releases(package)}
    for version in (old, new):
        if version not in known:
            near = ", ".join(list(known)[-5:]) or "none"
            raise RecordError(
                f"{package} has no final release {version} with a source distribution on the "
                f"index (newest: {near})."
            )
    return Candidate(package, known[old], known[new])


def mine(
    wanted: Sequence[str | tuple[str, str, str]],
    trial: Trial,
    *,
    python: str,
    archives: Path,
    index: PackageIndex | None = None,
    rule: Rule | None = None,
    report: Callable[[str, str], None] = lambda name, outcome: None,
) -> Mined:
    """Make tasks of release pairs on one Python minor version.

    The same index content gives the same tasks in the same order.

    Args:
        wanted: Package names (their newest pairs), or (package, old, new).
        trial: Runs test files in a sandbox.
        python: Minor version on which `trial` runs.
        archives: Content-addressed store of archives.
        index: Where releases are listed.
        rule: Which pairs are taken.
        report: Called with each candidate's name and what became of it.

    Raises:
        InfrastructureError: The index or the sandbox failed.
        RecordError: A package or a release is not on the index.
    """
    index, rule, found = index or PackageIndex(), rule or Rule(), Mined()
    slow: set[str] = set()
    for item in wanted:
        if isinstance(item, str):
            pool, most = candidates(item, index, rule), rule.per_package
        else:
            pool, most = [named_candidate(*item, index)], 1
        taken = 0
        for candidate in pool:
            if taken >= most:
                break
            started = time.monotonic()
            try:
                spec = mine_pair(candidate, trial, python, archives, index, rule, slow)
            except InfrastructureError:
                raise
            except RepoGymError as error:
                found.rejected[candidate.name] = str(error)
                report(candidate.name, str(error))
                continue
            taken += 1
            found.tasks.append(spec)
            expected = spec.expected[python]
            report(
                candidate.name,
                f"task: {len(expected.fail_to_pass)} fail to pass, {len(expected.pass_to_pass)} "
                f"pass to pass, tests {spec.seconds[python]} s, "
                f"whole {time.monotonic() - started:.0f} s",
            )
    found.tasks.sort(key=lambda spec: spec.id)
    return found


def changed_lines(pair: Pair) -> tuple[int, int]:
    """Return how many source files the reference patch changes, and how many lines in them."""
    from unidiff import PatchSet

    patch = PatchSet(reference_patch(pair).decode("utf-8", "replace"))
    source = [item for item in patch if pair.kinds.get(item.path) == "source"]
    return len(source), sum(item.added + item.removed for item in source)


def mine_pair(
    candidate: Candidate,
    trial: Trial,
    python: str,
    archives: Path,
    index: PackageIndex,
    rule: Rule,
    slow: set[str],
) -> TaskSpec:
    """Make a task of one pair.

    Args:
        candidate: The pair.
        trial: Runs test files in a sandbox.
        python: Minor version on which `trial` runs.
        archives: Content-addressed store of archives.
        index: Where releases are listed.
        rule: What a task must be like.
        slow: Packages whose whole test suite is known to take too long; added to.

    Raises:
        NoTaskError: It follows the rule in some point not; the message says in which.
    """
    source = PyPIPairSource(
        package=normalise(candidate.package),
        old=candidate.old.archive,
        new=candidate.new.archive,
    )
    pair = read_pair(source, archives, index)
    files, lines = _check_form(pair, rule)
    changed, every = test_files(pair)
    if not changed:
        raise NoTaskError("no changed test file that pytest collects")
    spec = TaskSpec(
        id=candidate.name,
        source=source,
        title=f"{pair.package} {pair.old_version} → {pair.new_version}",
        source_dirs=pair.layout.source_dirs,
        test_paths=test_paths(pair),
        date=candidate.new.uploaded[:10],
        licence=_licence(pair),
        labels={"source_files": str(files), "changed_lines": str(lines)},
    )
    return measure(
        spec, pair, trial, python, candidate.new.uploaded, index, rule, changed, every, slow
    )


def _check_form(pair: Pair, rule: Rule) -> tuple[int, int]:
    if any(kind == "compiled" for kind in pair.kinds.values()):
        raise NoTaskError("not pure Python: compiled sources change")
    if not pair.changed("source"):
        raise NoTaskError("no source change")
    if not [path for path in pair.changed("test") if path in pair.new]:
        raise NoTaskError("no test change in the source distribution")
    files, lines = changed_lines(pair)
    if files > rule.source_files or lines > rule.changed_lines:
        raise NoTaskError(f"too big: {files} source files, {lines} lines")
    if not pair.entry and lines > rule.silent_lines:
        raise NoTaskError(f"no changelog entry, and {lines} lines change")
    return files, lines


def test_files(pair: Pair) -> tuple[list[str], list[str]]:
    """Return the changed test modules, and all, as scoring will find them; sorted."""
    with tempfile.TemporaryDirectory(prefix="repogym-config-") as name:
        names = ("pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
        write_tree({n: pair.old[n] for n in names if n in pair.old}, Path(name))
        chosen = project_options(Path(name)).get("python_files", "test*.py *_test.py *tests.py")
    patterns = chosen if isinstance(chosen, list) else str(chosen).split()

    def collected(path: str) -> bool:
        base = path.rsplit("/", 1)[-1]
        return base != "conftest.py" and any(fnmatch.fnmatch(base, p) for p in patterns)

    from repos.sources.pypi.classify import classify

    every = [
        path
        for path in sorted(pair.new)
        if path.endswith(".py")
        and collected(path)
        and classify(path, pair.layout) == "test"
        and not path.startswith(("docs/", "doc/", "examples/", "bench", "perf", "tools/"))
    ]
    touched = set(pair.changed("test"))
    return [path for path in every if path in touched], every


def test_paths(pair: Pair) -> tuple[str, ...]:
    """Return the folders that hold only tests, and single test files outside them; sorted."""
    from repos.sources.pypi.classify import TEST_FOLDERS, classify

    both = {**pair.old, **pair.new}
    tests = [path for path in both if classify(path, pair.layout) == "test"]
    folders: set[str] = set()
    for path in tests:
        parts = path.split("/")
        for depth, part in enumerate(parts[:-1], 1):
            folder = "/".join(parts[:depth])
            inner = folder in pair.layout.tests_in_package
            if inner or (part in TEST_FOLDERS and not pair.layout.inside(folder)):
                folders.add(folder)
                break
    tops = {f for f in folders if not any(f != g and f.startswith(g + "/") for g in folders)}
    singles = {path for path in tests if not any(path.startswith(f + "/") for f in tops)}
    return tuple(sorted(tops | singles))


def _licence(pair: Pair) -> str:
    member = pair.new.get("PKG-INFO") or Member(b"")
    headers = HeaderParser().parsestr(member.data.decode("utf-8", "replace"))
    for name in ("License-Expression", "License"):
        text = str(headers.get(name) or "").strip()
        if text and len(text) < 60 and "\n" not in text and text != "UNKNOWN":
            return text
    classes = [str(item) for item in headers.get_all("Classifier") or []]
    found = [c.rsplit(" :: ", 1)[-1] for c in classes if c.startswith("License ::")]
    return found[0] if found else ""


def measure(
    spec: TaskSpec,
    pair: Pair,
    trial: Trial,
    python: str,
    uploaded: str,
    index: PackageIndex,
    rule: Rule,
    changed: Sequence[str],
    every: Sequence[str],
    slow: set[str],
) -> TaskSpec:
    """Find environment and expected tests on one minor version and return the fuller record.

    Facts of other minor versions that `spec` already has are kept.

    Raises:
        NoTaskError: The tests do not show the fix on this minor version.
    """
    spec, first = _environment(spec, pair, trial, python, uploaded, index, changed)
    before = trial(_on(spec, python, changed), False, SEEDS[0])
    expected, _ = verdicts([first], [before], pair)
    if not expected.fail_to_pass:
        raise NoTaskError(_why_nothing(first, before))
    chosen, fixed, base, seconds = list(changed), [first], [before], _seconds(first)
    more = len(every) > len(changed) and pair.package not in slow
    if more and seconds <= rule.whole_seconds:
        whole = trial(_on(spec, python, every), True, SEEDS[0])
        if not whole.complete or _seconds(whole) > rule.whole_seconds:
            slow.add(pair.package)
        elif len(whole.outcomes) <= rule.ids:
            chosen, fixed, base = list(every), [whole], []
    seeds = SEEDS
    for seed in seeds[len(fixed) :]:
        fixed.append(trial(_on(spec, python, chosen), True, seed))
    for seed in seeds[len(base) :]:
        base.append(trial(_on(spec, python, chosen), False, seed))
    expected, failures = verdicts(fixed, base, pair)
    if not expected.fail_to_pass:
        raise NoTaskError("no test fails before and passes after in all three repetitions")
    took = max(_seconds(run) for run in fixed)
    if took > rule.seconds:
        raise NoTaskError(f"the tests take {took:.0f} s")
    symptom = spec.symptom or describe_symptoms(failures, pair.layout.packages)
    if not pair.entry and len(expected.fail_to_pass) > rule.silent_tests:
        raise NoTaskError("no changelog entry, and many tests fail")
    telling = [line for line in symptom.splitlines() if line != "- a wrong result"]
    if not pair.entry and not telling:
        raise NoTaskError("neither the changelog nor the failure tells what is wrong")
    return spec.model_copy(
        update={
            "expected": {**spec.expected, python: expected},
            "seconds": {**spec.seconds, python: round(took, 1)},
            "symptom": symptom,
        }
    )


def _on(spec: TaskSpec, python: str, files: Iterable[str]) -> TaskSpec:
    """Return a provisional task whose expected ids name whole files."""
    named = Expected(fail_to_pass=tuple(f"{name}::*" for name in files))
    return spec.model_copy(update={"expected": {python: named}, "seconds": {python: 6.0}})


def _environment(
    spec: TaskSpec,
    pair: Pair,
    trial: Trial,
    python: str,
    uploaded: str,
    index: PackageIndex,
    changed: Sequence[str],
) -> tuple[TaskSpec, GradedRun]:
    """Find pins with which the changed tests run on the fixed side; return that run too."""
    declared = declared_requirements(pair.new, pair.package, python)
    own = {p.rsplit("/", 1)[-1].removesuffix(".py") for p in pair.layout.packages}
    asked: set[str] = set()
    for _ in range(4):
        try:
            pins = resolve(
                [*declared, *sorted(asked)], pair.package, python, uploaded, index.configuration
            )
        except InfrastructureError:
            raise
        except RepoGymError as error:
            runtime = declared_requirements({"PKG-INFO": _runtime_only(pair)}, pair.package, python)
            if sorted(runtime) == sorted(declared):
                raise NoTaskError(str(error)) from error
            declared = runtime
            continue
        environment = Environment(requirements=pins, install=True)
        spec = spec.model_copy(update={"environments": {**spec.environments, python: environment}})
        run = trial(_on(spec, python, changed), True, SEEDS[0])
        texts = [*run.collection_errors.values(), *(o.message for o in run.outcomes.values())]
        missing = undeclared([*texts, run.log], own) - asked
        if not missing:
            return spec, run
        asked |= missing
    return spec, run


def _runtime_only(pair: Pair) -> Member:
    text = pair.new["PKG-INFO"].data.decode("utf-8", "replace") if "PKG-INFO" in pair.new else ""
    head = text.partition("\n\n")[0]
    lines = [line for line in head.splitlines() if "extra ==" not in line]
    return Member(("\n".join(lines) + "\n\n").encode())


def _seconds(run: GradedRun) -> float:
    return sum(outcome.seconds for outcome in run.outcomes.values())


def _why_nothing(fixed: GradedRun, base: GradedRun) -> str:
    for run, side in ((fixed, "new"), (base, "old")):
        if not run.complete:
            tail = " ".join(run.log.split())[-200:]
            return f"the tests of the {side} side do not end regularly ({run.limit or tail})"
    if fixed.collection_errors and not fixed.outcomes:
        error = next(iter(fixed.collection_errors.values())).strip().splitlines()
        return f"the tests cannot be collected: {error[-1] if error else ''}"
    if not fixed.outcomes:
        return "no test ran"
    return "no test fails before and passes after"


def verdicts(
    fixed: Sequence[GradedRun], base: Sequence[GradedRun], pair: Pair
) -> tuple[Expected, Mapping[str, TestOutcome]]:
    """Return the expected ids and, for those that fail on the base, how they fail.

    An id counts only where all runs of a side agree. A test that is missing on the base
    counts as failing only where its file could not be collected. Left out are ids that hold
    addresses or are very long, and failures that only ask for the new version's number.
    """
    if not all(run.complete for run in (*fixed, *base)):
        return Expected(fail_to_pass=()), {}
    fail: list[str] = []
    keep: list[str] = []
    how: dict[str, TestOutcome] = {}
    for ident in sorted(fixed[0].outcomes):
        if len(ident) > MAX_ID or re.search(r"0x[0-9a-f]{6}|[\x00-\x1f]", ident):
            continue
        if any(_status(run, ident) != "passed" for run in fixed):
            continue
        before = {_status(run, ident) for run in base}
        if before == {"passed"}:
            keep.append(ident)
        elif before <= {"failed", "error"}:
            outcome = base[0].outcomes[ident]
            if not _asks_version(outcome, pair):
                fail.append(ident)
                how[ident] = outcome
        elif before == {"uncollected"}:
            fail.append(ident)
            how.setdefault(ident.partition("::")[0], _collection_failure(base[0], ident))
    return Expected(fail_to_pass=tuple(fail), pass_to_pass=tuple(keep)), how


def _status(run: GradedRun, ident: str) -> str:
    outcome = run.outcomes.get(ident)
    if outcome is not None:
        return outcome.status
    path = ident.partition("::")[0]
    return "uncollected" if path in run.collection_errors else "missing"


def _collection_failure(run: GradedRun, ident: str) -> TestOutcome:
    from repos.runners.protocol import TestOutcome

    text = run.collection_errors[ident.partition("::")[0]]
    errors = re.findall(r"^E\s+(\w[\w.]*(?:Error|Exception|Warning)\b.*)$", text, re.MULTILINE)
    last = errors[-1] if errors else text.strip().splitlines()[-1]
    return TestOutcome("error", 0.0, last, text)


def _asks_version(outcome: TestOutcome, pair: Pair) -> bool:
    found = outcome.message
    return pair.new_version in found and pair.old_version in found
