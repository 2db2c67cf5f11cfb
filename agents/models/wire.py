"""Messages and replies as they go over the wire, in OpenAI chat-completions form."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
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


def tokens_from_wire(response: Any, choice: Any) -> dict[str, Any]:
    """Return the tokens of a reply as fields of `Reply`; what the endpoint left out is left out.

    Args:
        response: The whole response, which may hold the prompt's token ids (vLLM).
        choice: Its choice, with log-probabilities in the form of chats or of completions.
    """
    fields: dict[str, Any] = {}
    logprobs = _get(choice, "logprobs")
    content = _get(logprobs, "content")
    if isinstance(content, list):
        fields["tokens"] = tuple(str(_get(entry, "token")) for entry in content)
        fields["logprobs"] = _numbers(_get(entry, "logprob") for entry in content)
        fields["token_ids"] = _ids(_get(entry, "id") for entry in content)
    elif isinstance(_get(logprobs, "tokens"), list):
        fields["tokens"] = tuple(str(token) for token in _get(logprobs, "tokens"))
        fields["logprobs"] = _numbers(_get(logprobs, "token_logprobs") or ())
    given = _get(choice, "token_ids")
    if given is None:
        given = _get(_get(choice, "provider_specific_fields"), "token_ids")
    if isinstance(given, list):
        fields["token_ids"] = _ids(given)
    tokens = fields.get("tokens", ())
    if not fields.get("token_ids") and tokens and all(t.startswith("token_id:") for t in tokens):
        fields["token_ids"] = _ids(int(token.removeprefix("token_id:")) for token in tokens)
    prompt = _get(response, "prompt_token_ids") or _get(choice, "prompt_token_ids")
    if isinstance(prompt, list):
        fields["prompt_token_ids"] = _ids(prompt)
    return {name: value for name, value in fields.items() if value}


def _get(holder: Any, name: str) -> Any:
    if isinstance(holder, Mapping):
        return holder.get(name)
    return getattr(holder, name, None)


def _ids(values: Iterable[Any]) -> tuple[int, ...]:
    found = tuple(values)
    return found if all(isinstance(value, int) for value in found) else ()


def _numbers(values: Iterable[Any]) -> tuple[float, ...]:
    found = tuple(values)
    known = all(isinstance(value, int | float) for value in found)
    return tuple(float(value) for value in found) if known else ()


def _object(arguments: str) -> str:
    try:
        if isinstance(json.loads(arguments), dict):
            return arguments
    except ValueError:
        pass
    return json.dumps({"not_a_json_object": arguments}, ensure_ascii=False)
