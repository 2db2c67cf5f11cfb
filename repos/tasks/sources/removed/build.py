"""Builds a task's files from the files of one release or of a bundled package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from repos.errors import RecordError
from repos.tasks.sources.base import BuiltFiles
from repos.tasks.sources.bundled import BUNDLED, read_facts
from repos.tasks.sources.pypi.archives import Member, Tree, read_archive, write_tree
from repos.tasks.sources.pypi.index import PackageIndex
from repos.tasks.sources.pypi.pairs import diff_trees
from repos.tasks.sources.pypi.records import Archive
from repos.tasks.sources.removed.records import RemovedPart
from repos.tasks.sources.removed.statement import compose
from repos.tasks.sources.removed.text import digest, part_text, remove_part, without_tests


@dataclass(frozen=True)
class Whole:
    """A repository before a part of it is removed.

    Attributes:
        name: What it is called in messages.
        version: Its release; "" for a bundled package.
        tree: Its files, tests too.
    """

    name: str
    version: str
    tree: Tree


def released(package: str, archive: Archive, archives: Path) -> Whole:
    """Return the files of a release.

    Args:
        package: Project name.
        archive: The release.
        archives: Content-addressed store of archives, filled where something is missing.

    Raises:
        RecordError: The archive is unsafe or not the one named.
        InfrastructureError: The index does not answer.
        NotPreparedError: REPOGYM_OFFLINE is set and the archive is missing.
    """
    tree = read_archive(PackageIndex().fetch(package, archive, archives))
    return Whole(archive.filename, archive.version, tree)


def repaired(folder: str) -> Whole:
    """Return the files of a bundled task's package with its bug repaired, hidden tests too.

    Args:
        folder: The task, below `repos/data/bundled`.

    Raises:
        RecordError: There is no such task, or its reference patch does not fit.
    """
    root = BUNDLED / folder
    read_facts(root)
    tree: Tree = {}
    for part in ("base", "hidden"):
        for path in sorted((root / part).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                tree[path.relative_to(root / part).as_posix()] = Member(path.read_bytes())
    patched = _patched(tree, (root / "reference.patch").read_text(encoding="utf-8"), folder)
    return Whole(folder, "", dict(sorted((tree | patched).items())))


def _patched(tree: Tree, patch: str, name: str) -> Tree:
    """Return the files that a patch changes, as they are then."""
    from unidiff.patch import PatchSet

    found: Tree = {}
    for file in PatchSet(patch):
        lines = tree[file.path].data.decode().splitlines(keepends=True)
        for hunk in reversed(file):
            first = hunk.source_start - 1
            place = slice(first, first + hunk.source_length)
            if lines[place] != [line.value for line in hunk.source_lines()]:
                raise RecordError(f"{name}: reference.patch does not fit {file.path}.")
            lines[place] = [line.value for line in hunk.target_lines()]
        found[file.path] = Member("".join(lines).encode())
    return found


def build(source: RemovedPart, whole: Whole, dest: Path) -> BuiltFiles:
    """Build the files; the same source gives the same bytes.

    Args:
        source: The task's record.
        whole: The repository with the part.
        dest: An empty folder that receives `base` and `hidden`.

    Raises:
        RecordError: The repository does not hold the part.
    """
    release, where = whole.tree, f"{whole.name}, {source.path}"
    touched = {source.path, source.shown.path, *(test.path for test in source.tests)}
    for path in sorted(touched):
        if path not in release or release[path].link:
            raise RecordError(f"{whole.name} has no file {path}.")
    original = release[source.path]
    try:
        text = part_text(original.data, source.start, source.end)
    except ValueError as error:
        raise RecordError(f"{where}: {error} than the record says.") from error
    if digest(text) != source.text_sha256:
        raise RecordError(f"{where}: the code at {source.start} is not what the record names.")
    cut = remove_part(original.data, source.start, source.end, source.level)
    base = {**release, source.path: Member(cut, original.executable)}
    hidden = {test.path: release[test.path] for test in source.tests}
    for path, member in hidden.items():
        leave = [t for t in source.tests if t.path == path and t != source.shown]
        base[path] = Member(without_tests(member.data, leave), member.executable)
    write_tree(base, dest / "base")
    (dest / "hidden").mkdir()
    write_tree(hidden, dest / "hidden")
    return BuiltFiles(
        base=dest / "base",
        hidden=dest / "hidden",
        removed=(),
        reference=diff_trees({source.path: base[source.path]}, {source.path: original}),
        statement=compose(source, whole.version, original.data, release[source.shown.path].data),
        held_out=None,
        repository=source.package,
        base_revision=whole.version or "bundled",
    )
