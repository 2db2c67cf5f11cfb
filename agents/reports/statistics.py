"""The statistics of reports: intervals, pass@k curves and paired comparisons."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agents.runs.report import pass_at
from agents.runs.spec import EpisodeRecord

RESAMPLES = 2000
"""Resamples of a bootstrap."""


@dataclass(frozen=True)
class PassAtK:
    """One point of a pass@k curve with its 95% interval over tasks.

    Attributes:
        k: Samples that one may try.
        value: The unbiased estimate (Chen et al. 2021).
        low: Lower bound of the interval.
        high: Upper bound of the interval.
        tasks: Tasks that have at least `k` samples with a verdict; only these count.
    """

    k: int
    value: float
    low: float
    high: float
    tasks: int


def pass_curve(records: Sequence[EpisodeRecord]) -> list[PassAtK]:
    """Return pass@k for each k up to the most samples of a task.

    The interval is a percentile bootstrap over tasks (Efron 1979), seeded, so that the same
    run gives the same interval.
    """
    counts = Counter(r.task for r in records)
    wins = Counter(r.task for r in records if r.resolved)
    curve = []
    for k in range(1, max(counts.values(), default=0) + 1):
        pairs = [(counts[task], wins[task]) for task in counts if counts[task] >= k]
        each = [pass_at(k, [pair]) for pair in pairs]
        low, high = bootstrap(each)
        curve.append(PassAtK(k, sum(each) / len(each), low, high, len(pairs)))
    return curve


def bootstrap(values: Sequence[float], *, seed: int = 0) -> tuple[float, float]:
    """Return the 95% percentile bootstrap interval of the mean of `values`.

    Args:
        values: One number a task; without any the interval is (nan, nan).
        seed: Seed of the resampling.
    """
    if not values:
        return math.nan, math.nan
    generator = np.random.default_rng(seed)
    data = np.asarray(values, dtype=float)
    means = generator.choice(data, size=(RESAMPLES, len(data))).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def mcnemar(first_only: int, second_only: int) -> float:
    """Return the exact two-sided p-value of McNemar's test (McNemar 1947).

    Args:
        first_only: Pairs in which only the first succeeded.
        second_only: Pairs in which only the second succeeded.
    """
    n = first_only + second_only
    if n == 0:
        return 1.0
    few = min(first_only, second_only)
    tail = sum(math.comb(n, i) for i in range(few + 1)) / 2**n
    return min(1.0, 2 * tail)


def resolved_by_cost(
    records: Sequence[EpisodeRecord], cost: Callable[[EpisodeRecord], float]
) -> list[tuple[float, float]]:
    """Return the share of episodes that were resolved for at most each cost, rising.

    Args:
        records: Episodes with a verdict.
        cost: What an episode cost, in USD, tokens or seconds.
    """
    total = len(records)
    points, resolved = [(0.0, 0.0)], 0
    for record in sorted(records, key=cost):
        if record.resolved:
            resolved += 1
            points.append((cost(record), resolved / total))
    if records:
        points.append((max(map(cost, records)), resolved / total))
    return points


def task_rates(records: Sequence[EpisodeRecord]) -> Mapping[str, float]:
    """Return the share of resolved samples of each task."""
    counts = Counter(r.task for r in records)
    wins = Counter(r.task for r in records if r.resolved)
    return {task: wins[task] / counts[task] for task in counts}
