"""Environment ids: `repogym/<suite>-v<version>`, registered without importing anything heavy."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec

from repos.errors import InputError
from repos.tasks.catalogue import (
    RENAMED_IDS,
    built_in_versions,
    environment_id,
    register_id,
    suite_of,
)

ENTRY_POINT = "envs.env:RepoEnv"

REPAIR_CHOICE = "repogym/repair-choice-v1"
"""The environment in plain spaces; it takes any suite."""


def register_all() -> None:
    """Register an environment for each suite, and the one in plain spaces; safe to call twice.

    An id carries the suite's version. Gymnasium itself answers an older version with
    `gymnasium.error.DeprecatedEnv`, which names the new id, and a later one with
    `gymnasium.error.VersionNotFound`; a version that goes on as another suite is registered too.
    """
    named = {environment_id(*pair): pair[0] for pair in built_in_versions().items()}
    for name, suite in (named | RENAMED_IDS).items():
        if name not in gymnasium.registry:
            gymnasium.register(
                name,
                entry_point=ENTRY_POINT,
                kwargs={"suite": suite},
                max_episode_steps=None,
            )
    if REPAIR_CHOICE not in gymnasium.registry:
        gymnasium.register(REPAIR_CHOICE, entry_point="envs.repair_choice:RepairChoiceEnv")


def register(suite: str | os.PathLike[str]) -> str:
    """Register an environment over a suite of one's own, in this process.

    Afterwards `gymnasium.make`, `--env` and all that takes a suite know it by its id. In
    another process `package.module:ID` works, where that module registers it.

    Args:
        suite: The path of a manifest, or `package.module:NAME`.

    Returns:
        The id, `repogym/NAME-vVERSION`: both stand in the manifest's first line.

    Raises:
        InputError: No suite, a name or version that can't be part of an id, or an id that
            stands for another suite.
    """
    spec, wanted = _spec_of(suite)
    if spec.id != wanted:
        raise InputError(
            f"{suite} can't be registered as {wanted!r}: a suite's name has letters, digits and "
            "._- only, and its version is a whole number; write both in the manifest's first "
            'line: {"suite": "mine", "version": "1"}.'
        )
    register_id(spec.id, spec.kwargs["suite"])
    if spec.id not in gymnasium.registry:
        gymnasium.register(spec.id, entry_point=ENTRY_POINT, kwargs=spec.kwargs)
    return spec.id


def make(suite: str | os.PathLike[str], **kwargs: Any) -> gymnasium.Env:
    """Return an environment over any suite, which needs no registration.

    Its `spec` makes the same environment again, in other processes too, as
    `gymnasium.make(spec)` does.

    Args:
        suite: As on the command line after `--env`.
        kwargs: As for `envs.env.RepoEnv` and `gymnasium.make`.

    Raises:
        InputError: A name or value that does not fit.
    """
    return gymnasium.make(_spec_of(suite)[0], **kwargs)


def _spec_of(suite: str | os.PathLike[str]) -> tuple[EnvSpec, str]:
    """Return the spec of a suite, and the id that its name and version ask for."""
    from repos.tasks.suite import is_manifest, load_suite

    source = suite_of(os.fspath(suite))
    loaded = load_suite(source)
    if is_manifest(source):
        source = str(Path(source).absolute())
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", loaded.name).strip("-") or "suite"
    wanted = environment_id(loaded.name, loaded.version)
    usable = environment_id(name, loaded.version if loaded.version.isdecimal() else "0")
    return EnvSpec(usable, entry_point=ENTRY_POINT, kwargs={"suite": source}), wanted
