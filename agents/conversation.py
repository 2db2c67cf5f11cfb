"""The loop that model-driven agents share: reply, tool calls, observations.

The history only grows at its end, so that providers can reuse the cached prefix. When it
becomes too long it is shortened in one go, see `agents.history`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from agents.history import length, shortened
from agents.models.errors import BudgetExceededError, ContextWindowError, WindowTooSmallError
from agents.models.protocol import Message, Model, Reply, Usage
from envs.episode import Episode, ToolCall

CONTEXT_CHARS = 400_000
"""Length of a history that models of today take, in characters."""

# Ends that an agent gives itself (`info["end"]`).
END_COST = "cost"
END_CONTEXT = "context"
END_SILENT = "no_tool_calls"

CUT = """\
Your reply was cut off after {tokens} tokens, the most that one may have, and what would have \
come after that is lost. {calls}Go on, in fewer words."""
CUT_CALLS = "Calls in it that were not whole did nothing. "

TOO_SMALL = """\
The first request for {task} does not fit the model {model}: it has {needed} tokens with the \
tools and a reply keeps {room}, and the window is {window}. Serve the model with a larger window, \
offer fewer tools (--env-arg tools='["bash", "submit"]'), or name another model. ({words})"""


class EpisodeOver(Exception):  # noqa: N818 - it ends the agent's run, it is no error
    """The episode ended inside a conversation."""


class Conversation:
    """One conversation between a model and an episode.

    Attributes:
        messages: The history; its first two messages are never shortened.
        usage: What the model's calls used.
        calls: How many tool calls were run.
    """

    def __init__(
        self,
        episode: Episode,
        model: Model,
        system: str,
        *,
        temperature: float | None = None,
        max_tokens: int | None = None,
        context_chars: int | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        """Begin.

        Args:
            episode: Where tool calls go.
            model: Who answers.
            system: The system message.
            temperature: Sampling temperature; None is the model's default.
            max_tokens: Bound of a reply; None is the model's default.
            context_chars: Length of the history, in characters, above which old
                observations are shortened; None takes the model's attribute
                `context_chars` where it has one, else 400,000.
            tools: Schemas of the tools that the model is offered; None offers the episode's.
        """
        self.episode = episode
        self.model = model
        self.temperature = temperature
        self.max_tokens = max_tokens
        if context_chars is None:
            context_chars = context_of(model)
        self.context_chars = context_chars
        self.tools = tools
        self.messages: list[Message] = [Message("system", system)]
        self.usage = Usage()
        self.calls = 0

    def say(self, text: str) -> None:
        """Append a user message."""
        self.messages.append(Message("user", text))

    def nudge(self, text: str) -> None:
        """Append a user message after a reply without a call, with the form of a call in it."""
        form = of_model(self.model, "call_format")
        self.say(text if form is None else f"{text} A call is written like this:\n\n{form}")

    def turn(self) -> Reply:
        """Ask the model once and run the tool calls of its reply.

        A reply that was cut off at its bound is told so; see `Reply.cut`.

        Raises:
            EpisodeOver: The episode ended, by one of the calls or because the model cannot
                go on (no budget, no room in its context).
            InputError: The first request does not fit the model.
            InfrastructureError: The provider or the sandbox failed.
        """
        if self.episode.done:
            raise EpisodeOver
        reply = self._ask()
        self.messages.append(Message("assistant", reply.text, reply.tool_calls))
        observations = self.episode.step_many(
            [ToolCall(call.name, call.arguments) for call in reply.tool_calls]
        )
        for call, observation in zip(reply.tool_calls, observations, strict=False):
            self.messages.append(Message("tool", observation["text"], tool_call_id=call.id))
        self.calls += len(observations)
        if self.episode.done:
            raise EpisodeOver
        if reply.cut:
            tokens = reply.usage.completion_tokens or "so many"
            self.say(CUT.format(tokens=tokens, calls=CUT_CALLS if reply.tool_calls else ""))
        return reply

    def _ask(self) -> Reply:
        self.messages = shortened(self.messages, self.context_chars)
        while True:
            try:
                reply = self.model.complete(
                    self.messages,
                    self._offered,
                    temperature=self.temperature,
                    max_tokens=self.max_tokens,
                )
            except BudgetExceededError as error:
                self.episode.stop(END_COST)
                raise EpisodeOver from error
            except ContextWindowError as error:
                self._make_room(error)
                continue
            self.usage += reply.usage
            return reply

    @property
    def _offered(self) -> Sequence[Mapping[str, Any]]:
        return self.episode.tools if self.tools is None else self.tools

    def _make_room(self, error: ContextWindowError) -> None:
        """Shorten the history so that the request fits, and keep to that from now on.

        Raises:
            InputError: Nothing can be shortened, and the model has not acted yet.
            EpisodeOver: Nothing can be shortened.
        """
        before = length(self.messages)
        limit = before // 2
        if error.needed is not None and error.window is not None:
            # Tokens go with characters; the tools are a part that stays.
            tools = len(json.dumps(list(self._offered), ensure_ascii=False))
            fitting = (error.window - error.room) / max(error.needed, 1)
            limit = min(int(0.95 * before), int((before + tools) * fitting * 0.95) - tools)
        self.messages = shortened(self.messages, max(limit, 0))
        if length(self.messages) >= before:
            if self.calls:
                self.episode.stop(END_CONTEXT)
                raise EpisodeOver from error
            unknown = "an unknown number of"
            raise WindowTooSmallError(
                TOO_SMALL.format(
                    task=self.episode.task.id,
                    model=self.model.name,
                    needed=unknown if error.needed is None else error.needed,
                    room=error.room,
                    window="unknown" if error.window is None else f"{error.window} tokens",
                    words=str(error).rstrip("."),
                )
            ) from error
        self.context_chars = min(self.context_chars, max(limit, length(self.messages)))


def of_model(model: Model, name: str) -> Any:
    """Return what a model, wrapped or not, has as its attribute `name`; None for nothing."""
    inner: Any = model
    while inner is not None:
        known = getattr(inner, name, None)
        if known is not None:
            return known
        inner = getattr(inner, "unwrapped", None)
    return None


def context_of(model: Model) -> int:
    """Return the length of a history, in characters, that a model takes, wrapped or not."""
    known = of_model(model, "context_chars")
    return CONTEXT_CHARS if known is None else int(known)


def problem(statement: str) -> str:
    """Return the task's statement as agents show it to models."""
    return f"<problem>\n{statement.strip()}\n</problem>"
