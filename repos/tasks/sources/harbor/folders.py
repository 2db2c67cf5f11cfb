"""The tasks of a folder of Harbor task folders, each read strictly, or told why it can't be had."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

from repos.errors import InputError, RecordError
from repos.tasks.environments import HarborEnvironment
from repos.tasks.records import Expected, TaskSpec
from repos.tasks.sources.harbor.recipe import HarborRecipe, checked_variables, read_recipe
from repos.tasks.sources.harbor.records import CHECK, TESTS, HarborSource, folder_digest

ENVIRONMENT = "harbor"
"""Id of a task's only environment."""

FILE = "task.toml"
NEEDED = (FILE, "instruction.md", "tests/test.sh")
OWN = (*NEEDED, "tests", "environment", "environment/Dockerfile", "solution")
"""What must be the task's own, and no link to other files of this machine."""

COLLECTED = "/logs/artifacts/repogym.diff"
"""What an exported task collects: the change, which scoring carries over anyway."""

LONGEST_S = 3600.0


def is_harbor(path: Path) -> bool:
    """Whether a path is a task folder of Harbor, or a folder of such folders."""
    return path.is_dir() and ((path / FILE).is_file() or any(path.glob(f"*/{FILE}")))


def harbor_tasks(path: Path) -> list[TaskSpec]:
    """Return the tasks of a folder.

    A task that can't be had without Docker has no environment; its label `unavailable` says why.

    Args:
        path: A task folder, or a folder of them.

    Raises:
        RecordError: A task folder is no such thing.
    """
    own = (path / FILE).is_file()
    folders = [path] if own else sorted(found.parent for found in path.glob(f"*/{FILE}"))
    return [read_task(folder.resolve()) for folder in folders]


def read_task(folder: Path) -> TaskSpec:
    """Return the task of one folder; see `harbor_tasks`."""
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        raise RecordError(f"{folder} is no task folder of Harbor: it has no {missing[0]}.")
    links = [name for name in OWN if (folder / name).is_symlink()]
    if links:
        raise RecordError(f"{folder}: {links[0]} is a link, which may lead to other files.")
    try:
        facts = tomllib.loads((folder / FILE).read_text(encoding="utf-8"))
        (folder / "instruction.md").read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise RecordError(f"{folder / FILE} can't be read: {error}.") from error
    try:
        return _task(folder, facts)
    except (AttributeError, TypeError, ValueError) as error:
        told = " ".join(str(error).split())[:300]
        raise RecordError(f"{folder / FILE}: a field is not as Harbor has it: {told}.") from error


def _task(folder: Path, facts: dict[str, Any]) -> TaskSpec:
    why, recipe = "", HarborRecipe("/testbed")
    machine, verifier = facts.get("environment", {}), facts.get("verifier", {})
    try:
        _check(folder, facts, machine, verifier)
        recipe = read_recipe(folder, str(machine.get("workdir") or ""))
        recipe.variables |= checked_variables(machine.get("env", {}))
        checked_variables(verifier.get("env", {}))  # of the tests alone
        _check_artifacts(facts, recipe.workdir)
    except InputError as error:
        why = str(error).rstrip(".")
    environment = HarborEnvironment(
        python=recipe.python or "{}.{}".format(*sys.version_info),
        requirements=recipe.requirements,
        install=recipe.project,
        packages=recipe.packages,
        workdir=recipe.workdir,
        variables={} if why else recipe.variables,
    )
    seconds = min(float(verifier.get("timeout_sec", 600.0)), LONGEST_S)
    about, metadata = facts.get("task", {}), facts.get("metadata", {})
    memory = machine.get("memory_mb")
    source = HarborSource(path=str(folder), content=folder_digest(folder), workdir=recipe.workdir)
    return TaskSpec(
        id=re.sub(r"[^A-Za-z0-9._+-]", "-", folder.name).lstrip("._+-") or "task",
        source=source,
        title=str(about.get("description") or about.get("name") or folder.name),
        runner="harbor",
        test_paths=(TESTS,),
        environments={} if why else {ENVIRONMENT: environment},
        expected={} if why else {ENVIRONMENT: Expected(fail_to_pass=(CHECK,))},
        seconds={} if why else {ENVIRONMENT: seconds / 10},  # the limit is ten times that
        sandbox={} if memory is None else {"memory_mb": int(memory)},
        date=str(metadata.get("date", "")),
        licence=str(metadata.get("licence", metadata.get("license", ""))),
        labels={"unavailable": why} if why else {},
    )


def _check(
    folder: Path, facts: dict[str, Any], machine: dict[str, Any], verifier: dict[str, Any]
) -> None:
    """Make sure that a task asks for nothing that only Docker gives.

    Raises:
        InputError: It does.
    """
    compose = [p.name for p in (folder / "environment").glob("*compose*.y*ml")]
    wishes = {
        "has several steps": facts.get("steps") or (folder / "steps").is_dir(),
        "has a compose file": compose,
        "is for Windows": str(machine.get("os", "linux")).lower() != "linux",
        "needs a GPU": machine.get("gpus") or machine.get("tpu"),
        "needs MCP servers": machine.get("mcp_servers"),
        "brings skills": machine.get("skills_dir"),
        "waits for a health check": machine.get("healthcheck"),
        "gives its solution variables": facts.get("solution", {}).get("env"),
        "has another environment for its verifier": verifier.get("environment"),
    }
    for what, wished in wishes.items():
        if wished:
            raise InputError(f"it {what}: that needs Docker")
    for hook in verifier.get("collect", []):
        if not str(hook.get("command", "")).rstrip().endswith(f"> {COLLECTED}"):
            raise InputError("it collects files by a command: that needs Docker")


def _check_artifacts(facts: dict[str, Any], workdir: str) -> None:
    """Make sure that a task hands over nothing but files of its working folder.

    Raises:
        InputError: It does.
    """
    for artifact in facts.get("artifacts", []):
        place = artifact if isinstance(artifact, str) else artifact.get("source", "")
        if place.startswith("/") and not place.startswith((f"{workdir}/", "/logs/")):
            raise InputError(f"it hands over {place}, which is no part of a change of files")
