"""The suites of SWE-bench: where their rows come from, and the tasks made of them."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from repos.errors import RecordError
from repos.tasks.catalogue import FETCHED_SUITES
from repos.tasks.records import TaskSpec
from repos.tasks.sources.code_datasets.rows import code_tasks, is_code_row
from repos.tasks.sources.swe_bench.dataset import (
    SUFFIXES,
    holds_instances,
    hub_file,
    read_dataset,
    read_hub,
)
from repos.tasks.sources.swe_bench.instances import read_instances
from repos.tasks.sources.swe_bench.options import DATASET, MIRRORS


def is_here(name: str) -> bool:
    """Whether a suite's rows are on this machine, or a file of them was named."""
    return bool(os.environ.get(DATASET)) or hub_file(FETCHED_SUITES[name].dataset, "test").is_file()


def suite_instances(name: str) -> tuple[TaskSpec, ...]:
    """Return the tasks of a suite by its name.

    Raises:
        RecordError: The file that was named is no dataset.
        MissingExtraError: An extra is needed to read or fetch it.
        InfrastructureError: The hub did not give it.
    """
    named = os.environ.get(DATASET)
    path = Path(named).expanduser() if named else read_hub(FETCHED_SUITES[name].dataset)
    return file_instances(path)


def is_dataset(path: Path) -> bool:
    """Whether a path is a file or folder of instances, as opposed to a manifest."""
    if path.suffix == ".jsonl":
        return holds_instances(path)
    return path.suffix in SUFFIXES or path.is_dir()


def file_instances(path: Path) -> tuple[TaskSpec, ...]:
    """Return the tasks of a file or folder of SWE-bench, RepoClassBench or EvoCodeBench.

    Raises:
        RecordError: It is none.
        MissingExtraError: An extra is needed to read it.
    """
    if not path.exists():
        raise RecordError(f"There is no dataset {path}: give a parquet, JSON or JSON-lines file.")
    state = path.stat()
    mirrors = os.environ.get(MIRRORS, "")
    return _instances(str(path.resolve()), state.st_mtime_ns, state.st_size, mirrors)


@lru_cache(maxsize=4)
def _instances(path: str, changed: int, size: int, mirrors: str) -> tuple[TaskSpec, ...]:
    del changed, size, mirrors  # parts of the key
    rows = read_dataset(Path(path))
    if rows and is_code_row(rows[0]):
        return tuple(code_tasks(rows, path))
    return tuple(read_instances(rows, path))
