"""From a row of a dataset to a task: every field checked, known traps of the data handled."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from repos.errors import RecordError
from repos.tasks.environments import Environment, ImageEnvironment, SweBenchEnvironment
from repos.tasks.records import Expected, TaskSpec
from repos.tasks.sources.swe_bench.dataset import is_instance
from repos.tasks.sources.swe_bench.patches import command_files, directive, patch_paths
from repos.tasks.sources.swe_bench.recipes import Recipe, find_recipe, row_recipe
from repos.tasks.sources.swe_bench.records import SweBenchSource

PARSERS = {
    "astropy/astropy": "parse_log_astropy",
    "django/django": "parse_log_django",
    "matplotlib/matplotlib": "parse_log_matplotlib",
    "mwaskom/seaborn": "parse_log_seaborn",
    "pallets/flask": "parse_log_flask",
    "psf/requests": "parse_log_requests",
    "pydata/xarray": "parse_log_xarray",
    "pylint-dev/pylint": "parse_log_pylint",
    "pytest-dev/pytest": "parse_log_pytest",
    "scikit-learn/scikit-learn": "parse_log_scikit",
    "sphinx-doc/sphinx": "parse_log_sphinx",
    "sympy/sympy": "parse_log_sympy",
}
"""Parser of each repository, for older files whose rows do not name it."""

_COMMAND = re.compile(r": '>>>>> Start Test Output'\n(.*?)\n: '>>>>> End Test Output'", re.DOTALL)
_DELETED = re.compile(r"^diff --git a/.* b/(.*)\ndeleted file mode", re.MULTILINE)


def read_instances(rows: Iterable[Mapping[str, Any]], where: str) -> list[TaskSpec]:
    """Return the tasks of a dataset's rows.

    An instance that can't be played here has no environment; its label `unavailable` says why.

    Args:
        rows: The rows.
        where: The file, for messages.

    Raises:
        RecordError: A row is no instance, or an id stands there twice.
    """
    specs: dict[str, TaskSpec] = {}
    for number, row in enumerate(rows, start=1):
        if not is_instance(row):
            raise RecordError(
                f"{where}, row {number} is no instance of SWE-bench: it needs instance_id, repo, "
                "patch and problem_statement."
            )
        spec = read_instance(row)
        if spec.id in specs:
            raise RecordError(f"{where}: instance {spec.id} stands there twice.")
        specs[spec.id] = spec
    if not specs:
        raise RecordError(f"{where} holds no instance.")
    return list(specs.values())


def read_instance(row: Mapping[str, Any]) -> TaskSpec:
    """Return the task of one row; see `read_instances`."""
    repository, version = str(row["repo"]), str(row.get("version") or "")
    lists, problem = {}, ""
    for name in ("FAIL_TO_PASS", "PASS_TO_PASS"):
        lists[name] = read_list(row, name)
        if lists[name] is None:
            problem = problem or f"its {name} is no list of test ids"
    fail_to_pass, pass_to_pass = (found or () for found in lists.values())
    test_patch = str(row.get("test_patch") or "")
    recipe = find_recipe(repository, version, str(row["instance_id"])) if version else None
    recipe = recipe or row_recipe(row)
    config = row.get("install_config")
    parser = row.get("log_parser") or (config.get("log_parser") if isinstance(config, dict) else "")
    files = command_files(test_patch)
    script = _COMMAND.search(str(row.get("eval_script") or ""))
    words = [recipe.command if recipe else "", *(directive(repository, f) for f in files)]
    command = script[1] if script else " ".join(words)
    image = _official_image(row) if command.strip() and (recipe or script) else ""
    problem = problem or _unavailable(row, recipe, image, fail_to_pass, files)
    if recipe and recipe.prefix:
        command = f"{recipe.prefix} {command}"
    source = SweBenchSource(
        instance=str(row["instance_id"]),
        repository=repository,
        base_commit=str(row.get("base_commit") or ""),
        version=version,
        statement=str(row["problem_statement"] or ""),
        patch=ended(str(row["patch"] or "")),
        test_patch=ended(test_patch),
        test_files=files,
        command=command,
        log_parser=str(parser or PARSERS.get(repository, "parse_log_pytest")),
        eval_type=str(row.get("eval_type") or "pass_and_fail"),
        **_installation(recipe),
    )
    deleted = set(_DELETED.findall(test_patch))
    labels = {"repository": repository, "version": version}
    if row.get("difficulty"):
        labels["difficulty"] = str(row["difficulty"])
    if recipe and recipe.nearest:
        labels["recipe"] = f"of the nearest version, {recipe.nearest}"
    if recipe and recipe.network:
        labels["network"] = recipe.network
    if recipe and recipe.compiled:
        labels["compiled"] = f"compiled modules of {recipe.compiled}: C code is not built anew"
    if recipe and recipe.flaw:
        labels["flawed"] = recipe.flaw
    cut = [test for test in (*fail_to_pass, *pass_to_pass) if test.count("[") > test.count("]")]
    if cut:
        labels["truncated"] = f"{len(cut)} ids are cut off: the tests that begin so are meant"
    if problem:
        labels["unavailable"] = problem
    environments: dict[str, Environment] = {}
    if recipe and not problem:
        environments[recipe.environment] = SweBenchEnvironment(
            python=recipe.python,
            requirements=recipe.requirements,
            scripts=recipe.scripts,
            network=recipe.network,
            compiled=recipe.compiled,
        )
    if image and not problem and not (recipe and recipe.network):
        environments["image"] = ImageEnvironment(image=image)
        labels["image"] = image
    tests = Expected(fail_to_pass=fail_to_pass, pass_to_pass=pass_to_pass)
    folders = recipe.locks if recipe else ()
    locks = any(path.startswith(folders) for path in patch_paths(test_patch))
    return TaskSpec(
        id=source.instance,
        source=source,
        title=next((line.strip() for line in source.statement.splitlines() if line.strip()), ""),
        runner=recipe.runner if recipe else "swe-bench-pytest",
        source_dirs=recipe.import_folders if recipe else (".",),
        test_paths=tuple(p for p in patch_paths(test_patch) if p not in deleted),
        environments=environments,
        expected=dict.fromkeys(environments, tests),
        sandbox={"seccomp": "locks"} if locks else {},
        date=str(row.get("created_at") or "")[:10],
        labels=labels,
    )


def read_list(row: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
    """Return a list of test ids, given as a list, as JSON or as Python text; None if it is none."""
    value = row.get(name, row.get(name.lower()))
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.strip() else []
        except ValueError:
            try:
                value = ast.literal_eval(value)
            except (ValueError, SyntaxError):
                value = None
    if not isinstance(value, list | tuple) or not all(isinstance(test, str) for test in value):
        return None
    return tuple(dict.fromkeys(value))


def ended(patch: str) -> str:
    """Return a patch with a line feed at its end, which git needs."""
    return patch if not patch or patch.endswith("\n") else patch + "\n"


def _installation(recipe: Recipe | None) -> dict[str, Any]:
    if recipe is None:
        return {}
    return {
        "edits": recipe.edits,
        "distribution": recipe.distribution,
        "import_folders": recipe.import_folders,
        "version_files": recipe.version_files,
        "version_module": recipe.version_module,
    }


def _official_image(row: Mapping[str, Any]) -> str:
    """Return the official image of an instance; "" where its row names none."""
    named = str(row.get("image") or row.get("image_name") or "")
    return named if re.search(r"(^|/)sweb\.eval\.", named) else ""


def _unavailable(
    row: Mapping[str, Any],
    recipe: Recipe | None,
    official: str,
    fail_to_pass: tuple[str, ...],
    files: tuple[str, ...],
) -> str:
    """Return why an instance can't be played; "" where it can."""
    language = str(row.get("repo_language") or row.get("language") or "python")
    if language.lower() != "python":
        return f"its repository is written in {language}"
    if recipe is None and not official:
        image = row.get("image_name") or row.get("image") or row.get("dockerhub_tag")
        if image or row.get("docker_image"):
            return "its environment is a container image, for which there is no recipe here"
        if not row.get("version"):
            return "its row names no version, so that its environment is not known"
        what = f"{row['repo']} {row.get('version') or ''}".rstrip()
        return f"there is no recipe for the environment of {what}"
    if not row.get("base_commit"):
        return "its row names no base commit"
    if not fail_to_pass:
        return "it has no failing test"
    if not files:
        return "its test patch has no test file"
    return ""
