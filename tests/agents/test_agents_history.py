"""Histories that are made shorter: what goes first, and what stays."""

from __future__ import annotations

import json

from agents.history import length, shortened
from agents.models.protocol import Message, ModelToolCall

FIXED = [Message("system", "Be brief."), Message("user", "The problem. " * 20)]


def turn(number, size, text="I look."):
    call = ModelToolCall(f"c{number}", "bash", json.dumps({"command": f"seq {number}"}))
    return [
        Message("assistant", text, (call,)),
        Message("tool", f"begin {number} {'x' * size} end {number}", tool_call_id=call.id),
    ]


def history(turns, size, **keywords):
    return [*FIXED, *(message for n in range(turns) for message in turn(n, size, **keywords))]


def whole(messages):
    """Whether every result follows the reply whose call it answers, and none is missing."""
    asked = [call.id for message in messages for call in message.tool_calls]
    return asked == [m.tool_call_id for m in messages if m.role == "tool"]


def test_what_fits_stays_as_it_is():
    messages = history(5, 1000)
    assert shortened(messages, length(messages)) == messages


def test_old_observations_go_first_and_the_latest_stay():
    messages = history(12, 5000)
    found = shortened(messages, 40_000)
    assert length(found) <= 20_000 + 5_100
    assert found[:2] == FIXED
    assert found[-6:] == messages[-6:]
    assert "of this old output were left out" in found[3].content
    assert [m.tool_calls for m in found] == [m.tool_calls for m in messages]


def test_old_replies_and_their_arguments_are_shortened_too():
    long = ModelToolCall("w", "write", json.dumps({"path": "a.py", "text": "y" * 30_000}))
    messages = [
        *FIXED,
        Message("assistant", "z" * 20_000, (long,)),
        Message("tool", "Written.", tool_call_id="w"),
        *history(4, 10)[2:],
    ]
    found = shortened(messages, 10_000)
    assert length(found) <= 10_000
    assert "of this old message were left out" in found[2].content
    arguments = json.loads(found[2].tool_calls[0].arguments)
    assert arguments["path"] == "a.py"
    assert arguments["text"].startswith("yyy")
    assert found[3:] == messages[3:]


def test_the_latest_observation_is_cut_in_its_middle():
    found = shortened(history(1, 100_000), 5_000)
    assert length(found) <= 5_000
    assert found[-1].content.startswith("begin 0 ")
    assert found[-1].content.endswith(" end 0")
    assert "characters were left out here" in found[-1].content


def test_many_small_turns_are_left_out_whole():
    messages = history(300, 10)
    found = shortened(messages, 3_000)
    assert length(found) <= 3_000
    assert found[:2] == FIXED
    assert (
        found[2].content
        == f"[{len(messages) - len(found) + 1} earlier messages were left out here]"
    )
    assert whole(found)
    assert found[-6:] == messages[-6:]


def test_what_can_not_be_reached_is_as_short_as_it_gets():
    found = shortened(history(40, 3_000, text="t" * 3_000), 10)
    assert found[:2] == FIXED
    assert [m.role for m in found[2:]] == ["user", "assistant", "tool"]
    assert whole(found)
    assert length(found) < length(FIXED) + 1_500
    assert shortened(FIXED, 10) == FIXED
