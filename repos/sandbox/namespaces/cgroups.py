# Paths are strings here: they may be undecodable, and pathlib costs start-up time.
# ruff: noqa: PTH102, PTH106, PTH110, PTH123, PTH208
"""Control groups, version 1 and 2, where this user may create them; standard library only."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

PREFIX = "repogym-"


@dataclass(frozen=True)
class Parent:
    """A folder of the control group file system in which groups may be made.

    Attributes:
        version: 1 or 2.
        folders: Controller ("memory", "pids") to the folder; version 2 has one for both.
    """

    version: int
    folders: dict[str, str]


@dataclass(frozen=True)
class Group:
    """The control group of one sandbox; empty where none could be made."""

    version: int
    folders: dict[str, str]

    def joins(self) -> list[str]:
        """Return the files to which a process with one thread writes "0" to join.

        Version 1 has a file for single threads: a thread that moves itself need not wait, as a
        whole process does, until every processor has noticed (some 10 ms).
        """
        name = "tasks" if self.version == 1 else "cgroup.procs"
        return sorted({f"{folder}/{name}" for folder in self.folders.values()})


def _mounts() -> list[tuple[str, str, set[str]]]:
    """Return (mount point, kind, options) of the control group file systems."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        kind, _, options = right.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            found.append((left.split()[4], kind, set(options.split(","))))
    return found


def _own_paths() -> dict[str, str]:
    """Return controller ("" for version 2) to this process's path."""
    paths = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for name in controllers.split(","):
            paths[name] = path
    return paths


def find_parent() -> Parent | None:
    """Find where groups with memory and process limits can be made; None where nowhere.

    It is tried, not read from the configuration: a group is made, entered by nobody, removed.
    """
    try:
        mounts, own = _mounts(), _own_paths()
    except OSError:
        return None
    folders: dict[str, str] = {}
    for controller in ("memory", "pids"):
        for point, kind, options in mounts:
            if kind == "cgroup" and controller in options:
                for folder in (point + own.get(controller, "/").rstrip("/"), point):
                    if _can_create(folder, _limit_file(1, controller)):
                        folders[controller] = folder
                        break
    if folders:
        return Parent(1, folders)
    for point, kind, _ in mounts:
        if kind == "cgroup2":
            at = point + own.get("", "/").rstrip("/")
            while len(at) >= len(point):
                if _delegates(at) and _can_create(at, "memory.max"):
                    return Parent(2, {"memory": at, "pids": at})
                at = at.rpartition("/")[0]
    return None


def _limit_file(version: int, controller: str) -> str:
    if controller == "pids":
        return "pids.max"
    return "memory.max" if version == 2 else "memory.limit_in_bytes"


def _delegates(folder: str) -> bool:
    try:
        on = set(Path(folder, "cgroup.subtree_control").read_text().split())
        if {"memory", "pids"} <= on:
            return True
        Path(folder, "cgroup.subtree_control").write_text("+memory +pids")
    except OSError:
        return False
    return True


def _can_create(folder: str, limit_file: str) -> bool:
    probe = f"{folder}/{PREFIX}probe-{os.getpid()}"
    try:
        os.mkdir(probe)
    except OSError:
        return False
    try:
        return os.access(f"{probe}/{limit_file}", os.W_OK)
    finally:
        os.rmdir(probe)


def create(parent: Parent, name: str, memory_bytes: int, processes: int) -> Group:
    """Make one sandbox's group.

    Raises:
        OSError: It could not be made after all.
    """
    folders = {}
    for controller, base in parent.folders.items():
        folder = f"{base}/{PREFIX}{name}"
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder)
        folders[controller] = folder
    if "memory" in folders:
        _write(f"{folders['memory']}/{_limit_file(parent.version, 'memory')}", memory_bytes)
        swap = "memory.swap.max" if parent.version == 2 else "memory.memsw.limit_in_bytes"
        with contextlib.suppress(OSError):  # absent where the kernel does not count swap
            _write(f"{folders['memory']}/{swap}", 0 if parent.version == 2 else memory_bytes)
    if "pids" in folders:
        _write(f"{folders['pids']}/pids.max", processes)
    return Group(parent.version, folders)


def _write(path: str, value: int) -> None:
    with open(path, "w") as f:
        f.write(str(value))


def remove(group: Group, patience_s: float = 1.0) -> bool:
    """Remove a group whose processes have ended, waiting for the kernel to notice.

    Returns:
        Whether it is gone.
    """
    until = time.monotonic() + patience_s
    gone = True
    for folder in set(group.folders.values()):
        while True:
            try:
                os.rmdir(folder)
                break
            except FileNotFoundError:
                break
            except OSError as error:
                if error.errno != errno.EBUSY or time.monotonic() > until:
                    gone = False
                    break
                time.sleep(0.001)
    return gone


def remove_stale(parent: Parent) -> None:
    """Remove groups left by processes that are gone (`repogym-PID-N`)."""
    for base in set(parent.folders.values()):
        for name in os.listdir(base):
            found = re.match(re.escape(PREFIX) + r"(\d+)-", name)
            if found and not os.path.exists(f"/proc/{found.group(1)}"):
                with contextlib.suppress(OSError):
                    os.rmdir(f"{base}/{name}")


def kills_and_refusals(group: Group) -> tuple[int, int]:
    """Return how often memory ran out and how often a process was refused, so far."""
    kills = refusals = 0
    if "memory" in group.folders:
        name = "memory.events" if group.version == 2 else "memory.oom_control"
        kills = _counter(f"{group.folders['memory']}/{name}", b"oom_kill ")
    if "pids" in group.folders:
        refusals = _counter(f"{group.folders['pids']}/pids.events", b"max ")
    return kills, refusals


def _counter(path: str, key: bytes) -> int:
    # Read twice a command: the file object and the decoding of `open` would cost three times.
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            data = os.read(fd, 4096)
        finally:
            os.close(fd)
        for line in data.split(b"\n"):
            if line.startswith(key):
                return int(line[len(key) :])
    except (OSError, ValueError):
        return 0
    return 0
