"""An episode as an agent sees it: a thin, typed view of an environment."""

from __future__ import annotations

import contextlib
import copy
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import gymnasium

from envs.forking import fork
from envs.protocol import episode_environment
from repos.tasks.records import PublicTask


@dataclass(frozen=True)
class ToolCall:
    """One action: a tool's name and its arguments as raw JSON text."""

    name: str
    arguments: str = "{}"


class EpisodeRecorder(Protocol):
    """Is told what happens in an episode and its forks, before the agent sees it.

    Every `on_step_begin` is followed by one `on_step` or one `on_error`. Forks may play in
    threads of their own, so any thread may call.
    """

    def on_reset(self, episode: Episode) -> None:
        """The episode has begun; its first observation is there."""
        ...

    def on_step_begin(self, episode: Episode) -> None:
        """The environment starts to work on a call, or on several at the same time."""
        ...

    def on_step(self, episode: Episode, call: ToolCall, seconds: float) -> None:
        """A call has its observation, which is the episode's latest one now.

        Args:
            episode: Where it ran.
            call: What was called.
            seconds: What it took; for calls that ran at the same time the first has it all.
        """
        ...

    def on_error(self, episode: Episode, error: BaseException) -> None:
        """The environment raised something instead of giving an observation."""
        ...

    def on_stop(self, episode: Episode, reason: str) -> None:
        """The agent or its run ends the episode; the step that does it follows."""
        ...

    def on_fork(self, parent: Episode, child: Episode) -> None:
        """A branch of the episode was made."""
        ...


class Episode:
    """Plays one episode of an environment; `env.reset` is called here.

    Attributes:
        env: The environment with its wrappers.
        environment: The environment inside them: its task, tools, budget and diff.
        observation: The latest observation: `text` (what the tool printed; at the start the
            task's statement), `tool` (its name, "" at the start), `error` (0 or 1) and `step`.
        reward: The latest reward (0.0 until the end).
        info: The latest info.
        done: Whether the episode is over.
        branch: 0 for the episode itself, 1, 2, ... for its forks in the order of forking.
    """

    def __init__(
        self,
        env: gymnasium.Env,
        *,
        seed: int | None = None,
        recorder: EpisodeRecorder | None = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        """Reset `env` and take its first observation.

        Args:
            env: An environment of RepoGym's, wrapped or not.
            seed: Seed of the environment.
            recorder: Is told what happens, in the forks too.
            options: Options of the reset, for example `{"task": id}`.

        Raises:
            InputError: `env` is no environment that can be played as an episode.
        """
        self.env = env
        self.environment = episode_environment(env)
        self.observation: dict[str, Any]
        self.observation, self.info = env.reset(seed=seed, options=options)
        self.reward = 0.0
        self.done = False
        self.branch = 0
        self._branches = itertools.count(1)
        self._recorder = recorder
        if recorder is not None:
            recorder.on_reset(self)

    @property
    def task(self) -> PublicTask:
        """The public part of the task."""
        return self.environment.task

    @property
    def tools(self) -> list[dict[str, Any]]:
        """Schemas of the tools in OpenAI function form."""
        return self.environment.tools

    @property
    def end(self) -> str | None:
        """Why the episode ended ("submitted", "steps", "time", "cost", ...), or None."""
        outcome = self.environment.outcome
        return outcome.end if outcome is not None else None

    def step(self, call: ToolCall) -> dict[str, Any]:
        """Run one tool call and return the observation.

        Raises:
            gymnasium.error.ResetNeeded: The episode is over.
            AgentError: A tool or a reward of one's own failed.
        """
        if self.done:
            raise gymnasium.error.ResetNeeded("The episode is over: start another one.")
        with self._recorded(call):
            self._play(call)
        return self.observation

    def step_many(self, calls: Sequence[ToolCall]) -> list[dict[str, Any]]:
        """Run the calls of one reply; stops early when the episode ends.

        Neighbouring read-only calls run at the same time. The observations, their order and
        the number of steps are those of as many single steps.
        """
        observations: list[dict[str, Any]] = []
        actions = [_action(call) for call in calls]
        ahead = 0
        try:
            for position, call in enumerate(calls):
                if self.done:
                    break
                with self._recorded(call):
                    if not ahead:
                        ahead = self.environment.run_ahead(actions[position:])
                    self._play(call)
                ahead = max(0, ahead - 1)
                observations.append(self.observation)
        finally:
            if ahead:
                self.environment.run_ahead(())
        return observations

    def stop(self, reason: str) -> None:
        """End the episode now and score the diff as it stands (`info["end"]` = reason)."""
        if self.done:
            return
        if self._recorder is not None:
            self._recorder.on_stop(self, reason)
        self.environment.stop(reason)
        self.step(ToolCall("submit"))

    def fork(self) -> Episode:
        """Return an independent episode that goes on from this state."""
        # Observations and infos are fresh objects at each step, so both may hold the latest.
        twin = copy.copy(self)
        try:
            twin.env = fork(self.env)
        except Exception as error:
            if self._recorder is not None:
                self._recorder.on_step_begin(self)
                self._recorder.on_error(self, error)
            raise
        twin.environment = episode_environment(twin.env)
        twin.branch = next(self._branches)
        if self._recorder is not None:
            self._recorder.on_fork(self, twin)
        return twin

    def _play(self, call: ToolCall) -> None:
        try:
            self.observation, reward, terminated, truncated, self.info = self.env.step(
                _action(call)
            )
        except Exception:
            # A reward function fails when the episode is over already.
            self.done = self.environment.outcome is not None
            raise
        self.reward = float(reward)
        self.done = bool(terminated or truncated)

    @contextlib.contextmanager
    def _recorded(self, call: ToolCall) -> Iterator[None]:
        """Tell the recorder of the step that the body takes."""
        if self._recorder is None:
            yield
            return
        self._recorder.on_step_begin(self)
        begun = time.monotonic()
        try:
            yield
        except BaseException as error:
            self._recorder.on_error(self, error)
            raise
        self._recorder.on_step(self, call, time.monotonic() - begun)


def _action(call: ToolCall) -> dict[str, str]:
    return {"name": call.name, "arguments": call.arguments}
