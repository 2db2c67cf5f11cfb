"""Reads instances from a file, a folder or the Hugging Face hub, as they stand there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from repos.cache import cache_root, offline, publish
from repos.errors import InfrastructureError, MissingExtraError, NotPreparedError, RecordError
from repos.tasks.sources.code_datasets.rows import is_code_row

Rows = list[dict[str, Any]]
SUFFIXES = (".parquet", ".jsonl", ".json")
REQUIRED = ("instance_id", "repo", "patch", "problem_statement")
"""Columns by which a row is known as an instance."""


def read_dataset(path: Path, split: str = "test") -> Rows:
    """Return the rows of a file or folder.

    Args:
        path: A parquet, JSON or JSON-lines file; or a folder with such files, of which those
            of the split count where any is named after it; or what `datasets` saved to disk.
        split: The split of a folder.

    Raises:
        RecordError: There is no such thing, or it can't be read.
        MissingExtraError: Parquet and folders of `datasets` need the extra `datasets`.
    """
    if not path.exists():
        raise RecordError(f"There is no dataset {path}: give a parquet, JSON or JSON-lines file.")
    if path.is_dir():
        return _read_folder(path, split)
    if path.suffix == ".parquet":
        return _read_parquet(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"{path} can't be read as a dataset: {error}.") from error
    if path.suffix == ".jsonl":
        return list(_json_lines(text, path))
    try:
        return rows_of(json.loads(text), str(path))
    except ValueError as error:
        raise RecordError(f"{path} is not valid JSON: {error}.") from error


def rows_of(value: Any, where: str) -> Rows:
    """Return the rows of decoded JSON: a list of them, one, or a mapping with rows as values.

    Raises:
        RecordError: It is something else.
    """
    if isinstance(value, Mapping):
        value = [value] if "instance_id" in value else list(value.values())
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise RecordError(f"{where} holds no list of instances.")
    return value


def is_instance(row: Mapping[str, Any]) -> bool:
    """Whether a row is an instance in SWE-bench's schema."""
    return all(name in row for name in REQUIRED)


def holds_instances(path: Path) -> bool:
    """Whether a `.jsonl` file holds instances, told by its first line alone."""
    try:
        with path.open(encoding="utf-8") as lines:
            first = next((line for line in lines if line.strip()), "")
        row = json.loads(first)
    except (OSError, ValueError):
        return False
    return isinstance(row, dict) and (is_instance(row) or is_code_row(row))


def _json_lines(text: str, path: Path) -> Iterable[dict[str, Any]]:
    # Not `splitlines`: issues hold line separators of their own kind.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise RecordError(f"{path}, line {number} is not valid JSON: {error}.") from error
        if not isinstance(row, dict):
            raise RecordError(f"{path}, line {number} holds no instance.")
        yield row


def _read_parquet(path: Path) -> Rows:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError("datasets", "pyarrow", f"Reading {path.name}") from None
    try:
        return pyarrow.parquet.read_table(path).to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise RecordError(f"{path} can't be read as parquet: {error}.") from error


def _read_folder(folder: Path, split: str) -> Rows:
    for saved in (folder / split, folder):
        if (saved / "dataset_info.json").is_file() and (saved / "state.json").is_file():
            return _saved(saved)
    files = [p for p in sorted(folder.rglob("*")) if p.suffix in SUFFIXES and p.is_file()]
    of_split = [p for p in files if p.name.startswith(split) or p.parent.name == split]
    rows: Rows = []
    for path in of_split or files:
        rows += [row for row in read_dataset(path) if is_instance(row)]
    if not rows:
        raise RecordError(f"{folder} holds no parquet, JSON or JSON-lines file with instances.")
    return rows


def _saved(folder: Path) -> Rows:
    try:
        import datasets
    except ImportError:
        raise MissingExtraError("datasets", "datasets", f"Reading {folder}") from None
    return [dict(row) for row in datasets.load_from_disk(str(folder))]  # type: ignore[union-attr]


def hub_file(name: str, split: str) -> Path:
    """Return the path of a dataset of the hub as JSON lines in the cache; it may not be there."""
    return cache_root() / "datasets" / f"{name.replace('/', '__')}-{split}" / "rows.jsonl"


def read_hub(name: str, split: str = "test") -> Path:
    """Return a dataset of the Hugging Face hub as a file of JSON lines, fetched once.

    Raises:
        MissingExtraError: The extra `datasets` is not installed.
        NotPreparedError: It is not there and REPOGYM_OFFLINE is set.
        InfrastructureError: The hub did not give it.
    """

    def build(folder: Path) -> None:
        hint = "name a file of it by --dataset FILE"
        if offline():
            raise NotPreparedError(f"{name} is not there and REPOGYM_OFFLINE is set: {hint}.")
        try:
            import datasets
        except ImportError:
            raise MissingExtraError("datasets", "datasets", f"Fetching {name}") from None
        try:
            rows = datasets.load_dataset(name, split=split)
        except Exception as error:  # whatever the hub's client raises
            line = str(error).strip().splitlines()
            raise InfrastructureError(
                f"The Hugging Face hub did not give {name} "
                f"({type(error).__name__}: {line[0] if line else ''}): {hint}."
            ) from error
        with (folder / "rows.jsonl").open("w", encoding="utf-8") as out:
            for row in rows:
                out.write(json.dumps(dict(row), default=str) + os.linesep)  # type: ignore[arg-type]

    place = hub_file(name, split)
    publish(place.parent.relative_to(cache_root()).as_posix(), build)
    return place
