"""What a model wrote and what it was shown, token by token, as trainers want it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

MARK = "\ue000"
"""Stands for a reply while what follows it is rendered: a character that nobody writes."""


class Tokenizer(Protocol):
    """What is needed of a tokenizer of transformers."""

    eos_token: Any

    def encode(self, text: str, *, add_special_tokens: bool = ...) -> list[int]:
        """Return a text's token ids."""
        ...

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool = ...) -> str:
        """Return the text of token ids."""
        ...

    def apply_chat_template(self, conversation: Any, **options: Any) -> Any:
        """Render a conversation."""
        ...


@dataclass
class TokenTrack:
    """One episode's tokens: never decoded and encoded again, so that log-probabilities fit.

    Attributes:
        prompt_ids: What stands before the first reply.
        completion_ids: All after it: replies, and what was shown between them.
        logprobs: Of each token of `completion_ids`; 0.0 for what was shown.
        env_mask: 1 for the model's tokens, 0 for what was shown.
    """

    prompt_ids: list[int]
    completion_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    env_mask: list[int] = field(default_factory=list)

    @property
    def ids(self) -> list[int]:
        """All tokens: what the model reads next."""
        return self.prompt_ids + self.completion_ids

    def wrote(self, ids: Sequence[int], logprobs: Sequence[float]) -> None:
        """Add tokens of the model's, with their log-probabilities."""
        self._add(ids, logprobs, 1)

    def saw(self, ids: Sequence[int]) -> None:
        """Add tokens that the model was shown."""
        self._add(ids, [0.0] * len(ids), 0)

    def _add(self, ids: Sequence[int], logprobs: Sequence[float], mask: int) -> None:
        if len(ids) != len(logprobs):
            raise ValueError(f"{len(ids)} tokens have {len(logprobs)} log-probabilities.")
        self.completion_ids += ids
        self.logprobs += logprobs
        self.env_mask += [mask] * len(ids)


def prompt_tokens(tokenizer: Tokenizer, messages: Sequence[Mapping[str, str]]) -> list[int]:
    """Return the tokens of a conversation, up to where the model begins to reply."""
    text = tokenizer.apply_chat_template(
        [dict(m) for m in messages], add_generation_prompt=True, tokenize=False
    )
    return tokenizer.encode(text, add_special_tokens=False)


def shown_tokens(
    tokenizer: Tokenizer, messages: Sequence[Mapping[str, str]], shown: str, *, ended: bool
) -> list[int]:
    """Return the tokens between a reply and the next one, in which the model is told something.

    Args:
        tokenizer: Has a chat template.
        messages: The conversation before the reply.
        shown: What the model is told.
        ended: Whether the reply ended with the end-of-turn token.
    """
    told = [
        *(dict(m) for m in messages),
        {"role": "assistant", "content": MARK},
        {"role": "user", "content": shown.replace(MARK, "")},
    ]
    text = tokenizer.apply_chat_template(told, add_generation_prompt=True, tokenize=False)
    tail = text.rpartition(MARK)[2]
    end = str(tokenizer.eos_token or "")
    if ended and end:
        tail = tail.removeprefix(end)
    return tokenizer.encode(tail, add_special_tokens=False)
