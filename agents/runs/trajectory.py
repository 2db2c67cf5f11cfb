"""Turns the journal of an episode into an ATIF trajectory."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from agents.runs.atif import (
    AtifAgent,
    AtifObservation,
    AtifStep,
    AtifToolCall,
    FinalMetrics,
    Metrics,
    ObservationResult,
    SubagentRef,
    Trajectory,
)

Event = Mapping[str, Any]


def last_play(events: Sequence[Event]) -> list[Event]:
    """Return the events since the last start: earlier plays were interrupted."""
    begin = max((i for i, e in enumerate(events) if e["kind"] == "start"), default=0)
    return list(events[begin:])


def build_trajectory(events: Sequence[Event], agent: AtifAgent, session: str) -> Trajectory:
    """Return the trajectory of the journal's last play.

    Replies and steps of several threads and branches interleave in the journal: a step
    belongs to the reply that asked for it, and a reply to the branch in which its calls ran.

    Args:
        events: The journal.
        agent: Who acted.
        session: Names the episode.
    """
    play = last_play(events)
    builder = _Builder(play)
    builder.read()
    root = builder.branch(0).steps()
    forks = [
        Trajectory(
            session_id=session,
            trajectory_id=f"branch-{number}",
            agent=agent,
            steps=builder.branch(number).steps(),
        )
        for number in sorted(builder.branches)
        if number
    ]
    uses = [e["reply"]["usage"] for e in play if e["kind"] == "reply"]
    return Trajectory(
        session_id=session,
        trajectory_id="main",
        agent=agent,
        steps=root,
        final_metrics=FinalMetrics(
            total_prompt_tokens=sum(use["prompt_tokens"] for use in uses),
            total_completion_tokens=sum(use["completion_tokens"] for use in uses),
            total_cost_usd=sum(use["cost_usd"] for use in uses),
            total_steps=len(root),
            extra={"model_calls": len(uses)},
        ),
        subagent_trajectories=forks or None,
    )


@dataclass
class _Turn:
    """A step in the making."""

    source: str
    message: str
    time: float
    reply: Mapping[str, Any] | None = None
    model: str | None = None
    reused: bool = False
    calls: list[AtifToolCall] = field(default_factory=list)
    raw: list[tuple[str, str] | None] = field(default_factory=list)
    results: list[ObservationResult] = field(default_factory=list)

    def add_call(self, name: str, arguments: str, call_id: str = "") -> str:
        """Add a call and return its id, unique in this turn."""
        taken = {call.tool_call_id for call in self.calls}
        unique = call_id or f"call_{len(self.calls)}"
        while unique in taken:
            unique += "_"
        try:
            value = json.loads(arguments or "{}")
        except ValueError:
            value = None
        broken = not isinstance(value, dict)
        self.calls.append(
            AtifToolCall(
                tool_call_id=unique,
                function_name=name,
                arguments={} if broken else value,
                extra={"raw_arguments": arguments} if broken else None,
            )
        )
        self.raw.append((name, arguments))
        return unique

    def take(self, name: str, arguments: str) -> str | None:
        """Return the id of a call like this one that has no result yet."""
        for position, raw in enumerate(self.raw):
            if raw == (name, arguments):
                self.raw[position] = None
                return self.calls[position].tool_call_id
        return None

    def step(self, number: int) -> AtifStep:
        """Return the finished step."""
        agent = self.source == "agent"
        use = self.reply["usage"] if self.reply else None
        return AtifStep(
            step_id=number,
            timestamp=datetime.fromtimestamp(self.time, UTC).isoformat(timespec="milliseconds"),
            source=self.source,  # type: ignore[arg-type]
            model_name=self.model,
            message=self.message,
            reasoning_content=(self.reply["reasoning"] or None) if self.reply else None,
            tool_calls=self.calls or None,
            observation=AtifObservation(results=self.results) if self.results else None,
            metrics=Metrics(
                prompt_tokens=use["prompt_tokens"],
                completion_tokens=use["completion_tokens"],
                cost_usd=use["cost_usd"],
                **self._tokens(),
            )
            if use
            else None,
            llm_call_count=(1 if self.reply else 0) if agent else None,
            extra=self._extra() or None,
        )

    def _tokens(self) -> dict[str, Any]:
        """Return the ids and log-probabilities of a reply that has them."""
        reply = self.reply or {}
        found = {
            "prompt_token_ids": reply.get("prompt_token_ids"),
            "completion_token_ids": reply.get("token_ids"),
            "logprobs": reply.get("logprobs"),
        }
        return {name: list(values) for name, values in found.items() if values}

    def _extra(self) -> dict[str, Any]:
        extra: dict[str, Any] = {"reused": True} if self.reused else {}
        if self.reply and self.reply.get("finish_reason") == "length":
            # It was cut off at its bound: what is missing the model never said.
            extra["finish_reason"] = "length"
        return extra


@dataclass
class _Branch:
    turns: list[_Turn] = field(default_factory=list)
    messages: Counter[str] = field(default_factory=Counter)

    def steps(self) -> list[AtifStep]:
        return [turn.step(number) for number, turn in enumerate(self.turns, start=1)]


class _Builder:
    def __init__(self, events: Sequence[Event]) -> None:
        self.events = events
        self.branches: dict[int, _Branch] = {0: _Branch()}
        self.messages: dict[str, Mapping[str, Any]] = {}
        self.has_replies = any(e["kind"] == "reply" for e in events)
        self.home = reply_branches(events)
        self.open: dict[int, list[_Turn]] = defaultdict(list)
        self.latest: dict[tuple[int, int], _Turn] = {}
        self.stopped: dict[int, str] = {}

    def branch(self, number: int) -> _Branch:
        return self.branches.setdefault(number, _Branch())

    def read(self) -> None:
        for index, event in enumerate(self.events):
            match event["kind"]:
                case "reset" if not self.has_replies:
                    turn = _Turn("user", event["observation"]["text"], event["time"])
                    self.branch(0).turns.append(turn)
                case "reply":
                    self._reply(index, event)
                case "step":
                    self._step(event)
                case "fork":
                    self._fork(event)
                case "stop":
                    self.stopped[event["branch"]] = event["reason"]

    def _reply(self, index: int, event: Event) -> None:
        number = self.home[index]
        branch = self.branch(number)
        self.messages.update(event["new"])
        seen: Counter[str] = Counter()
        for digest in event["messages"]:
            message = self.messages[digest]
            seen[digest] += 1
            if message["role"] not in ("system", "user") or seen[digest] <= branch.messages[digest]:
                continue
            branch.messages[digest] += 1
            branch.turns.append(_Turn(message["role"], message["content"], event["time"]))
        reply = event["reply"]
        turn = _Turn("agent", reply["text"], event["time"], reply, event["model"], event["reused"])
        for call in reply["tool_calls"]:
            turn.add_call(call["name"], call["arguments"], call["id"])
        branch.turns.append(turn)
        self.open[number].append(turn)
        self.latest[number, event["thread"]] = turn

    def _step(self, event: Event) -> None:
        number = event["branch"]
        name, arguments = event["name"], event["arguments"]
        observation = event["observation"]
        reason = self.stopped.pop(number, None)
        if reason is not None:
            turn = _Turn("system", f"The episode was ended: {reason}.", event["time"])
            turn.results.append(ObservationResult(content=observation["text"]))
            self.branch(number).turns.append(turn)
            return
        for turn in reversed(self.open[number]):
            call_id = turn.take(name, arguments)
            if call_id is not None:
                break
        else:
            turn = self.latest.get((number, event["thread"]))
            # A reply whose calls stand in its text (--tool-format text) gets them here.
            if turn is None or (turn.reply and turn.reply["tool_calls"]):
                turn = _Turn("agent", "", event["time"])
                self.branch(number).turns.append(turn)
            call_id = turn.add_call(name, arguments)
            turn.take(name, arguments)
        extra: dict[str, Any] = {"seconds": event["seconds"]} if "seconds" in event else {}
        if observation.get("error"):
            extra["error"] = True
        turn.results.append(
            ObservationResult(
                source_call_id=call_id, content=observation["text"], extra=extra or None
            )
        )

    def _fork(self, event: Event) -> None:
        number, parent = event["branch"], event["parent"]
        begin = _Turn("system", f"Branch {number}, forked from branch {parent}.", event["time"])
        self.branch(number).turns.append(begin)
        note = _Turn("system", f"Forked branch {number}.", event["time"])
        note.results.append(
            ObservationResult(
                subagent_trajectory_ref=[SubagentRef(trajectory_id=f"branch-{number}")]
            )
        )
        self.branch(parent).turns.append(note)


def reply_branches(events: Sequence[Event]) -> dict[int, int]:
    """Return the branch of each reply (by its place in the journal).

    A reply's branch is where the first step equal to one of its calls ran; without one,
    the branch in which its thread stepped or forked last.
    """
    homes: dict[int, int] = {}
    thread_branch: dict[int, int] = defaultdict(int)
    waiting: list[tuple[int, list[tuple[str, str]]]] = []
    for index, event in enumerate(events):
        if event["kind"] == "reply":
            homes[index] = thread_branch[event["thread"]]
            calls = [(c["name"], c["arguments"]) for c in event["reply"]["tool_calls"]]
            if calls:
                waiting.append((index, calls))
        elif event["kind"] == "step":
            thread_branch[event["thread"]] = event["branch"]
            for position, (reply, calls) in enumerate(waiting):
                if (event["name"], event["arguments"]) in calls:
                    homes[reply] = event["branch"]
                    del waiting[position]
                    break
    return homes
