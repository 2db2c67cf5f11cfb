"""Gymnasium's step limit, taken over by the environment inside."""

from __future__ import annotations

import sys

import gymnasium
from gymnasium.wrappers import TimeLimit

NO_LIMIT = sys.maxsize


def wrapped_limit(env: gymnasium.Env) -> int:
    """Return the smallest limit of the `TimeLimit` wrappers that are resetting `env` now.

    Such a wrapper (`gymnasium.make(..., max_episode_steps=N)` adds one) cuts an episode off
    after its last step, when nothing can be scored any more. An environment does not know
    its wrappers, but while one resets it, that wrapper's `reset` is among the callers.

    Args:
        env: The environment whose `reset` is running.
    """
    limit, frame = NO_LIMIT, sys._getframe(1)
    while frame is not None:
        caller = frame.f_locals.get("self") if frame.f_code.co_name == "reset" else None
        if isinstance(caller, TimeLimit) and caller.unwrapped is env:
            limit = min(limit, caller._max_episode_steps)
        frame = frame.f_back
    return limit
