"""Tool calls as text, for models that have none of their own (`--tool-format text`).

The schemas go into the system message; a call is a fenced block of JSON in the reply; the
results come back as a user message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from agents.models.continuation import continuing
from agents.models.protocol import Message, Model, ModelToolCall, Reply

CALL_FORMAT = """\
```tool
{"name": "NAME", "arguments": {"PARAMETER": "value"}}
```"""
"""The form of a call."""

INSTRUCTIONS = f"""\
You use tools by writing blocks of this form, and nothing follows the last block:

{CALL_FORMAT}

A block holds one JSON object; several blocks are several calls, run in order. The results \
come with the next message. Tools:
"""

# Where a call may begin: a fence, or the tag that many models were trained on. The JSON
# after it is read by its own grammar, so fences inside strings do no harm.
_OPENING = re.compile(
    r"^[ \t]*(?P<fence>`{3,}|~{3,})[ \t]*"
    r"(?P<word>[^\s`~]*)[^\n`]*\n"
    r"|<(?P<tag>tool_call|function_call)>",
    re.MULTILINE | re.IGNORECASE,
)
_TELLING = {"tool", "tool_call", "tool_calls", "tool_use", "function", "function_call"}
_NEUTRAL = {"", "json", "jsonc", "xml"}
_NAME = re.compile(r'"(?:name|tool)"\s*:\s*"([^"\\\n]{1,100})"')
_ARGUMENTS = re.compile(r'^\s*,?\s*"(?:arguments|parameters|input)"\s*:\s*')
_DECODER = json.JSONDecoder(strict=False)


class TextToolModel:
    """Wraps a model that only reads and writes text; any thread may call it.

    Attributes:
        name: The model's name.
        call_format: How a call is written, for whoever reminds the model of it.
    """

    def __init__(self, model: Model) -> None:
        self.name = model.name
        self.call_format = CALL_FORMAT
        self._model = model

    @property
    def unwrapped(self) -> Model:
        """The model inside."""
        return self._model

    def complete(
        self,
        messages: Sequence[Message],
        tools: Sequence[Mapping[str, Any]] = (),
        *,
        temperature: float | None = None,
        max_tokens: int | None = None,
    ) -> Reply:
        """Answer; see `Model.complete`."""
        reply = self._model.complete(
            render_messages(messages, tools), (), temperature=temperature, max_tokens=max_tokens
        )
        if not tools:
            return reply
        names = {tool["function"]["name"] for tool in tools}
        text, calls = parse_calls(reply.text, names, turn=len(messages))
        raw = reply.text if calls else ""
        return replace(reply, text=text, tool_calls=(*reply.tool_calls, *calls), raw=raw)

    def continue_text(self, prefix: str, **settings: Any) -> Reply:
        """Continue a text, which has no calls; see `ContinuingModel`."""
        return continuing(self._model).continue_text(prefix, **settings)


def render_messages(
    messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]
) -> list[Message]:
    """Return the conversation without tool roles.

    Neighbouring results become one user message, so that roles keep alternating.
    """
    rendered: list[Message] = []
    names: dict[str, str] = {}
    for message in messages:
        if message.role == "tool":
            name = names.get(message.tool_call_id or "", "a tool")
            text = f"Result of {name}:\n{message.content}"
            if rendered and rendered[-1].role == "user":
                rendered[-1] = Message("user", f"{rendered[-1].content}\n\n{text}")
            else:
                rendered.append(Message("user", text))
        elif message.role == "assistant":
            names.update({call.id: call.name for call in message.tool_calls})
            parts = [message.content.strip(), *(render_call(c) for c in message.tool_calls)]
            rendered.append(Message("assistant", "\n\n".join(part for part in parts if part)))
        elif message.role == "user" and rendered and rendered[-1].role == "user":
            rendered[-1] = Message("user", f"{rendered[-1].content}\n\n{message.content}")
        else:
            rendered.append(Message(message.role, message.content))
    if tools:
        description = INSTRUCTIONS + "\n".join(
            json.dumps(tool["function"], ensure_ascii=False) for tool in tools
        )
        if rendered and rendered[0].role == "system":
            rendered[0] = Message("system", f"{rendered[0].content}\n\n{description}")
        else:
            rendered.insert(0, Message("system", description))
    return rendered


def render_call(call: ModelToolCall) -> str:
    """Return a call as the block that `parse_calls` reads."""
    try:
        arguments = json.loads(call.arguments)
    except ValueError:
        arguments = call.arguments
    body = json.dumps({"name": call.name, "arguments": arguments}, ensure_ascii=False)
    return f"```tool\n{body}\n```"


def parse_calls(
    text: str, names: set[str] | frozenset[str], turn: int = 0
) -> tuple[str, tuple[ModelToolCall, ...]]:
    """Read the tool calls in a reply.

    A block with a telling word, or one that names a known tool, is a call; other blocks
    stay text. A reply that is JSON alone and names known tools only is calls as well. A call
    whose JSON is broken is passed on as it was written, so that the environment can say what
    is wrong with it.

    Args:
        text: The reply.
        names: The names of the tools.
        turn: Length of the conversation so far, for the calls' ids.

    Returns:
        The text without the calls, and the calls in order.
    """
    calls: list[tuple[str, str]] = _bare(text, names)
    kept: list[str] = []
    position = len(text) if calls else 0
    while opening := _OPENING.search(text, position):
        closing = _closing(opening)
        said = (opening["word"] or opening["tag"] or "").lower()
        telling = said in _TELLING
        found: list[Any] = []
        end = opening.end()
        if telling or said in _NEUTRAL:
            found, end = _objects(text, opening.end())
        block = [call for value in found for call in _as_calls(value)]
        if found:
            ending = closing.match(text, end)
        else:
            ending = closing.search(text, opening.end())
            end = ending.start() if ending else len(text)
            raw = text[opening.end() : end]
            if telling or (said in _NEUTRAL and '"arguments"' in raw):
                block = _broken(raw)
        wanted = block if telling else [call for call in block if call[0] in names]
        after = ending.end() if ending else end
        if wanted:
            kept.append(text[position : opening.start()])
            calls.extend(wanted)
        else:
            kept.append(text[position:after])
        position = max(after, opening.end())
    kept.append(text[position:])
    parsed = tuple(
        ModelToolCall(f"call_{turn}_{index}", name, arguments)
        for index, (name, arguments) in enumerate(calls)
    )
    return "".join(kept).strip(), parsed


def _bare(text: str, names: set[str] | frozenset[str]) -> list[tuple[str, str]]:
    """Return the calls of a reply that is nothing but the JSON of calls."""
    found, end = _objects(text, 0)
    if not found or text[end:].strip():
        return []
    calls = [_as_calls(value) for value in found]
    known = all(block and all(name in names for name, _ in block) for block in calls)
    return [call for block in calls for call in block] if known else []


def _closing(opening: re.Match[str]) -> re.Pattern[str]:
    if tag := opening["tag"]:
        return re.compile(rf"\s*</{tag}>", re.IGNORECASE)
    fence = opening["fence"]
    return re.compile(rf"\s*^[ \t]*{fence[0]}{{{len(fence)},}}[ \t]*$", re.MULTILINE)


def _objects(text: str, position: int) -> tuple[list[Any], int]:
    """Read the JSON objects (or lists of them) that follow each other from `position`."""
    found: list[Any] = []
    end = position
    while True:
        start = end
        while start < len(text) and text[start] in " \t\r\n,;":
            start += 1
        if start >= len(text) or text[start] not in "{[":
            return found, end
        try:
            value, end = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            return found, end
        found.append(value)


def _as_calls(value: Any) -> list[tuple[str, str]]:
    if isinstance(value, list):
        return [call for item in value if isinstance(item, dict) for call in _as_calls(item)]
    if not isinstance(value, dict):
        return []
    if isinstance(value.get("function"), dict):
        value = value["function"]
    name = value.get("name", value.get("tool"))
    if not isinstance(name, str):
        return []
    arguments = value.get("arguments", value.get("parameters", value.get("input", {})))
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    return [(name, arguments)]


def _broken(raw: str) -> list[tuple[str, str]]:
    name = _NAME.search(raw)
    if name is None:
        return []
    rest = raw[name.end() :]
    return [(name[1], _ARGUMENTS.sub("", rest).strip() or rest.strip())]
