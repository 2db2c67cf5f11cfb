"""Environment ids: `repogym/<suite>-v<version>`, registered without importing anything heavy."""

from __future__ import annotations

from typing import Any

import gymnasium

from repos.tasks.catalogue import built_in_versions, environment_id


def register_all() -> None:
    """Register an environment for each suite that comes with RepoGym; safe to call twice.

    An id carries the suite's version. Gymnasium itself answers an older version with
    `gymnasium.error.DeprecatedEnv`, which names the new id, and a later one with
    `gymnasium.error.VersionNotFound`.
    """
    for suite, version in built_in_versions().items():
        name = environment_id(suite, version)
        if name not in gymnasium.registry:
            gymnasium.register(
                name,
                entry_point="envs.env:RepoEnv",
                kwargs={"suite": suite},
                max_episode_steps=None,
            )


def make(suite: str, **kwargs: Any) -> gymnasium.Env:
    """Return an environment over any suite.

    Args:
        suite: As on the command line after `--env`.
        kwargs: As for `envs.env.RepoEnv`.

    Raises:
        InputError: A name or value that does not fit.
    """
    from envs.env import RepoEnv

    return gymnasium.wrappers.OrderEnforcing(RepoEnv(suite, **kwargs))
