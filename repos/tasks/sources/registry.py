"""Task sources by the `kind` of their records: built in, installed, or one's own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from repos.errors import RecordError
from repos.plugins import load_plugin
from repos.tasks.sources.base import SourceRecord, TaskSource

BUILT_IN = {
    "bundled": "repos.tasks.sources.bundled:BundledTasks",
    "bundled-part": "repos.tasks.sources.removed.source:BundledParts",
    "dataset-part": "repos.tasks.sources.code_datasets.source:DatasetParts",
    "git": "repos.tasks.sources.git:GitRevisions",
    "harbor": "repos.tasks.sources.harbor.source:HarborTasks",
    "kernel": "repos.tasks.sources.kernel:KernelMistakes",
    "mutant": "repos.tasks.sources.mutants.source:Mutants",
    "pypi": "repos.tasks.sources.pypi.source:ReleasePairs",
    "removed-code": "repos.tasks.sources.removed.source:RemovedCode",
    "reverted-change": "repos.tasks.sources.reverted.source:RevertedChanges",
    "swe-bench": "repos.tasks.sources.swe_bench.source:SweBenchInstances",
}


@lru_cache(maxsize=64)
def get_source(kind: str) -> TaskSource[Any]:
    """Return the source of a kind.

    Args:
        kind: A built-in name, that of an entry point in the group `repogym.sources`, or
            `package.module:Name` (a `TaskSource`, or a class of it without arguments).

    Raises:
        RepoGymError: No such source, or what is found is none.
    """
    found = load_plugin("sources", kind, BUILT_IN, noun="task source")
    source = found() if isinstance(found, type) else found
    record = getattr(source, "record", None)
    fits = isinstance(record, type) and issubclass(record, SourceRecord)
    if not fits or not callable(getattr(source, "build", None)):
        raise RecordError(
            f"The task source {kind!r} is none: it needs `record`, a type of SourceRecord, and "
            "the methods `build` and `cache_key` (repos.tasks.sources.base.TaskSource)."
        )
    return source


def read_source(value: Any) -> SourceRecord:
    """Return a source record of the type that its kind asks for.

    Args:
        value: A record, or its fields.

    Raises:
        ValueError: No fields with a `kind`, or one that does not fit (pydantic adds the place).
        RepoGymError: There is no such source.
    """
    if isinstance(value, SourceRecord):
        return value
    if not isinstance(value, Mapping) or not isinstance(value.get("kind"), str):
        raise ValueError("it needs the field `kind`, the name of a task source")
    try:
        return get_source(value["kind"]).record.model_validate(dict(value))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the record"
        raise ValueError(f"{place}: {first['msg']}") from error
