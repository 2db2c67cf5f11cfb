"""Worker processes that play episodes, and survive the death of any one of them.

Unlike `concurrent.futures`, a worker that is killed (out of memory, say) costs one try of
one episode and not the pool; and no worker outlives the process that started it.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from agents.runs.interruption import Interruption, Stopped
from agents.runs.spec import EpisodeRecord, EpisodeSpec

_PR_SET_PDEATHSIG = 1

TERMINATE_GRACE = 10.0
"""Seconds that workers get to close their sandboxes."""


@dataclass(frozen=True)
class Stepped:
    """An episode made another step."""

    worker: int
    spec: EpisodeSpec
    steps: int
    call: str


@dataclass(frozen=True)
class Waited:
    """The model keeps an episode waiting; a line for a person says why."""

    worker: int
    spec: EpisodeSpec
    text: str


@dataclass(frozen=True)
class Finished:
    """An episode ended with a record (which may say "infrastructure")."""

    worker: int
    spec: EpisodeSpec
    record: EpisodeRecord


@dataclass(frozen=True)
class Refused:
    """The run cannot go on: a sentence for the user and an exit status."""

    worker: int
    spec: EpisodeSpec
    message: str
    exit_status: int


@dataclass(frozen=True)
class Lost:
    """A worker died; the pool has started another one."""

    worker: int
    spec: EpisodeSpec
    message: str


PoolEvent = Stepped | Waited | Finished | Refused | Lost


@dataclass
class _Worker:
    process: Any
    connection: Connection
    log: Path
    log_begin: int
    spec: EpisodeSpec | None = None
    last_words: str = ""


class WorkerPool:
    """A fixed number of worker processes, started with `spawn`."""

    def __init__(self, workers: int, logs: Path) -> None:
        """Start the workers.

        Args:
            workers: How many.
            logs: Folder in which worker N writes what it prints, to `worker-N.log`.
        """
        self._context = multiprocessing.get_context("spawn")
        self._logs = logs
        logs.mkdir(parents=True, exist_ok=True)
        self._workers = [self._start(number) for number in range(workers)]

    def _start(self, number: int) -> _Worker:
        ours, theirs = self._context.Pipe()
        log = self._logs / f"worker-{number + 1}.log"
        process = self._context.Process(
            target=_work,
            args=(theirs, os.getpid(), str(log)),
            name=f"repogym-worker-{number + 1}",
            daemon=True,
        )
        process.start()
        theirs.close()
        return _Worker(process, ours, log, log.stat().st_size if log.exists() else 0)

    @property
    def idle(self) -> bool:
        """Whether some worker has nothing to do."""
        return any(worker.spec is None for worker in self._workers)

    @property
    def busy(self) -> int:
        """How many workers play an episode."""
        return sum(worker.spec is not None for worker in self._workers)

    def submit(self, spec: EpisodeSpec) -> None:
        """Give an episode to an idle worker."""
        worker = next(worker for worker in self._workers if worker.spec is None)
        worker.spec = spec
        # One that died idle has closed its end: `events` finds that and reports it.
        with contextlib.suppress(OSError):
            worker.connection.send(spec)

    def events(self, timeout: float) -> Iterator[PoolEvent]:
        """Yield what has happened, waiting at most `timeout` seconds for a first event."""
        by_connection = {w.connection: n for n, w in enumerate(self._workers) if w.spec is not None}
        if not by_connection:
            time.sleep(min(timeout, 0.1))
        for ready in wait(list(by_connection), timeout):
            number = by_connection[ready]  # type: ignore[index]
            worker = self._workers[number]
            spec = worker.spec
            assert spec is not None
            try:
                kind, *rest = worker.connection.recv()
            except (EOFError, OSError):
                yield self._bury(number, spec)
                continue
            if kind == "stepped":
                yield Stepped(number, spec, *rest)
                continue
            if kind == "waited":
                yield Waited(number, spec, *rest)
                continue
            if kind == "dying":
                worker.last_words = str(rest[0])
                continue
            worker.spec = None
            if kind == "finished":
                yield Finished(number, spec, *rest)
            else:
                yield Refused(number, spec, *rest)

    def _bury(self, number: int, spec: EpisodeSpec) -> Lost:
        worker = self._workers[number]
        worker.connection.close()
        worker.process.join(TERMINATE_GRACE)
        status = worker.process.exitcode
        if status is not None and status < 0:
            how = f"killed by {signal.Signals(-status).name}"
        else:
            how = f"exit status {status}"
        why = worker.last_words or _last_line(worker.log, worker.log_begin)
        if not why and status == -signal.SIGKILL:
            why = "most often the machine had no memory left; fewer --workers need less"
        self._workers[number] = self._start(number)
        return Lost(
            number, spec, f"the worker process died ({how}): {why or 'it left no word why'}"
        )

    def close(self) -> None:
        """End all workers: politely first, so that they close their sandboxes.

        A KeyboardInterrupt meanwhile kills them.
        """
        try:
            self._close_politely()
        except KeyboardInterrupt:
            for worker in self._workers:
                worker.process.kill()
                worker.process.join()
                worker.connection.close()

    def _close_politely(self) -> None:
        for worker in self._workers:
            if worker.spec is None:
                worker.connection.close()
            elif worker.process.is_alive():
                worker.process.terminate()
        deadline = time.monotonic() + TERMINATE_GRACE
        for worker in self._workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.connection.close()

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _work(connection: Connection, parent: int, log: str) -> None:
    """Play the episodes that come over `connection` until it closes."""
    _die_with(parent)
    # Ctrl-C reaches the whole process group; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    interruption = Interruption()
    try:
        interruption.listen()
        _print_to(log)
        _play_all(connection, interruption)
    except Stopped:
        sys.exit(128 + signal.SIGTERM)
    except Exception as error:
        # The log may be on a disk that is full: the reason goes to the parent first.
        with contextlib.suppress(OSError):
            connection.send(("dying", f"{type(error).__name__}: {error}"))
        raise


def _play_all(connection: Connection, interruption: Interruption) -> None:
    from agents.runs.episode import run_episode
    from repos.errors import RepoGymError

    lock = threading.Lock()

    def send(*message: object) -> None:
        with lock:
            connection.send(message)

    while True:
        try:
            spec = connection.recv()
        except EOFError:
            return
        try:
            record = run_episode(
                spec,
                progress=lambda steps, call: send("stepped", steps, call),
                waits=lambda text: send("waited", text),
                interruption=interruption,
            )
        except RepoGymError as error:
            send("refused", str(error), error.exit_status)
        else:
            send("finished", record)


def _last_line(log: Path, begin: int) -> str:
    """Return what a worker printed last, from `begin` on, or what Python said of its crash."""
    try:
        with log.open("rb") as file:
            file.seek(begin)
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith("Fatal Python error")]
    return (fatal or lines or [""])[-1][:500]


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies, however it dies."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _print_to(log: str) -> None:
    """Send this process's output to a file, so that it never breaks the progress display."""
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    os.close(fd)
    faulthandler.enable()
