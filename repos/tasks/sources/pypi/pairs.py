"""Builds a task's files from the archives of two consecutive releases."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from repos.errors import InfrastructureError, RecordError
from repos.tasks.sources.base import BuiltFiles
from repos.tasks.sources.pypi.archives import Member, Tree, read_archive, write_tree
from repos.tasks.sources.pypi.changelog import clean_entry, find_entry
from repos.tasks.sources.pypi.classify import (
    Kind,
    Layout,
    classify,
    only_version_changed,
    read_layout,
)
from repos.tasks.sources.pypi.index import PackageIndex
from repos.tasks.sources.pypi.records import PyPIPairSource
from repos.tasks.sources.pypi.statement import compose

GIT_OPTIONS = (
    *("-c", "core.autocrlf=false", "-c", "core.safecrlf=false", "-c", "core.fileMode=true"),
    *("-c", "core.quotePath=true", "-c", "diff.algorithm=myers", "-c", "diff.indentHeuristic=true"),
    *("-c", "diff.noprefix=false", "-c", "diff.mnemonicPrefix=false", "-c", "core.hooksPath="),
    *("-c", "user.name=repogym", "-c", "user.email=repogym@localhost", "-c", "gc.auto=0"),
)


@dataclass(frozen=True)
class Pair:
    """Two consecutive releases, read and sorted.

    Attributes:
        package: Project name.
        old: Files of the old release.
        new: Files of the new release.
        layout: Where the new release keeps its package.
        kinds: What each file that differs between the two is.
        entry: The new release's changelog entry, cleaned; "" where none was found.
        old_version: As the archive's name spells it.
        new_version: The same of the new release.
    """

    package: str
    old: Tree
    new: Tree
    layout: Layout
    kinds: dict[str, Kind]
    entry: str
    old_version: str
    new_version: str

    def changed(self, *kinds: Kind) -> list[str]:
        """Return the paths of these kinds that differ, sorted."""
        return sorted(path for path, kind in self.kinds.items() if kind in kinds)

    @property
    def fix(self) -> list[str]:
        """Paths of the reference patch: source files and package data."""
        return self.changed("source", "data")


def read_pair(source: PyPIPairSource, archives: Path, index: PackageIndex | None = None) -> Pair:
    """Fetch and read the two archives of a pair.

    Raises:
        RecordError: An archive is unsafe, broken or not the one named.
        InfrastructureError, NotPreparedError: It could not be fetched.
    """
    index = index or PackageIndex()
    old = read_archive(index.fetch(source.package, source.old, archives))
    new = read_archive(index.fetch(source.package, source.new, archives))
    return sort_pair(source.package, old, new, source.old.version, source.new.version)


def sort_pair(package: str, old: Tree, new: Tree, old_version: str, new_version: str) -> Pair:
    """Compare two releases and say what each changed file is."""
    layout = read_layout(new, package)
    old_layout = read_layout(old, package)
    kinds: dict[str, Kind] = {}
    for path in sorted(old.keys() | new.keys()):
        before, after = old.get(path), new.get(path)
        if before and after and (before.data, before.link) == (after.data, after.link):
            continue
        kind = classify(path, layout if after else old_layout)
        if kind == "source" and before and after and _only_version(before, after):
            kind = "version"
        kinds[path] = kind
    entry = _entry(package, old, new, kinds, (old_version, new_version))
    return Pair(package, old, new, layout, kinds, entry, old_version, new_version)


def _only_version(before: Member, after: Member) -> bool:
    return only_version_changed(_text(before), _text(after))


def _text(member: Member | None) -> str:
    return member.data.decode("utf-8", "replace") if member and not member.link else ""


def _entry(
    package: str, old: Tree, new: Tree, kinds: dict[str, Kind], versions: tuple[str, str]
) -> str:
    """Return the cleaned entry of the new release: from its changelog, else from its readme."""
    logs = [p for p, kind in kinds.items() if kind == "changelog" and p in new]
    readme = [p for p in kinds if re.fullmatch(r"(readme.*|PKG-INFO)", p, re.I) and p in new]
    for path in sorted(logs, key=lambda p: (p.count("/"), p)):
        found = find_entry(_text(new[path]), _text(old.get(path)), versions[1])
        cleaned = clean_entry(found, package, versions)
        if cleaned:
            return cleaned
    for path in sorted(readme):
        # A readme also changes otherwise: only a section with the version's heading counts.
        found = find_entry(_text(new[path]), "", versions[1])
        cleaned = clean_entry(found, package, versions)
        if cleaned:
            return cleaned
    return ""


def reference_patch(pair: Pair) -> bytes:
    """Return the diff of source files and package data, old to new, as `git apply` takes it.

    File modes are kept as in the old release: archives differ in them for no reason.
    """
    before: Tree = {}
    after: Tree = {}
    for path in pair.fix:
        old, new = pair.old.get(path), pair.new.get(path)
        if old:
            before[path] = old
        if new:
            kept = old.executable if old and not new.link else new.executable
            after[path] = Member(new.data, kept, new.link)
    return diff_trees(before, after)


def diff_trees(before: Tree, after: Tree, context: int = 3) -> bytes:
    """Return the git diff between two trees; equal trees give b"".

    Args:
        before: One side.
        after: The other.
        context: Unchanged lines around each hunk.

    Raises:
        InfrastructureError: git is missing or fails.
    """
    with tempfile.TemporaryDirectory(prefix="repogym-diff-") as name:
        root = Path(name)
        _git(root, "init", "-q", "--initial-branch=main", "old")
        work = root / "old"
        write_tree(before, work)
        _git(work, "add", "-A", "-f")
        _git(work, "commit", "-q", "--allow-empty", "-m", "base")
        for path in before:
            (work / path).unlink()
        write_tree(after, work)
        _git(work, "add", "-A", "-f")
        options = ("--binary", "--full-index", "--no-renames", "--no-color", "--no-ext-diff")
        return _git(work, "diff", "--cached", *options, "--no-textconv", f"-U{context}", "HEAD")


def _git(folder: Path, *arguments: str) -> bytes:
    env = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_DATE": "2000-01-01T00:00:00Z",
        "GIT_COMMITTER_DATE": "2000-01-01T00:00:00Z",
    }
    try:
        done = subprocess.run(
            ["git", *GIT_OPTIONS, *arguments],
            cwd=folder,
            env=env,
            capture_output=True,
            check=False,
            timeout=120,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InfrastructureError(f"git could not be run: {error}.") from error
    if done.returncode != 0:
        reason = done.stderr.decode("utf-8", "replace").strip()
        raise InfrastructureError(f"git {arguments[0]} failed: {reason}.")
    return done.stdout


def write_pair(pair: Pair, dest: Path) -> BuiltFiles:
    """Write `base` and `hidden` below `dest` and return them with the rest.

    Args:
        pair: What `read_pair` returned.
        dest: An empty folder.

    Raises:
        RecordError: The two releases do not differ in source or not in tests.
    """
    reference = reference_patch(pair)
    tests = pair.changed("test")
    if not reference or not tests:
        raise RecordError(
            f"{pair.package} {pair.old_version} and {pair.new_version} make no task: the new "
            f"release changes no {'source' if not reference else 'test'} file."
        )
    write_tree(pair.old, dest / "base")
    (dest / "hidden").mkdir()
    write_tree({path: pair.new[path] for path in tests if path in pair.new}, dest / "hidden")
    return BuiltFiles(
        base=dest / "base",
        hidden=dest / "hidden",
        removed=tuple(path for path in tests if path not in pair.new),
        reference=reference,
        statement=compose(pair.package, pair.old_version, pair.entry),
        held_out=None,
        repository=pair.package,
        base_revision=pair.old_version,
    )


def build(source: PyPIPairSource, dest: Path, archives: Path) -> BuiltFiles:
    """Build a task's files from a package index.

    The same source gives the same bytes.

    Args:
        source: Package, versions and archive digests.
        dest: An empty folder that receives `base` and `hidden`.
        archives: Content-addressed store of archives, filled where something is missing.

    Raises:
        RecordError: An archive is unsafe or not the one named, or the pair makes no task.
        InfrastructureError: The index does not answer.
        NotPreparedError: REPOGYM_OFFLINE is set and an archive is missing.
    """
    return write_pair(read_pair(source, archives), dest)
