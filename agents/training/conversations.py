"""The conversations that models had in an episode, read from its journal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.models.protocol import Message, ModelToolCall
from agents.models.wire import to_wire
from agents.runs.trajectory import last_play, reply_branches

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Conversation:
    """Messages up to a model's reply that no later request goes on from.

    Attributes:
        branch: Branch of the episode in which it was held; 0 is the episode itself.
        model: Name of the model that gave the last reply.
        messages: In the form of chat templates: OpenAI's, but with the arguments of a tool
            call as an object, and `reasoning_content` where the provider told it.
        tokens: By place of the reply in `messages`: `token_ids`, `logprobs` and
            `prompt_token_ids`; only of replies whose endpoint gave them.
    """

    branch: int
    model: str
    messages: tuple[dict[str, Any], ...]
    tokens: tuple[dict[str, Any], ...] = ()

    @property
    def opening(self) -> tuple[dict[str, Any], ...]:
        """The messages before the model's first reply."""
        return self.messages[: self._begin]

    @property
    def answer(self) -> tuple[dict[str, Any], ...]:
        """The messages from the model's first reply on."""
        return self.messages[self._begin :]

    @property
    def _begin(self) -> int:
        roles = [message["role"] for message in self.messages]
        return roles.index("assistant")


def read_conversations(events: Sequence[Event]) -> list[Conversation]:
    """Return the conversations of a journal's last play, by the time of their last reply.

    Requests repeat the history. A reply whose request and text a later request repeats is a
    part of that later conversation. Where an agent shortens its history, the shortened one
    is a conversation of its own.

    Args:
        events: The journal.
    """
    play = last_play(events)
    branches = reply_branches(play)
    known: dict[str, Mapping[str, Any]] = {}
    replies: list[tuple[int, tuple[str, ...], Event]] = []
    for index, event in enumerate(play):
        if event["kind"] == "reply":
            known.update(event["new"])
            replies.append((index, tuple(event["messages"]), event))
    reasoning = {request: event["reply"].get("reasoning", "") for _, request, event in replies}
    sampled = {request: _tokens(event["reply"]) for _, request, event in replies}
    # A request that goes on from a reply holds it as its next assistant message.
    continued = {
        (request[:place], str(known[request[place]]["content"]))
        for _, request, _ in replies
        for place in range(len(request))
        if known[request[place]]["role"] == "assistant"
    }
    found = []
    for index, request, event in replies:
        reply = event["reply"]
        if (request, reply["text"]) in continued:
            continue
        last = {
            "role": "assistant",
            "content": reply["text"],
            "tool_calls": reply["tool_calls"],
        }
        messages = [_message(known[key]) for key in request] + [_message(last)]
        for place, message in enumerate(messages):
            thought = reasoning.get(request[:place], "")
            if message["role"] == "assistant" and thought:
                message["reasoning_content"] = thought
        tokens = [
            {"message": place, **sampled[request[:place]]}
            for place, message in enumerate(messages)
            if message["role"] == "assistant" and sampled.get(request[:place])
        ]
        branch = branches.get(index, 0)
        found.append(Conversation(branch, event["model"], tuple(messages), tuple(tokens)))
    return found


def offered_tools(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Return the schemas of the tools that the episode of a journal's last play had."""
    return next((list(e["tools"]) for e in last_play(events) if e["kind"] == "reset"), [])


def _tokens(reply: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a reply's endpoint told of its tokens; empty where it told nothing."""
    names = ("token_ids", "logprobs", "prompt_token_ids")
    return {name: list(reply[name]) for name in names if reply.get(name)}


def _message(data: Mapping[str, Any]) -> dict[str, Any]:
    message = Message(
        data["role"],
        data["content"],
        tuple(ModelToolCall(**call) for call in data.get("tool_calls", ())),
        data.get("tool_call_id"),
    )
    (wire,) = to_wire([message])
    wire["content"] = wire["content"] or ""
    for call in wire.get("tool_calls", ()):
        call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return wire
