"""The source "pypi": what its records say, and how preparing reaches it."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from repos.cache import cache_root
from repos.tasks.base import Record
from repos.tasks.sources.base import BuiltFiles, SourceRecord


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


class ReleasePairs:
    """Builds tasks of two consecutive releases of a package."""

    record = PyPIPairSource

    def build(self, source: PyPIPairSource, test_paths: tuple[str, ...], dest: Path) -> BuiltFiles:
        """Build the files; see `TaskSource.build`."""
        # Reading a manifest needs the records alone: the rest costs start-up time.
        from repos.tasks.sources.pypi.pairs import build

        return build(source, dest, cache_root() / "archives")

    def cache_key(self, source: PyPIPairSource) -> str:
        """Return nothing: archives are named by their hashes."""
        return ""
