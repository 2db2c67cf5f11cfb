"""What the records of the source "mutant" say."""

from __future__ import annotations

from pydantic import Field

from repos.tasks.sources.base import SourceRecord
from repos.tasks.sources.pypi.records import Archive
from repos.tasks.sources.removed.records import TestPart


class MutantSource(SourceRecord):
    """A release with one synthetic bug; the reference takes it away.

    Attributes:
        package: Project name.
        archive: The release.
        path: The file with the bug.
        operator: Kind of the bug (`repos.tasks.sources.mutants.operators`).
        start: Line (from 1) and column (bytes, from 0) at which it begins.
        end: The same for its end.
        variant: Which of the bugs of that kind at that place, from 0.
        sha256: SHA-256 of the file with the bug.
        tests: Test functions that leave the workspace.
    """

    kind: str = "mutant"
    package: str
    archive: Archive
    path: str
    operator: str
    start: tuple[int, int]
    end: tuple[int, int]
    variant: int = Field(default=0, ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    tests: tuple[TestPart, ...] = ()
