"""The report of a validation: JSON lines, one a task, from which an interrupted one goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from repos.errors import InputError
from repos.scoring.validation import Verdict


class ValidationReport:
    """A file with a line for each task that was validated; without a path nothing is kept."""

    def __init__(self, path: Path | None, digest: str) -> None:
        """Read what is there.

        Args:
            path: The file.
            digest: The suite's digest; lines of other tasks' lists are not believed.

        Raises:
            InputError: It is no report, or one of another list of tasks.
        """
        self._path, self._digest = path, digest
        self._lines: dict[str, dict[str, Any]] = {}
        if path is None:
            return
        if not path.parent.is_dir():
            raise InputError(f"There is no folder {path.parent} for the report.")
        if not path.exists():
            return
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            try:
                facts = json.loads(line)
                task, known = facts["task"], facts["suite_digest"]
            except (ValueError, KeyError, TypeError):
                # The last line of a run that was killed while it wrote.
                continue
            if known != digest:
                raise InputError(
                    f"{path}, line {number} is of another list of tasks: name another --report."
                )
            self._lines[task] = facts

    def verdict(self, task: str) -> Verdict | None:
        """Return what is known of a task; infrastructure failures count as unknown."""
        facts = self._lines.get(task)
        if facts is None or any(p.startswith("infrastructure") for p in facts["problems"]):
            return None
        return Verdict(
            task, facts["valid"], tuple(facts["problems"]), facts["seconds"],
            facts["equality_trips"], facts["details"],
        )  # fmt: skip

    def add(
        self, verdict: Verdict, *, prepare_s: float, whole_s: float, labels: Mapping[str, str]
    ) -> None:
        """Append a task's line.

        Args:
            verdict: What was found.
            prepare_s: Time of preparing it, in seconds.
            whole_s: Time of all, in seconds.
            labels: The task's labels.
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
            "labels": dict(labels),
            "suite_digest": self._digest,
        }
        with self._path.open("a", encoding="utf-8") as out:
            out.write(json.dumps(facts, ensure_ascii=False) + "\n")
