"""Predictions as people pass them on: a patch for each instance, in every usual form."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repos.errors import InputError

NEEDS = "it needs instance_id and model_patch"
UNNAMED = "model"
"""Stands for a model that a file does not name."""


@dataclass(frozen=True)
class Prediction:
    """One model's patch for one instance.

    Attributes:
        instance: The instance's id.
        model: The model's name, as the file says.
        patch: A git diff; "" where the model gave none.
    """

    instance: str
    model: str
    patch: str

    def diff(self) -> bytes:
        """Return the patch as bytes, ended by a line feed as git needs it."""
        text = self.patch if not self.patch or self.patch.endswith("\n") else self.patch + "\n"
        return text.encode("utf-8", "surrogateescape")


def read_predictions(path: Path) -> list[Prediction]:
    """Read a file of predictions.

    Args:
        path: JSON lines (blank ones are passed over), a JSON list, or a JSON mapping from ids
            to predictions or to bare patches.

    Returns:
        The predictions, in the file's order.

    Raises:
        InputError: There is no such file, it has another form, or an instance stands there
            twice for a model.
    """
    if not path.is_file():
        raise InputError(f"There are no predictions {path}: give a JSON or JSON-lines file.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} can't be read as predictions: {error}.") from error
    found: dict[tuple[str, str], Prediction] = {}
    for where, record in _records(text, path):
        prediction = _prediction(record, where)
        key = (prediction.model, prediction.instance)
        if key in found:
            raise InputError(f"{where}: {prediction.instance} stands there twice.")
        found[key] = prediction
    if not found:
        raise InputError(f"{path} holds no prediction.")
    return list(found.values())


def _records(text: str, path: Path) -> Iterator[tuple[str, Any]]:
    try:
        whole = json.loads(text)
    except ValueError:
        yield from _lines(text, path)
        return
    if isinstance(whole, dict) and whole and "instance_id" not in whole:
        for name, value in whole.items():
            record = {"model_patch": value} if isinstance(value, str) or value is None else value
            if isinstance(record, dict):
                record = {"instance_id": name, **record}
            yield f"{path}, {name}", record
        return
    rows: Iterable[Any] = whole if isinstance(whole, list) else [whole]
    word = "prediction" if isinstance(whole, list) else "line"
    for number, record in enumerate(rows, start=1):
        yield f"{path}, {word} {number}", record


def _lines(text: str, path: Path) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            yield where, json.loads(line)
        except ValueError as error:
            raise InputError(f"{where} is no prediction: {NEEDS}.") from error


def _prediction(record: Any, where: str) -> Prediction:
    if not isinstance(record, dict) or "model_patch" not in record:
        raise InputError(f"{where} is no prediction: {NEEDS}.")
    name, patch = record.get("instance_id"), record["model_patch"]
    if not isinstance(name, str) or not name or not isinstance(patch, str | None):
        raise InputError(f"{where} is no prediction: {NEEDS}.")
    return Prediction(name, str(record.get("model_name_or_path") or UNNAMED), patch or "")
