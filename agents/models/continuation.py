"""Continuing raw text under a constraint, over an endpoint's `/v1/completions`.

Where the endpoint has grammars, the constraint is one. Elsewhere one of several choices is
reached token by token, by `logit_bias`, with the ids of the endpoint's own tokenizer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal, cast

from agents.models.errors import ModelRequestError
from agents.models.protocol import ContinuingModel, Reply, Usage

Grammars = Literal["gbnf", "structured", "none"]
"""How an endpoint takes grammars: llama.cpp's field, vLLM's, or not at all."""

Ask = Callable[..., Reply]
"""Continues a prefix by at most `max_tokens` tokens, with further fields of the request."""

# Above every other logit, whatever the model.
_BIAS = 100
# Nobody would go on from the one by the other.
_PROBE_PREFIX, _PROBE = "One and one is ", "repogym"
_PROBE_TOKENS = 8


def continuing(model: Any) -> ContinuingModel:
    """Return a model that continues text.

    Raises:
        ModelRequestError: This one can't.
    """
    if not callable(getattr(model, "continue_text", None)):
        raise ModelRequestError(
            f"The model {model.name} can't continue text: that takes an OpenAI-compatible "
            "endpoint with /v1/completions (llama.cpp, vLLM), named by --api-base."
        )
    return cast(ContinuingModel, model)


def gbnf(choices: Sequence[str]) -> str:
    """Return the grammar, in llama.cpp's GBNF, of exactly one of some texts."""
    return "root ::= " + " | ".join(json.dumps(choice, ensure_ascii=False) for choice in choices)


def grammar_fields(
    kind: Grammars, grammar: str | None, choices: Sequence[str]
) -> dict[str, Any] | None:
    """Return the fields of a request under a constraint; None where grammars are not taken."""
    if kind == "gbnf":
        return {"grammar": grammar if grammar is not None else gbnf(choices)}
    if kind == "structured":
        value = {"grammar": grammar} if grammar is not None else {"choice": list(choices)}
        return {"structured_outputs": value}
    return None


def probe(ask: Ask) -> tuple[Grammars, Usage]:
    """Find out how an endpoint takes grammars: whether it keeps to one that nothing else fits.

    Returns:
        The way, and what finding out used.
    """
    usage = Usage()
    kinds: tuple[Grammars, ...] = ("gbnf", "structured")
    for kind in kinds:
        fields = grammar_fields(kind, None, [_PROBE])
        try:
            reply = ask(_PROBE_PREFIX, max_tokens=_PROBE_TOKENS, temperature=0.0, **(fields or {}))
        except ModelRequestError:
            # A strict endpoint refuses a field that it does not know.
            continue
        usage += reply.usage
        written = reply.text.strip()
        if written and _PROBE.startswith(written):
            return kind, usage
    return "none", usage


def choose_by_bias(
    ask: Ask,
    tokenize: Callable[[str], Sequence[int]],
    prefix: str,
    choices: Sequence[str],
    max_tokens: int,
    temperature: float | None,
) -> Reply:
    """Continue by exactly one of `choices`, one token a request.

    At each token the first tokens of what is left of each choice get a bias above all others.
    Where a choice is complete and another goes on from there, a free token decides.

    Args:
        ask: Continues a text by so many tokens.
        tokenize: Returns the ids of a text's tokens.
        prefix: The text so far.
        choices: What may be added.
        max_tokens: Bound of the tokens.
        temperature: Sampling temperature.

    Raises:
        ModelRequestError: The endpoint does not keep to the bias.
    """
    first: dict[str, int] = {}
    parts: list[Reply] = []
    usage = Usage()
    text, live, done = "", list(dict.fromkeys(choices)), "length"
    while len(parts) < max_tokens:
        if text in live:
            longer = [choice for choice in live if choice != text]
            if longer:
                free = ask(prefix + text, max_tokens=1, temperature=temperature)
                usage += free.usage
                longer = [c for c in longer if _meet(c[len(text) :], free.text)]
            if not longer:
                done = "stop"
                break
            live = longer
        for rest in {choice[len(text) :] for choice in live}:
            if rest not in first:
                first[rest] = tokenize(rest)[0]
        bias = {str(first[choice[len(text) :]]): _BIAS for choice in live}
        reply = ask(prefix + text, max_tokens=1, temperature=temperature, logit_bias=bias)
        usage += reply.usage
        text += reply.text
        live = [choice for choice in live if choice.startswith(text)]
        if not reply.text or not live:
            raise ModelRequestError(
                "The endpoint keeps neither to a grammar nor to logit_bias, so its model can't "
                f"be held to given choices: it wrote {text!r}."
            )
        parts.append(reply)
    if text in live and len(live) == 1:
        done = "stop"
    return _joined(text, parts, usage, done)


def _meet(rest: str, text: str) -> bool:
    return bool(text) and (rest.startswith(text) or text.startswith(rest))


def _joined(text: str, parts: Sequence[Reply], usage: Usage, done: str) -> Reply:
    def all_of(name: str) -> tuple[Any, ...]:
        found = [getattr(part, name) for part in parts]
        return tuple(value for values in found for value in values) if all(found) else ()

    return replace(
        Reply(text=text, usage=usage, finish_reason=done),
        tokens=all_of("tokens"),
        token_ids=all_of("token_ids"),
        logprobs=all_of("logprobs"),
    )
