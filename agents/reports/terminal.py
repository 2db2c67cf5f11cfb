"""A run, an episode and its diff on a terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from agents.reports.conversation import Branch, Call, read_conversation
from agents.reports.reading import StoredEpisode, StoredRun, read_events, read_text
from agents.runs.report import honest_lines, show, summarise
from agents.runs.visible import visible

if TYPE_CHECKING:
    from rich.console import Console

LINES = 30
"""Lines of a text that are shown."""


def show_run(console: Console, run: StoredRun) -> None:
    """Print a run's table and what must be said beside its figures."""
    settings = run.settings
    records = [e.record for e in run.episodes if e.record is not None]
    if records:
        seconds = sum(r.seconds for r in records)
        show(console, settings, records, run.summary or summarise(settings, records, seconds, None))
    else:
        for line in honest_lines(settings, summarise(settings, [], 0.0, None)):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    others = [e for e in run.episodes if e.record is None]
    for state in dict.fromkeys(e.state for e in others):
        names = [e.task + (f" #{e.sample}" if e.sample else "") for e in others if e.state == state]
        shown = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
        console.print(f"{state}: {len(names)} ({shown})", markup=False, highlight=False)
    for problem in [*run.problems, *(e.problem for e in run.episodes if e.problem)]:
        console.print(visible(problem), style="red", markup=False, highlight=False)


def show_episode(console: Console, episode: StoredEpisode) -> None:
    """Print an episode's steps and its diff."""
    from rich.rule import Rule

    events, problems = read_events(episode)
    branches, more = read_conversation(events)
    title = episode.task + (f" #{episode.sample}" if episode.sample else "")
    console.print(Rule(f"{title}: {episode.verdict}"))
    for problem in [p for p in (episode.problem, *problems, *more) if p]:
        console.print(visible(problem), style="red", markup=False, highlight=False)
    for branch in branches:
        _show_branch(console, branch)
    record = episode.record
    if record is not None:
        outcome = [f"end: {record.end}", f"fraction {record.fraction:+.2f}"]
        outcome += [f"{record.steps} steps", f"{record.seconds:.1f} s"]
        if record.error or record.agent_error:
            outcome = [record.error or record.agent_error]
        console.print(Rule("outcome"))
        console.print(visible(", ".join(outcome)), markup=False, highlight=False)
    show_patch(console, read_text(episode.folder / "patch.diff"))


def show_patch(console: Console, patch: str) -> None:
    """Print a diff with colours."""
    from rich.rule import Rule
    from rich.syntax import Syntax

    console.print(Rule("patch"))
    if patch.strip():
        console.print(Syntax(visible(patch), "diff", background_color="default", word_wrap=True))
    else:
        console.print("The episode changed nothing.")


def _show_branch(console: Console, branch: Branch) -> None:
    from rich.rule import Rule

    if branch.parent is not None:
        console.print(Rule(f"branch {branch.number}, forked from {branch.parent}"))
    for number, turn in enumerate(branch.turns, start=1):
        who = turn.model or turn.role
        use = f" · {turn.tokens[0]} + {turn.tokens[1]} tokens" if turn.tokens else ""
        cost = f" · {turn.cost:.4f} USD" if turn.cost else ""
        console.print(f"#{number} {who}{use}{cost}", style="bold cyan", markup=False)
        if turn.reasoning:
            console.print(_short(turn.reasoning), style="dim", markup=False, highlight=False)
        if turn.text:
            console.print(_short(turn.text), markup=False, highlight=False)
        for call in turn.calls:
            _show_call(console, call)


def _show_call(console: Console, call: Call) -> None:
    took = f" ({call.seconds:.1f} s)" if call.seconds is not None else ""
    console.print(f"  > {call.name} {_one_line(call.arguments)}{took}", style="bold", markup=False)
    if call.answer is None:
        console.print("    (no answer: the episode ended before)", style="dim")
        return
    style = "red" if call.error else "dim"
    text = "\n".join(f"    {line}" for line in _short(call.answer).split("\n"))
    console.print(text, style=style, markup=False, highlight=False)


def _one_line(arguments: str) -> str:
    try:
        text = json.dumps(json.loads(arguments), ensure_ascii=False)
    except ValueError:
        text = arguments
    text = visible(text.replace("\n", " "))
    return text if len(text) <= 200 else text[:200] + " ..."


def _short(text: str) -> str:
    lines = visible(text).split("\n")
    cut = [line if len(line) <= 400 else line[:400] + " ..." for line in lines[:LINES]]
    if len(lines) > LINES:
        cut.append(f"... ({len(lines) - LINES} more lines)")
    return "\n".join(cut)
