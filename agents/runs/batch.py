"""Many episodes: what is left of a run, played by worker processes."""

from __future__ import annotations

import heapq
import itertools
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

from agents.runs.episode import RECORD, read_record, spent
from agents.runs.folder import RunFolder
from agents.runs.pool import Finished, Lost, PoolEvent, Refused, Stepped, Waited, WorkerPool
from agents.runs.progress import Counts, Display, display_for
from agents.runs.report import summarise, write_reports
from agents.runs.spec import EpisodeRecord, EpisodeSpec
from repos.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

TRIES = 3
"""How often an episode is played before an infrastructure failure stands."""

PAUSES = (1.0, 5.0)
"""Seconds before the second and the third try."""

HOPELESS = 5
"""After so many episodes in a row without a verdict the infrastructure stops the run."""


Executor = Literal["processes", "ray"]


class Pool(Protocol):
    """Plays episodes, as many at the same time as it can."""

    @property
    def idle(self) -> bool:
        """Whether another episode may begin."""
        ...

    @property
    def busy(self) -> int:
        """How many episodes play."""
        ...

    def submit(self, spec: EpisodeSpec) -> None:
        """Give an episode to it."""
        ...

    def events(self, timeout: float) -> Iterator[PoolEvent]:
        """Yield what has happened, waiting at most `timeout` seconds for a first event."""
        ...

    def __enter__(self) -> Self:
        """Return it; it is closed at the end."""
        ...

    def __exit__(self, *_: object) -> None:
        """Close it."""
        ...


class RunRefusedError(InputError):
    """A worker found that the run cannot go on; carries the exit status it asked for."""

    def __init__(self, message: str, exit_status: int) -> None:
        super().__init__(message)
        self.exit_status = exit_status


@dataclass
class _Queue:
    """Episodes to play; failed ones come back after a pause, behind the others."""

    order: itertools.count = field(default_factory=itertools.count)
    heap: list[tuple[float, int, EpisodeSpec, int]] = field(default_factory=list)

    def push(self, spec: EpisodeSpec, tries: int, pause: float = 0.0) -> None:
        when = time.monotonic() + pause if pause else 0.0
        heapq.heappush(self.heap, (when, next(self.order), spec, tries))

    def pop(self) -> tuple[EpisodeSpec, int] | None:
        if self.heap and self.heap[0][0] <= time.monotonic():
            _, _, spec, tries = heapq.heappop(self.heap)
            return spec, tries
        return None


def run_batch(
    folder: RunFolder,
    *,
    workers: int,
    budget_usd: float | None,
    console: Console,
    executor: Executor = "processes",
    address: str | None = None,
) -> tuple[list[EpisodeRecord], dict[str, Any]]:
    """Play what is left of a run and write its reports.

    Finished episodes are kept. An interrupt (KeyboardInterrupt) ends the workers and leaves
    everything so that the same command goes on; the reports are written then, too.

    Args:
        folder: The open run.
        workers: Number of processes, or of episodes at the same time; 0 is one for each CPU of
            a cluster.
        budget_usd: What the whole run may cost, in USD.
        console: Where progress is shown.
        executor: What plays: processes of this machine, or a Ray cluster.
        address: Of the cluster; None starts one of this machine.

    Returns:
        One record an episode that was played, and the summary.

    Raises:
        RunRefusedError: The run cannot go on as it is.
    """
    settings = folder.settings
    specs = [
        settings.episode(task, sample, folder.path, budget_usd)
        for task in settings.tasks
        for sample in range(settings.samples)
    ]
    records: dict[tuple[str, int], EpisodeRecord] = {}
    todo: list[EpisodeSpec] = []
    for spec in specs:
        kept = read_record(spec.folder)
        if kept is not None and _raised(folder.former_budget, budget_usd) and kept.end == "cost":
            (spec.folder / RECORD).unlink()
            kept = None
        if kept is None:
            todo.append(spec)
        else:
            records[spec.task, spec.sample] = kept
    _start_ledger(specs, budget_usd)
    try:
        if todo:
            pool = _pool(folder, todo, workers, budget_usd, executor, address)
            _play_all(folder, todo, pool, records, len(specs), console)
    finally:
        played = list(records.values())
        summary = summarise(settings, played, folder.seconds(), budget_usd)
        write_reports(folder.path, settings, played, summary)
    return played, summary


def _raised(before: float | None, now: float | None) -> bool:
    return before is not None and (now is None or now > before)


def _start_ledger(specs: Sequence[EpisodeSpec], budget_usd: float | None) -> None:
    ledger = specs[0].budget_file if specs else None
    if budget_usd is not None and ledger is not None:
        from agents.models.budget import Budget

        Budget(Path(ledger), budget_usd).start()


def _pool(
    folder: RunFolder,
    todo: Sequence[EpisodeSpec],
    workers: int,
    budget_usd: float | None,
    executor: Executor,
    address: str | None,
) -> Pool:
    if executor == "ray":
        from agents.runs.cluster import RayPool

        ledger = todo[0].budget_file
        return RayPool(workers or None, address, ledger=ledger, budget_usd=budget_usd)
    return WorkerPool(min(workers, len(todo)), folder.path / "logs")


def _play_all(
    folder: RunFolder,
    todo: Sequence[EpisodeSpec],
    opened: Pool,
    records: dict[tuple[str, int], EpisodeRecord],
    total: int,
    console: Console,
) -> None:
    counts = Counts(total)
    for record in records.values():
        counts.add(record)
    queue = _Queue()
    for spec in todo:
        queue.push(spec, 1)
    display = display_for(console, counts, os.environ)
    try:
        with opened as pool:
            try:
                _work_off(folder, pool, queue, records, counts, display)
            except KeyboardInterrupt:
                # Before the workers are ended: whoever asked hears at once what happens.
                display.stopping(pool.busy)
                raise
    finally:
        display.close()


def _work_off(
    folder: RunFolder,
    pool: Pool,
    queue: _Queue,
    records: dict[tuple[str, int], EpisodeRecord],
    counts: Counts,
    display: Display,
) -> None:
    """Play the queue to its end, or until too many episodes in a row had no verdict."""
    tries: dict[tuple[str, int], int] = {}
    failed_in_a_row = 0
    while pool.busy or queue.heap:
        while pool.idle and failed_in_a_row < HOPELESS:
            next_up = queue.pop()
            if next_up is None:
                break
            spec, tries[spec.task, spec.sample] = next_up
            pool.submit(spec)
        if failed_in_a_row >= HOPELESS and not pool.busy:
            return
        for event in pool.events(0.5):
            record = _outcome(event, display)
            if record is None:
                continue
            attempt = tries[record.task, record.sample]
            if record.status != "done" and attempt < TRIES:
                folder.log.append(
                    "failed", task=record.task, sample=record.sample, error=record.error
                )
                display.retried(event.spec, record.error)
                queue.push(event.spec, attempt + 1, PAUSES[attempt - 1])
                continue
            failed_in_a_row = failed_in_a_row + 1 if record.status != "done" else 0
            records[record.task, record.sample] = record
            counts.add(record)
            folder.log.append(
                "episode", task=record.task, sample=record.sample, status=record.status
            )
            display.finished(record, counts)


def _outcome(event: PoolEvent, display: Display) -> EpisodeRecord | None:
    """Return the record of an event that ends a try."""
    match event:
        case Stepped():
            display.stepped(event.spec, event.steps, event.call)
            return None
        case Waited():
            display.waited(event.spec, event.text)
            return None
        case Refused():
            raise RunRefusedError(event.message, event.exit_status)
        case Finished():
            return event.record
        case Lost():
            return EpisodeRecord(
                task=event.spec.task,
                sample=event.spec.sample,
                status="infrastructure",
                error=event.message,
                use=spent(event.spec.folder),
            )
