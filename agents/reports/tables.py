"""Figures of runs as Markdown, CSV or JSON, for papers and for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict

from agents.reports.comparison import Standing, leaderboard
from agents.reports.payload import dumps
from agents.reports.reading import StoredRun
from agents.reports.statistics import pass_curve
from agents.runs.report import told_split

FORMATS = ("md", "csv", "json")


def write_table(runs: Sequence[StoredRun], form: str) -> str:
    """Return the runs' figures as text in one of `FORMATS`, the best run first.

    Raises:
        InputError: The runs are of different suites, versions, assist levels or splits.
    """
    standings = leaderboard(runs)
    if form == "csv":
        return _csv(standings)
    if form == "json":
        return _json(runs, standings)
    return _markdown(runs, standings)


def _csv(standings: Sequence[Standing]) -> str:
    text = io.StringIO()
    names = list(asdict(standings[0]))
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(one) for one in standings)
    return text.getvalue()


def _json(runs: Sequence[StoredRun], standings: Sequence[Standing]) -> str:
    settings = runs[0].settings
    value = {
        "suite": settings.suite,
        "version": settings.version,
        "digest": settings.suite_digest,
        "assist": settings.assist,
        "split": settings.split,
        "training": max(run.settings.training for run in runs),
        "confidence": 0.95,
        "runs": [asdict(one) for one in standings],
        "pass_at_k": {run.name: [asdict(p) for p in pass_curve(run.scored())] for run in runs},
    }
    return json.dumps(json.loads(dumps(value)), indent=1) + "\n"


def _markdown(runs: Sequence[StoredRun], standings: Sequence[Standing]) -> str:
    settings = runs[0].settings
    split = f", {told_split(settings)}" if settings.split else ""
    lines = [
        f"{settings.suite} v{settings.version}, assist level {settings.assist}{split}; "
        "intervals are Wilson's, 95%.",
        "",
        "| run | agent | model | resolved | interval | cost (USD) | tokens |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    for one in standings:
        cells = [
            one.run + ("" if one.complete else " (not complete)"),
            one.agent,
            one.model or "none",
            f"{one.resolved} of {one.n} ({100 * one.rate:.1f}%)",
            f"{100 * one.low:.1f} to {100 * one.high:.1f}%",
            f"{one.cost_usd:.2f}",
            f"{one.tokens:,}",
        ]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"
