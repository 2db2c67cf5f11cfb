"""How a history is made shorter: what is old and long first, the problem never."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from agents.models.protocol import Message, ModelToolCall

FIXED = 2
"""The first messages (the system's and the problem) stay as they are."""

# What is old and shortened keeps this many characters at its start.
_KEPT_CHARS = 200
# The latest messages are spared as long as possible: the model still works with them.
_KEPT_MESSAGES = 6
# Latest messages are cut in their middle, in two rounds, down to so many characters.
_LEAST_CHARS = (2_000, 400)


def length(messages: Sequence[Message]) -> int:
    """Return the length of a history in characters."""
    return sum(_length(message) for message in messages)


def shortened(messages: Sequence[Message], limit: int) -> list[Message]:
    """Return a history of at most `limit` characters, or the shortest one that there is.

    Old observations go first, oldest first, then what is long in old replies and messages;
    both far enough that it does not happen again at the next step. Where that is not enough
    the latest messages are cut in their middle, and old turns are left out whole.

    Args:
        messages: The history.
        limit: Its length from now on, in characters.
    """
    found = list(messages)
    if length(found) <= limit:
        return found
    old = range(FIXED, max(FIXED, len(found) - _KEPT_MESSAGES))
    for roles in (("tool",), ("tool", "assistant", "user")):
        for index in old:
            if length(found) <= limit // 2:
                return found
            if found[index].role in roles:
                found[index] = _head(found[index])
        if length(found) <= limit:
            return found
    for least in _LEAST_CHARS:
        found = _cut(found, limit, least)
        if length(found) > limit:
            keep = _KEPT_MESSAGES if least == _LEAST_CHARS[0] else 1
            found = _without_old_turns(found, limit, keep)
    return found


def _length(message: Message) -> int:
    calls = sum(len(call.name) + len(call.arguments) for call in message.tool_calls)
    return len(message.content) + calls


def _head(message: Message) -> Message:
    """Return an old message with the start of what is long in it."""
    calls = tuple(_call(call, _KEPT_CHARS) for call in message.tool_calls)
    content = message.content
    if len(content) > 2 * _KEPT_CHARS:
        what = "old output" if message.role == "tool" else "old message"
        left_out = len(content) - _KEPT_CHARS
        content = f"{content[:_KEPT_CHARS]}\n[{left_out} characters of this {what} were left out]"
    return replace(message, content=content, tool_calls=calls)


def _cut(messages: list[Message], limit: int, least: int) -> list[Message]:
    """Cut the longest messages in their middle, down to `least` characters each."""
    found = list(messages)
    while (over := length(found) - limit) > 0:
        index = max(range(FIXED, len(found)), key=lambda i: _length(found[i]), default=None)
        # A note takes some characters itself: what is hardly longer is left alone.
        if index is None or _length(found[index]) <= least + 100:
            break
        size = max(least, _length(found[index]) - over - 100)
        cut = _middle(found[index], size)
        if _length(cut) >= _length(found[index]):
            break
        found[index] = cut
    return found


def _middle(message: Message, size: int) -> Message:
    content = message.content
    if len(content) > size:
        left_out = len(content) - size
        note = f"\n[{left_out} characters were left out here]\n"
        half = size // 2
        content = f"{content[:half]}{note}{content[len(content) - (size - half) :]}"
    calls = message.tool_calls
    if sum(len(call.arguments) for call in calls) > size:
        calls = tuple(_call(call, max(50, size // (4 * len(calls)))) for call in calls)
    return replace(message, content=content, tool_calls=calls)


def _call(call: ModelToolCall, size: int) -> ModelToolCall:
    """Return a call whose long arguments are shortened and stay a JSON object."""
    if len(call.arguments) <= 2 * size:
        return call
    try:
        values = json.loads(call.arguments)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        values = {"broken_arguments": call.arguments}
    kept = {key: _value(value, size) for key, value in values.items()}
    return replace(call, arguments=json.dumps(kept, ensure_ascii=False))


def _value(value: object, size: int) -> object:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) <= size:
        return value
    return f"{text[:size]} [{len(text) - size} characters were left out]"


def _without_old_turns(messages: list[Message], limit: int, keep: int) -> list[Message]:
    """Leave out turns, oldest first; a reply goes with the results of its calls.

    Args:
        messages: The history.
        limit: Where to stop, in characters.
        keep: At least so many of the last messages stay.
    """
    turns: list[list[Message]] = []
    for message in messages[FIXED:]:
        if message.role == "assistant" or not turns:
            turns.append([])
        turns[-1].append(message)
    fixed = messages[:FIXED]
    left_out = 0
    while len(turns) > 1 and sum(map(len, turns[1:])) >= keep:
        if length(fixed) + sum(length(turn) for turn in turns) <= limit:
            break
        left_out += len(turns.pop(0))
    if not left_out:
        return messages
    note = Message("user", f"[{left_out} earlier messages were left out here]")
    return [*fixed, note, *(message for turn in turns for message in turn)]
