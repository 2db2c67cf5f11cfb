"""What a model is: messages and tool schemas in, one reply out, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol


@dataclass(frozen=True)
class ModelToolCall:
    """A tool call as a model wrote it; `arguments` is raw JSON text."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Message:
    """One chat message in the OpenAI roles."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: tuple[ModelToolCall, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True)
class Usage:
    """What one or more calls used; cost in USD."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cost_usd + other.cost_usd,
        )


@dataclass(frozen=True)
class Reply:
    """A model's answer.

    Attributes:
        text: What it says beside its calls.
        tool_calls: Its calls, in order.
        usage: What the call used.
        reasoning: What it thought, where the provider shows that.
        finish_reason: Why it ended, in OpenAI's words ("stop", "length", "tool_calls", ...).
        raw: What was written, where `text` and `tool_calls` were read from it.
        tokens: The reply's tokens as text; empty where the endpoint does not give them, and
            so are the next three.
        token_ids: Their ids.
        logprobs: Their natural log-probabilities.
        prompt_token_ids: Ids of the prompt's tokens.
    """

    text: str
    tool_calls: tuple[ModelToolCall, ...] = ()
    usage: Usage = Usage()
    reasoning: str = ""
    finish_reason: str = ""
    raw: str = ""
    tokens: tuple[str, ...] = ()
    token_ids: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    prompt_token_ids: tuple[int, ...] = ()

    @property
    def cut(self) -> bool:
        """Whether the reply was cut off at its bound."""
        return self.finish_reason == "length"


class Model(Protocol):
    """Answers chat messages; any thread may call it."""

    name: str

    def complete(
        self,
        messages: Sequence[Message],
        tools: Sequence[Mapping[str, Any]] = (),
        *,
        temperature: float | None = None,
        max_tokens: int | None = None,
    ) -> Reply:
        """Answer.

        Args:
            messages: The whole conversation.
            tools: Tool schemas in OpenAI function form.
            temperature: Sampling temperature; None is the model's default.
            max_tokens: Bound of the reply.

        Raises:
            BudgetExceededError: The call could cost more than what is left.
            ContextWindowError: The conversation is too long for the model.
            InfrastructureError: The provider did not answer after retries.
        """
        ...


class ContinuingModel(Model, Protocol):
    """A model that also continues raw text, without a chat around it."""

    def continue_text(
        self,
        prefix: str,
        *,
        max_tokens: int,
        stop: Sequence[str] = (),
        temperature: float | None = None,
        grammar: str | None = None,
        choices: Sequence[str] = (),
        logprobs: bool = False,
    ) -> Reply:
        """Continue a text.

        Args:
            prefix: The text so far; the reply does not repeat it.
            max_tokens: Bound of what is added.
            stop: Texts before which it ends.
            temperature: Sampling temperature; None is the model's default.
            grammar: What may be added, in llama.cpp's GBNF, from `root` on.
            choices: What may be added: exactly one of these. Not with `grammar`.
            logprobs: Whether the reply carries its tokens with their log-probabilities.

        Returns:
            The reply; its `text` is what was added.

        Raises:
            BudgetExceededError: The call could cost more than what is left.
            ContextWindowError: The text is too long for the model.
            InputError: The endpoint can't continue text, or not under this constraint.
            InfrastructureError: The provider did not answer after retries.
        """
        ...
