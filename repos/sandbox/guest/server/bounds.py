"""Bounds that were hit: looked for where no control group holds them, or read from its counters."""

import os

from .processes import proportional, resident, slot_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterable, List, Optional, Tuple

    from .jobs import Job
    from .processes import Table

FULL_BYTES = 1 << 16
COUNTERS = (  # kills for memory, refusals of processes; version 2, then 1
    (("/sys/fs/cgroup/memory.events", b"oom_kill"), ("/sys/fs/cgroup/pids.events", b"max")),
    (
        ("/sys/fs/cgroup/memory/memory.oom_control", b"oom_kill"),
        ("/sys/fs/cgroup/pids/pids.events", b"max"),
    ),
)


def find_excess(
    jobs: "Dict[int, Job]", table: "Table", memory: int, processes: int
) -> "Optional[Tuple[Job, str]]":
    """Return the largest request and the bound that is exceeded, or None.

    Args:
        jobs: The running requests, at least one.
        table: Their processes.
        memory: Bytes that all may have together; 0 for any number.
        processes: How many there may be; 0 for any number.
    """
    if processes and len(table) > processes:
        # First, and at once: a fork bomb grows while its memory is added up.
        return _largest(jobs, table, dict.fromkeys(table, 1)), "processes"
    use = {pid: resident(pid) for pid in table}
    if memory and sum(use.values()) > memory:
        for pid in use:  # shared pages count once only in the slower figure
            use[pid] = proportional(pid, use[pid])
        if sum(use.values()) > memory:
            return _largest(jobs, table, use), "memory"
    return None


def _largest(jobs: "Dict[int, Job]", table: "Table", weight: "Dict[int, int]") -> "Job":
    totals = dict.fromkeys(jobs, 0)
    roots = {job.pid: ident for ident, job in jobs.items()}
    slots = {job.slot: ident for ident, job in jobs.items()}
    for pid in table:
        at = pid
        while at in table and at not in roots:
            at = table[at][0]
        ident = roots.get(at)
        if ident is None:
            slot = slot_of(pid)
            ident = None if slot is None else slots.get(slot)
        if ident is not None:
            totals[ident] += weight[pid]
    return jobs[max(totals, key=lambda ident: totals[ident])]


def is_any_full(disks: "Iterable[str]") -> bool:
    """Whether one of the file systems has no room left."""
    for path in disks:
        try:
            usage = os.statvfs(path)
        except OSError:
            continue
        if usage.f_bavail * usage.f_frsize < FULL_BYTES or (usage.f_files and not usage.f_favail):
            return True
    return False


class Counters:
    """What the container's own control group counts: kills for memory, refused processes."""

    def __init__(self) -> None:
        """Open the files of the version that there is; nothing is counted where there is none."""
        self.files: List[Tuple[int, bytes]] = []
        for version in COUNTERS:
            if all(os.path.exists(path) for path, _ in version):
                # Held open: nothing that happens inside changes what is read.
                self.files = [
                    (os.open(path, os.O_RDONLY | os.O_CLOEXEC), key) for path, key in version
                ]
                break

    def read(self) -> "List[int]":
        """Return the counts so far."""
        found = []
        for fd, key in self.files:
            number = 0
            for line in os.pread(fd, 4096, 0).splitlines():
                words = line.split()
                if len(words) == 2 and words[0] == key:
                    number = int(words[1])
            found.append(number)
        return found

    def hit_since(self, before: "List[int]") -> "Optional[str]":
        """Return the bound that was hit since an earlier reading, or None."""
        for limit, was, number in zip(("memory", "processes"), before, self.read()):
            if number > was:
                return limit
        return None
