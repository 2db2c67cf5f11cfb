"""The report of a validation: JSON lines, one a task, from which an interrupted one goes on."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from repos.cache import whole_lines
from repos.errors import InputError
from repos.scoring.validation import Verdict
from repos.tasks.records import TaskSpec


class ValidationReport:
    """A file with a line for each task that was validated; without a path nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        """Read what is there.

        Args:
            path: The file.

        Raises:
            InputError: It can't be written.
        """
        self._path = path
        self._lines: dict[str, dict[str, Any]] = {}
        if path is None:
            return
        if not path.parent.is_dir():
            raise InputError(f"There is no folder {path.parent} for the report.")
        if not path.exists():
            return
        for line in whole_lines(path):
            try:
                facts = json.loads(line)
                self._lines[facts["task"]] = facts
            except (ValueError, KeyError, TypeError):
                continue

    def verdict(self, spec: TaskSpec) -> Verdict | None:
        """Return what is known of a task.

        Infrastructure failures count as unknown, and so do lines of a task whose record (its
        pins, its command, its tests) has changed since.
        """
        facts = self._lines.get(spec.id)
        if facts is None or facts.get("record") != record_digest(spec):
            return None
        if any(p.startswith("infrastructure") for p in facts["problems"]):
            return None
        return Verdict(
            spec.id, facts["valid"], tuple(facts["problems"]), facts["seconds"],
            (), facts["equality_trips"], facts["details"],
        )  # fmt: skip

    def add(self, spec: TaskSpec, verdict: Verdict, *, prepare_s: float, whole_s: float) -> None:
        """Append a task's line.

        Args:
            spec: The task.
            verdict: What was found.
            prepare_s: Time of preparing it, in seconds.
            whole_s: Time of all, in seconds.
        """
        if self._path is None:
            return
        facts = {
            "task": verdict.task,
            "valid": verdict.valid,
            "problems": list(verdict.problems),
            "seconds": verdict.seconds,
            "equality_trips": verdict.equality_trips,
            "details": dict(verdict.details),
            "prepare_s": round(prepare_s, 2),
            "whole_s": round(whole_s, 2),
            "labels": dict(spec.labels),
            "record": record_digest(spec),
        }
        with self._path.open("a", encoding="utf-8") as out:
            out.write(json.dumps(facts, ensure_ascii=False) + "\n")


def record_digest(spec: TaskSpec) -> str:
    """Return a short digest of a task's record."""
    return hashlib.sha256(spec.to_json().encode()).hexdigest()[:16]
