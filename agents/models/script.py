"""Scripts of the scripted endpoint: what it answers at each turn of a conversation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from repos.errors import InputError


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ScriptedCall(_Part):
    """A tool call; `arguments` as an object, or as the raw text that the model writes."""

    name: str
    arguments: dict[str, Any] | str = Field(default_factory=dict)

    def raw_arguments(self) -> str:
        """Return the arguments as a model writes them."""
        if isinstance(self.arguments, str):
            return self.arguments
        return json.dumps(self.arguments, ensure_ascii=False)


class Fault(_Part):
    """What goes wrong with one request; the next attempt meets the next fault, or none.

    Attributes:
        status: HTTP status of an error answer.
        message: Message of the error answer.
        code: Its `code` ("context_length_exceeded", "insufficient_quota").
        retry_after: Its Retry-After header, in seconds.
        body: Text that is sent, with status 200, in place of a completion.
        drop: Close the connection without an answer.
        unless_stream: The fault is met only by requests that ask for no stream.
        delay_s: Wait so long; alone, the true answer follows.
    """

    status: int | None = Field(default=None, ge=400, le=599)
    message: str = "scripted fault"
    code: str | None = None
    retry_after: float | None = None
    body: str | None = None
    drop: bool = False
    unless_stream: bool = False
    delay_s: float = 0.0


class ScriptedUsage(_Part):
    """Token counts to report; a missing one is a quarter of the characters."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class ScriptedReply(_Part):
    """One reply of the model.

    Attributes:
        content: Its text.
        tool_calls: Its tool calls.
        reasoning: Its `reasoning_content`.
        finish_reason: None means "tool_calls" or "stop", whichever fits.
        usage: Tokens to report.
        faults: What the first attempts at this turn meet.
        as_stream: Answer as a stream of events, whether it was asked for or not.
    """

    content: str | None = None
    tool_calls: tuple[ScriptedCall, ...] = ()
    reasoning: str | None = None
    finish_reason: str | None = None
    usage: ScriptedUsage = ScriptedUsage()
    faults: tuple[Fault, ...] = ()
    as_stream: bool = False

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return {"content": value} if isinstance(value, str) else value


class Conversation(_Part):
    """The replies to conversations whose first user message holds the text `when`.

    A conversation's turn is the number of its assistant messages, so one script answers
    many conversations at the same time, and a repeated request gets the same answer.
    """

    when: str = ""
    replies: tuple[ScriptedReply, ...]
    after: Literal["error", "repeat"] = "error"


class Script(_Part):
    """A script; the first conversation that fits is used.

    In a file: a list of replies, an object with `replies`, or an object with
    `conversations`.
    """

    conversations: tuple[Conversation, ...]

    @model_validator(mode="before")
    @classmethod
    def _from_short_forms(cls, value: Any) -> Any:
        if isinstance(value, list):
            return {"conversations": [{"replies": value}]}
        if isinstance(value, dict) and "replies" in value:
            return {"conversations": [value]}
        return value

    def reply(self, first_user_message: str, turn: int) -> ScriptedReply | None:
        """Return the reply of that turn, or None where the script has none."""
        for conversation in self.conversations:
            if conversation.when not in first_user_message:
                continue
            if turn < len(conversation.replies):
                return conversation.replies[turn]
            if conversation.after == "repeat" and conversation.replies:
                return conversation.replies[-1]
            return None
        return None


def read_script(path: Path) -> Script:
    """Read a script.

    Raises:
        InputError: No such file, not JSON, or not a script.
    """
    try:
        data = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(
            f"scripted:{path}: the script cannot be read ({error.strerror})."
        ) from error
    except ValueError as error:
        raise InputError(f"scripted:{path}: the script is not valid JSON: {error}.") from error
    try:
        return Script.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the script"
        raise InputError(f"scripted:{path}: {place}: {first['msg']}.") from error
