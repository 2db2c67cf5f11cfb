"""What an episode costs through Gymnasium's own interface, beside bare commands.

A figure named `..._ratio` is the time of a step over that of the bare command that does the same
work; `..._u` is a time over that of `subprocess.run(["true"])`. What is compared runs in turn in
the same call; figures are medians, with a `_min` beside them made of both minima, because a busy
machine only adds. `sync8_...` and `async8_...` are steps a second of eight environments, in turn
with those of another checkout where `--against` names one. What can't be compared here is left
out, with the reason.

    python benchmarks/episodes.py [--quick] [--against FOLDER] [--json FILE]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import gymnasium
import record
from episodes_worker import SUITE, TASK
from sandbox_layers import DJANGO, django_tree
from sandbox_peers import LeftOutError, debug_gym_driver, swerex_driver

import repogym
from repos.cache import cache_root
from repos.errors import RepoGymError
from repos.sandbox.namespaces.rootview import find_ripgrep

ROOT = Path(__file__).resolve().parent.parent
WORKER = Path(__file__).with_name("episodes_worker.py")
PATTERN = "class QuerySet"
FILE = "django/db/models/query.py"
EPISODES = 64
BATCH = 5


@dataclass
class Report:
    """The figures as they come in.

    Attributes:
        figures: By key.
        left_out: What could not be measured, with the reason.
    """

    figures: dict[str, float] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def add(self, key: str, value: float) -> None:
        """Take and print one figure."""
        self.figures[key] = round(value, 3)
        print(f"{key:32} {value:10.4g}", flush=True)

    def compare(self, key: str, times: list[float], bare: list[float]) -> None:
        """Take the time of some work over that of a bare command, and the work's own in ms."""
        self.add(key, statistics.median(times) / statistics.median(bare))
        self.add(f"{key}_min", min(times) / min(bare))
        self.add(f"{key.rpartition('_')[0]}_ms", statistics.median(times))

    def leave_out(self, what: str, why: str) -> None:
        """Say why a figure is missing."""
        self.left_out[what] = why
        print(f"{what:32}   left out: {why}", flush=True)


def milliseconds(work: Callable[[], object]) -> float:
    """Return how long a call takes."""
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


def run(*argv: str, cwd: Path | None = None) -> None:
    """Run a bare command, its output caught as a step's is."""
    subprocess.run(argv, cwd=cwd, check=True, capture_output=True)


def unit() -> None:
    """Run the command that times are measured in."""
    subprocess.run(["true"], check=True)


def call(env: gymnasium.Env[Any, Any], name: str, **arguments: Any) -> str:
    """Make one step, which has to work, and return its text."""
    observation, *_ = env.step({"name": name, "arguments": json.dumps(arguments)})
    if observation["error"]:
        raise RuntimeError(f"{name} failed: {observation['text'][:300]}")
    return observation["text"]


def in_turn(rounds: int, *works: Callable[[], object]) -> list[list[float]]:
    """Return the milliseconds of each kind of work, done in turn, the first rounds dropped."""
    times: list[list[float]] = [[] for _ in works]
    for at in range(-3, rounds):
        for work, into in zip(works, times, strict=True):
            took = milliseconds(work)
            if at >= 0:
                into.append(took)
    return times


@contextlib.contextmanager
def django() -> Iterator[tuple[gymnasium.Env[Any, Any], Path]]:
    """Give an episode on Django and a copy of the same tree with a git repository."""
    beside = cache_root() / "benchmarks"  # on the file system that layers are on
    with tempfile.TemporaryDirectory(prefix="episodes-", dir=beside) as folder:
        tree = Path(folder, "django")
        shutil.copytree(django_tree(), tree, symlinks=True)
        git = ["git", "-c", "user.name=x", "-c", "user.email=x@localhost", "-c", "gc.auto=0"]
        shutil.rmtree(tree / ".git")
        run("git", "init", "-q", cwd=tree)
        run("git", "add", "-A", "-f", cwd=tree)
        run(*git, "commit", "-q", "-m", "base", cwd=tree)
        test = tree / "tests" / "test_repogym.py"
        test.write_text("def test_fixed():\n    assert True\n")
        with (tree / FILE).open("a") as f:
            f.write("# mended\n")
        run("git", "add", "-A", cwd=tree)
        run(*git, "commit", "-q", "-m", "fix", cwd=tree)
        log = subprocess.run(["git", "rev-list", "HEAD"], cwd=tree, check=True, capture_output=True)
        revisions = log.stdout.decode().split()
        manifest = Path(folder, "django.jsonl")
        minor = f"{sys.version_info.major}.{sys.version_info.minor}"
        name = f"python{minor}"
        task = {
            "schema_version": 2,
            "id": "django/episodes",
            "source": {"kind": "git", "path": str(tree), "base": revisions[1], "fix": revisions[0]},
            "title": f"{DJANGO[0]} {DJANGO[1]}",
            "test_paths": ["tests/test_repogym.py"],
            "environments": {name: {"kind": "python", "python": minor}},
            "expected": {name: {"fail_to_pass": ["tests/test_repogym.py::test_fixed"]}},
        }
        manifest.write_text(json.dumps(task) + "\n")
        run("git", "reset", "-q", "--hard", revisions[1], cwd=tree)
        env = repogym.make(str(manifest), task="django/episodes", max_steps=10_000)
        try:
            env.reset()
            yield env, tree
        finally:
            env.close()


def steps(report: Report, rounds: int) -> None:
    """Time steps beside the bare commands that do the same."""
    with django() as (env, tree):
        times, bare, base = in_turn(
            rounds,
            lambda: call(env, "bash", command="true"),
            lambda: run("bash", "-c", "true"),
            unit,
        )
        report.add("unit_ms", statistics.median(base))
        report.compare("step_bash_ratio", times, bare)
        times, base = in_turn(rounds, lambda: call(env, "view", path=FILE), unit)
        report.compare("view_u", times, base)
        ripgrep = find_ripgrep()
        if ripgrep is None:
            report.leave_out("search_django_ratio", "no ripgrep program")
        else:
            rg = str(ripgrep)
            times, bare = in_turn(
                max(5, rounds // 10),
                lambda: call(env, "search", pattern=PATTERN),
                lambda: run(rg, "--line-number", PATTERN, ".", cwd=tree),
            )
            report.compare("search_django_ratio", times, bare)
        call(env, "bash", command=f"echo '# changed' >> {FILE}")
        with (tree / FILE).open("a") as f:
            f.write("# changed\n")
        times, bare = in_turn(
            max(5, rounds // 10),
            lambda: call(env, "git_diff"),
            lambda: run("git", "diff", cwd=tree),
        )
        report.compare("git_diff_ratio", times, bare)


def lives(report: Report, rounds: int) -> None:
    """Time resets, forks and whole environments of a small task."""
    with contextlib.closing(gymnasium.make(SUITE, task=TASK, max_steps=10_000)) as env:
        env.reset()
        resets: list[float] = []
        forks: list[float] = []
        base: list[float] = []
        for at in range(-3, rounds):
            call(env, "create", path=f"new{at}.txt", content="x\n")
            base.append(milliseconds(unit))
            resets.append(milliseconds(env.reset))
            call(env, "create", path=f"new{at}.txt", content="x\n")
            base.append(milliseconds(unit))
            begun = time.perf_counter()
            twin = repogym.fork(env)
            forks.append((time.perf_counter() - begun) * 1000)
            twin.close()
        report.compare("reset_u", resets[3:], base)
        report.compare("fork_u", forks[3:], base)

    def whole() -> None:
        made = gymnasium.make(SUITE, task=TASK)
        made.reset()
        made.close()

    times, base = in_turn(max(5, rounds // 10), whole, unit)
    report.compare("make_close_u", times, base)


def worker(root: Path, *arguments: object) -> Any:
    """Run a part in a process of its own with the packages of a checkout.

    Raises:
        LeftOutError: It failed; the message is its last line.
    """
    done = subprocess.run(
        [sys.executable, str(WORKER), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(root)},
        cwd=root,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise LeftOutError((done.stderr.strip().splitlines() or ["no message"])[-1])
    return json.loads(done.stdout.splitlines()[-1])


def crowds(report: Report, against: Path | None, quick: bool) -> None:
    """Measure many episodes in one process, and vector environments."""
    try:
        found = worker(ROOT, "crowd", EPISODES)
        report.add("episode_mb", found["mb"])
        report.add("episode_processes", found["processes"])
    except LeftOutError as error:
        report.leave_out("episode_mb", str(error))
    for kind in ("sync", "async"):
        key = f"{kind}8_steps_per_s"
        try:
            ours: list[float] = []
            theirs: list[float] = []
            for _ in range(2 if quick else 5):
                ours.append(worker(ROOT, kind, 8, 1.5 if quick else 4))
                if against is not None:
                    theirs.append(worker(against, kind, 8, 1.5 if quick else 4))
            report.add(key, statistics.median(ours))
            if theirs:
                report.add(f"{key}_against", statistics.median(theirs))
                report.add(f"{key}_gain", statistics.median(ours) / statistics.median(theirs))
            else:
                report.leave_out(f"{key}_gain", "no checkout to compare with (--against FOLDER)")
        except LeftOutError as error:
            report.leave_out(key, str(error))


def peers(report: Report, rounds: int) -> None:
    """Time the same command in the terminals of SWE-ReX and debug-gym, in turn with a step."""
    for name, key, make in (
        ("SWE-ReX", "swerex", swerex_driver),
        ("debug-gym", "debug_gym", debug_gym_driver),
    ):
        with contextlib.closing(gymnasium.make(SUITE, task=TASK, max_steps=10_000)) as env:
            env.reset()
            try:
                with contextlib.closing(make()) as driver:
                    rival: list[float] = []
                    ours: list[float] = []
                    for _ in range(max(2, rounds // 50)):
                        rival += driver.times("exec", BATCH)
                        for _ in range(BATCH):
                            ours.append(milliseconds(lambda: call(env, "bash", command="true")))
                report.add(f"{key}_true_ms", statistics.median(rival))
                gain = statistics.median(rival) / statistics.median(ours)
                report.add(f"step_speedup_{key}", gain)
            except LeftOutError as error:
                report.leave_out(name, str(error))


def main() -> None:
    parser = argparse.ArgumentParser(description="What an episode costs.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--against", metavar="FOLDER", type=Path, help="another checkout")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write the figures here")
    options = parser.parse_args()
    if options.against is not None and not (options.against / "repogym.py").is_file():
        parser.error(f"{options.against} is no checkout of RepoGym: it has no repogym.py")
    report = Report()
    rounds = 100 if options.quick else 400
    for part in (steps, lives):
        try:
            part(report, rounds if part is steps else rounds // 2)
        except (RepoGymError, FileNotFoundError) as error:
            report.leave_out(part.__name__, str(error))
    against = options.against.resolve() if options.against is not None else None
    crowds(report, against, options.quick)
    peers(report, rounds)
    if options.json:
        record.write(options.json, report.figures, left_out=report.left_out)


if __name__ == "__main__":
    main()
