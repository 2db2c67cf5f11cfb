"""What scoring costs beside the bare test command, and how strong its blind answers are.

On every task of swe-mini and swe-lite: the reference patch is scored, and in turn the plain
`python -m pytest FILES` runs on the same tests in a sandbox that is ready; then verdicts that were
reached before are looked up. Fast scoring is compared on the reference and on an empty diff.
`--django` adds a task of Django's size (it needs the package index once); `--attacks` also carries
out all hostile patches of `tests/attacks` (about ten minutes) and counts those that are rewarded.
`--strength` times nothing and says only how strong the tasks are.

    python benchmarks/scoring.py [--quick] [--django] [--attacks] [--strength] [--suite NAME]...
        [--task ID]... [--json FILE]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import record  # noqa: E402
from scoring_django import django_task  # noqa: E402

from repos.cache import locked  # noqa: E402
from repos.prepare import prepare  # noqa: E402
from repos.runners.registry import get_runner  # noqa: E402
from repos.sandbox.protocol import TESTBED, Backend  # noqa: E402
from repos.sandbox.select import get_backend  # noqa: E402
from repos.sandbox.workspace import Workspace  # noqa: E402
from repos.scoring.blind import ask  # noqa: E402
from repos.scoring.grading import files_of  # noqa: E402
from repos.scoring.keys import answer_key, places_of  # noqa: E402
from repos.scoring.parts import hidden_part  # noqa: E402
from repos.scoring.score import WEAK_BITS, score  # noqa: E402
from repos.scoring.verdicts import score_once  # noqa: E402
from repos.tasks.records import Task  # noqa: E402
from repos.tasks.suite import load_suite  # noqa: E402


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def bare_seconds(task: Task, backend: Backend) -> float:
    """Return how long pytest takes on the deciding files with the reference patch applied."""
    expected = task.hidden.expected
    ids = (*expected.fail_to_pass, *expected.pass_to_pass)
    files = files_of(ids, get_runner(task.public.runner))
    with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
        workspace.apply(task.hidden.reference)
        for path in task.hidden.files.rglob("*"):
            if path.is_file():
                name = path.relative_to(task.hidden.files).as_posix()
                workspace.write(name, path.read_bytes())
        command = ["python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
        return seconds(lambda: workspace.exec(command, cwd=TESTBED, timeout_s=600.0))


def measure(task: Task, backend: Backend, rounds: int) -> dict[str, Any]:
    part = hidden_part(task)
    key_s = seconds(lambda: answer_key(task, part, backend=backend))
    fix = task.hidden.reference
    nothing = score(task, b"", backend=backend, fast=True)[0]  # makes what fast scoring needs
    bare, scored, blind, results, fast, quick = [], [], [], [], [], []
    for _ in range(rounds):
        bare.append(bare_seconds(task, backend))
        blind.append(seconds(lambda: ask(task, fix, part, backend=backend)))
        scored.append(seconds(lambda: results.append(score(task, fix, backend=backend)[0])))
        fast.append(seconds(lambda: quick.append(score(task, fix, backend=backend, fast=True)[0])))
    disagree = results[-1].resolved != quick[-1].resolved or nothing.resolved
    for diff in (b"", fix):
        score_once(task, diff, backend=backend)
    return strength(task, backend) | {
        "bare_s": min(bare),
        "score_s": min(scored),
        "blind_s": min(blind),
        "ratio": min(scored) / min(bare),
        "blind_ratio": min(blind) / min(bare),
        "key_s": key_s,
        "fast_ratio": min(fast) / min(bare) if quick[-1].scoring == "fast" else None,
        "fast_disagrees": disagree,
        "empty_ms": 1000 * seconds(lambda: score_once(task, b"", backend=backend)),
        "repeat_ms": 1000 * seconds(lambda: score_once(task, fix, backend=backend)),
        "resolved": results[-1].resolved,
        "contradicted": results[-1].contradicted,
    }


def strength(task: Task, backend: Backend) -> dict[str, Any]:
    """Return a task's bits, its failing functions, those asked and those above 0 bits."""
    part = hidden_part(task)
    key = answer_key(task, part, backend=backend)
    assert key is not None
    runner = get_runner(task.public.runner)
    functions = places_of(part.asked, runner)
    return {
        "task": task.id,
        "bits": sum(key.bits.values()),
        "functions": len(functions),
        "asked_functions": sum(place in key.bits for place in functions),
        "strong_functions": sum(key.bits.get(place, 0.0) > 0 for place in functions),
    }


def strengths(backend: Backend, suites: Sequence[str], chosen: Sequence[str]) -> dict[str, float]:
    """Print how strong each suite's tasks are, as a table, and return the figures."""
    figures: dict[str, float] = {}
    print("suite | failing functions | asked | above 0 bits | at 10 bits | below | at 0")
    for suite in suites:
        specs = [s for s in load_suite(suite).specs if not chosen or s.id in chosen]
        rows = [strength(prepare(spec, suite=suite), backend) for spec in specs]
        if not rows:
            continue
        total, asked, strong = (
            sum(r[k] for r in rows) for k in ("functions", "asked_functions", "strong_functions")
        )
        at_10, at_0 = sum(r["bits"] >= WEAK_BITS for r in rows), sum(r["bits"] == 0 for r in rows)
        below = len(rows) - at_10 - at_0
        print(suite, total, asked, strong, f"{at_10} of {len(rows)}", below, at_0, sep=" | ")
        figures |= {
            f"{suite}_blind_tests_share": round(strong / total, 3),
            f"{suite}_tasks_at_10_bits_share": round(at_10 / len(rows), 3),
            f"{suite}_bits_p50": round(statistics.median(r["bits"] for r in rows), 1),
        }
    return figures


def attacks(backend: Backend) -> tuple[int, list[str]]:
    """Return how many hostile patches were tried, and the names of those that were rewarded."""
    from tests.attacks.catalogue import attacks as catalogue
    from tests.attacks.victim import make_spec

    victim = prepare(make_spec(Path(tempfile.mkdtemp())))
    rewarded, tried = [], 0
    for attack in (one for theme in catalogue().values() for one in theme):
        with locked("attacks alone") if attack.alone else nullcontext():
            with Workspace(backend.create(victim.layers, victim.sandbox)) as workspace:
                diff = attack.diff(workspace)
            result = [score(victim, diff, backend=backend)[0] for _ in range(attack.scorings)][-1]
        tried += 1
        if result.resolved and not attack.honest_fix:
            rewarded.append(attack.name)
    return tried, rewarded


def main() -> None:
    parser = argparse.ArgumentParser(description="What scoring costs, and how strong it is.")
    parser.add_argument("--quick", action="store_true", help="three tasks of swe-mini, once")
    parser.add_argument("--django", action="store_true", help="also a task of Django's size")
    parser.add_argument("--attacks", action="store_true", help="also carry out the attacks")
    parser.add_argument("--strength", action="store_true", help="only how strong the tasks are")
    parser.add_argument("--suite", action="append", help="swe-mini and swe-lite by default")
    parser.add_argument("--task", action="append", default=[], help="only this task")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write the figures here")
    options = parser.parse_args()
    backend = get_backend("auto")
    large: dict[str, Any] = {}
    suites = options.suite or ["swe-mini", "swe-lite"]
    if options.strength:
        with closing(backend):
            figures = strengths(backend, suites, options.task)
        for key, value in figures.items():
            print(f"{key:34} {value}")
        if options.json:
            record.write(options.json, figures)
        return
    rows: dict[str, list[dict[str, Any]]] = {suite: [] for suite in suites}
    try:
        for suite, found in rows.items():
            if options.quick and suite != "swe-mini":
                continue
            specs = [s for s in load_suite(suite).specs if not options.task or s.id in options.task]
            for spec in specs[:3] if options.quick else specs:
                task = prepare(spec, suite=suite)
                found.append(measure(task, backend, 1 if options.quick else 2))
                one = found[-1]
                print(
                    f"{one['task']:34} bare {one['bare_s']:6.2f} s  score {one['score_s']:6.2f} s  "
                    f"ratio {one['ratio']:5.2f}  {one['bits']:5.1f} bits",
                    flush=True,
                )
        if options.django:
            with django_task(backend) as task:
                large = measure(task, backend, 1 if options.quick else 3)
        tried, rewarded = attacks(backend) if options.attacks else (0, [])
    finally:
        backend.close()
    everything = [row for found in rows.values() for row in found]
    ratios = sorted(row["ratio"] for row in everything)
    lite = rows.get("swe-lite") or everything
    quick = [r["fast_ratio"] for r in everything if r["fast_ratio"] is not None]
    figures = {
        "score_ratio_p50": round(statistics.median(ratios), 3),
        "score_ratio_p95": round(ratios[int(0.95 * (len(ratios) - 1))], 3),
        "blind_cost_ratio": round(statistics.median(r["blind_ratio"] for r in everything), 3),
        "empty_diff_ms": round(statistics.median(r["empty_ms"] for r in everything), 2),
        "repeat_diff_ms": round(statistics.median(r["repeat_ms"] for r in everything), 2),
        "fast_ratio_p50": round(statistics.median(quick), 3) if quick else 0.0,
        "fast_tasks": len(quick),
        "fast_disagreements": sum(r["fast_disagrees"] for r in everything),
        "key_s_p50": round(statistics.median(r["key_s"] for r in everything), 2),
        "blind_tests_share": round(
            sum(r["strong_functions"] for r in lite) / sum(r["functions"] for r in lite), 3
        ),
        "tasks_at_10_bits_share": round(sum(r["bits"] >= WEAK_BITS for r in lite) / len(lite), 3),
        "reference_wronged": sum(not r["resolved"] for r in everything),
        "tasks": len(everything),
    }
    if large:
        figures |= {
            "django_score_ratio": round(large["ratio"], 3),
            "django_fast_ratio": round(large["fast_ratio"] or 0.0, 3),
            "django_bare_s": round(large["bare_s"], 2),
        }
    if options.attacks:
        figures |= {"attacks_tried": tried, "attacks_rewarded": len(rewarded)}
    for key, value in figures.items():
        print(f"{key:24} {value}")
    if rewarded:
        print("rewarded:", ", ".join(rewarded))
    if options.json:
        record.write(options.json, figures, tasks=everything, django=large, rewarded=rewarded)


if __name__ == "__main__":
    main()
