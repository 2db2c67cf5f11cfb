"""An episode that writes down each of its steps."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium

from agents.runs.journal import Journal
from envs.episode import Episode, ToolCall

Progress = Callable[[int], None]
"""Called after each step with the number of steps so far, forks included."""


class _Shared:
    """What an episode and its forks have in common."""

    def __init__(self, journal: Journal, progress: Progress | None) -> None:
        self.journal = journal
        self.progress = progress
        self.branches = itertools.count(1)
        self.lock = threading.Lock()
        self.steps = 0
        self.inside = 0
        self.forks: list[gymnasium.Env] = []


class RecordedEpisode(Episode):
    """An episode whose steps are in the journal before the agent sees their observations.

    Attributes:
        branch: 0 for the episode itself, 1, 2, ... for its forks in the order of forking.
    """

    def __init__(
        self,
        env: gymnasium.Env,
        journal: Journal,
        *,
        seed: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Reset `env` and write its first observation."""
        self._shared = _Shared(journal, progress)
        self.branch = 0
        super().__init__(env, seed=seed)
        journal.append("reset", branch=0, observation=plain(self.observation), tools=self.tools)

    @property
    def steps(self) -> int:
        """Steps so far, forks included."""
        return self._shared.steps

    @property
    def inside_step(self) -> bool:
        """Whether the environment is working on a step (or scores) right now."""
        return self._shared.inside > 0

    def step(self, call: ToolCall) -> dict[str, Any]:
        """Run one tool call, write it down and return the observation."""
        return self._play([call])[0]

    def step_many(self, calls: Sequence[ToolCall]) -> list[dict[str, Any]]:
        """Run the calls of one reply, write them down and return the observations."""
        return self._play(calls) if calls else []

    def _play(self, calls: Sequence[ToolCall]) -> list[dict[str, Any]]:
        shared = self._shared
        with shared.lock:
            shared.inside += 1
        begun = time.monotonic()
        try:
            if len(calls) == 1:
                observations = [super().step(calls[0])]
            else:
                observations = _many(super(), self, calls)
        finally:
            with shared.lock:
                shared.inside -= 1
        seconds = round(time.monotonic() - begun, 4)
        for position, observation in enumerate(observations):
            last = position == len(observations) - 1
            shared.journal.append(
                "step",
                branch=self.branch,
                thread=threading.get_ident(),
                name=calls[position].name,
                arguments=calls[position].arguments,
                observation=plain(observation),
                seconds=seconds if last else 0.0,
                done=self.done and last,
                reward=self.reward if last else 0.0,
                end=self.end if last else None,
            )
        with shared.lock:
            shared.steps += len(observations)
            steps = shared.steps
        if shared.progress is not None:
            shared.progress(steps)
        return observations

    def stop(self, reason: str) -> None:
        """End the episode now; see `Episode.stop`."""
        if not self.done:
            self._shared.journal.append("stop", branch=self.branch, reason=reason)
        super().stop(reason)

    def fork(self) -> RecordedEpisode:
        """Return an independent episode that goes on from this state; written as a branch."""
        twin = super().fork()
        assert isinstance(twin, RecordedEpisode)
        with self._shared.lock:
            twin.branch = next(self._shared.branches)
            self._shared.forks.append(twin.env)
        self._shared.journal.append(
            "fork", branch=twin.branch, parent=self.branch, thread=threading.get_ident()
        )
        return twin

    def close_forks(self) -> None:
        """Close the environments of all forks; closing one twice is fine."""
        with self._shared.lock:
            forks, self._shared.forks = self._shared.forks, []
        for env in forks:
            env.close()


def _many(parent: Any, episode: Episode, calls: Sequence[ToolCall]) -> list[dict[str, Any]]:
    """Run several calls by the plain episode's `step_many`, each of its steps unrecorded.

    The plain `step_many` may call `episode.step`, which would write each step twice.
    """
    own = Episode.step.__get__(episode)
    episode.__dict__["step"] = own
    try:
        return parent.step_many(calls)
    finally:
        del episode.__dict__["step"]


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
