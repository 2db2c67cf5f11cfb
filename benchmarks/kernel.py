"""What a kernel task costs: preparing, edit to verdict, booting, memory, and whether titles repeat.

CPU seconds are what carries over to other machines; wall times are of this one, as loaded as it is.
`--qemu` compares with what one would do without all this, a `make` of the whole kernel for QEMU,
without a compiler cache, and a boot there: `loop_speedup` is their CPU seconds over those of our
loop, `loop_speedup_wall` the same of wall times.

    python benchmarks/kernel.py [--quick] [--qemu] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import record  # noqa: E402

from repos.kernel.booting import compile_check  # noqa: E402
from repos.kernel.building import (  # noqa: E402
    OUTPUT,
    PINNED,
    build_kernel,
    make_command,
    used_cpu_s,
)
from repos.kernel.machines import PREBUILT, QEMU, UML  # noqa: E402
from repos.kernel.trees import prepared_kernel  # noqa: E402
from repos.mining.kernel_tasks import recipe_task  # noqa: E402
from repos.prepare import prepare  # noqa: E402
from repos.runners.kernel.runner import CHECKS, run_check  # noqa: E402
from repos.sandbox.select import get_backend  # noqa: E402
from repos.sandbox.workspace import Workspace  # noqa: E402
from repos.tasks.environments import KernelEnvironment  # noqa: E402
from repos.tasks.sources.kernel import KernelSource  # noqa: E402
from repos.tasks.suite import load_suite  # noqa: E402

TASK = "key-read-bounds"
REPRODUCER = f"{CHECKS}/reproducer.c"
PLAIN_TIMEOUT_S = 7200.0
PEAK = '$0 "$@" >/dev/null 2>&1 & p=$!; m=0; while r=$(grep VmHWM /proc/$p/status); do m=$r; sleep 0.05; done; echo $m'  # noqa: E501


def timed(workspace: Workspace, work: Callable[[], object]) -> tuple[float, float]:
    """Return the wall and the CPU seconds of some work in a workspace."""
    cpu, begun = used_cpu_s(workspace), time.monotonic()
    work()
    return time.monotonic() - begun, used_cpu_s(workspace) - cpu


def peak_mb(workspace: Workspace) -> float:
    """Return the most memory that a kernel's process held while it booted, in MiB.

    The guest's own memory is a file that it maps, and is counted where it was touched.
    """
    workspace.sandbox.write("/tmp/clean.c", b"int check(void) { return 0; }\n")
    from repos.kernel.initramfs import make_initramfs

    program = compile_check(workspace, "/tmp/clean.c")
    workspace.sandbox.write("/tmp/peak.cpio", make_initramfs({"init": program, "token": b"x"}))
    command = UML.command(f"{OUTPUT}/{UML.image}", "/tmp/peak.cpio")
    command = ["sh", "-c", PEAK, *command]
    done = workspace.exec(command, cwd="/tmp", env={"HOME": "/tmp", "TMPDIR": "/tmp"}, timeout_s=90)
    return int(done.text.split()[1]) / 1024


def plain_loop() -> tuple[float, float]:
    """Return the wall and the CPU seconds of what one does without all this.

    That is a `make` of the whole kernel for QEMU, without a compiler cache, and a boot there.
    """
    task = prepare(recipe_task(TASK, "qemu"))
    backend = get_backend("auto")
    try:
        with Workspace(backend.create(task.layers, task.sandbox)) as workspace:

            def loop() -> None:
                script = f"mkdir {OUTPUT} && cp {PREBUILT}/build/.config {OUTPUT}"
                workspace.exec(["sh", "-c", script])
                done = workspace.exec(make_command(QEMU), env=PINNED, timeout_s=PLAIN_TIMEOUT_S)
                assert done.exit_code == 0, done.text[-2000:]
                assert run_check(workspace, REPRODUCER).crash

            return timed(workspace, loop)
    finally:
        backend.close()


def measure(runs: int, loops: int) -> tuple[dict[str, float], list[str]]:
    """Return the figures and the titles of the crashes."""
    suite = load_suite("kernel-lite")
    task = prepare(suite.spec(TASK), suite=suite.name)
    (environment,) = task.spec.environments.values()
    assert isinstance(environment, KernelEnvironment)
    kernel = prepared_kernel(environment.sources, environment.profile)
    cost = kernel.folder / "cost.json"
    cold = json.loads(cost.read_text())["cpu_s"] if cost.is_file() else 0.0
    assert isinstance(task.spec.source, KernelSource)
    path = task.spec.source.edits[0].path
    backend = get_backend("auto")
    walls, cpus, boots, titles = [], [], [], []
    try:
        with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
            warm, _ = timed(workspace, lambda: build_kernel(workspace))
            source = workspace.read(path)
            for number in range(loops):
                workspace.write(path, source + b"/* %d */\n" % number)

                def loop() -> None:
                    assert build_kernel(workspace).ok
                    assert run_check(workspace, REPRODUCER).crash

                wall, cpu = timed(workspace, loop)
                walls.append(wall)
                cpus.append(cpu)
            for _ in range(runs):
                done = run_check(workspace, REPRODUCER)
                boots.append(done.seconds)
                titles.append(done.crash.title if done.crash else "")
            memory = peak_mb(workspace)
            begun = time.monotonic()
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(lambda _: run_check(workspace, REPRODUCER), range(4)))
            beside = (time.monotonic() - begun) / 4
    finally:
        backend.close()
    figures = {
        "prepare_warm_s": round(warm, 2),
        "loop_wall_s": round(statistics.median(walls), 2),
        "loop_cpu_s": round(statistics.median(cpus), 2),
        "boot_s": round(statistics.median(boots), 2),
        "kernel_mb": round(memory, 1),
        "boot_of_two_beside_s": round(beside, 2),
        "same_title": max(titles.count(t) for t in titles) / len(titles),
    }
    if cold:
        figures["prepare_cold_cpu_s"] = round(cold, 1)
        figures["full_make_to_loop_cpu"] = round(cold / statistics.median(cpus), 1)
    return figures, titles


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What a kernel task costs.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--qemu", action="store_true", help="compare with a plain build for QEMU")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write the figures here")
    options = parser.parse_args()
    figures, titles = measure(3 if options.quick else 20, 1 if options.quick else 3)
    if options.qemu:
        wall, cpu = plain_loop()
        figures["plain_loop_wall_s"], figures["plain_loop_cpu_s"] = round(wall, 1), round(cpu, 1)
        figures["loop_speedup"] = round(cpu / figures["loop_cpu_s"], 1)
        figures["loop_speedup_wall"] = round(wall / figures["loop_wall_s"], 1)
    for key, value in figures.items():
        print(f"{key:24} {value}")
    if options.json:
        record.write(options.json, figures, titles=titles)


if __name__ == "__main__":
    main()
