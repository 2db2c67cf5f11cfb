"""Rewards: functions of a score, chosen by name, or one's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import cast

from repos.errors import AgentError, InputError
from repos.plugins import load_plugin
from repos.scoring.score import Score

Reward = Callable[[Score], float]


class RewardError(AgentError):
    """A reward function of one's own that raised, or gave something that is no number."""


def resolved(score: Score) -> float:
    """Return 1.0 for a resolved (at a level that shows every failing test: plausible) task."""
    return float(score.resolved or score.plausible)


def strong(score: Score) -> float:
    """Return as `resolved`, but 0.0 for a success that is weak: its answers can be guessed."""
    return 0.0 if score.weak else resolved(score)


def fraction(score: Score) -> float:
    """Return fixed/|FAIL_TO_PASS| − broken/|PASS_TO_PASS|, in [−1, 1]."""
    return score.fraction


def reported(score: Score) -> float:
    """Return the reward that the task's own checks left (Harbor); `fraction` where they do not."""
    return score.metrics.get("reward", score.fraction)


REWARDS: dict[str, Reward] = {
    "resolved": resolved,
    "strong": strong,
    "fraction": fraction,
    "reported": reported,
}


def get_reward(reward: str | Reward) -> Reward:
    """Return a reward function.

    Args:
        reward: A name (also of an entry point of the group `repogym.rewards`),
            `package.module:function`, or the function itself.

    Raises:
        UnknownNameError: No such name.
        InputError: The dotted path leads nowhere.
    """
    if not isinstance(reward, str):
        return reward
    if reward in REWARDS:
        return REWARDS[reward]
    found = load_plugin(
        "rewards",
        reward,
        dict.fromkeys(REWARDS, ""),
        noun="reward",
        form="package.module:function",
    )
    if not callable(found):
        raise InputError(f"The reward {reward!r} is not a function.")
    return cast(Reward, found)


def compute_reward(reward: Reward, score: Score) -> float:
    """Return what `reward` gives for `score`, as a plain float.

    Raises:
        RewardError: The function raised something, or gave no finite number.
    """
    name = getattr(reward, "__qualname__", repr(reward))
    try:
        value = reward(score)
    except Exception as error:
        raise RewardError(
            f"The reward function {name} failed: {type(error).__name__}: {error}."
        ) from error
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, str) or not math.isfinite(number):
        raise RewardError(f"The reward function {name} gave {value!r}: it must give a number.")
    return number


def check_reward(reward: Reward) -> None:
    """Have `reward` value a score that fixes nothing, before any episode is played.

    Raises:
        RewardError: It can't.
    """
    nothing = Score(task="a task", resolved=False, checks={"test_a": "failed", "test_b": "passed"})
    compute_reward(reward, nothing)
