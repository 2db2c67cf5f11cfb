"""SWE-bench without Docker, beside the plain way: a checkout, a virtual environment, its command.

Needs the rows (`--dataset FILE`) and local mirrors of the repositories (`--repos-from DIR`); the
extra `swebench`. Environments and source layers are built in a cache of the benchmark's own.

    python benchmarks/swebench.py --dataset FILE --repos-from DIR [--quick] [--json FILE]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# This folder comes last: the file would hide the package that it is called after.
sys.path[:1] = [str(ROOT)]
sys.path.append(str(ROOT / "benchmarks"))

import gymnasium  # noqa: E402
import record  # noqa: E402

import repogym  # noqa: E402, F401  (registers the environments)
from repos.environments.choosing import choose_environment  # noqa: E402
from repos.environments.interpreters import find_python  # noqa: E402
from repos.environments.python import python_layer  # noqa: E402
from repos.prepare import build_files, prepare  # noqa: E402
from repos.sandbox.select import get_backend  # noqa: E402
from repos.scoring.official import VARIABLES  # noqa: E402
from repos.scoring.score import score  # noqa: E402
from repos.tasks.environments import SweBenchEnvironment  # noqa: E402
from repos.tasks.records import Task, TaskSpec  # noqa: E402
from repos.tasks.sources.swe_bench.options import use_dataset, use_mirrors  # noqa: E402
from repos.tasks.sources.swe_bench.repositories import find_repository, git  # noqa: E402
from repos.tasks.suite import load_suite  # noqa: E402

SUITE = "swe-bench-lite"
DJANGO, SYMPY = "django__django-11099", "sympy__sympy-24102"
OTHERS = (
    *("django__django-12113", "django__django-13321", "django__django-14672"),
    *("django__django-15202", "sympy__sympy-24909", "sympy__sympy-18621"),
)
"""Instances that are played by the oracle, beside the two that are compared."""

ENVIRONMENTS = (DJANGO, SYMPY, "pallets__flask-5063", "pytest-dev__pytest-7168")


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def plain_way(spec: TaskSpec, task: Task, folder: Path) -> float:
    """Check out the base, apply both patches, run the official command on the host; in seconds."""
    source: Any = spec.source
    git_dir = find_repository(source.repository, source.base_commit)
    environment = spec.environments[choose_environment(spec)]
    assert isinstance(environment, SweBenchEnvironment)
    layer = next(m.source for m in task.layers.mounts if m.target == "/env")
    tree = folder / "tree"
    own = {**os.environ, **VARIABLES, "PATH": f"{layer}/bin:{os.environ['PATH']}",
           "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip

    def work() -> None:
        tree.mkdir()
        index = {"GIT_WORK_TREE": str(tree), "GIT_INDEX_FILE": str(folder / "index")}
        git(git_dir, "read-tree", source.base_commit, env=index)
        git(git_dir, "checkout-index", "--all", "--force", env=index)
        for patch in (source.patch, source.test_patch):
            command = ["git", "apply", "-"]
            subprocess.run(command, cwd=tree, input=patch.encode(), check=True, env=own)
        subprocess.run(
            ["bash", "-c", source.command], cwd=tree, env=own, capture_output=True, check=True
        )

    return seconds(work)


def compare(name: str, backend: Any, rounds: int) -> dict[str, float]:
    """Return the times of both ways, each the least of some rounds in turn."""
    spec = load_suite(SUITE).spec(name)
    task = prepare(spec, suite=SUITE)
    plain, ours = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            plain.append(plain_way(spec, task, Path(folder)))

        def once() -> None:
            result, _ = score(task, task.hidden.reference, backend=backend)
            assert result.resolved, result.checks

        ours.append(seconds(once))
    return {"plain_s": min(plain), "score_s": min(ours), "ratio": min(ours) / min(plain)}


def reset_ms(name: str, rounds: int) -> tuple[float, float]:
    """Return the median times of resets of an instance and of a small task, in turn."""
    envs = [
        gymnasium.make(f"repogym/{SUITE}-v1", task=name),
        gymnasium.make("repogym/swe-mini-v1", task="warmcache-refresh"),
    ]
    found: list[list[float]] = [[], []]
    try:
        for env in envs:
            env.reset(seed=0)
        for _ in range(rounds):
            for times, env in zip(found, envs, strict=True):
                times.append(seconds(lambda env=env: env.reset(seed=0)))
    finally:
        for env in envs:
            env.close()
    large, small = (statistics.median(times) * 1000 for times in found)
    return large, small


def oracle_rate(names: tuple[str, ...], folder: Path) -> float:
    """Return how many prepared instances an hour the oracle plays, two at a time."""
    tasks = [word for name in names for word in ("--task", name)]
    command = [sys.executable, str(ROOT / "run_agent.py"), "--env", SUITE, "--agent", "oracle"]
    begun = time.perf_counter()
    subprocess.run(
        [*command, *tasks, "--workers", "2", "--out", str(folder / "run")],
        check=True, capture_output=True,
    )  # fmt: skip
    return len(names) * 3600 / (time.perf_counter() - begun)


def disk_mb(folder: Path) -> float:
    """Return the size of what a cache keeps for its tasks, files of several names counted once."""
    done = subprocess.run(
        ["du", "-sck", str(folder / "tasks"), str(folder / "shared")],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return int(done.stdout.splitlines()[-1].split()[0]) / 1024


def build_seconds(name: str) -> float:
    """Return how long an instance's Python environment takes to build."""
    spec = load_suite(SUITE).spec(name)
    environment = spec.environments[choose_environment(spec)]
    assert isinstance(environment, SweBenchEnvironment)
    base, python = build_files(spec).base, find_python(environment.python)
    return seconds(partial(python_layer, environment, base, spec.source_dirs, python))


def main() -> None:
    parser = argparse.ArgumentParser(description="SWE-bench without Docker: what it costs.")
    parser.add_argument("--dataset", type=Path, required=True, help="rows of SWE-bench Lite")
    parser.add_argument("--repos-from", type=Path, required=True, help="folder of local mirrors")
    parser.add_argument("--quick", action="store_true", help="once, four instances")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write the figures here")
    options = parser.parse_args()
    use_dataset(options.dataset)
    use_mirrors(options.repos_from)
    rounds = 1 if options.quick else 3
    names = (DJANGO, SYMPY, *OTHERS[: 2 if options.quick else None])
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="repogym-swebench-") as place:
        os.environ["REPOGYM_CACHE"] = str(Path(place) / "cache")
        built = [build_seconds(n) for n in ENVIRONMENTS[: 2 if options.quick else None]]
        figures["env_build_s_p50"] = round(statistics.median(built), 1)
        for name in names:
            prepare(load_suite(SUITE).spec(name), suite=SUITE)
        figures["disk_mb_per_instance"] = round(disk_mb(Path(place) / "cache") / len(names), 1)
        backend = get_backend("auto")
        try:
            for key, name in (("django", DJANGO), ("sympy", SYMPY)):
                both = compare(name, backend, rounds)
                figures[f"{key}_score_s"] = round(both["score_s"], 2)
                figures[f"{key}_plain_s"] = round(both["plain_s"], 2)
                figures[f"{key}_score_ratio"] = round(both["ratio"], 2)
        finally:
            backend.close()
        with contextlib.redirect_stdout(io.StringIO()):
            large, small = reset_ms(DJANGO, 20 * rounds)
        figures["django_reset_ms"] = round(large, 1)
        figures["django_reset_ratio"] = round(large / small, 2)
        figures["instances_per_hour"] = round(oracle_rate(names, Path(place)))
    for key, value in figures.items():
        print(f"{key:24} {value}")
    if options.json:
        record.write(options.json, figures, instances=list(names))


if __name__ == "__main__":
    main()
