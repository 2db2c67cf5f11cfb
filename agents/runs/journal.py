"""An append-only journal: one JSON object a line, on the disk before the call returns.

It survives a kill at any moment: a torn last line is left out when reading and cut off
before the next line is written.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

from repos.errors import InputError, RecordError

LOCK_PATIENCE = 10.0
"""Seconds to wait for another process that still holds a journal."""


class JournalBusyError(InputError):
    """Another living process writes this journal."""


class Journal:
    """Appends events to a file that no other process may write at the same time.

    The lock is the kernel's: it is gone when its holder dies, however it dies.
    """

    def __init__(self, path: Path, *, patience: float = LOCK_PATIENCE) -> None:
        """Open or create the file, take its lock and cut off a torn last line.

        Args:
            path: The journal.
            patience: Seconds to wait for the lock.

        Raises:
            JournalBusyError: Another process still holds it after `patience`.
        """
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._mutex = threading.Lock()
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            self._take_lock(patience)
            _cut_torn_line(self._fd)
        except BaseException:
            os.close(self._fd)
            raise

    def _take_lock(self, patience: float) -> None:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise JournalBusyError(
                        f"{self.path} is in use by another running process: wait for it to end, "
                        "or name another folder with --out."
                    ) from None
                time.sleep(0.05)

    def append(self, kind: str, **fields: Any) -> None:
        """Write one event; it is on the disk when this returns. Any thread may call."""
        event = {"kind": kind, "time": round(time.time(), 3), **fields}
        line = json.dumps(event, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
        with self._mutex:
            view = memoryview(line)
            while view:
                view = view[os.write(self._fd, view) :]
            os.fsync(self._fd)

    def close(self) -> None:
        """Release the lock and the file; closing twice is fine."""
        with self._mutex:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _cut_torn_line(fd: int) -> None:
    size = os.fstat(fd).st_size
    end = size
    while end > 0:
        start = max(0, end - 65536)
        block = os.pread(fd, end - start, start)
        newline = block.rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    if end < size:
        os.ftruncate(fd, end)


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Return the events of a journal, oldest first; what is no file has none.

    Raises:
        RecordError: A line other than the last one is not a JSON object.
    """
    # A device in its place could be read without end.
    if not path.is_file():
        return []
    lines = path.read_bytes().split(b"\n")
    events = []
    for number, line in enumerate(lines[:-1], start=1):
        try:
            event = json.loads(line)
            if not isinstance(event, dict):
                raise ValueError("not an object")
        except ValueError as error:
            raise RecordError(
                f"{path}, line {number}, is damaged ({error}): remove the folder "
                f"{path.parent} to play it again."
            ) from error
        events.append(event)
    return events


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write a file so that a kill leaves the old content or the new one, never half of it."""
    content = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    work = path.with_name(f".{path.name}.{os.getpid()}")
    fd = os.open(work, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(fd, view) :]
        os.fsync(fd)
    except BaseException:
        work.unlink(missing_ok=True)
        raise
    finally:
        os.close(fd)
    work.replace(path)
