"""Recipes: how the environment of a (repository, version) is made, as facts in a data file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

_PIN = re.compile(r"[A-Za-z0-9._-]+==[^;\s]+")
_CONDA = re.compile(r"^\s*-\s*([a-z0-9._-]+)=([^=\s]+)(?:=\S+)?$", re.MULTILINE)
RECIPES = Path(__file__).parents[3] / "data" / "swe_bench" / "recipes.json"


@dataclass(frozen=True)
class Recipe:
    """How a version of a repository is installed and tested.

    Attributes:
        environment: Name of the environment; instances of one name share it.
        python: Minor version of the interpreter.
        requirements: Exact pins, without the package under test.
        runner: Runs the tests.
        command: The official test command, without the files.
        prefix: Variables that it needs here, in front of it.
        nearest: The version that this recipe is for, where it is not the one asked for.
        import_folders: Folders of the import path.
        distribution: The package's name in its metadata.
        scripts: Programs of the package, each as `module:function`.
        version_files: Files that say the package's version.
        version_module: A file that installing would write.
        edits: Changes of the base; see `SweBenchSource.edits`.
        network: What of the network its tests need: "httpbin", or "".
        compiled: A release whose compiled modules are used, or "".
        flaw: Why the instance's expected tests tell nothing of the fix, or "".
        locks: Folders of tests that need file locks.
    """

    environment: str
    python: str
    requirements: tuple[str, ...]
    runner: str
    command: str
    prefix: str
    nearest: str
    import_folders: tuple[str, ...]
    distribution: str
    scripts: dict[str, str]
    version_files: tuple[str, ...]
    version_module: str
    edits: tuple[tuple[str, ...], ...]
    network: Literal["", "httpbin"]
    compiled: str = ""
    flaw: str = ""
    locks: tuple[str, ...] = ()


@lru_cache(maxsize=1)
def _facts() -> dict[str, Any]:
    return json.loads(RECIPES.read_text(encoding="utf-8"))


def repositories() -> tuple[str, ...]:
    """Return the repositories that have recipes."""
    return tuple(_facts()["repositories"])


@lru_cache(maxsize=512)
def find_recipe(repository: str, version: str, instance: str = "") -> Recipe | None:
    """Return the recipe of a version, or of the nearest one; None where there is none.

    Of a repository with compiled modules only versions with a recipe of their own have one.

    Args:
        repository: Owner and name on GitHub.
        version: As SWE-bench names it.
        instance: Id of an instance, for what depends on its commit.
    """
    facts = _facts()["repositories"].get(repository)
    if facts is None:
        return None
    versions = facts["versions"]
    chosen = version
    if version not in versions and facts.get("no_nearest"):
        return None
    if version not in versions:
        wanted = _number(version)
        chosen = min(versions, key=lambda v: (abs(_number(v) - wanted), v))
    entry = versions[chosen]
    environment = _facts()["environments"][entry["environment"]]
    also = (
        *facts.get("network_requirements", ()),
        *entry.get("also", ()),
        *entry.get("instances", {}).get(instance, ()),
    )
    pins = {pin.partition("==")[0]: pin for pin in (*environment["requirements"], *also)}
    return Recipe(
        environment=entry["environment"],
        python=environment["python"],
        requirements=tuple(pins[name] for name in sorted(pins)),
        runner=facts["runner"],
        command=facts["command"],
        prefix=facts.get("prefix", ""),
        nearest="" if chosen == version else chosen,
        import_folders=tuple(facts["import_folders"]),
        distribution=facts["distribution"],
        scripts=facts.get("scripts", {}),
        version_files=tuple(facts.get("version_files", ())),
        version_module=facts.get("version_module", ""),
        edits=tuple(tuple(edit) for edit in entry.get("edits", ())),
        network=facts.get("network", ""),
        compiled=entry.get("compiled_instances", {}).get(instance, entry.get("compiled", "")),
        flaw=facts.get("flawed", {}).get(instance, ""),
        locks=tuple(facts.get("locks", ())),
    )


def row_recipe(row: Mapping[str, Any]) -> Recipe | None:
    """Return the recipe that a row itself brings, in SWE-rebench's form; None where it brings none.

    That is `install_config` (`python`, `test_cmd`, `pip_packages`) and, where there is one, the
    frozen text `requirements`; packages that conda built stand in `environment`. Without exact
    pins, or with another program than pytest, there is no recipe: nothing of the repository is
    run to find out what it needs.
    """
    config = row.get("install_config")
    if isinstance(config, str):
        try:
            config = json.loads(config)
        except ValueError:
            return None
    if not isinstance(config, Mapping):
        return None
    python, command = str(config.get("python") or ""), config.get("test_cmd") or ""
    command = command if isinstance(command, str) else " && ".join(map(str, command))
    frozen = str(row.get("requirements") or "").splitlines()
    lines = frozen or [str(pin) for pin in config.get("pip_packages") or ()]
    conda = dict(_CONDA.findall(str(row.get("environment") or "")))
    found = [_pin(line.strip(), conda) for line in lines]
    pins = tuple(sorted(pin for pin in found if pin))
    if not re.fullmatch(r"3\.\d+", python) or not command.startswith("pytest") or not pins:
        return None
    return Recipe(
        environment=f"python{python}",
        python=python,
        requirements=pins,
        runner="swe-bench-pytest",
        command=command,
        prefix="",
        nearest="",
        import_folders=("src", "."),
        distribution=str(row["repo"]).rpartition("/")[2],
        scripts={},
        version_files=(),
        version_module="",
        edits=(),
        network="",
    )


def _pin(line: str, conda: Mapping[str, str]) -> str:
    """Return the exact pin of a line; of a package that conda built the one that it names."""
    name, built, _ = line.partition(" @ file:")
    if built:
        version = conda.get(name.lower().replace("_", "-"))
        return f"{name}=={version}" if version else ""
    return line if _PIN.fullmatch(line) else ""


def _number(version: str) -> int:
    parts = [int(p) for p in re.findall(r"\d+", version)[:2]]
    major, minor = (*parts, 0, 0)[:2]
    return major * 1000 + minor
