"""What sandboxes cost beside what one would use without them.

Everything that is compared runs in turn, in the same call, so that both sides see the same
machine. Times are medians; the minimum stands beside them because a busy machine only adds.
`create`, `reset` and `fork` end when the first command has run; before `reset` and `fork`
something was written. A comparison that can't be made here is left out, with the reason.

    python benchmarks/sandbox.py [--quick] [--json FILE]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sandbox_crowd import measure
from sandbox_layers import SympyTask, django_tree, sympy_task
from sandbox_peers import LeftOutError, docker_backend, exec_run, plain_driver, swerex_driver

from repos.errors import RepoGymError
from repos.runners.protocol import GradeRequest
from repos.runners.registry import get_runner
from repos.sandbox.protocol import Backend, Layers, Sandbox, SandboxSpec
from repos.sandbox.select import get_backend
from repos.sandbox.workspace import Workspace

SWEREX_BATCH = 5


@dataclass
class Report:
    """The figures as they come in.

    Attributes:
        figures: By key; milliseconds, seconds, GiB or ratios as the key says.
        left_out: What could not be compared, with the reason.
    """

    figures: dict[str, float] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def add(self, key: str, value: float) -> None:
        """Take and print one figure."""
        self.figures[key] = round(value, 4)
        print(f"{key:28} {self.figures[key]:10.4g}", flush=True)

    def times(self, key: str, values: list[float]) -> float:
        """Take the median of some times, and their minimum; return the median."""
        middle = statistics.median(values)
        self.add(key, middle)
        self.add(f"{key.removesuffix('_ms').removesuffix('_s')}_min_{key.rpartition('_')[2]}",
                 min(values))  # fmt: skip
        return middle

    def leave_out(self, what: str, why: str) -> None:
        """Say why a comparison is missing."""
        self.left_out[what] = why
        print(f"{what:28}   left out: {why}", flush=True)


def milliseconds(work: Callable[[], object]) -> float:
    """Return how long a call takes."""
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


def true_in(sandbox: Sandbox) -> None:
    """Run `true` in a sandbox.

    Raises:
        RuntimeError: It failed.
    """
    done = sandbox.exec(["true"])
    if done.exit_code != 0:
        raise RuntimeError(f"true ended with {done.exit_code}: {done.text}")


def commands(report: Report, backend: Backend, tree: Path, rounds: int) -> None:
    """Time `true` in a sandbox beside a bare process and a SWE-ReX session."""
    sandbox = backend.create(Layers((tree,)), SandboxSpec())
    bare: list[float] = []
    inside: list[float] = []
    rival: list[float] = []
    try:
        for _ in range(20):
            subprocess.run(["true"], check=True)
            true_in(sandbox)
        for _ in range(rounds):
            bare.append(milliseconds(lambda: subprocess.run(["true"], check=True)))
            inside.append(milliseconds(lambda: true_in(sandbox)))
        report.times("subprocess_ms", bare)
        report.times("exec_ms", inside)
        report.add("exec_ratio_subprocess", statistics.median(inside) / statistics.median(bare))
        report.add("exec_ratio_subprocess_min", min(inside) / min(bare))
        inside.clear()
        with contextlib.closing(swerex_driver()) as driver:
            for _ in range(max(2, rounds // 60)):
                rival += driver.times("exec", SWEREX_BATCH)
                for _ in range(20):
                    inside.append(milliseconds(lambda: true_in(sandbox)))
        report.times("swerex_ms", rival)
        report.add("exec_speedup_swerex", statistics.median(rival) / statistics.median(inside))
    except LeftOutError as error:
        report.leave_out("exec_speedup_swerex", str(error))
    finally:
        sandbox.close()


def lives(report: Report, backend: Backend, tree: Path, rounds: int) -> None:
    """Time create, reset and fork beside a bare overlay mount, git and `cp -a`."""
    layers = Layers((tree,))
    times: dict[str, list[float]] = {
        name: [] for name in ("create", "reset", "fork", "mount", "git_reset", "copy")
    }
    opened: list[Sandbox] = []

    def create() -> None:
        opened.append(backend.create(layers, SandboxSpec()))
        true_in(opened[-1])

    def reset() -> None:
        opened[0].reset()
        true_in(opened[0])

    def fork() -> None:
        opened.append(opened[0].fork())
        true_in(opened[-1])

    driver = plain_driver(tree)
    try:
        driver.times("mount", 5)
        for at in range(rounds):
            times["create"].append(milliseconds(create))
            for name, work in (("reset", reset), ("fork", fork)):
                opened[0].write("django/__init__.py", b"VERSION = (5, 1, 4)\n")
                times[name].append(milliseconds(work))
            while opened:
                opened.pop().close()
            times["mount"] += driver.times("mount", 2)
            if at % 10 == 0:
                times["git_reset"] += driver.times("git_reset", 1)
            if at % 20 == 0:
                times["copy"] += driver.times("copy", 1)
    except LeftOutError as error:
        report.leave_out("mount, git reset, cp", str(error))
    finally:
        driver.close()
        while opened:
            opened.pop().close()
    for name in ("create", "reset", "fork"):
        report.times(f"{name}_ms", times[name])
    for name, of in (("mount", "create"), ("git_reset", "reset"), ("copy", "fork")):
        if times[name]:
            report.times(f"{name}_ms", times[name])
            ratio = statistics.median(times[of]) / statistics.median(times[name])
            report.add(f"{of}_ratio_{name}", ratio)


def container(report: Report, tree: Path, rounds: int) -> None:
    """Time a step in a container over its stream beside the engine's own exec."""
    try:
        backend = docker_backend()
    except (LeftOutError, RepoGymError) as error:
        report.leave_out("docker_step_ms", str(error))
        return
    try:
        sandbox = backend.create(Layers((tree,)), SandboxSpec())
        try:
            engine_exec = exec_run(backend)
            steps: list[float] = []
            calls: list[float] = []
            for _ in range(10):
                true_in(sandbox)
            for at in range(rounds):
                steps.append(milliseconds(lambda: true_in(sandbox)))
                if at % 10 == 0:
                    calls.append(milliseconds(engine_exec))
            report.times("docker_step_ms", steps)
            report.times("docker_exec_run_ms", calls)
            speedup = statistics.median(calls) / statistics.median(steps)
            report.add("docker_step_speedup", speedup)
        finally:
            sandbox.close()
    except (LeftOutError, RepoGymError) as error:
        report.leave_out("docker_step_ms", str(error))
    finally:
        backend.close()


def one_test(report: Report, backend: Backend, task: SympyTask, rounds: int) -> None:
    """Time one graded test of sympy, from a fresh workspace to its verdict."""
    times = []
    for at in range(rounds + 1):
        begun = time.perf_counter()
        with Workspace(backend.create(task.layers, SandboxSpec())) as workspace:
            request = GradeRequest((task.test,), task.hashes, timeout_s=120.0)
            run = get_runner("pytest").grade(workspace, request)
        took = time.perf_counter() - begun
        outcome = run.outcomes.get(task.test)
        if outcome is None or outcome.status != "passed" or run.tampered or not run.complete:
            raise RuntimeError(f"{task.test} did not pass: {run}")
        if at:  # the first one only fills the page cache
            times.append(took)
    report.times("warm_test_s", times)


def crowds(report: Report, tree: Path, counts: list[int]) -> None:
    """Open many sandboxes at once; the largest crowd gives the figure for 1,000."""
    for count in counts:
        crowd = measure(Layers((tree,)), count)
        report.add(f"gb_{count}", crowd.gb)
        report.add(f"gb_{count}_processes", crowd.processes_gb)
        if crowd.kernel_gb is not None:
            report.add(f"gb_{count}_kernel", crowd.kernel_gb)
        report.add(f"gb_{count}_machine", crowd.available_gb)
        report.add(f"create_ms_of_{count}", crowd.create_ms)
        report.add(f"exec_ms_among_{count}", crowd.exec_ms)
        report.add(f"close_s_{count}", crowd.close_s)
        if count == max(counts) and 1000 not in counts:
            # An estimate, some 7% low when checked; the whole run opens all of them.
            report.add("gb_1000", crowd.gb * 1000 / crowd.count)


def machine() -> dict[str, object]:
    """Return what the figures depend on."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "load_1min": os.getloadavg()[0],
        "python": platform.python_version(),
        "platform": platform.platform(),
        "user": "root" if os.geteuid() == 0 else "unprivileged",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="What sandboxes cost.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, 200 sandboxes")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write the figures here")
    options = parser.parse_args()
    quick = options.quick
    before = machine()
    tree, task = django_tree(), sympy_task()
    report = Report()
    backend = get_backend("bubblewrap")
    try:
        commands(report, backend, tree, 200 if quick else 1000)
        lives(report, backend, tree, 15 if quick else 60)
        one_test(report, backend, task, 3 if quick else 9)
    finally:
        backend.close()
    container(report, tree, 100 if quick else 400)
    crowds(report, tree, [200] if quick else [200, 1000])
    before["load_1min_after"] = os.getloadavg()[0]
    print(f"load average {before['load_1min']:.1f} to {before['load_1min_after']:.1f}")
    if options.json:
        result = {
            "figures": report.figures,
            "left_out": report.left_out,
            "machine": before,
            "commands": [f"python benchmarks/sandbox.py{' --quick' if quick else ''}"],
        }
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
