"""What the records of the source "pypi" say."""

from __future__ import annotations

from pydantic import Field

from repos.tasks.base import Record
from repos.tasks.sources.base import SourceRecord


class Archive(Record):
    """A source distribution on a package index."""

    version: str
    filename: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class PyPIPairSource(SourceRecord):
    """Two consecutive releases: base = `old`, hidden tests and reference from `new`."""

    kind: str = "pypi"
    package: str
    old: Archive
    new: Archive
