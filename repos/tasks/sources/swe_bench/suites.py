"""The suites of others: where their rows come from, and the tasks made of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from repos.errors import InputError, RecordError
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
    named, facts = os.environ.get(DATASET), FETCHED_SUITES[name]
    if named:
        return benchmark_of(file_instances(Path(named).expanduser())) == facts.benchmark
    return bool(facts.dataset) and hub_file(facts.dataset, "test").is_file()


def suite_instances(name: str) -> tuple[TaskSpec, ...]:
    """Return the tasks of a suite by its name.

    Raises:
        InputError: Its rows are on no hub, and no file of them was named.
        RecordError: The file that was named is no dataset, or one of another benchmark.
        MissingExtraError: An extra is needed to read or fetch it.
        InfrastructureError: The hub did not give it.
    """
    named, facts = os.environ.get(DATASET), FETCHED_SUITES[name]
    if not named and not facts.dataset:
        raise InputError(
            f"The rows of {name} must be named: --dataset FILE, the file that "
            f"{facts.benchmark} publishes."
        )
    path = Path(named).expanduser() if named else read_hub(facts.dataset)
    found = file_instances(path)
    if found and benchmark_of(found) != facts.benchmark:
        fitting = [n for n, f in FETCHED_SUITES.items() if f.benchmark == benchmark_of(found)]
        raise RecordError(
            f"{path} holds rows of {benchmark_of(found)}, not of {facts.benchmark}: play it as "
            f"--env {' or '.join(fitting)}."
        )
    return found


def benchmark_of(specs: Sequence[TaskSpec]) -> str:
    """Return whose rows tasks were made of."""
    return specs[0].labels.get("dataset", "SWE-bench") if specs else ""


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
