"""What a page holds as plain data: a small index, and one packed part an episode."""

from __future__ import annotations

import base64
import gzip
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

from agents.reports.comparison import compare, differing, standing
from agents.reports.conversation import read_conversation
from agents.reports.hidden import TaskFiles, failure_messages, read_hidden
from agents.reports.neighbourhood import Neighbourhoods
from agents.reports.patches import patch_rows
from agents.reports.reading import StoredEpisode, StoredRun, read_events, read_text
from agents.reports.statistics import pass_curve, resolved_by_cost
from agents.runs.report import honest_lines, summarise, title, told_split, wilson

MAX_COMPARED = 12
"""Runs of which every pair is compared; of more, each is compared with the first."""


def index_of(runs: Sequence[StoredRun]) -> dict[str, Any]:
    """Return what the tables and plots of a page need."""
    pairs = list(combinations(range(len(runs)), 2))
    if len(runs) > MAX_COMPARED:
        pairs = [(0, other) for other in range(1, len(runs))]
    return {
        "runs": [_run(run) for run in runs],
        "comparisons": [
            {"first": a, "second": b, **asdict(compare(runs[a], runs[b]))} for a, b in pairs
        ],
        "differing": differing(runs),
        "standings": [asdict(standing(run)) for run in runs],
    }


def _run(run: StoredRun) -> dict[str, Any]:
    settings = run.settings
    records = [e.record for e in run.episodes if e.record is not None]
    scored = run.scored()
    resolved = sum(r.resolved for r in scored)
    low, high = wilson(resolved, len(scored))
    summary = run.summary or summarise(settings, records, sum(r.seconds for r in records), None)
    return {
        "name": run.name,
        "title": title(settings),
        "running": run.running,
        "problems": list(run.problems),
        "facts": _facts(run),
        "notes": honest_lines(settings, summary) if scored else [],
        "n": len(scored),
        "resolved": resolved,
        "rate": resolved / len(scored) if scored else None,
        "low": low,
        "high": high,
        "verdicts": dict(Counter(e.verdict for e in run.episodes)),
        "ends": dict(Counter(r.end for r in scored)),
        "errors": dict(Counter(_error(e) for e in run.episodes if _error(e))),
        "pass_curve": [asdict(p) for p in pass_curve(scored)] if settings.samples > 1 else [],
        "by_cost": resolved_by_cost(scored, lambda r: r.use.cost_usd),
        "by_seconds": resolved_by_cost(scored, lambda r: r.seconds),
        "samples": settings.samples,
        "episodes": [_row(e) for e in run.episodes],
    }


def _facts(run: StoredRun) -> list[tuple[str, str]]:
    settings, summary = run.settings, run.summary
    versions = summary.get("versions")
    versions = versions if isinstance(versions, dict) else {}
    facts = [
        ("suite", f"{settings.suite} v{settings.version}"),
        ("digest", settings.suite_digest[:12]),
        ("agent", settings.agent),
        ("model", settings.model or "none"),
        ("assist", settings.assist),
        ("split", told_split(settings).removeprefix("split: ")),
        ("samples", str(settings.samples)),
        ("seed", str(settings.seed)),
        ("sandbox", settings.sandbox),
        ("reward", settings.reward),
        ("RepoGym", str(versions.get("repogym", ""))),
        ("Python", str(versions.get("python", settings.python))),
        ("platform", str(versions.get("platform", ""))),
    ]
    return [(name, value) for name, value in facts if value]


def _error(episode: StoredEpisode) -> str:
    """Return the kind of an episode's error, without what differs from one to the next."""
    record = episode.record
    text = (record.error or record.agent_error) if record else episode.problem
    return text.partition(":")[0][:80]


def _row(episode: StoredEpisode) -> dict[str, Any]:
    row: dict[str, Any] = {
        "task": episode.task,
        "sample": episode.sample,
        "repository": episode.repository,
        "verdict": episode.verdict,
        "problem": episode.problem,
    }
    record = episode.record
    if record is not None:
        row |= {
            "end": record.end,
            "error": record.error or record.agent_error,
            "fraction": record.fraction if record.status == "done" else None,
            "steps": record.steps,
            "seconds": record.seconds,
            "tokens": record.use.prompt_tokens + record.use.completion_tokens,
            "cost": record.use.cost_usd,
            "calls": record.use.calls,
            "tampered": list(record.tampered),
            "flags": list(record.flags),
        }
    return row


def episode_of(
    episode: StoredEpisode, tasks: TaskFiles, neighbourhoods: Neighbourhoods
) -> dict[str, Any]:
    """Return what the page of one episode needs, without anything hidden."""
    events, problems = read_events(episode)
    branches, more = read_conversation(events)
    patch = read_text(episode.folder / "patch.diff")
    return {
        "branches": [asdict(branch) for branch in branches],
        "patch": patch_rows(patch),
        "edited": neighbourhoods.edited(tasks.base(episode.task), patch),
        "problems": [*problems, *more],
    }


def hidden_of(episode: StoredEpisode, tasks: TaskFiles) -> dict[str, Any]:
    """Return the hidden side of an episode for its page."""
    hidden = read_hidden(episode, tasks)
    messages = failure_messages(hidden.log, hidden.checks)
    return {
        "reference": None if hidden.reference is None else patch_rows(hidden.reference),
        "checks": [[test, word, messages.get(test, "")] for test, word in hidden.checks.items()],
        "log": hidden.log,
    }


def dumps(value: Any) -> str:
    """Return strict JSON in ASCII: numbers that are none are null, lone surrogates escaped."""
    return json.dumps(_finite(value), ensure_ascii=True, separators=(",", ":"), allow_nan=False)


def pack(value: Any) -> str:
    """Return plain data as gzip in base64, which a page unpacks when it is looked at."""
    return base64.b64encode(gzip.compress(dumps(value).encode(), 6, mtime=0)).decode("ascii")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
