"""Suites as a verifiers v1 taskset, played by an environment that is the model's user.

    vf-eval agents.training.adapters.verifiers ... (docs/training.md has the whole command)

A model's replies hold tool calls as text, as with `--tool-format text`. A failure of RepoGym's own
raises `SandboxError`: verifiers then leaves the episode out, and may try it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from pydantic import Field

from agents.models.protocol import Message
from agents.models.text_tools import render_messages
from agents.training.player import Player, Verdict
from agents.training.replies import END_TURNS, play_reply
from repos.errors import InputError, MissingExtraError
from repos.tasks.suite import load_suite

try:
    import verifiers.v1 as vf  # pyright: ignore[reportMissingImports]
except ImportError as error:
    raise MissingExtraError("verifiers", "verifiers", "The verifiers adapter") from error

__all__ = ["EpisodeEnv", "Episodes"]

"""Why an episode ended whose replies were used up (`end`)."""

METRICS = ("resolved", "plausible", "fraction", "truncated", "steps")


class EpisodeData(vf.TaskData):
    """A task's place; the problem is told when the episode starts, so `prompt` is None.

    Attributes:
        suite: As on the command line after `--env`.
        task: Id of the task.
        seed: Seed of the environment.
    """

    suite: str
    task: str
    seed: int = 0


class EpisodeTask(vf.Task[EpisodeData, vf.State, vf.TaskConfig]):
    """A task of a suite; the environment scores it."""


class EpisodesConfig(vf.TasksetConfig):
    """What the taskset holds.

    Attributes:
        suite: As on the command line after `--env`.
        tasks: Ids, separated by commas, in the order to play (`repogym curriculum --ids`); ""
            takes all.
        seed: Seed of the environments.
    """

    suite: str = "swe-mini"
    tasks: str = ""
    seed: int = 0


class Episodes(vf.Taskset[EpisodeTask, EpisodesConfig]):
    """The tasks of a suite, in its order or in the one that was asked for."""

    def load(self) -> Iterator[EpisodeTask]:
        """Yield the tasks.

        Raises:
            InputError: No such suite or task.
        """
        suite = load_suite(self.config.suite)
        names = [name.strip() for name in self.config.tasks.split(",") if name.strip()]
        chosen = {spec.id: spec for spec in map(suite.spec, names)}
        for spec in chosen.values() or suite.specs:
            data = EpisodeData(
                id=spec.id,
                name=spec.id,
                suite=self.config.suite,
                task=spec.id,
                seed=self.config.seed,
            )
            yield EpisodeTask(data, self.config.task)


class EpisodeEnvConfig(vf.EnvConfig):
    """How episodes are played.

    Attributes:
        player: The model that plays.
        max_turns: Replies after which an episode is ended and scored as it stands.
        options: Further options of the environment, as for `envs.env.RepoEnv`.
    """

    player: vf.AgentConfig = vf.AgentConfig()
    max_turns: int = 50
    options: dict[str, Any] = Field(default_factory=dict)


class EpisodeEnv(vf.Env[EpisodeEnvConfig]):
    """Tells the model the problem, runs its calls, and tells it what they print."""

    async def start(self) -> None:
        """Refuse bounds and options that do not fit before the first episode.

        Raises:
            InputError: One does not fit.
        """
        if self.config.max_turns < 1:
            raise InputError(f"max_turns is {self.config.max_turns}; it must be 1 or more.")
        Player(self.taskset.config.suite, **self.config.options).close()

    async def run(self, task: EpisodeTask, agents: vf.Agents) -> None:
        """Play one episode and record its reward and metrics.

        Raises:
            verifiers.v1.SandboxError: The episode has no verdict.
        """
        player = await asyncio.to_thread(Player, task.data.suite, **self.config.options)
        try:
            async with agents.player.interaction(task) as interaction:
                verdict = await _play(player, task.data, interaction, self.config.max_turns)
                if verdict.mask_sample:
                    raise vf.SandboxError(f"{verdict.failure_kind}: {verdict.error}")
                interaction.trace.record_reward("repogym", verdict.reward)
                for name in METRICS:
                    interaction.trace.record_metric(name, float(getattr(verdict, name)))
                interaction.trace.record_metric("tampered", float(bool(verdict.tampered)))
        finally:
            await asyncio.to_thread(player.close)


async def _play(player: Player, data: EpisodeData, interaction: Any, most: int) -> Verdict:
    problem = await asyncio.to_thread(player.start, data.task, data.seed)
    # A model that talks to its user has no system message of ours: the tools stand before.
    told = render_messages([Message("system", ""), Message("user", problem)], player.tools)
    said = "\n\n".join(message.content for message in told if message.content)
    for turn in range(1, most + 1):
        if player.verdict is not None:
            break
        segment = await interaction.turn(said)
        if segment.terminated:
            break
        said = await asyncio.to_thread(play_reply, player, segment.last_reply, turn, most)
    return await asyncio.to_thread(player.finish, END_TURNS)
