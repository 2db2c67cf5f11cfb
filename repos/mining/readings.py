"""What readers found of a suite's tasks: a file beside its manifest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, TypeAdapter, ValidationError

from repos.errors import RecordError
from repos.tasks.base import Record
from repos.tasks.catalogue import MANIFESTS


class Reading(Record):
    """One reader's answers about one task.

    Attributes:
        task: Its id.
        described: Whether the statement tells what is wrong, so that it can be repaired from it.
        single: Whether it is one change.
        fair: Whether the tests ask for nothing that neither statement nor base tells.
        difficulty: How hard it looks.
        reader: A "human" or a "model"; no names.
        date: When it was read (ISO).
        note: Why it is not kept, in a few words.
    """

    task: str
    described: bool
    single: bool
    fair: bool
    difficulty: Literal["easy", "medium", "hard"]
    reader: Literal["human", "model"]
    date: str = Field(pattern=r"^\d{4}-\d\d-\d\d$")
    note: str = ""

    @property
    def kept(self) -> bool:
        """Whether the reader would keep the task."""
        return self.described and self.single and self.fair


READINGS = TypeAdapter(list[Reading])


def readings_path(suite: str) -> Path:
    """Return where the readings of a suite lie.

    Args:
        suite: A suite of RepoGym's own, or the path of a manifest.
    """
    place = Path(suite) if suite.endswith(".jsonl") else MANIFESTS / f"{suite}.jsonl"
    return place.with_suffix(".audit.json")


def read_readings(path: Path) -> list[Reading]:
    """Return the readings of a file, none where there is none.

    Raises:
        RecordError: It does not follow its schema.
    """
    if not path.is_file():
        return []
    try:
        return READINGS.validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RecordError(f"{path}: {where}: {first['msg']}.") from error


def write_readings(path: Path, readings: Sequence[Reading]) -> None:
    """Write readings whole or not at all, sorted by task and date."""
    ordered = sorted(readings, key=lambda r: (r.task, r.date))
    lines = ",\n".join(json.dumps(r.model_dump(), sort_keys=True) for r in ordered)
    partial = path.with_name(path.name + ".part")
    partial.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    partial.replace(path)


def kept_share(readings: Sequence[Reading]) -> float | None:
    """Return the share of tasks that their first reader would keep, None without readings."""
    first: dict[str, Reading] = {}
    for reading in readings:
        first.setdefault(reading.task, reading)
    return sum(r.kept for r in first.values()) / len(first) if first else None


def agreement(readings: Sequence[Reading]) -> tuple[int, int]:
    """Return of how many tasks that were read twice both readers judge alike, and their number."""
    by_task: dict[str, list[Reading]] = {}
    for reading in readings:
        by_task.setdefault(reading.task, []).append(reading)
    twice = [found for found in by_task.values() if len(found) > 1]
    return sum(len({r.kept for r in found}) == 1 for found in twice), len(twice)
