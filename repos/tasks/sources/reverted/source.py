"""The source "reverted-change", as preparing reaches it."""

from __future__ import annotations

from pathlib import Path

from repos.cache import cache_root
from repos.tasks.sources.base import BuiltFiles
from repos.tasks.sources.reverted.records import RevertedChangeSource


class RevertedChanges:
    """Builds tasks of a release in which one change is taken back."""

    record = RevertedChangeSource

    def build(
        self, source: RevertedChangeSource, test_paths: tuple[str, ...], dest: Path
    ) -> BuiltFiles:
        """Build the files; see `TaskSource.build`."""
        # Reading a manifest needs the records alone: the rest costs start-up time.
        from repos.tasks.sources.reverted.build import build

        return build(source, dest, cache_root() / "archives")

    def cache_key(self, source: RevertedChangeSource) -> str:
        """Return nothing: archives are named by their hashes."""
        return ""
