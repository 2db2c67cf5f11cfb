"""What the records of the source "reverted-change" say."""

from __future__ import annotations

from pydantic import Field

from repos.tasks.base import Record
from repos.tasks.sources.assertions import Assertion, MorePath
from repos.tasks.sources.base import SourceRecord
from repos.tasks.sources.pypi.records import Archive
from repos.tasks.sources.removed.records import TestPart


class Hunk(Record):
    """Neighbouring lines that differ between two releases, without context.

    Attributes:
        path: The file.
        old: Line before which it begins in the old release (from 0), and how many lines it has.
        new: The same for the new release.
        sha256: SHA-256 of its old and its new lines.
    """

    path: str
    old: tuple[int, int]
    new: tuple[int, int]
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Bullet(Record):
    """An item of the new release's changelog entry.

    Attributes:
        number: Its place among the entry's items, from 0.
        sha256: SHA-256 of its cleaned text.
    """

    number: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class RevertedChangeSource(SourceRecord):
    """A release with some hunks taken back; the reference brings them again.

    Attributes:
        package: Project name.
        old: The release before.
        new: The release.
        hunks: What is taken back; none stands for the release as it is.
        tests: Test functions that leave the workspace.
        bullet: What the changelog says of this change, where that is sure.
        more: Further hidden assertions.
        more_path: The hidden test file in which they stand, "" without any.
    """

    kind: str = "reverted-change"
    package: str
    old: Archive
    new: Archive
    hunks: tuple[Hunk, ...]
    tests: tuple[TestPart, ...] = ()
    bullet: Bullet | None = None
    more: tuple[Assertion, ...] = ()
    more_path: MorePath = ""
