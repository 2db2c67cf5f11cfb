"""Scoring that goes on while the next episode is played."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import lru_cache

from envs.lease import BackendLease
from envs.protocol import Outcome
from envs.rewards import Reward, compute_reward
from envs.scoring import score_diff
from envs.state import EpisodeState
from repos.errors import InfrastructureError, InputError
from repos.sandbox.workspace import PatchError
from repos.scoring.score import unapplied_score
from repos.tasks.records import Task


@dataclass(frozen=True)
class Result:
    """What an ended episode came to.

    Attributes:
        task: The task's id.
        episode: Which episode of the environment it was, from 0 on.
        outcome: Its verdict.
        reward: What the step that ended it would have returned; 0.0 without a verdict.
    """

    task: str
    episode: int
    outcome: Outcome
    reward: float


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    """Return the threads that score for all environments of this process."""
    return ThreadPoolExecutor(max(1, (os.cpu_count() or 2) // 2), thread_name_prefix="scoring")


class PendingScores:
    """Scorings of one environment, in the order in which its episodes ended."""

    def __init__(self) -> None:
        """Nothing waits yet."""
        self._waiting: deque[Future[Result]] = deque()
        self._episodes = 0

    def __len__(self) -> int:
        """Return how many results were not taken yet."""
        return len(self._waiting)

    def add(self, task: Task, diff: bytes, end: str, lease: BackendLease, reward: Reward) -> None:
        """Score a diff in the background.

        Args:
            task: What was played.
            diff: The change as it stood at the end.
            end: Why the episode ended.
            lease: The environment's back end; a share of it is held until the verdict is there.
            reward: Makes the reward of the score.
        """
        share, number = lease.share(), self._episodes
        self._episodes += 1

        def work() -> Result:
            try:
                outcome = score_diff(task, diff, end, share.backend)
            finally:
                share.close()
            score = outcome.score
            given = compute_reward(reward, score) if score is not None else 0.0
            return Result(task.id, number, outcome, given)

        self._waiting.append(_pool().submit(work))

    def done(self, task: Task, outcome: Outcome, reward: float) -> None:
        """Add a result that is known."""
        future: Future[Result] = Future()
        future.set_result(Result(task.id, self._episodes, outcome, reward))
        self._episodes += 1
        self._waiting.append(future)

    def result(self, timeout_s: float | None = None) -> Result:
        """Wait for the oldest result that was not taken, and take it.

        Raises:
            InputError: No episode ended whose result was not taken.
            TimeoutError: It takes longer than that.
            AgentError: The reward function failed.
        """
        if not self._waiting:
            raise InputError("No result is pending: play an episode to its end first.")
        oldest = self._waiting[0]
        if not wait([oldest], timeout_s).done:
            raise TimeoutError(f"No verdict within {timeout_s} s.")
        self._waiting.popleft()
        return oldest.result()


def score_later(
    state: EpisodeState, end: str, lease: BackendLease, reward: Reward, pending: PendingScores
) -> Outcome:
    """Take the diff as it stands, and score it in the background.

    Returns:
        The outcome until the verdict is there.
    """
    try:
        diff = state.workspace.diff()
    except PatchError as error:
        score = unapplied_score(state.task)
        known = Outcome(end, score, str(error))
        pending.done(state.task, known, compute_reward(reward, score))
    except InfrastructureError as error:
        known = Outcome(end, infra_error=str(error))
        pending.done(state.task, known, 0.0)
    else:
        pending.add(state.task, diff, end, lease, reward)
    return Outcome(end, pending=True)
