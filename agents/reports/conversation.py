"""What happened in an episode, as branches of turns, read from its journal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agents.plan import Plan
from agents.runs.atif import AtifAgent, AtifStep, Trajectory
from agents.runs.trajectory import build_trajectory, last_play

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """One tool call and its answer.

    Attributes:
        name: Name of the tool.
        arguments: Its arguments as JSON text, as the model wrote them.
        answer: What the tool answered; None where the episode ended before.
        error: Whether the answer is an error.
        seconds: What it took; None where that is not recorded.
    """

    name: str
    arguments: str
    answer: str | None
    error: bool = False
    seconds: float | None = None


@dataclass(frozen=True)
class Turn:
    """One turn of a conversation: text of somebody, and the calls that followed.

    Attributes:
        role: "system", "user" or "agent".
        text: What was said.
        time: When, as an ISO time.
        reasoning: What the model thought, where its provider tells.
        model: Name of the model; "" where none spoke.
        tokens: Prompt and completion tokens; None where no model spoke.
        cost: Cost in USD.
        reused: Whether the reply was recorded by an earlier play.
        calls: The tool calls.
        forks: Numbers of the branches that begin here.
        plan: The plan from this turn on, as (done, text) pairs; None where it did not change.
    """

    role: str
    text: str
    time: str = ""
    reasoning: str = ""
    model: str = ""
    tokens: tuple[int, int] | None = None
    cost: float = 0.0
    reused: bool = False
    calls: tuple[Call, ...] = ()
    forks: tuple[int, ...] = ()
    plan: tuple[tuple[bool, str], ...] | None = None


@dataclass(frozen=True)
class Branch:
    """One line of an episode; branch 0 is the episode itself.

    Attributes:
        number: Its number.
        parent: The branch that it was forked from; None for branch 0.
        turns: What happened in it.
    """

    number: int
    parent: int | None
    turns: tuple[Turn, ...]


def read_conversation(events: Sequence[Event]) -> tuple[list[Branch], list[str]]:
    """Return the branches of the journal's last play, and what could not be read.

    Args:
        events: The events of a journal; some may be missing.
    """
    play = last_play(events)
    problems: list[str] = []
    while True:
        try:
            trajectory = build_trajectory(play, AtifAgent(name="agent", version=""), "episode")
            break
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            if not play:
                return [], problems
            # Only the journal's own writer makes whole events; what follows a broken one
            # can still be missing its half, so the end is given up and the begin shown.
            play = play[: len(play) * 3 // 4]
            problems = [f"A part of the journal can't be read ({type(error).__name__}: {error})."]
    parents = {e["branch"]: e["parent"] for e in play if e["kind"] == "fork"}
    branches = [_branch(0, None, trajectory.steps)]
    for inner in trajectory.subagent_trajectories or ():
        number = _number(inner)
        branches.append(_branch(number, parents.get(number, 0), inner.steps))
    return branches, problems


def call_signatures(events: Sequence[Event]) -> list[str]:
    """Return the tool calls of the episode itself in order, each as one line of text."""
    return [
        f"{e.get('name')} {e.get('arguments')}"
        for e in last_play(events)
        if e["kind"] == "step" and e.get("branch") == 0
    ]


def _number(trajectory: Trajectory) -> int:
    return int((trajectory.trajectory_id or "branch-0").rpartition("-")[2])


def _branch(number: int, parent: int | None, steps: Sequence[AtifStep]) -> Branch:
    turns: list[Turn] = []
    plan: tuple[tuple[bool, str], ...] = ()
    for step in steps:
        turn = _turn(step)
        read = _plan(turn)
        if read and read != plan:
            plan = read
            turn = replace(turn, plan=plan)
        turns.append(turn)
    return Branch(number, parent, tuple(turns))


def _turn(step: AtifStep) -> Turn:
    results = {r.source_call_id: r for r in (step.observation.results if step.observation else ())}
    calls = []
    for call in step.tool_calls or ():
        result = results.get(call.tool_call_id)
        extra = (result.extra or {}) if result else {}
        raw = (call.extra or {}).get("raw_arguments")
        calls.append(
            Call(
                name=call.function_name,
                arguments=raw if raw is not None else json.dumps(call.arguments),
                answer=result.content or "" if result else None,
                error=bool(extra.get("error")),
                seconds=extra.get("seconds"),
            )
        )
    unasked = results.get(None)
    forks = [
        int((ref.trajectory_id or "branch-0").rpartition("-")[2])
        for ref in (unasked.subagent_trajectory_ref or () if unasked else ())
    ]
    text = step.message
    if unasked and unasked.content:
        text = f"{text}\n{unasked.content}"
    use = step.metrics
    return Turn(
        role=step.source,
        text=text,
        time=step.timestamp or "",
        reasoning=step.reasoning_content or "",
        model=step.model_name or "",
        tokens=(use.prompt_tokens or 0, use.completion_tokens or 0) if use else None,
        cost=(use.cost_usd or 0.0) if use else 0.0,
        reused=bool((step.extra or {}).get("reused")),
        calls=tuple(calls),
        forks=tuple(forks),
    )


def _plan(turn: Turn) -> tuple[tuple[bool, str], ...]:
    """Return the plan with check marks that a turn shows, if it shows one."""
    marked = [line for line in turn.text.splitlines() if "[ ]" in line or "[x]" in line.lower()]
    return tuple((step.done, step.text) for step in Plan.read("\n".join(marked)).steps)
