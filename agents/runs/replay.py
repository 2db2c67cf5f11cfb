"""A model whose replies are recorded, and given again to equal requests after a kill."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from agents.models.protocol import Message, Model, ModelToolCall, Reply, Usage
from agents.models.registry import make_model
from agents.runs.journal import Journal


def message_dict(message: Message) -> dict[str, Any]:
    """Return a message as plain data, empty fields left out."""
    data: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        data["tool_calls"] = [asdict(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        data["tool_call_id"] = message.tool_call_id
    return data


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def request_digest(
    model: str,
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[Mapping[str, Any]],
    settings: Mapping[str, Any],
) -> str:
    """Return the SHA-256 of a request: equal requests are the same question."""
    return _digest([model, list(messages), list(tools), dict(settings)])


def reply_dict(reply: Reply) -> dict[str, Any]:
    """Return a reply as plain data."""
    return asdict(reply)


def reply_from(data: Mapping[str, Any]) -> Reply:
    """Return the reply that `reply_dict` wrote."""
    return Reply(
        text=data["text"],
        tool_calls=tuple(ModelToolCall(**call) for call in data["tool_calls"]),
        usage=Usage(**data["usage"]),
        reasoning=data["reasoning"],
        finish_reason=data["finish_reason"],
    )


class RecordedModel:
    """Wraps a model: every reply is in the journal before the agent sees it.

    Requests of a play that was interrupted are answered from the journal, each recorded
    reply once and in its order, so that two equal requests (two samples) keep two replies.
    """

    def __init__(
        self,
        model: Model,
        journal: Journal,
        events: Iterable[Mapping[str, Any]] = (),
        make: Callable[[str], Model] = make_model,
    ) -> None:
        """Wrap `model`.

        Args:
            model: Answers what is not recorded.
            journal: Where replies are written.
            events: The journal's earlier events.
            make: Makes `another` model by its name, bound by the same budget.
        """
        self.name = model.name
        self.usage = Usage()
        self.reused = 0
        self._model = model
        self._journal = journal
        self._make = make
        self._lock = threading.Lock()
        self._known: set[str] = set()
        self._recorded: dict[str, deque[Reply]] = defaultdict(deque)
        for event in events:
            if event["kind"] == "reply" and not event["reused"]:
                self._recorded[event["request"]].append(reply_from(event["reply"]))

    @property
    def unwrapped(self) -> Model:
        """The model inside."""
        return self._model

    def another(self, name: str) -> Model:
        """Return a second model, whose replies are recorded and counted with this one's.

        Agents with several roles ask for it where they play in a run.

        Raises:
            RepoGymError: No such model, a missing key, or a budget with an unknown price.
        """
        return _Another(self, self._make(name))

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
        request = request_digest(model.name, plain, tools, settings)
        with self._lock:
            waiting = self._recorded.get(request)
            recorded = waiting.popleft() if waiting else None
        reply = recorded or model.complete(
            messages, tools, temperature=temperature, max_tokens=max_tokens
        )
        digests = [_digest(message)[:16] for message in plain]
        with self._lock:
            new = {
                digest: message
                for digest, message in zip(digests, plain, strict=True)
                if digest not in self._known
            }
            self._known.update(new)
            self.usage = self.usage + reply.usage
            self.reused += recorded is not None
        self._journal.append(
            "reply",
            request=request,
            reused=recorded is not None,
            thread=threading.get_ident(),
            model=model.name,
            settings=settings,
            messages=digests,
            new=new,
            reply=reply_dict(reply),
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
