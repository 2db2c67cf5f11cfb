"""Messages and replies as they go over the wire, in OpenAI chat-completions form."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from agents.models.protocol import Message, ModelToolCall


def to_wire(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return messages in OpenAI form.

    What a model wrote wrongly is sent back in a form that every provider takes: arguments
    that are no JSON object are wrapped into one, and an empty reply gets a text.
    """
    wire = []
    for message in messages:
        data: dict[str, Any] = {"role": message.role, "content": message.content}
        if message.role == "assistant":
            if message.tool_calls:
                data["content"] = message.content or None
                data["tool_calls"] = [
                    {
                        "id": call.id,
                        "type": "function",
                        "function": {"name": call.name, "arguments": _object(call.arguments)},
                    }
                    for call in message.tool_calls
                ]
            else:
                data["content"] = message.content.strip() or "(empty reply)"
        elif message.role == "tool":
            data["tool_call_id"] = message.tool_call_id
        wire.append(data)
    return wire


def tool_calls_from_wire(calls: Any, turn: int) -> tuple[ModelToolCall, ...]:
    """Return the tool calls of a response message.

    Args:
        calls: Its `tool_calls`, or None.
        turn: Length of the conversation so far: names calls that came without an id, the
            same at each repetition.
    """
    parsed = []
    for index, call in enumerate(calls or ()):
        function = call.function
        arguments = function.arguments
        if not isinstance(arguments, str):
            arguments = json.dumps(arguments or {}, ensure_ascii=False)
        parsed.append(
            ModelToolCall(
                id=call.id or f"call_{turn}_{index}",
                name=function.name or "",
                arguments=arguments or "{}",
            )
        )
    return tuple(parsed)


def _object(arguments: str) -> str:
    try:
        if isinstance(json.loads(arguments), dict):
            return arguments
    except ValueError:
        pass
    return json.dumps({"not_a_json_object": arguments}, ensure_ascii=False)
