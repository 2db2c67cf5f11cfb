"""Runs in a process of its own: episodes of one version of RepoGym, through Gymnasium alone.

    python episodes_worker.py sync|async COUNT SECONDS   steps a second of a vector environment
    python episodes_worker.py crowd COUNT                memory and processes of open episodes

The version is the one that PYTHONPATH names. The answer is one line of JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import gymnasium

import repogym  # noqa: F401 - registers the environments

SUITE = max(name for name in gymnasium.registry if name.startswith("repogym/swe-mini-"))
TASK = "patchbay-insert"
TRUE = {"name": "bash", "arguments": '{"command": "true"}'}


def make() -> gymnasium.Env[Any, Any]:
    """Return an environment of one small bundled task, without a bound that matters here."""
    return gymnasium.make(SUITE, task=TASK, max_steps=10_000)


def steps_per_second(kind: str, count: int, seconds: float) -> float:
    """Return how many steps of all sub-environments end in a second."""
    vector = gymnasium.vector
    makers = [make] * count
    if kind == "sync":
        envs: Any = vector.SyncVectorEnv(makers)
    else:
        envs = vector.AsyncVectorEnv(makers, shared_memory=False)  # text fits no shared array
    try:
        envs.reset(seed=0)
        actions: Any = (TRUE,) * count
        for _ in range(3):
            envs.step(actions)
        done, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < seconds:
            envs.step(actions)
            done += count
        return done / (time.perf_counter() - begun)
    finally:
        envs.close()


def crowd(count: int) -> dict[str, float]:
    """Open episodes one after the other; return MB and processes for each, all counted."""
    first = make()
    first.reset()
    first.close()
    before = _proportional(os.getpid())
    envs = [make() for _ in range(count)]
    try:
        for env in envs:
            env.reset()
            env.step(TRUE)
        below = _below(os.getpid())
        used = _proportional(os.getpid()) - before + sum(map(_proportional, below))
        return {"mb": used / 1e6 / count, "processes": len(below) / count}
    finally:
        for env in envs:
            env.close()


def _below(pid: int) -> list[int]:
    """Return all processes that descend from one."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                stat = (folder / "stat").read_bytes()
                parent = int(stat[stat.rfind(b")") + 2 :].split()[1])
                children.setdefault(parent, []).append(int(folder.name))
    found, todo = [], [*children.get(pid, [])]
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return found


def _proportional(pid: int) -> int:
    """Return the bytes of a process, shared ones in proportion."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) << 10
    return 0


def main() -> None:
    what, count = sys.argv[1], int(sys.argv[2])
    if what == "crowd":
        answer: Any = crowd(count)
    else:
        answer = steps_per_second(what, count, float(sys.argv[3]))
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
