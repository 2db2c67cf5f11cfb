"""Models by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from agents.construct import build, load
from agents.models.budget import Budget
from agents.models.protocol import Model
from repos.errors import InputError

SYMBOLIC = "symbolic"
SCRIPTED = "scripted:"

ToolFormat = Literal["native", "text"]

# What needs no key and no provider, by name.
_FREE = {SYMBOLIC: "agents.models.symbolic:SymbolicModel"}


def make_model(
    name: str,
    *,
    api_base: str | None = None,
    args: Mapping[str, Any] | None = None,
    budget: Budget | None = None,
    price: tuple[float, float] | None = None,
    tool_format: ToolFormat = "native",
) -> Model:
    """Make a model.

    Args:
        name: `symbolic`, `scripted:FILE.json`, or a LiteLLM model name such as
            `anthropic/claude-sonnet-4-5`.
        api_base: Address of an OpenAI-compatible endpoint of one's own.
        args: Arguments of the model (`--model-arg`): `timeout`, `retries`, `max_tokens`,
            and for LiteLLM models whatever `litellm.completion` takes; `seed` for `symbolic`.
        budget: Limit that all calls together keep to.
        price: USD per million prompt tokens and per million completion tokens; None asks
            LiteLLM's table.
        tool_format: `native` tool calls, or `text` for models without them.

    Raises:
        InputError: Bad arguments, a missing key, or a budget with an unknown price.
    """
    args = dict(args or {})
    if tool_format not in ("native", "text"):
        raise InputError(f"--tool-format {tool_format!r}: it is native or text.")
    if name in _FREE:
        if api_base is not None:
            raise InputError(f"The model {name} runs here: it takes no --api-base.")
        model = build(load(_FREE[name], "model"), f"model {name}", "--model-arg", args, {})
    elif name.startswith(SCRIPTED):
        if api_base is not None:
            raise InputError(f"The model {name} brings its own endpoint: leave out --api-base.")
        from agents.models.scripted import scripted_model

        model = scripted_model(name.removeprefix(SCRIPTED), args, budget=budget, price=price)
    else:
        from agents.models.litellm_model import LiteLLMModel

        model = LiteLLMModel(name, api_base=api_base, args=args, budget=budget, price=price)
    if tool_format == "text" and name not in _FREE:
        from agents.models.text_tools import TextToolModel

        return TextToolModel(model)
    return model
