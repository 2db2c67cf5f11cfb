"""Whether a policy for `repogym/repair-choice-v1` learns on packages that it never saw.

    python benchmarks/learning.py [--bugs N] [--minutes M] [--quick] [--plot FILE] [--json FILE]

Bugs are mutations of the base releases of swe-releases and swe-mini (`learning_bugs.py`), N a
package (`--quick`: 1, of those that are kept already). The figures are about those whose undoing
is among the 64 candidates; `right_share` says how many that are. A policy is trained on the
packages of four parts of five and tried on the fifth, so that each package is held out once; its
reward is 1 for the undoing. `*_pass1` is the share of bugs that the first choice resolves by
visible and hidden tests, `within5_*` that one of the first five does. The orders are uniform (one
draw by seed), by suspiciousness, hand-made (as the generator ranks) and learned. Intervals of the
gains are bootstrapped by package: 95%, from 2,000 draws. `real_*` are the same for tasks of
swe-releases whose right edit is among the candidates (`learning_real.py`), by a policy that was
trained on the bugs of all other packages; `--quick` leaves them out. Bugs and outcomes are kept by
content, so that the command goes on where it was ended.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

from agents.training.repair_policy import Example, train  # noqa: E402
from benchmarks.learning_bugs import Bug, K, Package, packages  # noqa: E402
from benchmarks.learning_real import RealTasks  # noqa: E402
from benchmarks.record import write  # noqa: E402
from repos.errors import InfrastructureError, InputError  # noqa: E402
from repos.sandbox.select import get_backend  # noqa: E402
from repos.tasks.suite import load_suite  # noqa: E402
from tools.repair.candidates import Candidate  # noqa: E402
from tools.repair.choices import choices  # noqa: E402
from tools.repair.features import FEATURES, candidate_features  # noqa: E402

SUITES = ("swe-releases", "swe-mini")
REAL = "swe-releases"
SPLITS = 5
DRAWS = 2000
FIVE = 5
ORDERS = ("uniform", "suspicious", "handmade", "learned")


@dataclass
class Case:
    """A bug whose undoing is among the candidates, with the orders in which they are tried."""

    bug: Bug
    package: Package
    candidates: list[Candidate]
    example: Example
    orders: dict[str, list[int]] = field(default_factory=dict)
    solved: dict[str, list[bool]] = field(default_factory=dict)


def collect(found: Sequence[Package], bugs: int, minutes: float, *, run: bool) -> dict[str, Any]:
    """Return the bugs by package, round by round, until there are enough or time is up."""
    end = time.monotonic() + 60 * minutes
    kept: dict[str, list[Bug]] = {}
    for number in range(bugs):
        for package in found:
            try:
                bug = package.bug(number, run=run and time.monotonic() < end)
            except InfrastructureError as error:
                print(f"{package.name} {number}: {error}", file=sys.stderr)
                continue
            if bug is not None:
                kept.setdefault(package.name, []).append(bug)
            package.close()
    return kept


def case_of(bug: Bug, package: Package) -> Case:
    """Return a bug with its candidates and the orders that need no training."""
    evidence = bug.observation.evidence()
    found = choices(evidence, K)
    scored = [(one.score, one.proposal) for one in found]
    features = candidate_features(evidence, scored).astype(np.float64)
    rewards = np.zeros(len(found))
    rewards[list(bug.right)] = 1.0
    drawn = list(range(len(found)))
    random.Random(bug.key).shuffle(drawn)
    suspicion = features[:, FEATURES.index("suspicion")]
    by_line = [int(n) for n in np.argsort(-suspicion, kind="stable")]
    orders = {"uniform": drawn, "suspicious": by_line, "handmade": list(range(len(found)))}
    return Case(bug, package, found, Example(features, rewards), orders)


def learn(cases: Sequence[Case], seed: int) -> list[float]:
    """Set the order of a policy that saw none of a case's package; return its first curve."""
    names = sorted({case.bug.package for case in cases})
    random.Random(seed).shuffle(names)
    first: list[float] = []
    for part in range(SPLITS):
        held_out = set(names[part::SPLITS])
        policy, curve = train([one.example for one in cases if one.bug.package not in held_out])
        first = first or curve
        for case in cases:
            if case.bug.package in held_out:
                case.orders["learned"] = policy.order(case.example.features)
    return first


def try_out(cases: Sequence[Case]) -> None:
    """Run the first choices of each order, as far as one is needed."""
    for case in cases:
        for name in ORDERS:
            told: list[bool] = []
            for number in case.orders[name][:FIVE]:
                done = any(told) or case.package.resolves(case.bug, case.candidates[number], number)
                told.append(done)
            case.solved[name] = told
        case.package.close()


def gain_low(cases: Sequence[Case], other: str, seed: int) -> float:
    """Return the lower bound of what learning gains at the first choice, in shares of bugs."""
    by_package: dict[str, list[float]] = {}
    for case in cases:
        gain = float(case.solved["learned"][0]) - float(case.solved[other][0])
        by_package.setdefault(case.bug.package, []).append(gain)
    groups = list(by_package.values())
    rng = random.Random(seed)
    drawn = []
    for _ in range(DRAWS):
        picked = [gain for group in rng.choices(groups, k=len(groups)) for gain in group]
        drawn.append(sum(picked) / len(picked))
    return float(np.quantile(drawn, 0.025))


def figures_of(cases: Sequence[Case], drawn: int, seed: int) -> dict[str, Any]:
    """Return the figures."""
    count = len(cases)
    found: dict[str, Any] = {
        "bugs": drawn,
        "right_share": round(count / drawn, 3),
        "cases": count,
        "packages": len({case.bug.package for case in cases}),
    }
    for name in ORDERS:
        first = sum(case.solved[name][0] for case in cases)
        found[f"{name}_pass1"] = round(first / count, 3)
        found[f"within5_{name}"] = round(sum(any(c.solved[name]) for c in cases) / count, 3)
    for name in ORDERS[:-1]:
        found[f"gain_low_vs_{name}"] = round(gain_low(cases, name, seed), 3)
    return found


def real_figures(cases: Sequence[Case], seed: int) -> dict[str, Any]:
    """Return the figures on real tasks."""
    real = RealTasks(REAL, K)
    try:
        found, seen = real.cases()
        for case in found:
            others = [one.example for one in cases if one.bug.package != case.package]
            policy, _ = train(others)
            numbers = range(len(case.situation.candidates))
            drawn = [*numbers]
            random.Random(f"{seed}-{case.situation.task.id}").shuffle(drawn)
            suspicion = -case.features[:, FEATURES.index("suspicion")]
            case.orders = {
                "uniform": drawn,
                "suspicious": [int(n) for n in np.argsort(suspicion, kind="stable")],
                "handmade": [*numbers],
                "learned": policy.order(case.features),
            }
            for name in ORDERS:
                told: list[bool] = []
                for number in case.orders[name][:FIVE]:
                    told.append(any(told) or real.resolves(case, number))
                case.solved[name] = told
    finally:
        real.close()
    figures: dict[str, Any] = {"real_tasks": seen, "real_cases": len(found)}
    for name in ORDERS:
        figures[f"real_resolved_{name}"] = sum(case.solved[name][0] for case in found)
        figures[f"real_within5_{name}"] = sum(any(case.solved[name]) for case in found)
    return figures


def plot(curve: Sequence[float], path: Path) -> None:
    """Draw the learning curve of the first split."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(range(len(curve)), curve)
    axes.set_xlabel("step of training")
    axes.set_ylabel("chance of the right candidate")
    axes.set_ylim(0, 1)
    figure.savefig(path, dpi=150)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark.

    Raises:
        InputError: There are too few bugs to split.
    """
    parser = argparse.ArgumentParser(description="Learning to choose repairs.")
    parser.add_argument("--bugs", type=int, default=12, help="bugs a package")
    parser.add_argument("--minutes", type=float, default=60.0, help="time for making bugs")
    parser.add_argument("--seed", type=int, default=0, help="of the splits and the bootstrap")
    parser.add_argument("--quick", action="store_true", help="one bug a package, of those kept")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    specs = {}
    for suite in SUITES:
        for spec in load_suite(suite).specs:
            name = spec.id.rpartition("/")[2]
            specs.setdefault(name.rpartition("-")[0], spec)
    backend = get_backend("auto")
    try:
        known = packages(specs, backend)
        rounds = 1 if options.quick else options.bugs
        bugs = collect(known, rounds, options.minutes, run=not options.quick)
        drawn = sum(map(len, bugs.values()))
        by_name = {package.name: package for package in known}
        cases = [
            case_of(bug, by_name[name])
            for name, found in sorted(bugs.items())
            for bug in found
            if bug.right
        ]
        if len({case.bug.package for case in cases}) < SPLITS:
            raise InputError(f"{len(cases)} bugs are too few for {SPLITS} splits: give --minutes.")
        begun = time.process_time()
        curve = learn(cases, options.seed)
        seconds = time.process_time() - begun
        try_out(cases)
    finally:
        backend.close()
    figures = figures_of(cases, drawn, options.seed)
    figures["training_cpu_s"] = round(seconds, 2)
    if not options.quick:
        figures |= real_figures(cases, options.seed)
    for name, value in figures.items():
        print(f"{name} {value}")
    if options.plot:
        plot(curve, options.plot)
    if options.json:
        write(options.json, figures)


if __name__ == "__main__":
    main()
