"""The loop that model-driven agents share: reply, tool calls, observations.

The history only grows at its end, so that providers can reuse the cached prefix. When it
becomes too long, old observations are shortened in one go, far enough that it does not
happen again at the next step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from agents.models.errors import BudgetExceededError, ContextWindowError
from agents.models.protocol import Message, Model, Reply, Usage
from envs.episode import Episode, ToolCall

CONTEXT_CHARS = 400_000
"""Length of a history that models of today take, in characters."""

# Ends that an agent gives itself (`info["end"]`).
END_COST = "cost"
END_CONTEXT = "context"
END_SILENT = "no_tool_calls"

# An observation that is shortened keeps this many characters at its start.
_KEPT_CHARS = 200
# The latest messages are never shortened: the model is still working with them.
_KEPT_MESSAGES = 6


class EpisodeOver(Exception):  # noqa: N818 - it ends the agent's run, it is no error
    """The episode ended inside a conversation."""


class Conversation:
    """One conversation between a model and an episode.

    Attributes:
        messages: The history; its first two messages are never shortened.
        usage: What the model's calls used.
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

    def say(self, text: str) -> None:
        """Append a user message."""
        self.messages.append(Message("user", text))

    def turn(self) -> Reply:
        """Ask the model once and run the tool calls of its reply.

        Raises:
            EpisodeOver: The episode ended, by one of the calls or because the model cannot
                go on (no budget, no room in its context).
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
        if self.episode.done:
            raise EpisodeOver
        return reply

    def _ask(self) -> Reply:
        limit = self.context_chars
        while True:
            self._shorten(limit)
            try:
                reply = self.model.complete(
                    self.messages,
                    self.episode.tools if self.tools is None else self.tools,
                    temperature=self.temperature,
                    max_tokens=self.max_tokens,
                )
            except BudgetExceededError as error:
                self.episode.stop(END_COST)
                raise EpisodeOver from error
            except ContextWindowError as error:
                limit = self._chars() // 2
                if not self._shorten(limit):
                    self.episode.stop(END_CONTEXT)
                    raise EpisodeOver from error
                # The model's context is smaller than was thought: keep to that from now on.
                self.context_chars = min(self.context_chars, int(1.8 * limit))
                continue
            self.usage += reply.usage
            return reply

    def _chars(self) -> int:
        return sum(
            len(m.content) + sum(len(c.name) + len(c.arguments) for c in m.tool_calls)
            for m in self.messages
        )

    def _shorten(self, limit: int) -> bool:
        """Shorten old observations when the history is longer than `limit` characters.

        Returns:
            Whether anything was shortened.
        """
        total = self._chars()
        if total <= limit:
            return False
        shortened = False
        for index in range(2, len(self.messages) - _KEPT_MESSAGES):
            message = self.messages[index]
            if message.role != "tool" or len(message.content) <= 2 * _KEPT_CHARS:
                continue
            head = message.content[:_KEPT_CHARS]
            left_out = len(message.content) - len(head)
            text = f"{head}\n[{left_out} characters of this old output were left out]"
            self.messages[index] = replace(message, content=text)
            total -= len(message.content) - len(text)
            shortened = True
            if total <= limit // 2:
                break
        return shortened


def context_of(model: Model) -> int:
    """Return the length of a history, in characters, that a model takes, wrapped or not."""
    inner: Any = model
    while inner is not None:
        known = getattr(inner, "context_chars", None)
        if known is not None:
            return int(known)
        inner = getattr(inner, "unwrapped", None)
    return CONTEXT_CHARS


def problem(statement: str) -> str:
    """Return the task's statement as agents show it to models."""
    return f"<problem>\n{statement.strip()}\n</problem>"
