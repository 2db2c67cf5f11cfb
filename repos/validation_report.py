"""The report of a validation: JSON lines, one a task, from which an interrupted one goes on."""

from __future__ import annotations

import hashlib
import json
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
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

    def lines(self) -> list[dict[str, Any]]:
        """Return the last line of each task that reached a verdict."""
        return [facts for facts in self._lines.values() if not _is_infrastructure(facts)]

    def verdict(self, spec: TaskSpec) -> Verdict | None:
        """Return what is known of a task.

        Infrastructure failures count as unknown, and so do lines of a task whose record (its
        pins, its command, its tests) has changed since.
        """
        facts = self._lines.get(spec.id)
        if facts is None or facts.get("record") != record_digest(spec):
            return None
        if _is_infrastructure(facts):
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


@dataclass(frozen=True)
class GroupState:
    """How far the validation of a group of tasks is.

    Attributes:
        name: The group.
        tasks: How many tasks of it can be played.
        tried: How many of them reached a verdict.
        valid: How many were admitted.
        seconds: Median time of preparing and validating one, in seconds.
        refused: Why each other one was not, by its id.
    """

    name: str
    tasks: int
    tried: int
    valid: int
    seconds: float
    refused: dict[str, str]


def group_states(
    lines: Iterable[dict[str, Any]], specs: Iterable[TaskSpec], label: str
) -> list[GroupState]:
    """Return what a report says of the tasks of a suite, by one of their labels, largest first.

    Args:
        lines: Lines of a report.
        specs: The tasks; those that name no environment but a container image are left out.
        label: For example "repository".
    """
    known = {facts["task"]: facts for facts in lines}
    groups: dict[str, list[TaskSpec]] = {}
    for spec in specs:
        if any(environment.kind != "image" for environment in spec.environments.values()):
            groups.setdefault(spec.labels.get(label, "all"), []).append(spec)
    found = []
    for name, members in groups.items():
        tried = {s.id: known[s.id] for s in members if s.id in known}
        refused = {
            s.id: s.labels.get("flawed") or "; ".join(tried[s.id]["problems"])
            for s in members
            if s.id in tried and not tried[s.id]["valid"]
        }
        times = [facts["whole_s"] for facts in tried.values()]
        median = statistics.median(times) if times else 0.0
        valid = len(tried) - len(refused)
        found.append(GroupState(name, len(members), len(tried), valid, median, refused))
    return sorted(found, key=lambda g: (-g.tasks, g.name))


def _is_infrastructure(facts: dict[str, Any]) -> bool:
    return any(p.startswith("infrastructure") for p in facts["problems"])


def record_digest(spec: TaskSpec) -> str:
    """Return a short digest of a task's record."""
    return hashlib.sha256(spec.to_json().encode()).hexdigest()[:16]
