"""Builds a task's files from the archive of one release."""

from __future__ import annotations

from pathlib import Path

from repos.errors import RecordError
from repos.tasks.sources.base import BuiltFiles
from repos.tasks.sources.pypi.archives import Member, read_archive, write_tree
from repos.tasks.sources.pypi.index import PackageIndex
from repos.tasks.sources.pypi.pairs import diff_trees
from repos.tasks.sources.removed.records import RemovedCodeSource
from repos.tasks.sources.removed.statement import compose
from repos.tasks.sources.removed.text import digest, part_text, remove_part, without_tests


def build(source: RemovedCodeSource, dest: Path, archives: Path) -> BuiltFiles:
    """Build the files; the same source gives the same bytes.

    Args:
        source: The task's record.
        dest: An empty folder that receives `base` and `hidden`.
        archives: Content-addressed store of archives, filled where something is missing.

    Raises:
        RecordError: The archive is unsafe or not the one named, or it does not hold the part.
        InfrastructureError: The index does not answer.
        NotPreparedError: REPOGYM_OFFLINE is set and the archive is missing.
    """
    release = read_archive(PackageIndex().fetch(source.package, source.archive, archives))
    where = f"{source.archive.filename}, {source.path}"
    touched = {source.path, source.shown.path, *(test.path for test in source.tests)}
    for path in sorted(touched):
        if path not in release or release[path].link:
            raise RecordError(f"{source.archive.filename} has no file {path}.")
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
        statement=compose(
            source, source.archive.version, original.data, release[source.shown.path].data
        ),
        held_out=None,
        repository=source.package,
        base_revision=source.archive.version,
    )
