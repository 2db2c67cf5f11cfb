"""Builds a task's files from the archives of two releases."""

from __future__ import annotations

from email.parser import BytesHeaderParser
from pathlib import Path

from repos.errors import RecordError
from repos.tasks.sources.assertions import more_tests
from repos.tasks.sources.base import BuiltFiles
from repos.tasks.sources.pypi.archives import Member, Tree, write_tree
from repos.tasks.sources.pypi.pairs import Pair, diff_trees, read_pair
from repos.tasks.sources.pypi.records import PyPIPairSource
from repos.tasks.sources.removed.text import without_tests
from repos.tasks.sources.reverted.bullets import bullet_digest, bullets
from repos.tasks.sources.reverted.hunks import take_back
from repos.tasks.sources.reverted.records import RevertedChangeSource


def build(source: RevertedChangeSource, dest: Path, archives: Path) -> BuiltFiles:
    """Build the files; the same source gives the same bytes.

    Args:
        source: The task's record.
        dest: An empty folder that receives `base` and `hidden`.
        archives: Content-addressed store of archives, filled where something is missing.

    Raises:
        RecordError: An archive is unsafe or not the one named, or it does not hold what the
            record names.
        InfrastructureError: The index does not answer.
        NotPreparedError: REPOGYM_OFFLINE is set and an archive is missing.
    """
    names = PyPIPairSource(package=source.package, old=source.old, new=source.new)
    pair = read_pair(names, archives)
    base = silent_release(pair)
    before = {path: member.data for path, member in pair.old.items() if not member.link}
    after = {path: member.data for path, member in pair.new.items() if not member.link}
    changed = take_back(before, after, source.hunks)
    for path, text in changed.items():
        base[path] = Member(text, pair.new[path].executable)
    hidden = {test.path: pair.new[test.path] for test in source.tests if test.path in pair.new}
    for test in source.tests:
        if test.path not in hidden:
            raise RecordError(f"{source.new.filename} has no file {test.path}.")
    for path, member in hidden.items():
        cut = without_tests(member.data, [t for t in source.tests if t.path == path])
        base[path] = Member(cut, member.executable)
    if source.more:
        if source.more_path in pair.new:
            raise RecordError(f"{source.new.filename} has a file {source.more_path} of its own.")
        hidden[source.more_path] = Member(more_tests(source.more).encode())
    write_tree(base, dest / "base")
    (dest / "hidden").mkdir()
    write_tree(hidden, dest / "hidden")
    fixed = {path: Member(after[path], base[path].executable) for path in changed}
    return BuiltFiles(
        base=dest / "base",
        hidden=dest / "hidden",
        removed=(),
        reference=diff_trees({path: base[path] for path in changed}, fixed),
        statement=compose(source, pair.entry),
        held_out=None,
        repository=source.package,
        base_revision=f"{source.new.version} without one change",
    )


def silent_release(pair: Pair) -> Tree:
    """Return the new release without what it says of its changes.

    Changelogs and documentation are the old release's; of its metadata only the headers stay.
    """
    kept: Tree = {}
    for path, member in pair.new.items():
        if pair.kinds.get(path) in ("changelog", "docs"):
            if path in pair.old:
                kept[path] = pair.old[path]
        elif path.rpartition("/")[2] == "PKG-INFO" and not member.link:
            kept[path] = Member(_headers(member.data), member.executable)
        else:
            kept[path] = member
    return kept


def _headers(text: bytes) -> bytes:
    """Return metadata without the description, which may hold the changelog."""
    headers = BytesHeaderParser().parsebytes(text)
    lines = [f"{k}: {v}" for k, v in headers.items() if k.lower() != "description"]
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")


def compose(source: RevertedChangeSource, entry: str) -> str:
    """Return the statement in Markdown; the example follows in a section of its own.

    Args:
        source: The task's record.
        entry: The release's cleaned changelog entry.

    Raises:
        RecordError: The entry does not hold the item that the record names.
    """
    head = f"You are in the repository of the Python package `{source.package}`, close to release "
    parts = [f"{head}{source.new.version}."]
    told = "(documentation, changelog and version numbers need no change)"
    if source.bullet is None:
        parts.append(f"It does something wrong, as observed below. Repair it {told}.")
        return "\n\n".join(parts) + "\n"
    items = bullets(entry)
    number = source.bullet.number
    if number >= len(items) or bullet_digest(items[number]) != source.bullet.sha256:
        raise RecordError(
            f"Item {number} of the changelog of {source.new.filename} is not the one of the record."
        )
    parts.append(f"One change that its changelog names is still missing; make it {told}:")
    parts.append(f"> {items[number]}")
    return "\n\n".join(parts) + "\n"
