"""Who is told what happens in an episode of a run, and the recorder that writes it down."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from agents.models.protocol import Reply
from agents.models.waiting import Waiting
from agents.runs.interruption import Interruption
from agents.runs.journal import Journal
from agents.runs.visible import visible
from envs.checkpoint import Checkpoint
from envs.checkpoint import plain as plain_files
from envs.episode import Episode, EpisodeRecorder, ToolCall
from repos.errors import InfrastructureError

Progress = Callable[[int, str], None]
"""Called after each step with the number of steps so far, forks included, and the call in a
few words."""

Waits = Callable[[str], None]
"""Called with a line for a person whenever the model keeps the episode waiting."""


@dataclass(frozen=True)
class ModelCall:
    """A request to a model and its reply.

    Attributes:
        model: Name of the model that answered.
        request: Digest of the whole request; equal ones are the same question.
        settings: Sampling settings of the request.
        messages: The conversation as plain data.
        reply: The answer.
        reused: Whether it was recorded by an earlier play.
    """

    model: str
    request: str
    settings: Mapping[str, Any]
    messages: Sequence[Mapping[str, Any]]
    reply: Reply
    reused: bool


class ModelRecorder(Protocol):
    """Is told of model calls before the agent sees their replies; any thread may call."""

    def on_model_call(self, call: ModelCall) -> None:
        """A model has answered."""
        ...

    def on_model_wait(self, waiting: Waiting) -> None:
        """A model call failed and will be tried again, or takes long."""
        ...


class RunRecorder(EpisodeRecorder, ModelRecorder, Protocol):
    """Is told all that happens in an episode of a run."""


class JournalRecorder(RunRecorder):
    """Writes what happens to a journal, on the disk before the agent goes on.

    Attributes:
        reused: Steps that were answered from an earlier play.
    """

    def __init__(
        self,
        journal: Journal,
        progress: Progress | None = None,
        waits: Waits | None = None,
        interruption: Interruption | None = None,
    ) -> None:
        """Make it for one episode and its forks.

        Args:
            journal: Where everything goes.
            progress: Called with the number of steps after each step.
            waits: Called with a line whenever the model keeps the episode waiting.
            interruption: Is told when a tool call begins and ends.
        """
        self._journal = journal
        self._progress = progress
        self._waits = waits
        self._interruption = interruption
        self._lock = threading.Lock()
        self._steps = 0
        self._inside = 0
        self._forks: list[Episode] = []
        self._forked = False
        self.reused = 0
        self._moment = Checkpoint()
        self._errors: list[BaseException] = []
        self._messages: set[str] = set()

    @property
    def steps(self) -> int:
        """Steps so far, forks included."""
        return self._steps

    @property
    def inside_step(self) -> bool:
        """Whether an environment is working on a step (or scores) right now."""
        return self._inside > 0

    def came_from_environment(self, error: BaseException) -> bool:
        """Whether an environment raised this very error, and not the agent itself."""
        return any(error is known for known in self._errors)

    def on_reset(self, episode: Episode) -> None:
        """Write the first observation."""
        self._append("reset", branch=0, observation=plain(episode.observation), tools=episode.tools)

    def on_step_begin(self, episode: Episode) -> None:
        """Note that an environment works."""
        if self._interruption is not None:
            self._interruption.enter()
        with self._lock:
            self._inside += 1

    def on_step(self, episode: Episode, call: ToolCall, seconds: float) -> None:
        """Write a step and its observation."""
        try:
            self._write_step(episode, call, seconds)
        finally:
            if self._interruption is not None:
                self._interruption.leave()

    def _write_step(self, episode: Episode, call: ToolCall, seconds: float) -> None:
        with self._lock:
            self._inside -= 1
        kept = self._kept(episode)
        self._append(
            "step",
            **kept,
            branch=episode.branch,
            thread=threading.get_ident(),
            name=call.name,
            arguments=call.arguments,
            observation=plain(episode.observation),
            seconds=round(seconds, 4),
            done=episode.done,
            reward=episode.reward,
            end=episode.end,
        )
        with self._lock:
            self._steps += 1
            steps = self._steps
        if self._progress is not None:
            self._progress(steps, call_line(call))

    def _kept(self, episode: Episode) -> dict[str, Any]:
        """Return what a later play needs to go on after this step: the clock, and changed files.

        A play goes on before the first fork only.
        """
        with self._lock:
            if episode.branch or episode.done or self._forked:
                return {}
        try:
            step = episode.environment.played_step()
        except InfrastructureError as error:
            with self._lock:
                self._errors.append(error)
            raise
        kept: dict[str, Any] = {"elapsed": round(step.elapsed, 4), "reused": step.reused}
        self.reused += step.reused
        if step.after is not self._moment:
            kept["files"] = plain_files(step.after, self._moment)
            self._moment = step.after
        return kept

    def on_error(self, episode: Episode, error: BaseException) -> None:
        """Note where an error came from."""
        with self._lock:
            self._inside -= 1
            self._errors.append(error)
        if self._interruption is not None:
            self._interruption.leave()

    def on_stop(self, episode: Episode, reason: str) -> None:
        """Write why the next step ends the episode."""
        self._append("stop", branch=episode.branch, reason=reason)

    def on_fork(self, parent: Episode, child: Episode) -> None:
        """Write a new branch."""
        with self._lock:
            self._forked = True
            self._forks.append(child)
        self._append(
            "fork", branch=child.branch, parent=parent.branch, thread=threading.get_ident()
        )

    def on_model_call(self, call: ModelCall) -> None:
        """Write a reply; each message of a conversation is written once."""
        by_digest = {digest(message)[:16]: message for message in call.messages}
        with self._lock:
            new = {key: by_digest[key] for key in by_digest if key not in self._messages}
            self._messages.update(new)
        self._append(
            "reply",
            request=call.request,
            reused=call.reused,
            thread=threading.get_ident(),
            model=call.model,
            settings=call.settings,
            messages=[digest(message)[:16] for message in call.messages],
            new=new,
            reply=asdict(call.reply),
        )

    def on_model_wait(self, waiting: Waiting) -> None:
        """Write a wait, and say it."""
        self._append("wait", **asdict(waiting))
        if self._waits is not None:
            self._waits(str(waiting))

    def close_forks(self) -> None:
        """Close the environments of all forks; closing one twice is fine."""
        with self._lock:
            forks, self._forks = self._forks, []
        for fork in forks:
            fork.env.close()

    def _append(self, kind: str, **fields: Any) -> None:
        try:
            self._journal.append(kind, **fields)
        except OSError as error:
            failure = InfrastructureError(
                f"{self._journal.path} can't be written ({error.strerror})."
            )
            with self._lock:
                self._errors.append(failure)
            raise failure from error


def call_line(call: ToolCall, most: int = 100) -> str:
    """Return a call in a few words: the tool and the begin of its arguments' values."""
    try:
        arguments = json.loads(call.arguments or "{}")
    except ValueError:
        arguments = {}
    values = arguments.values() if isinstance(arguments, dict) else ()
    words = " ".join(str(value).partition("\n")[0] for value in values)
    text = visible(f"{call.name} {words}").replace("\n", " ").strip()
    return text if len(text) <= most else text[: most - 1] + "\u2026"


def digest(value: Any) -> str:
    """Return the SHA-256 of plain data."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def plain(value: Any) -> Any:
    """Return an observation as plain JSON data (numpy numbers become Python's)."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if value is None or isinstance(value, str | int | float):
        return value
    if hasattr(value, "item"):
        return value.item()
    return str(value)
