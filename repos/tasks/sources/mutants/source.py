"""The source "mutant", as preparing reaches it."""

from __future__ import annotations

from pathlib import Path

from repos.cache import cache_root
from repos.tasks.sources.base import BuiltFiles
from repos.tasks.sources.mutants.records import MutantSource


class Mutants:
    """Builds tasks of one release of a package with a synthetic bug."""

    record = MutantSource

    def build(self, source: MutantSource, test_paths: tuple[str, ...], dest: Path) -> BuiltFiles:
        """Build the files; see `TaskSource.build`."""
        # Reading a manifest needs the records alone: the rest costs start-up time.
        from repos.tasks.sources.mutants.build import build

        return build(source, dest, cache_root() / "archives")

    def cache_key(self, source: MutantSource) -> str:
        """Return nothing: the archive is named by its hash, the file with the bug too."""
        return ""
