"""Raw text completions through LiteLLM, for `LiteLLMModel.continue_text`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from agents.models.continuation import Grammars, choose_by_bias, grammar_fields, probe
from agents.models.endpoint import Endpoint
from agents.models.errors import ModelRequestError
from agents.models.litellm_setup import litellm
from agents.models.protocol import Reply, Usage
from agents.models.wire import tokens_from_wire
from repos.errors import InputError

Paid = Callable[[dict[str, Any], Callable[[Mapping[str, Any]], Any]], tuple[Any, Usage]]
"""Makes a call under the model's budget, retries and errors: the response and what it used."""

# Arguments of chats that completions do not take, or that are set here.
_OF_CHATS = (
    *("response_format", "tool_choice", "parallel_tool_calls", "reasoning_effort"),
    *("logprobs", "top_logprobs", "extra_body", "stop", "temperature"),
)


class TextCompletions:
    """Continues text over `/v1/completions`; any thread may call."""

    def __init__(
        self,
        name: str,
        model: str,
        endpoint: Endpoint,
        request: Mapping[str, Any],
        paid: Paid,
    ) -> None:
        """Make it.

        Args:
            name: What reports call the model.
            model: Its name at the endpoint, with LiteLLM's provider or without.
            endpoint: Where it is served.
            request: What all requests have in common.
            paid: Makes the calls.
        """
        self._name = name
        self._model = model.partition("/")[2] if model.startswith("openai/") else model
        self._endpoint = endpoint
        self._temperature = request.get("temperature")
        self._extra = dict(request.get("extra_body") or {})
        self._request = {k: v for k, v in request.items() if k not in _OF_CHATS}
        self._paid = paid
        self._kind: Grammars | None = None
        self._lock = threading.Lock()

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
        """Continue a text; see `ContinuingModel`."""
        if grammar is not None and choices:
            raise InputError("continue_text takes a grammar or choices, not both.")
        if any(not choice for choice in choices):
            raise InputError("continue_text: a choice is empty.")

        def ask(text: str, **fields: Any) -> Reply:
            return self._ask(text, logprobs=logprobs, **fields)

        common = {"max_tokens": max_tokens, "temperature": temperature}
        if grammar is None and not choices:
            return ask(prefix, **common, stop=stop)
        kind, spent = self._grammars()
        fields = grammar_fields(kind, grammar, choices)
        if fields is not None:
            reply = ask(prefix, **common, stop=stop, **fields)
        elif choices:
            reply = choose_by_bias(ask, self._tokenize, prefix, choices, max_tokens, temperature)
        else:
            raise ModelRequestError(
                f"The endpoint of {self._name} keeps to no grammar: give choices, or serve the "
                "model with llama.cpp or vLLM."
            )
        return replace(reply, usage=spent + reply.usage)

    def _grammars(self) -> tuple[Grammars, Usage]:
        """Return how the endpoint takes grammars, found out once, and what that used now."""
        with self._lock:
            if self._kind is not None:
                return self._kind, Usage()
            self._kind, spent = probe(self._ask)
            return self._kind, spent

    def _ask(
        self,
        text: str,
        *,
        max_tokens: int,
        temperature: float | None = None,
        stop: Sequence[str] = (),
        logprobs: bool = False,
        logit_bias: Mapping[str, int] | None = None,
        **extra: Any,
    ) -> Reply:
        temperature = self._temperature if temperature is None else temperature
        optional = {
            "temperature": temperature,
            "stop": list(stop) or None,
            "logprobs": 1 if logprobs else None,
            "logit_bias": logit_bias,
            "extra_body": {**self._extra, **extra} or None,
        }
        request = {
            **self._request,
            "model": f"text-completion-openai/{self._model}",
            "prompt": text,
            "max_tokens": max_tokens,
            **{name: value for name, value in optional.items() if value is not None},
        }
        response, usage = self._paid(request, lambda asked: litellm().text_completion(**asked))
        choice = response.choices[0]
        return Reply(
            text=choice.text or "",
            usage=usage,
            finish_reason=choice.finish_reason or "",
            **tokens_from_wire(response, choice),
        )

    def _tokenize(self, text: str) -> Sequence[int]:
        tokens = self._endpoint.tokens(self._model, text)
        if not tokens:
            raise ModelRequestError(
                f"The endpoint of {self._name} has neither grammars nor /tokenize, so its model "
                "can't be held to given choices: serve it with llama.cpp or vLLM."
            )
        return tokens
