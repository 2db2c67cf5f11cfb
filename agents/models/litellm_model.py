"""Any model that LiteLLM reaches: retries, time-outs, token and cost accounting."""

from __future__ import annotations

import itertools
import json
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from agents.construct import number
from agents.models.budget import Budget
from agents.models.endpoint import Endpoint
from agents.models.errors import ContextWindowError, ModelRequestError, ModelUnavailableError
from agents.models.litellm_setup import litellm
from agents.models.litellm_text import TextCompletions
from agents.models.pricing import Price, given_price, listed, listed_price
from agents.models.protocol import Message, Reply, Usage
from agents.models.provider_errors import RetryError, maybe_billed, translated, wants_stream
from agents.models.waiting import Report, Waiting, told_when_slow
from agents.models.window import room_of, window_in
from agents.models.wire import to_wire, tokens_from_wire, tool_calls_from_wire
from repos.errors import InputError

DEFAULT_TIMEOUT_S = 300.0
DEFAULT_RETRIES = 5
DEFAULT_BACKOFF_S = 1.0
DEFAULT_MAX_TOKENS = 16_384
UNKNOWN_MAX_TOKENS = 4_096
"""Bound of a reply of a model that LiteLLM's table does not know."""

_LONGEST_WAIT_S = 60.0

# Arguments that the house sets itself.
_RESERVED = ("model", "messages", "tools", "stream", "n", "num_retries", "max_retries")


T = TypeVar("T")


class LiteLLMModel:
    """A model behind LiteLLM; any thread may call it.

    Attributes:
        name: What reports call it.
        price: Its price, or None where nobody knows it (its calls then count as free).
        on_wait: Is told of retries and of calls that take long; None tells nobody.
    """

    def __init__(
        self,
        model: str,
        *,
        api_base: str | None = None,
        args: Mapping[str, Any] | None = None,
        budget: Budget | None = None,
        price: tuple[float, float] | None = None,
        label: str | None = None,
        seed: int | None = None,
    ) -> None:
        """Check everything that can be checked without a call.

        Args:
            model: LiteLLM's name of the model. With `api_base` a name without a provider
                that LiteLLM knows is taken as an OpenAI-compatible endpoint's.
            api_base: Address of the endpoint; None is the provider's own.
            args: `timeout` (seconds a call), `retries`, `backoff_s` (the first wait between
                retries), `max_tokens` (bound of a reply, also the budget's worst case), `seed`
                (in place of the parameter, null sends none); everything else goes to
                `litellm.completion`.
            budget: Limit that all calls together keep to.
            price: USD per million prompt and completion tokens; None asks LiteLLM's table.
            label: Name in reports; None is `model`.
            seed: Seed of the sampling, for providers that take one; None leaves it to them.

        Raises:
            InputError: A bad argument, an unknown provider, a missing key, or a budget
                with an unknown price.
        """
        options = dict(args or {})
        for name in _RESERVED:
            if name in options:
                raise InputError(f"--model-arg {name} is set by RepoGym: leave it out.")
        self.name = label or model
        self.on_wait: Report | None = None
        self.timeout_s = number(options, "timeout", DEFAULT_TIMEOUT_S, least=0.001)
        self.retries = int(number(options, "retries", DEFAULT_RETRIES))
        self.backoff_s = number(options, "backoff_s", DEFAULT_BACKOFF_S)
        self._max_tokens = int(number(options, "max_tokens", 0, least=1)) or None
        self._options = options
        self._api_base = api_base
        self._budget = budget
        self._model = _resolve(model, api_base)
        if api_base is None:
            _check_key(self._model, options)
        elif "api_key" not in options and not _key_is_set(self._model):
            # Local servers ask for no key, their clients for one.
            options["api_key"] = "none"
        self.price: Price | None = given_price(price) if price else listed_price(self._model)
        if budget is not None and self.price is None:
            raise InputError(
                f"The price of {model} is unknown, so --budget cannot hold: give it with "
                "--price IN,OUT (USD per million prompt and completion tokens)."
            )
        self._seed = options.pop("seed", seed)
        if self._seed is not None and "seed" not in _parameters(self._model):
            self._seed = None
        row = listed(self._model)
        if self._max_tokens is None:
            most = row.get("max_output_tokens")
            self._max_tokens = min(DEFAULT_MAX_TOKENS, int(most)) if most else UNKNOWN_MAX_TOKENS
        # What an endpoint of one's own says of itself counts more than a table.
        self._window: int | None = row.get("max_input_tokens") if api_base is None else None
        self._endpoint: Endpoint | None = None
        if api_base is not None:
            self._endpoint = Endpoint(api_base, str(options.get("api_key", "none")))
        self._texts: TextCompletions | None = None
        if self._endpoint is not None:
            seeded = {} if self._seed is None else {"seed": self._seed}
            common = {**options, **self._of_all(), **seeded, "api_base": api_base}
            self._texts = TextCompletions(
                self.name, self._model, self._endpoint, common, self._paid
            )
        self._streams = False
        # Tokens that the provider counted in a prompt per byte of it: the latest.
        self._per_byte: float | None = None
        # Tokens that the provider billed per token counted here: the most seen so far.
        self._ratio: float | None = None
        self._lock = threading.Lock()

    def complete(
        self,
        messages: Sequence[Message],
        tools: Sequence[Mapping[str, Any]] = (),
        *,
        temperature: float | None = None,
        max_tokens: int | None = None,
    ) -> Reply:
        """Answer; see `Model.complete`.

        Raises:
            BudgetExceededError: The call could cost more than what is left.
            ContextWindowError: The conversation is too long for the model.
            ModelRequestError: The provider refuses the request for good.
            ModelUnavailableError: No useful answer after all retries.
        """
        request: dict[str, Any] = {
            **self._options,
            **self._of_all(),
            "model": self._model,
            "messages": to_wire(messages),
            # LiteLLM 1.106 imports its MCP gateway, whose packages it does not require,
            # for every call with tools; nothing here goes through that gateway.
            "_skip_mcp_handler": True,
        }
        if tools:
            request["tools"] = [dict(tool) for tool in tools]
        if temperature is not None:
            request["temperature"] = temperature
        if self._seed is not None:
            request["seed"] = self._seed
        if self._api_base is not None:
            request["api_base"] = self._api_base
        self._bound_reply(request, max_tokens or self._max_tokens or UNKNOWN_MAX_TOKENS)
        response, usage = self._paid(request, self._complete)
        choice = response.choices[0]
        message = choice.message
        return Reply(
            text=message.content or "",
            tool_calls=tool_calls_from_wire(message.tool_calls, len(messages)),
            usage=usage,
            reasoning=getattr(message, "reasoning_content", None) or "",
            finish_reason=choice.finish_reason or "",
            **tokens_from_wire(response, choice),
        )

    def continue_text(self, prefix: str, **settings: Any) -> Reply:
        """Continue a text over the endpoint's `/v1/completions`; see `ContinuingModel`.

        Raises:
            ModelRequestError: The model has no endpoint of one's own.
        """
        if self._texts is None:
            raise ModelRequestError(
                f"The model {self.name} can't continue text: that takes an OpenAI-compatible "
                "endpoint with /v1/completions (llama.cpp, vLLM), named by --api-base."
            )
        return self._texts.continue_text(prefix, **settings)

    def _of_all(self) -> dict[str, Any]:
        return {"timeout": self.timeout_s, "num_retries": 0, "max_retries": 0}

    @property
    def window(self) -> int | None:
        """What the model reads and writes at most, in tokens; None where nobody says it."""
        if self._window is None and self._endpoint is not None:
            self._window = window_in(self._endpoint.models(), self._model)
        return self._window

    def _bound_reply(self, request: dict[str, Any], most: int) -> None:
        """Set the bound of a reply, so that it fits the window with its prompt.

        Raises:
            ContextWindowError: By what was learned from earlier calls, a reply has no room.
        """
        request["max_tokens"] = most
        if self.window is None:
            return
        room = room_of(self.window, most)
        with self._lock:
            per_byte = self._per_byte
        if per_byte is None:
            # Nothing is known of its tokens yet, and the provider says whether the prompt fits;
            # text has at least two bytes a token.
            request["max_tokens"] = min(most, max(room, self.window - _size(request) // 2))
            return
        prompt = int(_size(request) * per_byte)
        if prompt + room > self.window:
            raise ContextWindowError(
                f"The conversation of about {prompt} tokens leaves no room for a reply",
                prompt,
                self.window,
                room,
            )
        request["max_tokens"] = min(most, self.window - prompt)

    def _patiently(self, call: Callable[[], T]) -> T:
        """Make a call, again after failures that may pass; waits are told."""
        attempts = self.retries + 1
        for attempt in itertools.count(1):
            try:
                with told_when_slow(self.on_wait, self.name, attempt, attempts):
                    return call()
            except RetryError as retry:
                if attempt >= attempts:
                    raise ModelUnavailableError(
                        f"The model {self.name} did not answer after {attempt} attempts: "
                        f"{retry.reason}"
                    ) from retry.__cause__
                wait = min(_LONGEST_WAIT_S, self.backoff_s * 2 ** (attempt - 1))
                # Jitter keeps many workers from coming back at the same moment.
                wait *= 0.5 + random.random() / 2
                wait = min(_LONGEST_WAIT_S, max(wait, retry.after_s))
                if self.on_wait is not None:
                    self.on_wait(Waiting(self.name, wait, attempt, attempts, retry.reason))
                time.sleep(wait)
        raise AssertionError("unreachable")

    def _paid(
        self, request: dict[str, Any], ask: Callable[[Mapping[str, Any]], Any]
    ) -> tuple[Any, Usage]:
        """Make a call under the budget, again after what may pass; a response has a choice."""
        return self._patiently(lambda: self._once(request, ask))

    def _once(
        self, request: dict[str, Any], ask: Callable[[Mapping[str, Any]], Any]
    ) -> tuple[Any, Usage]:
        counted = 0
        reservation: int | None = None
        if self._budget is not None:
            assert self.price is not None
            counted = self._count(request)
            worst = self.price.worst_usd(self._bound(request, counted), request["max_tokens"])
            reservation = self._budget.reserve(worst)
        cost: float | None = None
        try:
            try:
                response = ask(request)
            except Exception as error:
                if not maybe_billed(error):
                    cost = 0.0
                raise self._refusal(error, request) from error
            usage = self._usage(response)
            if usage is not None:
                cost = usage.cost_usd
                self._learn(request, counted, usage)
            if not response.choices:
                raise RetryError("it sent a response without choices.")
        finally:
            if reservation is not None and self._budget is not None:
                if cost is None:
                    self._budget.settle_worst(reservation)
                else:
                    self._budget.settle(reservation, cost)
        return response, usage or Usage(calls=1)

    def _complete(self, request: Mapping[str, Any]) -> Any:
        """Ask the provider, in the form that it takes: an endpoint may only stream."""
        if not self._streams:
            try:
                return litellm().completion(**request)
            except Exception as error:
                if not wants_stream(error):
                    raise
        deadline = time.monotonic() + self.timeout_s
        chunks = []
        for chunk in litellm().completion(
            **request, stream=True, stream_options={"include_usage": True}
        ):
            chunks.append(chunk)
            if time.monotonic() > deadline:
                raise RetryError(f"its stream did not end within {self.timeout_s:g} s.")
        self._streams = True
        return litellm().stream_chunk_builder(chunks, messages=request["messages"])

    def _refusal(self, error: Exception, request: Mapping[str, Any]) -> Exception:
        """Return the house's error; what it says of the window is remembered."""
        if isinstance(error, RetryError):
            return error
        found = translated(error, self.name)
        if isinstance(found, ContextWindowError):
            self._window = found.window or self.window
            if found.needed is None:
                # What the provider counts it may have learned from; else the tokenizer's word.
                found.needed = self._count(request)
            found.window = self._window
            if self._window is not None:
                found.room = room_of(self._window, request["max_tokens"])
        return found

    def _usage(self, response: Any) -> Usage | None:
        usage = getattr(response, "usage", None)
        if usage is None:
            return None
        prompt, completion = usage.prompt_tokens or 0, usage.completion_tokens or 0
        cost = self.price.cost_usd(prompt, completion, response) if self.price else 0.0
        return Usage(1, prompt, completion, cost)

    def _count(self, request: Mapping[str, Any]) -> int:
        sent = {name: request.get(name) for name in ("messages", "tools")}
        if "prompt" in request:
            sent = {"text": request["prompt"]}
        return int(litellm().token_counter(model=self._model, **sent))

    def _bound(self, request: Mapping[str, Any], counted: int) -> int:
        """Return an upper bound of the prompt's tokens as the provider will bill them.

        A token is at least a byte, so the bytes are one; once the provider has billed a
        call, its ratio to the count here, with a quarter on top, is a closer one.
        """
        most = _size(request) + 16
        with self._lock:
            ratio = self._ratio
        return most if ratio is None else min(most, int(counted * ratio * 1.25) + 64)

    def _learn(self, request: Mapping[str, Any], counted: int, usage: Usage) -> None:
        if not usage.prompt_tokens:
            return
        with self._lock:
            if "messages" in request:  # a text without a chat around it tells another ratio
                self._per_byte = usage.prompt_tokens / _size(request)
            if counted:
                self._ratio = max(self._ratio or 0.0, usage.prompt_tokens / counted)


def _size(request: Mapping[str, Any]) -> int:
    sent = request.get("prompt") or [request.get("messages"), request.get("tools")]
    text = json.dumps(sent, ensure_ascii=False)
    return len(text.encode("utf-8", "replace"))


def _parameters(model: str) -> Sequence[str]:
    return litellm().get_supported_openai_params(model=model) or ()


def _resolve(model: str, api_base: str | None) -> str:
    module = litellm()
    try:
        module.get_llm_provider(model)
    except module.BadRequestError as error:
        if api_base is not None:
            return f"openai/{model}"
        raise InputError(
            f"Unknown model {model!r}: write symbolic, scripted:FILE.json or LiteLLM's "
            "provider/model (anthropic/..., openai/..., ollama/...), or give --api-base."
        ) from error
    return model


def _key_is_set(model: str) -> bool:
    return bool(litellm().validate_environment(model)["keys_in_environment"])


def _check_key(model: str, options: Mapping[str, Any]) -> None:
    if "api_key" in options:
        return
    missing = litellm().validate_environment(model)["missing_keys"]
    # Other providers have further ways to know their user (profiles, metadata servers).
    if missing and all(name.endswith("_API_KEY") for name in missing):
        raise InputError(f"The model {model} needs a key: set {' or '.join(missing)}.")
