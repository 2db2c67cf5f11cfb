"""Many sandboxes at once: what they take of memory and time."""

from __future__ import annotations

import contextlib
import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path

from repos.sandbox.backends.bubblewrap.backend import BubblewrapBackend
from repos.sandbox.backends.bubblewrap.sandbox import BubblewrapSandbox
from repos.sandbox.protocol import Layers, SandboxSpec

GIB = 1 << 30


@dataclass(frozen=True)
class Crowd:
    """What a number of sandboxes took.

    Attributes:
        count: How many were open at once; every one ran a command.
        processes_gb: Proportional set size of all their processes, in GiB; the namespace
            daemon's is included.
        kernel_gb: What the kernel took for them (control groups' count), in GiB; None where
            no control group counts it.
        available_gb: How much less memory the whole machine had available, in GiB: exact on a
            quiet machine, off by what others did on a busy one.
        create_ms: Wall time of one create, mean.
        exec_ms: Median of `true` in one with all the others idle.
        close_s: Wall time until all were gone.
    """

    count: int
    processes_gb: float
    kernel_gb: float | None
    available_gb: float
    create_ms: float
    exec_ms: float
    close_s: float

    @property
    def gb(self) -> float:
        """Processes and kernel together; what the machine lost where the kernel isn't counted."""
        if self.kernel_gb is None:
            return self.available_gb
        return self.processes_gb + self.kernel_gb


def measure(layers: Layers, count: int) -> Crowd:
    """Open `count` sandboxes, run a command in each, measure, close all.

    A namespace daemon of its own serves them, so earlier sandboxes leave nothing in the figure.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 6 * count + 256
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    backend = BubblewrapBackend()
    open_ones: list[BubblewrapSandbox] = []
    spec = SandboxSpec(disk_mb=64, tmp_mb=64)
    try:
        first = backend.create(layers, spec)
        first.exec(["true"])
        first.close()
        available = _available()
        begun = time.perf_counter()
        for _ in range(count):
            open_ones.append(backend.create(layers, spec))
        create_ms = (time.perf_counter() - begun) * 1000 / count
        times = []
        for sandbox in open_ones:
            begun = time.perf_counter()
            done = sandbox.exec(["true"])
            times.append((time.perf_counter() - begun) * 1000)
            if done.exit_code != 0:
                raise RuntimeError(f"true ended with {done.exit_code}: {done.text}")
        lost = available - _available()
        processes = sum(_proportional(pid) for pid in _descendants(backend.daemon.pid))
        counted = [_kernel(folder) for folder in _groups(backend.daemon.pid)]
        kernel = sum(counted) / GIB if len(counted) >= count else None
        begun = time.perf_counter()
        for sandbox in open_ones:
            sandbox.close()
        close_s = time.perf_counter() - begun
    finally:
        for sandbox in open_ones:
            sandbox.close()
        backend.close()
    return Crowd(
        count=count,
        processes_gb=processes / GIB,
        kernel_gb=kernel,
        available_gb=lost / GIB,
        create_ms=create_ms,
        exec_ms=sorted(times)[len(times) // 2],
        close_s=close_s,
    )


def _available() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    raise RuntimeError("/proc/meminfo has no MemAvailable")


def _descendants(pid: int) -> list[int]:
    """Return a process and all below it."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                stat = (folder / "stat").read_bytes()
                parent = int(stat[stat.rfind(b")") + 2 :].split()[1])
                children.setdefault(parent, []).append(int(folder.name))
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return found


def _proportional(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) << 10
    return 0


def _groups(daemon: int) -> list[Path]:
    """Return the memory control groups of this process's sandboxes under a namespace daemon."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        kind, _, options = right.split(" ", 2)
        if kind == "cgroup2" or (kind == "cgroup" and "memory" in options.split(",")):
            # Other sandboxes may come and go meanwhile: what vanishes is passed over.
            for folder, names, _ in os.walk(left.split()[4]):
                mine = [n for n in names if n.startswith(f"repogym-{os.getpid()}-{daemon}-")]
                found += [Path(folder, name) for name in mine]
    return found


def _kernel(folder: Path) -> int:
    """Return the kernel memory and memory file systems that a control group counted."""
    stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    if "kernel" in stat:  # version 2
        return int(stat["kernel"]) + int(stat["shmem"])
    return int((folder / "memory.kmem.usage_in_bytes").read_text()) + int(stat["shmem"])
