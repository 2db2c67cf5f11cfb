"""Two runs side by side, task by task, and many runs in one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agents.reports.conversation import call_signatures
from agents.reports.reading import StoredRun, read_events
from agents.reports.statistics import bootstrap, mcnemar, task_rates
from agents.runs.report import wilson
from repos.errors import InputError


@dataclass(frozen=True)
class Parting:
    """Where two episodes of one task part ways.

    Attributes:
        step: Number of the first step that differs, from 1; 0 where all are equal.
        first: The call of the first run there; "" where it had ended.
        second: The call of the second run there; "" where it had ended.
    """

    step: int
    first: str = ""
    second: str = ""


@dataclass(frozen=True)
class Pair:
    """One task and sample that both runs have a verdict of."""

    task: str
    sample: int
    first: bool
    second: bool
    first_cost: float
    second_cost: float
    parting: Parting


@dataclass(frozen=True)
class Comparison:
    """Two runs of the same tasks.

    Attributes:
        pairs: What both have a verdict of.
        first_only: Pairs that only the first resolved.
        second_only: Pairs that only the second resolved.
        p_value: McNemar's exact two-sided test over the pairs.
        difference: Mean over tasks of the second's share of resolved samples minus the first's.
        low: Lower bound of the difference's 95% interval (paired bootstrap over tasks).
        high: Upper bound of that interval.
        tasks: Tasks that both have a verdict of.
        cost_first: What the first run's pairs cost, in USD.
        cost_second: What the second run's pairs cost, in USD.
        warnings: What makes the two not comparable, one sentence each.
    """

    pairs: tuple[Pair, ...]
    first_only: int
    second_only: int
    p_value: float
    difference: float
    low: float
    high: float
    tasks: int
    cost_first: float
    cost_second: float
    warnings: tuple[str, ...]


def compare(first: StoredRun, second: StoredRun) -> Comparison:
    """Compare two runs on the tasks and samples that both have a verdict of."""
    left = {(r.task, r.sample): r for r in first.scored()}
    right = {(r.task, r.sample): r for r in second.scored()}
    both = [key for key in left if key in right]
    pairs = tuple(
        Pair(
            task=key[0],
            sample=key[1],
            first=left[key].resolved,
            second=right[key].resolved,
            first_cost=left[key].use.cost_usd,
            second_cost=right[key].use.cost_usd,
            parting=find_parting(_calls(first, *key), _calls(second, *key)),
        )
        for key in both
    )
    before = task_rates([left[key] for key in both])
    after = task_rates([right[key] for key in both])
    differences = [after[task] - before[task] for task in before]
    low, high = bootstrap(differences)
    first_only = sum(p.first and not p.second for p in pairs)
    second_only = sum(p.second and not p.first for p in pairs)
    return Comparison(
        pairs=pairs,
        first_only=first_only,
        second_only=second_only,
        p_value=mcnemar(first_only, second_only),
        difference=sum(differences) / len(differences) if differences else 0.0,
        low=low,
        high=high,
        tasks=len(differences),
        cost_first=sum(p.first_cost for p in pairs),
        cost_second=sum(p.second_cost for p in pairs),
        warnings=tuple(differing([first, second])),
    )


def find_parting(first: Sequence[str], second: Sequence[str]) -> Parting:
    """Return the first step at which two lists of calls differ."""
    for number in range(max(len(first), len(second))):
        one = first[number] if number < len(first) else ""
        other = second[number] if number < len(second) else ""
        if one != other:
            return Parting(number + 1, one[:300], other[:300])
    return Parting(0)


def _calls(run: StoredRun, task: str, sample: int) -> list[str]:
    return call_signatures(read_events(run.episode(task, sample))[0])


@dataclass(frozen=True)
class Standing:
    """One run in a leaderboard."""

    run: str
    agent: str
    model: str
    n: int
    resolved: int
    rate: float
    low: float
    high: float
    cost_usd: float
    tokens: int
    seconds: float
    complete: bool


def differing(runs: Sequence[StoredRun]) -> list[str]:
    """Return what keeps runs out of one table, one sentence each; empty where nothing does."""
    found = []
    for field, word in (
        ("suite", "suites"),
        ("version", "versions of the suite"),
        ("suite_digest", "task lists (the suite's digest)"),
        ("assist", "assist levels"),
        ("split", "splits"),
    ):
        values = list(dict.fromkeys(str(getattr(run.settings, field)) for run in runs))
        if len(values) > 1:
            shown = ", ".join(v[:12] if field == "suite_digest" else v for v in values)
            found.append(f"The runs are of different {word}: {shown}.")
    return found


def leaderboard(runs: Sequence[StoredRun]) -> list[Standing]:
    """Return runs by their rate, the best first.

    Raises:
        InputError: The runs are of different suites, versions, assist levels or splits.
    """
    reasons = differing(runs)
    if reasons:
        raise InputError(
            " ".join(reasons) + " Such figures don't belong in one table: name runs that are alike."
        )
    return sorted((standing(run) for run in runs), key=lambda s: (-s.rate, s.cost_usd, s.run))


def standing(run: StoredRun) -> Standing:
    """Return a run's line of a leaderboard."""
    records = run.scored()
    resolved = sum(r.resolved for r in records)
    low, high = wilson(resolved, len(records))
    used = [e.record for e in run.episodes if e.record is not None]
    return Standing(
        run=run.name,
        agent=run.settings.agent,
        model=run.settings.model or "",
        n=len(records),
        resolved=resolved,
        rate=resolved / len(records) if records else 0.0,
        low=low,
        high=high,
        cost_usd=sum(r.use.cost_usd for r in used),
        tokens=sum(r.use.prompt_tokens + r.use.completion_tokens for r in used),
        seconds=sum(r.seconds for r in used),
        complete=len(records) == len(run.episodes),
    )
