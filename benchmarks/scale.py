"""What Ray costs and brings, beside the worker processes of one machine.

    python benchmarks/scale.py [--episodes N] [--workers N] [--quick] [--json FILE]

Plays N noop episodes of swe-mini (1,000 by default, `--quick` 16) with `--workers` processes, then
with `--executor ray` on a cluster of this machine with as many CPUs. Episodes an hour are counted
from the start of the first to the end of the last. `ray_overhead_ms` is what it takes to hand over
an episode that needs no playing, since it has finished: the median from its submission to the pool
until its record is there, less the time of reading the record in this process.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from agents.runs.cluster import RayPool  # noqa: E402
from agents.runs.episode import run_episode  # noqa: E402
from agents.runs.pool import Finished  # noqa: E402
from agents.runs.spec import EpisodeSpec  # noqa: E402
from benchmarks.record import write  # noqa: E402
from repos.tasks.suite import load_suite  # noqa: E402

SUITE = "swe-mini"
TRIALS = 50


def played(out: Path, episodes: int, workers: int, *more: str) -> tuple[float, int]:
    """Play a run; return its seconds from first start to last end, and its episodes."""
    tasks = len(load_suite(SUITE).specs)
    samples = math.ceil(episodes / tasks)
    command = [
        *[sys.executable, str(ROOT / "run_agent.py"), "--env", SUITE, "--agent", "noop"],
        *["--samples", str(samples), "--workers", str(workers), "--out", str(out), *more],
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    records = [json.loads(path.read_text()) for path in out.glob("episodes/*/*/record.json")]
    first = min(one["started"] for one in records)
    last = max(one["started"] + one["seconds"] for one in records)
    return last - first, len(records)


def overhead_ms(out: Path, workers: int) -> float:
    """Return what Ray adds to an episode that is only read."""
    spec = EpisodeSpec(suite=SUITE, task="warmcache-refresh", agent="noop", out=str(out))
    run_episode(spec)
    alone, handed = [], []
    pool = RayPool(workers, None)
    try:
        for _ in range(TRIALS):
            begun = time.perf_counter()
            run_episode(spec)
            alone.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            pool.submit(spec)
            while not any(isinstance(event, Finished) for event in pool.events(5.0)):
                pass
            handed.append(time.perf_counter() - begun)
    finally:
        pool.close()
    return 1000 * (statistics.median(handed) - statistics.median(alone))


def size(folder: Path) -> int:
    """Return the bytes on disk of a folder."""
    return sum(512 * path.lstat().st_blocks for path in folder.rglob("*"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Ray beside worker processes.")
    parser.add_argument("--episodes", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="16 episodes")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    episodes = 16 if options.quick else options.episodes
    with tempfile.TemporaryDirectory(prefix="repogym-scale-") as scratch:
        base = Path(scratch)
        played(base / "warm", 1, options.workers)  # equal diffs are scored once on a machine
        local, count = played(base / "local", episodes, options.workers)
        cluster, _ = played(base / "ray", episodes, options.workers, "--executor", "ray")
        figures = {
            "episodes": count,
            "workers_episodes_per_hour": round(3600 * count / local, 1),
            "ray_episodes_per_hour": round(3600 * count / cluster, 1),
            "ray_over_workers": round(local / cluster, 3),
            "ray_overhead_ms": round(overhead_ms(base / "one", options.workers), 1),
            "disk_kb_per_episode": round(size(base / "local") / count / 1024, 1),
            "worker_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        }
    for name, value in figures.items():
        print(f"{name} {value}")
    if options.json:
        write(options.json, figures)


if __name__ == "__main__":
    main()
