"""Chooses release pairs by rule, before anything runs."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from email.parser import HeaderParser

from repos.errors import RecordError, TaskError
from repos.runners.protocol import Runner
from repos.tasks.sources.pypi.archives import Member
from repos.tasks.sources.pypi.classify import TEST_FOLDERS, classify
from repos.tasks.sources.pypi.index import PackageIndex, Release, normalise
from repos.tasks.sources.pypi.pairs import Pair, reference_patch


@dataclass(frozen=True)
class Rule:
    """Which pairs become tasks; the defaults are the rule of the suite swe-releases.

    Attributes:
        newest_releases: How many final releases of a package are looked at.
        per_package: How many tasks of one package at most, newest first.
        source_files: Source files that the reference patch may change.
        changed_lines: Lines that it may add and remove in them.
        pins: Packages that the tests may need, all together.
        seconds: Processor seconds that the expected tests may take.
        whole_seconds: Up to this time all test files decide, beyond it the changed ones.
        ids: Expected tests at most for all test files to decide.
        silent_lines: Changed lines at most where the release has no changelog entry.
        silent_tests: Failing tests at most in that case.
    """

    newest_releases: int = 10
    per_package: int = 2
    source_files: int = 5
    changed_lines: int = 200
    pins: int = 30
    seconds: float = 10.0
    whole_seconds: float = 4.0
    ids: int = 1500
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


class NoTaskError(TaskError):
    """A pair of releases that makes no task; the message says why."""


class EasyError(NoTaskError):
    """The failing tests' answers are easy to guess."""

    def __init__(self, bits: object) -> None:
        """Say how many bits of blind answers they hold."""
        super().__init__(f"hidden: {bits} bits of blind answers remain")


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


def changed_lines(pair: Pair) -> tuple[int, int]:
    """Return how many source files the reference patch changes, and how many lines in them."""
    from unidiff.patch import PatchSet

    patch = PatchSet(reference_patch(pair).decode("utf-8", "replace"))
    source = [item for item in patch if pair.kinds.get(item.path) == "source"]
    return len(source), sum(item.added + item.removed for item in source)


def check_form(pair: Pair, rule: Rule) -> tuple[int, int]:
    """Return how many source files and lines change.

    Raises:
        NoTaskError: The pair does not have the form that the rule asks for.
    """
    if any(kind == "compiled" for kind in pair.kinds.values()):
        raise NoTaskError("not pure Python: compiled sources change")
    if not pair.changed("source"):
        raise NoTaskError("no source change")
    if not any(classify(path, pair.layout) == "test" for path in pair.new):
        raise NoTaskError("the source distribution holds no tests")
    if not [path for path in pair.changed("test") if path in pair.new]:
        raise NoTaskError("no test change in the source distribution")
    files, lines = changed_lines(pair)
    if files > rule.source_files or lines > rule.changed_lines:
        raise NoTaskError(f"too big: {files} source files, {lines} lines")
    if not pair.entry and lines > rule.silent_lines:
        raise NoTaskError(f"no changelog entry, and {lines} lines change")
    return files, lines


def contents(release: Mapping[str, Member]) -> dict[str, bytes]:
    """Return the files of a release, content by path."""
    return {path: member.data for path, member in release.items()}


def test_files(pair: Pair, runner: Runner) -> tuple[list[str], list[str]]:
    """Return the changed test modules, and all, as scoring will find them; sorted.

    What the old release configures counts, as it does for scoring.
    """
    both = {**dict.fromkeys(pair.new, b""), **contents(pair.old)}
    every = [
        path
        for path in runner.test_files(both)
        if path in pair.new
        and classify(path, pair.layout) == "test"
        and not path.startswith(("docs/", "doc/", "examples/", "bench", "perf", "tools/"))
    ]
    touched = set(pair.changed("test"))
    return [path for path in every if path in touched], every


def test_paths(pair: Pair) -> tuple[str, ...]:
    """Return the folders that hold only tests, and single test files outside them; sorted."""
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


def licence(pair: Pair) -> str:
    """Return the new release's licence: an SPDX expression or the package's own words."""
    member = pair.new.get("PKG-INFO") or Member(b"")
    headers = HeaderParser().parsestr(member.data.decode("utf-8", "replace"))
    for name in ("License-Expression", "License"):
        text = str(headers.get(name) or "").strip()
        if text and len(text) < 60 and "\n" not in text and text != "UNKNOWN":
            return text
    classes = [str(item) for item in headers.get_all("Classifier") or []]
    found = [c.rsplit(" :: ", 1)[-1] for c in classes if c.startswith("License ::")]
    return found[0] if found else ""
