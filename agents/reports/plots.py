"""Plots for papers: pass@k, cost and comparison, as SVG, PDF or PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.reports.comparison import compare, leaderboard
from agents.reports.reading import StoredRun
from agents.reports.statistics import pass_curve, resolved_by_cost
from agents.runs.report import told_split
from repos.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ENDINGS = (".svg", ".pdf", ".png")


def write_plot(runs: Sequence[StoredRun], path: Path) -> None:
    """Draw the runs into one figure: rates, cost, and pass@k or the difference of two.

    Args:
        runs: Runs of the same suite, version and assist level.
        path: Where to write; its ending says the format.

    Raises:
        InputError: The ending is unknown, the runs don't belong in one plot, the file can't be
            written, or the extra `view` is not installed.
    """
    if path.suffix not in ENDINGS:
        raise InputError(
            f"A plot is written as {', '.join(ENDINGS)}: name such a file, not {path}."
        )
    leaderboard(runs)
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError(
            "Plots need matplotlib, of the extra `view`: pip install 'repogym[view]', or in a "
            "source tree: pip install matplotlib."
        ) from None
    drawn: list[Any] = [_draw_rates]
    if any(r.use.cost_usd for run in runs for r in run.scored()):
        drawn.append(_draw_cost)
    else:
        drawn.append(_draw_seconds)
    if any(run.settings.samples > 1 for run in runs):
        drawn.append(_draw_pass)
    if len(runs) == 2:
        drawn.append(_draw_difference)
    figure = Figure(figsize=(3.4 * len(drawn), 2.8), layout="constrained")
    for axes, draw in zip(figure.subplots(1, len(drawn), squeeze=False)[0], drawn, strict=True):
        draw(axes, runs)
    settings = runs[0].settings
    split = f", {told_split(settings)}" if settings.split else ""
    figure.suptitle(
        f"{settings.suite} v{settings.version}, assist level {settings.assist}{split}", fontsize=9
    )
    try:
        # Without a date the same runs give the same file.
        figure.savefig(
            path, dpi=200, metadata={} if path.suffix == ".png" else {_DATE[path.suffix]: None}
        )
    except OSError as error:
        raise InputError(f"{path} can't be written ({error.strerror}).") from error


_DATE = {".svg": "Date", ".pdf": "CreationDate"}


def _label(run: StoredRun, runs: Sequence[StoredRun]) -> str:
    """Return who acted, or the run's name where that is the same for several."""
    who = [(other.settings.agent, other.settings.model) for other in runs]
    if who.count((run.settings.agent, run.settings.model)) > 1:
        return run.name
    model = f" with {run.settings.model}" if run.settings.model else ""
    return f"{run.settings.agent}{model}"


def _draw_rates(axes: Axes, runs: Sequence[StoredRun]) -> None:
    standings = leaderboard(runs)[::-1]
    rates = [one.rate for one in standings]
    spread = [[r - s.low for r, s in zip(rates, standings, strict=True)]]
    spread.append([s.high - r for r, s in zip(rates, standings, strict=True)])
    labels = {run.name: _label(run, runs) for run in runs}
    names = [labels[one.run] for one in standings]
    axes.errorbar(rates, range(len(rates)), xerr=spread, fmt="o", capsize=3)
    axes.set_yticks(range(len(rates)), names, fontsize=7)
    axes.set_ylim(-0.6, len(rates) - 0.4)
    axes.set_xlim(0, 1)
    axes.set_xlabel("resolved (95% interval)", fontsize=8)


def _draw_cost(axes: Axes, runs: Sequence[StoredRun]) -> None:
    _steps(axes, runs, lambda r: r.use.cost_usd, "USD an episode")


def _draw_seconds(axes: Axes, runs: Sequence[StoredRun]) -> None:
    _steps(axes, runs, lambda r: r.seconds, "seconds an episode")


def _steps(axes: Axes, runs: Sequence[StoredRun], cost: Any, unit: str) -> None:
    for run in runs:
        points = resolved_by_cost(run.scored(), cost)
        axes.step(
            [p[0] for p in points], [p[1] for p in points], where="post", label=_label(run, runs)
        )
    axes.set_xlabel(f"at most this many {unit}", fontsize=8)
    axes.set_ylabel("resolved", fontsize=8)
    axes.set_ylim(0)
    if len(runs) > 1:
        axes.legend(fontsize=6)


def _draw_pass(axes: Axes, runs: Sequence[StoredRun]) -> None:
    for run in runs:
        curve = pass_curve(run.scored())
        k = [p.k for p in curve]
        axes.plot(k, [p.value for p in curve], marker="o", label=_label(run, runs))
        axes.fill_between(k, [p.low for p in curve], [p.high for p in curve], alpha=0.2)
    axes.set_xlabel("k", fontsize=8)
    axes.set_ylabel("pass@k (95% over tasks)", fontsize=8)
    axes.set_ylim(0, 1)
    if len(runs) > 1:
        axes.legend(fontsize=6)


def _draw_difference(axes: Axes, runs: Sequence[StoredRun]) -> None:
    result = compare(runs[0], runs[1])
    spread = [[result.difference - result.low], [result.high - result.difference]]
    axes.errorbar([0], [result.difference], yerr=spread, fmt="o", capsize=4)
    axes.axhline(0, linewidth=0.8, color="grey")
    axes.set_xticks([0], [f"{_label(runs[1], runs)} minus {_label(runs[0], runs)}"], fontsize=6)
    axes.set_ylabel("difference of resolved", fontsize=8)
    axes.set_title(f"McNemar p = {result.p_value:.3g}", fontsize=8)
