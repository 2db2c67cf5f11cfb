"""What `/proc` says about the processes beside this one."""

import os

from .starting import RTTIME_BASE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Container, Dict, Optional, Tuple

    Table = Dict[int, Tuple[int, bytes]]

PAGE = 4096


def process_table() -> "Table":
    """Return {pid: (parent, state)} of all processes but this one."""
    table = {}
    me = os.getpid()
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        pid = int(name)
        if pid == me:
            continue
        try:
            with open("/proc/%d/stat" % pid, "rb") as f:
                line = f.read()
        except OSError:
            continue
        rest = line[line.rfind(b")") + 2 :].split()
        table[pid] = (int(rest[1]), rest[0])
    return table


def slot_of(pid: int) -> "Optional[int]":
    """Return the slot that a process carries in its limits, or None."""
    try:
        with open("/proc/%d/limits" % pid, "rb") as f:
            for line in f:
                if line.startswith(b"Max realtime timeout"):
                    soft = line[20:].split()[0]
                    return int(soft) - RTTIME_BASE if soft.isdigit() else None
    except OSError:
        pass
    return None


def descends(pid: int, table: "Table", roots: "Container[int]") -> bool:
    """Whether a process is one of the roots, or below one."""
    while pid in table and pid not in roots:
        pid = table[pid][0]
    return pid in roots


def resident(pid: int) -> int:
    """Return the bytes of memory of a process, shared ones included."""
    try:
        with open("/proc/%d/statm" % pid, "rb") as f:
            return int(f.read().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0


def proportional(pid: int, fallback: int) -> int:
    """Return the same with shared pages counted once for all who share them; slower."""
    try:
        with open("/proc/%d/smaps_rollup" % pid, "rb") as f:
            for line in f:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return fallback
