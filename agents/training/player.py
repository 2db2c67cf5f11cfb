"""An episode as trainers play it: calls in, texts out, and one verdict that is never lost."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from envs.episode import Episode, ToolCall
from envs.registration import make
from repos.errors import AgentError, InfrastructureError, InputError

FailureKind = Literal["", "infrastructure", "agent_error", "abandoned"]

OVER = "The episode is over: nothing more can be done in it."


@dataclass(frozen=True)
class Verdict:
    """What an episode came to, for a trainer.

    Attributes:
        task: Id of the task.
        reward: Its reward; 0.0 where there is no verdict.
        resolved: Whether all hidden tests have the right verdict.
        plausible: Success where every failing test was shown.
        fraction: fixed/|F2P| − broken/|P2P|, in [−1, 1].
        end: Why it ended ("submitted", "steps", "time", ...).
        truncated: Whether a bound, or the trainer, ended it.
        steps: Tool calls that the environment counted.
        tampered: What showed that test results were interfered with; "" for nothing.
        mask_sample: Whether to leave the episode out of the loss: the reward means nothing.
        failure_kind: Why: "infrastructure", "agent_error" (a tool or reward of one's own
            failed), "abandoned" (closed before its end); "" where there is a verdict.
        error: The failure in one line; "" for none.
    """

    task: str = ""
    reward: float = 0.0
    resolved: bool = False
    plausible: bool = False
    fraction: float = 0.0
    end: str = ""
    truncated: bool = False
    steps: int = 0
    tampered: str = ""
    mask_sample: bool = False
    failure_kind: FailureKind = ""
    error: str = ""

    def flat(self) -> dict[str, Any]:
        """Return it as a flat dict."""
        return asdict(self)


@dataclass(frozen=True)
class Answer:
    """What a call printed, and whether it could not be done."""

    text: str
    error: bool = False


class Player:
    """Plays one episode after the other in one environment; any thread may call.

    Infrastructure failures are verdicts with `mask_sample`, not exceptions: a trainer's step
    goes on without the episode.
    """

    def __init__(self, suite: str, **options: Any) -> None:
        """Make the environment; nothing is started yet.

        Args:
            suite: As on the command line after `--env`.
            options: As for `envs.env.RepoEnv`.

        Raises:
            InputError: A name or value that does not fit.
        """
        self._env = make(suite, **options)
        self._episode: Episode | None = None
        self._verdict: Verdict | None = None
        self._task = ""
        self._lock = threading.RLock()

    @property
    def tools(self) -> list[dict[str, Any]]:
        """Schemas of the tools in OpenAI function form; known before the first episode."""
        return self._env.unwrapped.tools  # type: ignore[attr-defined]

    @property
    def verdict(self) -> Verdict | None:
        """What the episode came to; None before its end."""
        return self._verdict

    def start(self, task: str | None = None, seed: int | None = None) -> str:
        """Start an episode, which ends the former one, and return its problem.

        Args:
            task: Id of the task; None draws one by the seed.
            seed: Seed of the environment.

        Raises:
            InputError: No such task, or a value of another type.
        """
        # Both may come over a network.
        if task is not None and not isinstance(task, str):
            raise InputError(f"The task {task!r} is no text: give a task's id.")
        if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool) or seed < 0):
            raise InputError(f"The seed {seed!r} does not fit: give a whole number, 0 or more.")
        with self._lock:
            self._episode, self._verdict, self._task = None, None, task or ""
            options = {"task": task} if task else None
            try:
                self._episode = Episode(self._env, seed=seed, options=options)
            except InfrastructureError as error:
                self._fail("infrastructure", error)
                return f"{OVER} ({error})"
            self._task = self._episode.task.id
            return self._episode.observation["text"]

    def call(self, name: str, arguments: str | Mapping[str, Any] = "{}") -> Answer:
        """Run a tool call; after the end nothing happens, and the answer says so.

        Args:
            name: The tool.
            arguments: Raw JSON text, or a mapping.
        """
        if not isinstance(arguments, str):
            arguments = json.dumps(dict(arguments), ensure_ascii=False)
        with self._lock:
            if self._verdict is not None or self._episode is None:
                return Answer(OVER, error=True)
            try:
                seen = self._episode.step(ToolCall(name, arguments))
            except (AgentError, InfrastructureError) as error:
                self._raised(error)
                return Answer(f"{OVER} ({error})", error=True)
            self._conclude()
            return Answer(seen["text"], bool(seen["error"]))

    def finish(self, reason: str = "trainer") -> Verdict:
        """End the episode where it has not ended, score the diff as it stands, and return all.

        Args:
            reason: What `end` says then.
        """
        with self._lock:
            if self._verdict is None and self._episode is not None:
                try:
                    self._episode.stop(reason)
                except (AgentError, InfrastructureError) as error:
                    self._raised(error)
                else:
                    self._conclude()
            return self._verdict or Verdict(mask_sample=True, failure_kind="abandoned")

    def close(self) -> None:
        """End every process; an episode that goes on has been abandoned and is not scored."""
        with self._lock:
            if self._episode is not None and self._verdict is None:
                self._fail("abandoned", None)
            self._env.close()

    def _conclude(self) -> None:
        if self._episode is not None and self._episode.done:
            self._verdict = verdict_of(self._episode)

    def _raised(self, error: AgentError | InfrastructureError) -> None:
        kind: FailureKind = "agent_error" if isinstance(error, AgentError) else "infrastructure"
        self._fail(kind, error)

    def _fail(self, kind: FailureKind, error: Exception | None) -> None:
        steps = int(self._episode.observation["step"]) if self._episode is not None else 0
        self._verdict = failed_verdict(self._task, kind, error, steps)


def verdict_of(episode: Episode) -> Verdict:
    """Return what an episode that is over came to."""
    info = episode.info
    lost = not info["scored"]
    return Verdict(
        task=info["task"],
        reward=0.0 if lost else episode.reward,
        resolved=info["score_resolved"],
        plausible=info["score_plausible"],
        fraction=info["score_fraction"],
        end=info["end"],
        truncated=info["end"] != "submitted" and not lost,
        steps=int(info["step"]),
        tampered=info["score_tampered"],
        mask_sample=lost,
        failure_kind="infrastructure" if lost else "",
        error=info["infra_error"],
    )


def failed_verdict(
    task: str, kind: FailureKind, error: Exception | None = None, steps: int = 0
) -> Verdict:
    """Return the verdict on an episode that came to none.

    Args:
        task: Id of the task.
        kind: Why.
        error: What was raised.
        steps: Steps until then.
    """
    return Verdict(
        task=task,
        end=kind,
        truncated=kind == "abandoned",
        steps=steps,
        mask_sample=True,
        failure_kind=kind,
        error=str(error or ""),
    )
