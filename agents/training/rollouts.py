"""Groups of episodes for trainers: async, bounded, the same for the same seed.

All episodes of a group are forks of one prepared episode, so that a group costs one reset.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

import gymnasium

from agents.base import Agent
from agents.models.protocol import Model
from agents.registry import make_agent
from agents.training.player import Verdict, failed_verdict, verdict_of
from agents.training.trees import Turn
from envs.episode import Episode, ToolCall
from envs.registration import make
from repos.errors import InfrastructureError, InputError

T = TypeVar("T")


@dataclass(frozen=True)
class Rollout:
    """One episode of a group.

    Attributes:
        task: Id of the task.
        index: Its number in the group.
        seed: The seed of its agent.
        turns: Its steps; those on forks that the agent itself made are left out.
        verdict: What it came to; leave it out where `mask_sample` says so.
        reward: Sum of the rewards of its steps, or what the function of the trajectory gave.
        diff: The change that it left.
    """

    task: str
    index: int
    seed: int
    turns: tuple[Turn, ...]
    verdict: Verdict
    reward: float
    diff: bytes = b""


@dataclass(frozen=True)
class Group:
    """The episodes of one task, in the order of their numbers."""

    task: str
    rollouts: tuple[Rollout, ...]


@dataclass
class _Turns:
    """Keeps the steps of each fork of an episode."""

    by_branch: dict[int, list[Turn]] = field(default_factory=dict)

    def on_reset(self, episode: Episode) -> None: ...
    def on_step_begin(self, episode: Episode) -> None: ...
    def on_error(self, episode: Episode, error: BaseException) -> None: ...
    def on_stop(self, episode: Episode, reason: str) -> None: ...
    def on_fork(self, parent: Episode, child: Episode) -> None: ...

    def on_step(self, episode: Episode, call: ToolCall, seconds: float) -> None:
        turn = Turn(call, episode.observation["text"], episode.reward)
        self.by_branch.setdefault(episode.branch, []).append(turn)


async def rollouts(
    tasks: Iterable[str],
    agent: str | Callable[[int], Agent],
    *,
    suite: str,
    k: int = 4,
    concurrency: int = 2,
    seed: int = 0,
    model: Model | None = None,
    reward: Callable[[Rollout], float] | None = None,
    wrap: Callable[[gymnasium.Env], gymnasium.Env] | None = None,
    **options: Any,
) -> AsyncIterator[Group]:
    """Play k episodes of each task and yield the groups in the order of the tasks.

    At most `concurrency` agents play at the same time. A group begins only where the groups that
    play or wait to be taken are fewer than it takes to keep all of them busy, and one more: who
    takes slowly makes the rollouts wait. The tasks are read one by one as they are begun.

    Args:
        tasks: Ids.
        agent: A name, or a function that makes an agent from a seed.
        suite: As on the command line after `--env`.
        k: Episodes of a group.
        concurrency: Agents at the same time.
        seed: The same seed gives the same groups, where the agents are functions of theirs.
        model: For an agent by name that needs one.
        reward: Of a whole trajectory; it takes the place of the sum of the steps' rewards.
        wrap: Puts wrappers around the environment (`envs.shaping`).
        options: As for `envs.env.RepoEnv`.

    Raises:
        InputError: A number below 1, or a name or value that does not fit.
    """
    if k < 1 or concurrency < 1:
        raise InputError("k and concurrency are 1 or more.")
    if isinstance(agent, str):
        make_one: Callable[[int], Agent] = partial(_named, agent, model)
        make_one(seed)  # a bad name is refused before anything is prepared
    else:
        make_one = agent
    ahead = math.ceil(concurrency / k) + 1
    pool = ThreadPoolExecutor(concurrency, thread_name_prefix="rollout")
    open_groups: deque[asyncio.Task[Group]] = deque()
    try:
        for task in tasks:
            if len(open_groups) >= ahead:
                yield await open_groups.popleft()
            player = _GroupPlayer(suite, task, make_one, k, seed, reward, wrap, options)
            open_groups.append(asyncio.create_task(player.play(pool)))
        while open_groups:
            yield await open_groups.popleft()
    finally:
        for group in open_groups:
            group.cancel()
        await asyncio.gather(*open_groups, return_exceptions=True)
        await asyncio.to_thread(pool.shutdown)


def _named(name: str, model: Model | None, seed: int) -> Agent:
    return make_agent(name, model=model, seed=seed)


def seed_of(seed: int, task: str, index: int) -> int:
    """Return the seed of one episode of a group; it depends on nothing else."""
    digest = hashlib.sha256(f"{seed}\0{task}\0{index}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


@dataclass
class _GroupPlayer:
    """Plays one group."""

    suite: str
    task: str
    make_agent: Callable[[int], Agent]
    k: int
    seed: int
    reward: Callable[[Rollout], float] | None
    wrap: Callable[[gymnasium.Env], gymnasium.Env] | None
    options: dict[str, Any]

    async def play(self, pool: ThreadPoolExecutor) -> Group:
        turns = _Turns()
        env = make(self.suite, task=self.task, **self.options)
        env = self.wrap(env) if self.wrap is not None else env
        forks: list[Episode] = []
        try:
            try:
                first = await _in(pool, lambda: Episode(env, seed=self.seed, recorder=turns))
                for _ in range(self.k):
                    forks.append(await _in(pool, first.fork))
            except InfrastructureError as error:
                return Group(self.task, tuple(self._lost(n, error) for n in range(self.k)))
            playing = [
                _in(pool, partial(self._one, number, fork, turns))
                for number, fork in enumerate(forks)
            ]
            return Group(self.task, tuple(await asyncio.gather(*playing)))
        finally:
            # Where the group was given up, an agent that still plays loses its sandbox and ends.
            for one in [*(fork.env for fork in forks), env]:
                one.close()

    def _lost(self, index: int, error: Exception) -> Rollout:
        verdict = failed_verdict(self.task, "infrastructure", error)
        return Rollout(self.task, index, seed_of(self.seed, self.task, index), (), verdict, 0.0)

    def _one(self, index: int, episode: Episode, turns: _Turns) -> Rollout:
        own = seed_of(self.seed, self.task, index)
        diff = b""
        try:
            agent = self.make_agent(own)
            agent.run(episode)
            if not episode.done:
                episode.stop("returned")
            verdict = verdict_of(episode)
            diff = episode.environment.diff()
        except InfrastructureError as error:
            verdict = failed_verdict(self.task, "infrastructure", error)
        except InputError:
            raise  # a missing tool or a model that does not fit: no episode can go on
        except Exception as error:  # whatever an agent raises is its own episode's end
            verdict = failed_verdict(self.task, "agent_error", error)
        played = tuple(turns.by_branch.get(episode.branch, ()))
        total = sum(turn.reward for turn in played)
        made = Rollout(self.task, index, own, played, verdict, total, diff)
        if self.reward is not None and not verdict.mask_sample:
            made = replace(made, reward=float(self.reward(made)))
        return made


async def _in(pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(pool, work)
