"""Environment ids: `repogym/<suite>-v<version>`, registered without importing anything heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium


def environment_id(suite: str, version: str = "0") -> str:
    """Return the Gymnasium id of a suite."""
    return f"repogym/{suite}-v{version}"


def register_all() -> None:
    """Register an environment for each suite that comes with RepoGym; safe to call twice."""
    manifests = Path(__file__).parent.parent / "repos" / "data" / "manifests"
    for suite in sorted({"swe-mini", *(p.stem for p in manifests.glob("*.jsonl"))}):
        name = environment_id(suite)
        if name not in gymnasium.registry:
            gymnasium.register(
                name,
                entry_point="envs.env:RepoEnv",
                kwargs={"suite": suite},
                max_episode_steps=None,
            )


def make(suite: str, **kwargs: Any) -> gymnasium.Env:
    """Return an environment over a suite's name or a manifest's path.

    Args:
        suite: As on the command line after `--env`.
        kwargs: As for `envs.env.RepoEnv`.

    Raises:
        InputError: A name or value that does not fit.
    """
    from envs.env import RepoEnv

    return gymnasium.wrappers.OrderEnforcing(RepoEnv(suite, **kwargs))
