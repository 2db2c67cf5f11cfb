"""Removes code of a suite's packages and writes what passes validation to a manifest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from repos.environments.interpreters import find_python, minor_version
from repos.errors import InputError, RepoGymError
from repos.mining.removed.candidates import LEVELS, RemovalRule
from repos.mining.removed.miner import RemovalMiner, Report
from repos.mining.removed.origins import package_of
from repos.sandbox.select import get_backend
from repos.tasks.records import TaskSpec
from repos.tasks.sources.removed.records import Level
from repos.tasks.suite import load_suite, open_manifest, write_manifest

DESCRIPTION = "Code removed from small pure-Python packages, to be written again."


def remove_from(
    names: Sequence[str],
    output: Path,
    *,
    suite: str,
    python: str,
    sandbox: str,
    allow_unsafe: bool,
    report: Report,
    rule: RemovalRule | None = None,
) -> int:
    """Append validated tasks of packages to a manifest; return how many tasks it holds.

    The manifest is written after each task, so that nothing is lost when the command is ended.

    Args:
        names: Packages of the suite (their newest task is used) or ids of its tasks.
        output: The manifest.
        suite: A suite of release pairs, or "swe-mini".
        python: Minor version to run tests on; the running one by default.
        sandbox: Name of the back end.
        allow_unsafe: Whether a back end without isolation may be used.
        report: Told what became of each candidate, one line.
        rule: Which parts are taken, and how many.

    Raises:
        RepoGymError: A name is not of the suite, or the manifest can't be written.
        InfrastructureError: The index or the sandbox failed.
    """
    header, kept = open_manifest(output, DESCRIPTION)
    python = python or minor_version()
    find_python(python)
    chosen = origins(names, suite)
    backend = get_backend(sandbox, allow_unsafe=allow_unsafe)
    try:
        miner = RemovalMiner(backend, python, rule or RemovalRule(), report)
        for origin in chosen:
            try:
                for spec in miner.mine(origin, dict(kept)):
                    kept[spec.id] = spec
                    write_manifest(output, header, list(kept.values()))
            except InputError:
                raise
            except RepoGymError as error:
                report(f"{origin.id}: {error}")
    finally:
        backend.close()
    return len(kept)


def removal_rule(wanted: int, levels: Sequence[str] = ()) -> RemovalRule:
    """Return the rule with another number of tasks a package, and only some levels.

    Args:
        wanted: Tasks of a package at most.
        levels: Names of levels; none stand for all of them.

    Raises:
        InputError: There is no such level.
    """
    chosen: tuple[Level, ...] = tuple(one for one in LEVELS if not levels or one in levels)
    wrong = next((level for level in levels if level not in LEVELS), None)
    if wrong is not None:
        raise InputError(f"--level is one of {', '.join(sorted(set(LEVELS)))}, not {wrong!r}.")
    return RemovalRule(wanted=wanted, levels=chosen)


def origins(names: Sequence[str], suite: str) -> list[TaskSpec]:
    """Return tasks of a suite of release pairs, by package (the newest task) or by id.

    Args:
        names: Packages or ids; none stand for all packages.
        suite: The suite.

    Raises:
        InputError: The suite does not hold one.
    """
    specs = load_suite(suite).specs
    every = {package_of(spec) for spec in specs} - {""}
    return [_origin(name, specs, suite) for name in names or sorted(every)]


def _origin(name: str, specs: Sequence[TaskSpec], suite: str) -> TaskSpec:
    for spec in specs:
        if spec.id == name:
            return spec
    of_package = [spec for spec in specs if package_of(spec) == name]
    if not of_package:
        packages = {package_of(spec) for spec in specs} - {""}
        raise InputError(
            f"{suite} has no task and no package {name!r}; its packages are: "
            f"{', '.join(sorted(packages)) or 'none'}."
        )
    return max(of_package, key=lambda spec: (spec.date, spec.id))
