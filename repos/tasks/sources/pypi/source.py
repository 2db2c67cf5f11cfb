"""The source "pypi", as preparing reaches it."""

from __future__ import annotations

from pathlib import Path

from repos.cache import cache_root
from repos.tasks.sources.base import BuiltFiles
from repos.tasks.sources.pypi.records import PyPIPairSource


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
