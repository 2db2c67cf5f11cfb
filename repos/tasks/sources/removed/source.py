"""The sources "removed-code" and "bundled-part", as preparing reaches them."""

from __future__ import annotations

from pathlib import Path

from repos.cache import cache_root
from repos.tasks.sources.base import BuiltFiles
from repos.tasks.sources.bundled import BUNDLED, files_digest
from repos.tasks.sources.removed.records import BundledPartSource, RemovedCodeSource


class RemovedCode:
    """Builds tasks of one release of a package without a part of its code."""

    record = RemovedCodeSource

    def build(
        self, source: RemovedCodeSource, test_paths: tuple[str, ...], dest: Path
    ) -> BuiltFiles:
        """Build the files; see `TaskSource.build`."""
        # Reading a manifest needs the records alone: the rest costs start-up time.
        from repos.tasks.sources.removed.build import build, released

        whole = released(source.package, source.archive, cache_root() / "archives")
        return build(source, whole, dest)

    def cache_key(self, source: RemovedCodeSource) -> str:
        """Return nothing: the archive is named by its hash."""
        return ""


class BundledParts:
    """Builds tasks of a bundled package without a part of its code; needs no network."""

    record = BundledPartSource

    def build(
        self, source: BundledPartSource, test_paths: tuple[str, ...], dest: Path
    ) -> BuiltFiles:
        """Build the files; see `TaskSource.build`."""
        from repos.tasks.sources.removed.build import build, repaired

        return build(source, repaired(source.folder), dest)

    def cache_key(self, source: BundledPartSource) -> str:
        """Return a hash of the bundled task's files, which may change with RepoGym."""
        return files_digest(BUNDLED / source.folder)
