"""An episode as an agent sees it: a thin, typed view of an environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium

from repos.tasks.records import PublicTask


@dataclass(frozen=True)
class ToolCall:
    """One action: a tool's name and its arguments as raw JSON text."""

    name: str
    arguments: str = "{}"


class Episode:
    """Plays one episode of an environment; `env.reset` has been called, or is called here.

    Attributes:
        env: The environment with its wrappers.
        observation: The latest observation: `text` (what the tool printed; at the start the
            task's statement), `tool` (its name, "" at the start), `error` (0 or 1) and `step`.
        reward: The latest reward (0.0 until the end).
        info: The latest info.
        done: Whether the episode is over.
    """

    def __init__(self, env: gymnasium.Env, *, seed: int | None = None) -> None:
        """Reset `env` and take its first observation."""
        self.env = env
        self.observation: dict[str, Any]
        self.observation, self.info = env.reset(seed=seed)
        self.reward = 0.0
        self.done = False

    @property
    def task(self) -> PublicTask:
        """The public part of the task."""
        return self.env.unwrapped.task  # type: ignore[attr-defined]

    @property
    def tools(self) -> list[dict[str, Any]]:
        """Schemas of the tools in OpenAI function form."""
        return self.env.unwrapped.tools  # type: ignore[attr-defined]

    @property
    def end(self) -> str | None:
        """Why the episode ended ("submitted", "steps", "time", "cost", ...), or None."""
        return self.info.get("end")

    def step(self, call: ToolCall) -> dict[str, Any]:
        """Run one tool call and return the observation.

        Raises:
            gymnasium.error.ResetNeeded: The episode is over.
        """
        if self.done:
            raise gymnasium.error.ResetNeeded("The episode is over: start another one.")
        action = {"name": call.name, "arguments": call.arguments}
        self.observation, reward, terminated, truncated, self.info = self.env.step(action)
        self.reward = float(reward)
        self.done = bool(terminated or truncated)
        return self.observation

    def step_many(self, calls: Sequence[ToolCall]) -> list[dict[str, Any]]:
        """Run the calls of one reply in order; stops early when the episode ends.

        The observations are those of as many single steps.
        """
        observations = []
        for call in calls:
            if self.done:
                break
            observations.append(self.step(call))
        return observations

    def stop(self, reason: str) -> None:
        """End the episode now and score the diff as it stands (`info["end"]` = reason)."""
        if not self.done:
            self.env.unwrapped.stop(reason)  # type: ignore[attr-defined]
            self.step(ToolCall("submit"))

    def fork(self) -> Episode:
        """Return an independent episode that goes on from this state."""
        from envs.forking import fork

        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin.env = fork(self.env)
        return twin
