"""The repositories that code is removed from: releases of pairs, and bundled packages."""

from __future__ import annotations

from typing import Any

from repos.cache import cache_root
from repos.tasks.records import TaskSpec
from repos.tasks.sources.bundled import BUNDLED, BundledSource, read_facts
from repos.tasks.sources.pypi.records import PyPIPairSource
from repos.tasks.sources.removed.build import Whole, released, repaired
from repos.tasks.sources.removed.records import BundledPartSource, RemovedCodeSource, RemovedPart


def package_of(spec: TaskSpec) -> str:
    """Return the package of a task that code can be removed from; "" where it can't."""
    if isinstance(spec.source, PyPIPairSource):
        return spec.source.package
    if isinstance(spec.source, BundledSource):
        return str(read_facts(BUNDLED / spec.source.folder)["package"])
    return ""


def whole_of(spec: TaskSpec) -> Whole | None:
    """Return the fixed side of a task with all of its tests; None where there is no such thing.

    Raises:
        RecordError: The archive is unsafe or not the one named.
        InfrastructureError: The index does not answer.
    """
    if isinstance(spec.source, PyPIPairSource):
        return released(spec.source.package, spec.source.new, cache_root() / "archives")
    if isinstance(spec.source, BundledSource):
        return repaired(spec.source.folder)
    return None


def is_of(part: RemovedPart, spec: TaskSpec) -> bool:
    """Whether a part is one of the repository of a task."""
    if isinstance(spec.source, BundledSource):
        return isinstance(part, BundledPartSource) and part.folder == spec.source.folder
    if isinstance(spec.source, PyPIPairSource):
        return isinstance(part, RemovedCodeSource) and part.archive == spec.source.new
    return False


def part_of(spec: TaskSpec, **fields: Any) -> RemovedPart:
    """Return the record of a part of a task's repository.

    Args:
        spec: A task of which `whole_of` gives the files.
        **fields: What `RemovedPart` has beside the package.
    """
    fields["package"] = package_of(spec)
    if isinstance(spec.source, BundledSource):
        return BundledPartSource(folder=spec.source.folder, **fields)
    assert isinstance(spec.source, PyPIPairSource)
    return RemovedCodeSource(archive=spec.source.new, **fields)
