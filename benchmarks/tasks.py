"""What each source of tasks yields and costs.

For each source a few small inputs are mined by the command line, each in a process of its own:
how many candidates become tasks, the processor time a task (children included), and the disk that a
task takes in the cache beside the archives and environments that tasks share. Journals of longer
runs give shares over more candidates, and the readings beside a manifest the share that is kept.

    python benchmarks/tasks.py [--quick] [--only SOURCE]... [--journal SOURCE=FILE]...
        [--readings FILE]... [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import record  # noqa: E402

from repos.cache import cache_root  # noqa: E402
from repos.mining.readings import agreement, kept_share, read_readings  # noqa: E402

QUICK = {
    "pairs": ["mine", "parse:1.22.1:1.22.2"],
    "changes": ["mine", "--kind", "changes", "--per-package", "9", "parse:1.22.2:1.22.3"],
    "commits": ["mine", "--from-git", "{repository}"],
    "mutants": ["mutate", "parse", "--wanted", "1"],
}
MORE = {
    "pairs": ["mine", "parse", "humanize"],
    "changes": ["mine", "--kind", "changes", "--per-package", "9", "humanize:4.16.0:4.17.0"],
    "commits": ["mine", "--from-git", "{repository}"],
    "mutants": ["mutate", "parse", "--wanted", "6"],
}
CODE = "def area(width, height):\n    return width + height\n\n\ndef half(n):\n    return n // 2\n"
TESTS = "from field import area, half\n\n\ndef test_half():\n    assert half(4) == 2\n"
FIXES = [
    (
        "height\n\n\n", "height * 1\n\n\n", "Area is in metres", ""
    ),
    (
        "width + height * 1", "width * height", "area() added its sides",
        "\n\ndef test_area():\n    assert area(371, 402) == 149142\n\n\n"
        "def test_areas():\n    assert area(1234, 5679) == 7007886\n"
        "    assert area(317, 9013) == 2857121\n",
    ),
]  # fmt: skip


def small_repository(root: Path) -> Path:
    """Make a repository of three commits, one of which repairs something."""

    def commit(code: str, tests: str, message: str) -> None:
        (root / "field.py").write_text(code)
        (root / "tests").mkdir(exist_ok=True)
        (root / "tests/test_field.py").write_text(tests)
        git = ["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "commit", "-qm", message], check=True)

    subprocess.run(["git", "init", "-q", str(root)], check=True)
    code, tests = CODE, TESTS
    commit(code, tests, "First")
    for old, new, message, more in FIXES:
        code, tests = code.replace(old, new), tests + (more or "\n\nLIMIT = 1\n")
        commit(code, tests, message)
    return root


def size(folder: Path) -> int:
    """Return the bytes that a folder's files take, shared ones counted once."""
    seen: dict[int, int] = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            facts = path.stat()
            seen[facts.st_ino] = facts.st_blocks * 512
    return sum(seen.values())


def mine(arguments: list[str], folder: Path) -> dict[str, float]:
    """Mine by the command line and return counts, CPU seconds, wall seconds and megabytes."""
    output = folder / "tasks.jsonl"
    command = [sys.executable, str(ROOT / "run_agent.py"), "tasks", *arguments, "-o", str(output)]
    begun = time.perf_counter()
    with (folder / "log").open("w+", encoding="utf-8") as log:
        child = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        cpu = used_cpu(child)
        log.seek(0)
        told = log.read()
    if child.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(arguments)}: {told[-2000:]}")
    return {
        "tasks": len(re.findall(r": task \(\d+ fail", told)),
        "refused": len(re.findall(r": no task: ", told)),
        "cpu_s": cpu, "wall_s": time.perf_counter() - begun,
    }  # fmt: skip


def used_cpu(child: subprocess.Popen[Any]) -> float:
    """Wait for a process and return the processor seconds of it and all that it starts.

    The sandbox's processes are nobody's children in the end, so that the system's own sum leaves
    them out: they are looked at four times a second, and what is shorter is missed.
    """
    used: dict[tuple[int, int], int] = {}
    ours = {child.pid}
    while child.poll() is None:
        facts = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = (
                    path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
                )
            except OSError:
                continue  # it has ended
            facts[int(path.parent.name)] = fields
        for pid, fields in sorted(facts.items()):
            if pid == child.pid or int(fields[1]) in ours or pid in ours:
                ours.add(pid)
                used[pid, int(fields[19])] = int(fields[11]) + int(fields[12])
        time.sleep(0.25)
    return sum(used.values()) / os.sysconf("SC_CLK_TCK")


def from_journal(path: Path) -> tuple[int, int, int]:
    """Return releases, tasks and refused candidates of a journal."""
    releases = tasks = refused = 0
    for line in path.read_text(encoding="utf-8").splitlines():
        fact = json.loads(line)
        releases += 1
        tasks += fact["tasks"]
        refused += fact.get("refused", 0)
    return releases, tasks, refused


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="smaller inputs")
    parser.add_argument("--only", action="append", metavar="SOURCE", choices=sorted(QUICK))
    parser.add_argument("--journal", action="append", default=[], metavar="SOURCE=FILE")
    parser.add_argument("--readings", action="append", default=[], type=Path, metavar="FILE")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    shared = cache_root()
    figures: dict[str, Any] = {}
    runs: dict[str, Any] = {}
    for source, arguments in (QUICK if options.quick else MORE).items():
        if source not in (options.only or QUICK):
            continue
        with tempfile.TemporaryDirectory(prefix="repogym-tasks-") as name:
            folder = Path(name)
            os.environ["REPOGYM_CACHE"] = str(own_cache(shared, folder))
            repository = small_repository(folder / "field")
            filled = [a.format(repository=repository) for a in arguments]
            run = runs[source] = mine(filled, folder)
            if run["tasks"]:
                figures[f"{source}_cpu_s_per_task"] = round(run["cpu_s"] / run["tasks"], 1)
                grown = size(cache_root() / "tasks")
                figures[f"{source}_mb_per_task"] = round(grown / run["tasks"] / 1e6, 2)
            tried = run["tasks"] + run["refused"]
            if tried:
                figures[f"{source}_admitted_share"] = round(run["tasks"] / tried, 2)
        print(source, {k: round(v, 1) for k, v in run.items()}, flush=True)
    for given in options.journal:
        source, _, path = given.partition("=")
        releases, tasks, refused = from_journal(Path(path))
        figures[f"{source}_releases"], figures[f"{source}_tasks"] = releases, tasks
        if tasks + refused:
            figures[f"{source}_admitted_share"] = round(tasks / (tasks + refused), 2)
    readings = [r for path in options.readings for r in read_readings(path)]
    share = kept_share(readings)
    if share is not None:
        figures["audit_kept_share"] = round(share, 2)
        alike, twice = agreement(readings)
        if twice:
            figures["audit_agreement"] = round(alike / twice, 2)
    for name, value in figures.items():
        print(f"{name:32} {value}")
    if options.json:
        record.write(options.json, figures, runs=runs)


def own_cache(there: Path, folder: Path) -> Path:
    """Return a cache that borrows archives and environments, so that tasks alone are new."""
    here = folder / "cache"
    here.mkdir()
    for name in ("archives", "envs", "tools", "runners", "index"):
        if (there / name).is_dir():
            (here / name).symlink_to(there / name)
    return here


if __name__ == "__main__":
    main()
