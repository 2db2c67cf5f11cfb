"""Rewards: functions of a score, chosen by name, or one's own."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from repos.errors import RepoGymError, UnknownNameError
from repos.score import Score

Reward = Callable[[Score], float]


def resolved(score: Score) -> float:
    """Return 1.0 for a resolved (at a level that shows every failing test: plausible) task."""
    return float(score.resolved or score.plausible)


def fraction(score: Score) -> float:
    """Return fixed/|FAIL_TO_PASS| − broken/|PASS_TO_PASS|, in [−1, 1]."""
    return score.fraction


REWARDS: dict[str, Reward] = {"resolved": resolved, "fraction": fraction}


def get_reward(reward: str | Reward) -> Reward:
    """Return a reward function.

    Args:
        reward: A name, `package.module:function`, or the function itself.

    Raises:
        UnknownNameError: No such name.
        RepoGymError: The dotted path leads nowhere.
    """
    if not isinstance(reward, str):
        return reward
    if reward in REWARDS:
        return REWARDS[reward]
    module, colon, name = reward.partition(":")
    if not colon:
        raise UnknownNameError(
            "reward", reward, REWARDS, "One of your own is given as package.module:function."
        )
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        found: Any = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise RepoGymError(f"The reward {reward!r} can't be imported: {error}.") from error
    if not callable(found):
        raise RepoGymError(f"The reward {reward!r} is not a function.")
    return cast(Reward, found)
