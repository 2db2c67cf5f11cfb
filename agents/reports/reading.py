"""Reads run folders as they are: finished, still going, interrupted or damaged.

A report never refuses a folder because a part of it is broken: what can't be read is a
problem in words, and the rest is shown.
"""

from __future__ import annotations

import fcntl
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from agents.runs.episode import FAILURE, RECORD
from agents.runs.folder import LOG, SETTINGS, SUMMARY, stored_settings
from agents.runs.report import verdict
from agents.runs.spec import EpisodeRecord, RunSettings, episode_folder
from repos.errors import InputError, RepoGymError
from repos.tasks.records import parse_record

JOURNAL = "episode.jsonl"

State = Literal["done", "infrastructure", "running", "interrupted", "not played", "damaged"]


@dataclass(frozen=True)
class StoredEpisode:
    """One episode of a run folder.

    Attributes:
        task: Id of the task.
        sample: Which sample of the task, from 0.
        folder: Where its files are; it may be missing.
        repository: The repository of the task, for grouping.
        state: What is known of it.
        record: Its outcome, where it has one.
        problem: What could not be read, one sentence; "" where nothing was wrong.
    """

    task: str
    sample: int
    folder: Path
    repository: str
    state: State
    record: EpisodeRecord | None = None
    problem: str = ""

    @property
    def verdict(self) -> str:
        """The outcome in a word or two."""
        return verdict(self.record) if self.record is not None else self.state


@dataclass(frozen=True)
class StoredRun:
    """One run folder.

    Attributes:
        folder: The folder.
        settings: What was run.
        summary: The figures as the run wrote them; empty where it wrote none.
        running: Whether a process works in it now.
        episodes: All of its episodes, in the suite's order.
        problems: What could not be read, one sentence each.
    """

    folder: Path
    settings: RunSettings
    summary: dict[str, Any] = field(default_factory=dict)
    running: bool = False
    episodes: tuple[StoredEpisode, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.resolve().name

    def episode(self, task: str, sample: int) -> StoredEpisode:
        """Return one episode.

        Raises:
            InputError: The run has no such episode.
        """
        for one in self.episodes:
            if one.sample == sample and task in (one.task, one.task.rpartition("/")[2]):
                return one
        known = ", ".join(list(dict.fromkeys(e.task for e in self.episodes))[:8])
        raise InputError(
            f"{self.folder} has no episode {task} #{sample}. Some of its tasks: {known}."
        )

    def scored(self) -> list[EpisodeRecord]:
        """Return the records that have a verdict."""
        return [e.record for e in self.episodes if e.record and e.record.status == "done"]


def find_runs(paths: list[Path]) -> list[Path]:
    """Return the run folders among `paths` and directly below them.

    Raises:
        InputError: A path is no folder, or no run is found.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            raise InputError(f"{path} is not a folder: name the folder of a run.")
        if (path / SETTINGS).exists():
            found.append(path)
            continue
        below = sorted(p.parent for p in path.glob(f"*/{SETTINGS}"))
        if not below:
            raise InputError(
                f"{path} holds no run (no {SETTINGS}): name a folder that `run_agent.py` wrote, "
                "or the folder above several."
            )
        found += below
    return list(dict.fromkeys(found))


def read_run(folder: Path) -> StoredRun:
    """Read a run folder.

    Raises:
        InputError: It holds no settings of a run, or settings that can't be read.
    """
    kept = stored_settings(folder)
    if kept is None:
        raise InputError(f"{folder} holds no run: it has no {SETTINGS}.")
    settings = kept[0]
    problems: list[str] = []
    summary = _json(folder / SUMMARY, problems)
    running = _is_locked(folder / LOG)
    repositories = _repositories(settings)
    episodes = tuple(
        _read_episode(settings, folder, task, sample, running, repositories.get(task, ""))
        for task in settings.tasks
        for sample in range(settings.samples)
    )
    return StoredRun(folder, settings, summary, running, episodes, tuple(problems))


def read_events(episode: StoredEpisode) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the events of an episode's journal that can be read, and what was wrong."""
    try:
        lines = (episode.folder / JOURNAL).read_bytes().split(b"\n")
    except OSError as error:
        return [], [f"The journal can't be read ({error.strerror})."]
    events, problems = [], []
    if lines[-1]:
        problems.append("The last line of the journal is cut off.")
    for number, line in enumerate(lines[:-1], start=1):
        try:
            event = json.loads(line)
        except ValueError as error:
            problems.append(f"Line {number} of the journal is damaged ({error}).")
            continue
        if isinstance(event, dict) and isinstance(event.get("kind"), str):
            events.append(event)
        else:
            problems.append(f"Line {number} of the journal is no event.")
    return events, problems


def read_text(path: Path) -> str:
    """Return a file as text, whatever its bytes; "" where there is none."""
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""


def read_checks(episode: StoredEpisode) -> dict[str, Any]:
    """Return the stored score as plain data; empty where there is none that can be read."""
    return _json(episode.folder / "score.json", [])


def _read_episode(
    settings: RunSettings, run: Path, task: str, sample: int, running: bool, repository: str
) -> StoredEpisode:
    folder = episode_folder(run, task, sample)
    name = task.rpartition("/")[2]
    repository = repository or name.rpartition("-")[0].replace("__", "/") or name
    state: State = "not played"
    record, problem = None, ""
    for file, with_record in ((RECORD, "done"), (FAILURE, "infrastructure")):
        try:
            record = parse_record(EpisodeRecord, (folder / file).read_bytes(), file)
            state = with_record  # type: ignore[assignment]
            break
        except FileNotFoundError:
            continue
        except (OSError, RepoGymError) as error:
            state, problem = "damaged", f"{file} can't be read: {error}"
            break
    else:
        if (folder / JOURNAL).exists():
            state = "running" if running and _is_locked(folder / JOURNAL) else "interrupted"
    return StoredEpisode(task, sample, folder, repository, state, record, problem)


def _repositories(settings: RunSettings) -> dict[str, str]:
    """Return the repository of each task; empty where the suite is not known here."""
    from repos.tasks.suite import load_suite, suite_names

    if settings.suite not in suite_names():
        return {}
    try:
        suite = load_suite(settings.suite)
    except RepoGymError:
        return {}
    names = ("package", "repository")
    return {
        spec.id: next((str(v) for n in names if (v := getattr(spec.source, n, ""))), "")
        for spec in suite.specs
    }


def _json(path: Path, problems: list[str]) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
        if not isinstance(value, dict):
            raise ValueError("no object")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        problems.append(f"{path.name} can't be read ({error}).")
        return {}
    return value


def _is_locked(path: Path) -> bool:
    """Return whether a living process holds the journal."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
