"""Builds a task's files from the archive of one release and the place of a bug."""

from __future__ import annotations

import hashlib
from pathlib import Path

from repos.errors import RecordError
from repos.tasks.sources.base import BuiltFiles
from repos.tasks.sources.mutants.operators import Mutation, mutations
from repos.tasks.sources.mutants.records import MutantSource
from repos.tasks.sources.pypi.archives import Member, read_archive, write_tree
from repos.tasks.sources.pypi.index import PackageIndex
from repos.tasks.sources.pypi.pairs import diff_trees
from repos.tasks.sources.removed.text import without_tests

STATEMENT = """\
You are in the repository of the Python package `{package}`, at release {version}.

A mistake was made in one place of its source: it does something wrong, as observed below. Repair it
(documentation, changelog and version numbers need no change).
"""


def build(source: MutantSource, dest: Path, archives: Path) -> BuiltFiles:
    """Build the files; the same source gives the same bytes.

    Args:
        source: The task's record.
        dest: An empty folder that receives `base` and `hidden`.
        archives: Content-addressed store of archives, filled where something is missing.

    Raises:
        RecordError: The archive is unsafe or not the one named, or the bug is not the one named.
        InfrastructureError: The index does not answer.
        NotPreparedError: REPOGYM_OFFLINE is set and the archive is missing.
    """
    release = read_archive(PackageIndex().fetch(source.package, source.archive, archives))
    for path in sorted({source.path, *(test.path for test in source.tests)}):
        if path not in release or release[path].link:
            raise RecordError(f"{source.archive.filename} has no file {path}.")
    original = release[source.path]
    broken = named_mutation(source, original.data).apply(original.data)
    if hashlib.sha256(broken).hexdigest() != source.sha256:
        raise RecordError(
            f"{source.archive.filename}, {source.path}: {source.operator} at {source.start} does "
            "not give what the record names: this RepoGym makes other bugs of that kind."
        )
    base = {**release, source.path: Member(broken, original.executable)}
    hidden = {test.path: release[test.path] for test in source.tests}
    for path, member in hidden.items():
        cut = without_tests(member.data, [t for t in source.tests if t.path == path])
        base[path] = Member(cut, member.executable)
    write_tree(base, dest / "base")
    (dest / "hidden").mkdir()
    write_tree(hidden, dest / "hidden")
    return BuiltFiles(
        base=dest / "base",
        hidden=dest / "hidden",
        removed=(),
        reference=diff_trees({source.path: base[source.path]}, {source.path: original}),
        statement=STATEMENT.format(package=source.package, version=source.archive.version),
        held_out=None,
        repository=source.package,
        base_revision=source.archive.version,
    )


def named_mutation(source: MutantSource, text: bytes) -> Mutation:
    """Return the bug that a record names.

    Raises:
        RecordError: There is none of that kind at that place.
    """
    try:
        found = variants(mutations(text), source.operator, source.start, source.end)
    except (SyntaxError, ValueError) as error:
        raise RecordError(f"{source.path} can't be read as Python: {error}.") from error
    if source.variant >= len(found):
        raise RecordError(f"{source.path}: there is no {source.operator} at {source.start}.")
    return found[source.variant]


def variants(
    found: list[Mutation], operator: str, start: tuple[int, int], end: tuple[int, int]
) -> list[Mutation]:
    """Return the bugs of one kind at one place, in order."""
    return [m for m in found if (m.operator, m.start, m.end) == (operator, start, end)]
