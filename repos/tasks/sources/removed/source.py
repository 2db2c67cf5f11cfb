"""The source "removed-code", as preparing reaches it."""

from __future__ import annotations

from pathlib import Path

from repos.cache import cache_root
from repos.tasks.sources.base import BuiltFiles
from repos.tasks.sources.removed.records import RemovedCodeSource


class RemovedCode:
    """Builds tasks of one release of a package without a part of its code."""

    record = RemovedCodeSource

    def build(
        self, source: RemovedCodeSource, test_paths: tuple[str, ...], dest: Path
    ) -> BuiltFiles:
        """Build the files; see `TaskSource.build`."""
        # Reading a manifest needs the records alone: the rest costs start-up time.
        from repos.tasks.sources.removed.build import build

        return build(source, dest, cache_root() / "archives")

    def cache_key(self, source: RemovedCodeSource) -> str:
        """Return nothing: the archive is named by its hash."""
        return ""
