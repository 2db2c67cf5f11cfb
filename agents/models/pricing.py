"""What a call costs: the price of a model, its worst case before, its true cost after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.models.litellm_setup import litellm

# LiteLLM's table has higher prices for long prompts, under keys such as
# `input_cost_per_token_above_200k_tokens`; none begins below this length.
_LONG_PROMPT_TOKENS = 100_000


@dataclass(frozen=True)
class Price:
    """Price of a model, in USD per token.

    Attributes:
        prompt: Of a prompt token.
        completion: Of a completion token.
        prompt_worst: The dearest that a prompt token can be (written to a cache).
        completion_worst: The dearest that a completion token can be (reasoning).
        prompt_long: The same for long prompts.
        completion_long: The same for long prompts.
        given: Whether the user gave it; otherwise it is from LiteLLM's table.
    """

    prompt: float
    completion: float
    prompt_worst: float
    completion_worst: float
    prompt_long: float
    completion_long: float
    given: bool

    def worst_usd(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Return the most that a call of this size can cost."""
        if prompt_tokens > _LONG_PROMPT_TOKENS:
            prompt, completion = self.prompt_long, self.completion_long
        else:
            prompt, completion = self.prompt_worst, self.completion_worst
        return prompt_tokens * prompt + completion_tokens * completion

    def cost_usd(self, prompt_tokens: int, completion_tokens: int, response: Any = None) -> float:
        """Return what a call cost.

        Args:
            prompt_tokens: As the provider counted them.
            completion_tokens: As the provider counted them.
            response: LiteLLM's response, from which cached tokens are known.
        """
        plain = prompt_tokens * self.prompt + completion_tokens * self.completion
        if self.given or response is None:
            return plain
        try:
            return float(litellm().completion_cost(completion_response=response))
        except Exception:
            # LiteLLM cannot price every response (an alias in its `model` field); the
            # plain price is then the best that is known.
            return plain


def given_price(per_million: tuple[float, float]) -> Price:
    """Return the price that a user gave in USD per million prompt and completion tokens."""
    prompt, completion = (value / 1e6 for value in per_million)
    return Price(prompt, completion, prompt, completion, prompt, completion, given=True)


def listed(model: str) -> Mapping[str, Any]:
    """Return what LiteLLM's table knows of a model; empty where it knows nothing."""
    module = litellm()
    try:
        key = module.get_model_info(model)["key"]
    except Exception:
        # LiteLLM raises a bare Exception, or a type of its own, for an unknown model.
        return {}
    return module.model_cost.get(key, {})


def listed_price(model: str) -> Price | None:
    """Return the price of a model in LiteLLM's table, or None where it has none."""
    row = listed(model)
    prompt, completion = row.get("input_cost_per_token"), row.get("output_cost_per_token")
    if prompt is None or completion is None:
        return None
    prompt_worst = max(prompt, _dearest(row, "cache_creation_input_token_cost"))
    completion_worst = max(completion, _dearest(row, "output_cost_per_reasoning_token"))
    return Price(
        prompt,
        completion,
        prompt_worst,
        completion_worst,
        max(
            prompt_worst,
            _dearest(row, "input_cost_per_token_above", "cache_creation_input_token_cost_above"),
        ),
        max(completion_worst, _dearest(row, "output_cost_per_token_above")),
        given=False,
    )


def _dearest(row: Mapping[str, Any], *prefixes: str) -> float:
    """Return the highest price under keys that begin so (batch and priority rates apart)."""
    return max(
        (
            float(value)
            for key, value in row.items()
            if key.startswith(prefixes)
            and not key.endswith(("_batches", "_priority", "_flex"))
            and isinstance(value, int | float)
        ),
        default=0.0,
    )
