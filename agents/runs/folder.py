"""The folder of a run: whose it is, who works in it, and how long it took."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agents.runs.journal import Journal, JournalBusyError, read_journal, write_atomic
from agents.runs.spec import SCHEMA_VERSION, RunSettings, slug
from repos.errors import InputError
from repos.tasks.records import parse_record

SETTINGS = "run.json"
LOG = "run.jsonl"
SUMMARY = "summary.json"


class RunFolder:
    """An open run folder; one process at a time holds it.

    Attributes:
        path: The folder.
        settings: What the run is.
        log: Its journal.
        resumed: Whether an earlier process had begun the run.
        former_budget: The budget of that process, in USD; None is no bound.
    """

    def __init__(
        self, path: Path, settings: RunSettings, budget_usd: float | None, *, patience: float = 10.0
    ) -> None:
        """Open `path` for this run, or go on with it.

        Args:
            path: The folder; made where it is missing.
            settings: What the run is.
            budget_usd: What the run may cost, in USD.
            patience: Seconds to wait for another process to leave the folder.

        Raises:
            InputError: The folder holds another run, or something that is no run.
            JournalBusyError: Another process works in it.
        """
        self.path = path
        self.settings = settings
        kept = stored_settings(path)
        if kept is None and path.is_dir() and any(path.iterdir()):
            others = [p.name for p in path.iterdir() if p.name != LOG]
            if others:
                raise InputError(
                    f"The folder {path} is not empty and holds no run ({others[0]}, ...): "
                    "name another one with --out."
                )
        if kept is not None:
            differing = differences(kept[0], settings)
            if differing:
                raise InputError(
                    f"The folder {path} holds another run, with {differing}: name another "
                    "folder with --out, or repeat the other run's command to go on with it."
                )
        try:
            path.mkdir(parents=True, exist_ok=True)
            self.log = Journal(path / LOG, patience=patience)
            data = {
                "schema_version": SCHEMA_VERSION,
                "settings": settings.model_dump(mode="json"),
                "budget_usd": budget_usd,
            }
            write_atomic(path / SETTINGS, json.dumps(data, indent=1) + "\n")
            self.log.append("opened", schema_version=SCHEMA_VERSION)
        except OSError as error:
            raise InputError(
                f"The folder {path} can't be written ({error.strerror}): make room there, or "
                "name another one with --out."
            ) from error
        self.resumed = kept is not None
        self.former_budget = kept[1] if kept else None

    def seconds(self) -> float:
        """Return the wall time of all processes that worked on this run, in seconds.

        A process that was killed counts up to its last finished episode.
        """
        total, begun, latest = 0.0, None, 0.0
        for event in read_journal(self.path / LOG):
            if event["kind"] == "opened":
                total += latest - begun if begun is not None else 0.0
                begun = event["time"]
            latest = event["time"]
        return total + (time.time() - begun if begun is not None else 0.0)

    def close(self) -> None:
        """Leave the folder."""
        try:
            # Only times are read from it: on a full disk the run is as good without.
            with contextlib.suppress(OSError):
                self.log.append("closed")
        finally:
            self.log.close()

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def stored_settings(path: Path) -> tuple[RunSettings, float | None] | None:
    """Return the settings and the budget of the run in `path`; None where there is none.

    Raises:
        InputError: run.json is there and can't be read.
    """
    file = path / SETTINGS
    try:
        text = file.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        data = json.loads(text)
        settings, version = data["settings"], data["schema_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file} is damaged ({error}): name another folder with --out.") from error
    # Version 1 holds the same settings; its episodes, journals and summary are read as they are.
    if version not in (1, SCHEMA_VERSION):
        raise InputError(
            f"{file} is of version {version} and this RepoGym reads 1 and {SCHEMA_VERSION}: go "
            "on with the RepoGym that made it, or name another folder with --out."
        )
    return parse_record(RunSettings, settings, str(file)), data.get("budget_usd")


def differences(old: RunSettings, new: RunSettings) -> str:
    """Return what differs between two runs, for a sentence; "" where nothing does."""
    before, after = old.model_dump(mode="json"), new.model_dump(mode="json")
    found = [
        f"{key} {_short(before[key])} instead of {_short(after[key])}"
        for key in before
        if before[key] != after[key]
    ]
    return ", ".join(found)


def _short(value: Any) -> str:
    if isinstance(value, list):
        shown = ", ".join(str(item) for item in value[:2])
        return f"[{shown}{', ...' if len(value) > 2 else ''}] ({len(value)})"
    if isinstance(value, Mapping):
        return json.dumps(value, sort_keys=True)
    return "none" if value is None else str(value)


def open_default(settings: RunSettings, budget_usd: float | None, root: Path) -> RunFolder:
    """Open `root/<suite>-<agent>-<model>-<N>`.

    The newest unfinished run with the same settings goes on; otherwise N is the next free
    number. So the same command after a kill continues, and after a finished run begins anew.
    """
    parts = [settings.suite, settings.agent, *([settings.model] if settings.model else [])]
    stem = "-".join(slug(part) for part in parts)
    taken: dict[int, Path] = {}
    for path in root.glob(f"{stem}-*"):
        number = path.name.removeprefix(f"{stem}-")
        if number.isdecimal():
            taken[int(number)] = path
    for number in sorted(taken, reverse=True):
        path = taken[number]
        kept = _readable(path)
        if kept is None or kept[0] != settings or _complete(path):
            continue
        try:
            return RunFolder(path, settings, budget_usd, patience=0.5)
        except JournalBusyError:
            continue
    return RunFolder(root / f"{stem}-{max(taken, default=0) + 1}", settings, budget_usd)


def _readable(path: Path) -> tuple[RunSettings, float | None] | None:
    try:
        return stored_settings(path)
    except InputError:
        return None  # A damaged folder is never chosen by default; naming it says why.


def _complete(path: Path) -> bool:
    try:
        return bool(json.loads((path / SUMMARY).read_text(encoding="utf-8"))["complete"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
