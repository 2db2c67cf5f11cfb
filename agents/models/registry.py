"""Models by name: the built-in ones, anyone's by entry point or dotted path, and LiteLLM's."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any, Literal

from agents.construct import build, load
from agents.models.budget import Budget
from agents.models.endpoint import check_api_base
from agents.models.protocol import Model
from repos.errors import InputError
from repos.plugins import installed_plugins

SYMBOLIC = "symbolic"
SCRIPTED = "scripted:"

ToolFormat = Literal["native", "text"]

# What needs no key and no provider, by name.
_FREE = {SYMBOLIC: "agents.models.symbolic:SymbolicModel"}

# LiteLLM's names have a provider before a slash where they hold a colon.
_DOTTED = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def make_model(
    name: str,
    *,
    api_base: str | None = None,
    args: Mapping[str, Any] | None = None,
    budget: Budget | None = None,
    price: tuple[float, float] | None = None,
    tool_format: ToolFormat = "native",
    seed: int | None = None,
) -> Model:
    """Make a model.

    Args:
        name: `symbolic`, `scripted:FILE.json`, the name of an entry point of the group
            `repogym.models`, `package.module:Class`, or a LiteLLM model name such as
            `anthropic/claude-sonnet-4-5`.
        api_base: Address of an OpenAI-compatible endpoint of one's own.
        args: Arguments of the model (`--model-arg`): `timeout`, `retries`, `max_tokens`,
            and for LiteLLM models whatever `litellm.completion` takes; `seed` for `symbolic`.
        budget: Limit that all calls together keep to.
        price: USD per million prompt tokens and per million completion tokens; None asks
            LiteLLM's table.
        tool_format: `native` tool calls, or `text` for models without them.
        seed: Seed of what the model draws, where it takes one; one in `args` goes before.

    Raises:
        InputError: Bad arguments, a missing key, or a budget with an unknown price.
    """
    args = dict(args or {})
    if tool_format not in ("native", "text"):
        raise InputError(f"--tool-format {tool_format!r}: it is native or text.")
    if api_base is not None:
        check_api_base(api_base)
    if name in _FREE:
        if api_base is not None:
            raise InputError(f"The model {name} runs here: it takes no --api-base.")
        made = load("models", name, _FREE, "model")
        drawn = {} if seed is None else {"seed": seed}
        model = build(made, f"model {name}", "--model-arg", args, drawn)
    elif name.startswith(SCRIPTED):
        if api_base is not None:
            raise InputError(f"The model {name} brings its own endpoint: leave out --api-base.")
        from agents.models.scripted import scripted_model

        model = scripted_model(
            name.removeprefix(SCRIPTED), args, budget=budget, price=price, seed=seed
        )
    elif _DOTTED.fullmatch(name) or name in installed_plugins("models"):
        offered = {"api_base": api_base, "budget": budget, "price": price}
        model = _make_own(name, args, offered, seed)
    else:
        from agents.models.litellm_model import LiteLLMModel

        model = LiteLLMModel(
            name, api_base=api_base, args=args, budget=budget, price=price, seed=seed
        )
    if tool_format == "text" and name not in _FREE:
        from agents.models.text_tools import TextToolModel

        return TextToolModel(model)
    return model


def uses_litellm(name: str) -> bool:
    """Whether a model, by its name, is reached through LiteLLM."""
    own = _DOTTED.fullmatch(name) or name in installed_plugins("models")
    return name not in _FREE and (name.startswith(SCRIPTED) or not own)


def _make_own(
    name: str, args: Mapping[str, Any], offered: Mapping[str, Any], seed: int | None
) -> Model:
    """Make a model that is no part of RepoGym; it is given what its constructor takes by name."""
    made = load("models", name, _FREE, "model")
    taken = inspect.signature(made).parameters
    for option, value in offered.items():
        if value is not None and option not in taken:
            raise InputError(
                f"The model {name} takes no {option}: leave out --{option.replace('_', '-')}."
            )
    given = dict(offered) if seed is None else {**offered, "seed": seed}
    model = build(made, f"model {name}", "--model-arg", args, given)
    if not callable(getattr(model, "complete", None)):
        raise InputError(
            f"{name} made a {type(model).__name__}, which has no complete(): see "
            "docs/extending.md for what a model is."
        )
    return model
