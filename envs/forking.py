"""Forks: a whole episode branches, wrappers and their counters included."""

from __future__ import annotations

import copy
from typing import Any

import gymnasium
from gymnasium.vector import VectorEnv

from repos.errors import InputError


class ForkError(InputError):
    """An environment or wrapper that can't be cloned."""


def fork(env: gymnasium.Env) -> gymnasium.Env:
    """Return an independent copy of `env` that goes on from its present state.

    Every wrapper of the chain is cloned with its counters; files, tool resources, history
    and random state branch. Live processes of the workspace are not copied.

    Raises:
        ForkError: A vector environment, or a wrapper that can't be cloned; it is named.
    """
    if isinstance(env, VectorEnv):
        raise ForkError(
            "Vector environments do not fork: fork the environments inside, one by one."
        )
    if isinstance(env, gymnasium.Wrapper):
        return _clone_wrapper(env, fork(env.env))
    make_twin = getattr(env, "fork", None)
    if make_twin is None:
        raise ForkError(f"{type(env).__name__} has no fork(): only RepoGym's environments fork.")
    return make_twin()


def _clone_wrapper(wrapper: gymnasium.Wrapper, inner: gymnasium.Env) -> gymnasium.Wrapper:
    """Return a copy of someone's wrapper around `inner`, each of its attributes copied deeply.

    A wrapper tells no other way to copy it. `copy.copy` makes an object of its class without
    calling its constructor, which may want arguments that nobody knows and would begin with
    fresh counters; copying attribute by attribute lets the one that can't be copied be named.
    """
    twin = copy.copy(wrapper)
    # Whatever a wrapper refers to inside the chain must become the clone's, not the original's.
    memo: dict[int, Any] = {id(wrapper): twin, id(wrapper.env): inner}
    layer, copied = wrapper.env, inner
    while isinstance(layer, gymnasium.Wrapper) and isinstance(copied, gymnasium.Wrapper):
        memo[id(layer.env)] = copied.env
        layer, copied = layer.env, copied.env
    for name, value in vars(wrapper).items():
        try:
            setattr(twin, name, copy.deepcopy(value, memo))
        except Exception as error:
            inner.close()
            raise ForkError(
                f"The wrapper {type(wrapper).__name__} can't be cloned: its attribute {name!r} "
                f"({type(value).__name__}) can't be copied ({error})."
            ) from error
    return twin
