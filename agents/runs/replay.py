"""A model whose replies are recorded, and given again to equal requests after a kill."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from agents.models.continuation import continuing
from agents.models.protocol import Message, Model, ModelToolCall, Reply, Usage
from agents.models.registry import make_model
from agents.models.waiting import report_to
from agents.runs.recorder import ModelCall, ModelRecorder, digest
from agents.runs.spec import ModelUse

_TOKENS = ("tokens", "token_ids", "logprobs", "prompt_token_ids")


def message_dict(message: Message) -> dict[str, Any]:
    """Return a message as plain data, empty fields left out."""
    data: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        data["tool_calls"] = [asdict(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        data["tool_call_id"] = message.tool_call_id
    return data


def request_digest(
    model: str,
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[Mapping[str, Any]],
    settings: Mapping[str, Any],
) -> str:
    """Return the SHA-256 of a request: equal requests are the same question."""
    return digest([model, list(messages), list(tools), dict(settings)])


def reply_from(data: Mapping[str, Any]) -> Reply:
    """Return the reply that was written to a journal."""
    return Reply(
        text=data["text"],
        tool_calls=tuple(ModelToolCall(**call) for call in data["tool_calls"]),
        usage=Usage(**data["usage"]),
        reasoning=data["reasoning"],
        finish_reason=data["finish_reason"],
        # Journals of earlier versions have no more than the fields above.
        raw=data.get("raw", ""),
        **{name: tuple(data.get(name, ())) for name in _TOKENS},
    )


def use_in(events: Iterable[Mapping[str, Any]]) -> ModelUse:
    """Return what all plays of an episode's journal asked of models, each call counted once.

    It says what an episode cost that came to no record of its own.
    """
    usage = Usage()
    for event in events:
        if event["kind"] == "reply" and not event["reused"]:
            usage = usage + reply_from(event["reply"]).usage
    return model_use(usage, 0)


def model_use(usage: Usage, reused: int) -> ModelUse:
    """Return a usage as a record holds it."""
    return ModelUse(
        calls=usage.calls,
        reused=reused,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cost_usd=usage.cost_usd,
    )


class RecordedModel:
    """Wraps a model: every reply is recorded before the agent sees it.

    Requests of a play that was interrupted are answered from the journal, each recorded
    reply once and in its order, so that two equal requests (two samples) keep two replies.
    """

    def __init__(
        self,
        model: Model,
        recorder: ModelRecorder,
        events: Iterable[Mapping[str, Any]] = (),
        make: Callable[[str], Model] = make_model,
    ) -> None:
        """Wrap `model`.

        Args:
            model: Answers what is not recorded.
            recorder: Is told of every reply.
            events: What the journal holds of an earlier play.
            make: Makes `another` model by its name, bound by the same budget.
        """
        self.name = model.name
        self.usage = Usage()
        self.reused = 0
        self._errors: list[BaseException] = []
        self._model = model
        self._recorder = recorder
        self._make = make
        self._lock = threading.Lock()
        report_to(model, recorder.on_model_wait)
        self._recorded: dict[str, deque[Reply]] = defaultdict(deque)
        for event in events:
            if event["kind"] == "reply" and not event["reused"]:
                self._recorded[event["request"]].append(reply_from(event["reply"]))

    def raised(self, error: BaseException | None) -> bool:
        """Whether a model raised this very error, and not the agent that called it."""
        return any(error is known for known in self._errors)

    @property
    def unwrapped(self) -> Model:
        """The model inside."""
        return self._model

    def another(self, name: str) -> Model:
        """Return a second model, whose replies are recorded and counted with this one's.

        Agents with several roles ask for it where they play in a run.

        Raises:
            InputError: No such model, a missing key, or a budget with an unknown price.
        """
        made = self._make(name)
        report_to(made, self._recorder.on_model_wait)
        return _Another(self, made)

    def complete(
        self,
        messages: Sequence[Message],
        tools: Sequence[Mapping[str, Any]] = (),
        *,
        temperature: float | None = None,
        max_tokens: int | None = None,
    ) -> Reply:
        """Answer from the journal or by the model; see `Model.complete`."""
        return self.answer(self._model, messages, tools, temperature, max_tokens)

    def answer(
        self,
        model: Model,
        messages: Sequence[Message],
        tools: Sequence[Mapping[str, Any]],
        temperature: float | None,
        max_tokens: int | None,
    ) -> Reply:
        """Answer from the journal or by `model`, this one's or another."""
        plain = [message_dict(message) for message in messages]
        settings = {"temperature": temperature, "max_tokens": max_tokens}
        return self._recalled(
            model,
            plain,
            tools,
            settings,
            lambda: model.complete(messages, tools, temperature=temperature, max_tokens=max_tokens),
        )

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
        """Continue a text from the journal or by the model; see `ContinuingModel`."""
        settings: dict[str, Any] = {
            "max_tokens": max_tokens,
            "stop": list(stop),
            "temperature": temperature,
            "grammar": grammar,
            "choices": list(choices),
            "logprobs": logprobs,
        }
        return self._recalled(
            self._model,
            [],
            (),
            {"prefix": prefix, **settings},
            lambda: continuing(self._model).continue_text(prefix, **settings),
        )

    def _recalled(
        self,
        model: Model,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]],
        settings: Mapping[str, Any],
        ask: Callable[[], Reply],
    ) -> Reply:
        """Return the recorded reply to a request, or ask; either is recorded now."""
        request = request_digest(model.name, messages, tools, settings)
        with self._lock:
            waiting = self._recorded.get(request)
            recorded = waiting.popleft() if waiting else None
        try:
            reply = recorded or ask()
        except Exception as error:
            with self._lock:
                self._errors.append(error)
            raise
        with self._lock:
            self.usage = self.usage + reply.usage
            self.reused += recorded is not None
        self._recorder.on_model_call(
            ModelCall(model.name, request, settings, messages, reply, recorded is not None)
        )
        return reply


class _Another:
    """A second model of a run; its replies go through the first one's records."""

    def __init__(self, first: RecordedModel, model: Model) -> None:
        self.name = model.name
        self._first = first
        self._model = model

    @property
    def unwrapped(self) -> Model:
        """The model inside."""
        return self._model

    def complete(
        self,
        messages: Sequence[Message],
        tools: Sequence[Mapping[str, Any]] = (),
        *,
        temperature: float | None = None,
        max_tokens: int | None = None,
    ) -> Reply:
        """Answer from the journal or by the model; see `Model.complete`."""
        return self._first.answer(self._model, messages, tools, temperature, max_tokens)
