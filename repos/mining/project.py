"""What a checkout says of its project: its name, and what its tests need."""

from __future__ import annotations

import ast
import configparser
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from repos.mining.pypi.requirements import (
    DEV_EXTRA,
    NOT_FOR_TESTS,
    TEST_EXTRA,
    declared_requirements,
)
from repos.syntax import parse
from repos.tasks.sources.pypi.archives import Tree
from repos.tasks.sources.pypi.index import normalise

FILES = re.compile(
    r"(tests?/)?((tests?|dev)[-_]?requirements|requirements[-_.]?(tests?|dev|ci|testing))"
    r"\.(txt|in)|requirements/(tests?|dev|ci|testing)\.(txt|in)",
    re.IGNORECASE,
)


def project_name(tree: Tree, otherwise: str) -> str:
    """Return the project's name as its own metadata gives it.

    Args:
        tree: Files of a checkout.
        otherwise: What is taken where it gives none.
    """
    data = _pyproject(tree)
    names = [data.get("project", {}).get("name"), _poetry(data).get("name")]
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(_text(tree, "setup.cfg"))
        names.append(parser.get("metadata", "name", fallback=None))
    except configparser.Error:
        pass
    names.append(_setup_arguments(tree).get("name"))
    return next((name for name in names if isinstance(name, str) and name), otherwise)


def checkout_requirements(tree: Tree, package: str, python: str) -> list[str]:
    """Return what a checkout declares for running and for its tests, sorted.

    Read from pyproject.toml, setup.cfg, literal arguments in setup.py, Poetry's groups, and files
    of requirements for tests; nothing of the project runs.

    Args:
        tree: Its files.
        package: Project name.
        python: Minor version whose markers hold.
    """
    found = set(declared_requirements(tree, package, python))
    lines: list[str] = []
    arguments = _setup_arguments(tree)
    for key in ("install_requires", "tests_require"):
        lines += _strings(arguments.get(key))
    extras = arguments.get("extras_require")
    if isinstance(extras, dict):
        for name, items in extras.items():
            if TEST_EXTRA.fullmatch(normalise(str(name))):
                lines += _strings(items)
    lines += _poetry_requirements(_pyproject(tree))
    for path in sorted(tree):
        if FILES.fullmatch(path):
            lines += [line.partition("#")[0] for line in _text(tree, path).splitlines()]
    for line in lines:
        kept = _plain(line, python)
        known = {normalise(Requirement(item).name) for item in found}
        if kept is None or normalise(kept.name) in {normalise(package), *known}:
            continue
        if not NOT_FOR_TESTS.fullmatch(normalise(kept.name)):
            brackets = f"[{','.join(sorted(kept.extras))}]" if kept.extras else ""
            found.add(f"{kept.name}{brackets}{kept.specifier}")
    return sorted(found)


def _plain(line: str, python: str) -> Requirement | None:
    try:
        parsed = Requirement(line.strip())
    except InvalidRequirement:
        return None
    environment = {"python_version": python, "python_full_version": f"{python}.0", "extra": ""}
    if parsed.url or (parsed.marker and not parsed.marker.evaluate(environment)):
        return None
    return parsed


def _text(tree: Tree, path: str) -> str:
    member = tree.get(path)
    return member.data.decode("utf-8", "replace") if member and not member.link else ""


def _pyproject(tree: Tree) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(tree, "pyproject.toml"))
    except tomllib.TOMLDecodeError:
        return {}


def _poetry(data: Mapping[str, Any]) -> dict[str, Any]:
    found = data.get("tool", {}).get("poetry", {})
    return found if isinstance(found, dict) else {}


def _poetry_requirements(data: Mapping[str, Any]) -> list[str]:
    """Return names alone: Poetry's ranges are its own, and the date freezes the versions."""
    poetry = _poetry(data)
    tables = [poetry.get("dependencies", {}), poetry.get("dev-dependencies", {})]
    for name, group in poetry.get("group", {}).items():
        if TEST_EXTRA.fullmatch(normalise(name)) or DEV_EXTRA.fullmatch(normalise(name)):
            tables.append(group.get("dependencies", {}))
    found = []
    for table in tables:
        for name, asked in table.items():
            optional = isinstance(asked, dict) and asked.get("optional")
            if normalise(name) != "python" and not optional:
                found.append(name)
    return found


def _setup_arguments(tree: Tree) -> dict[str, Any]:
    """Return the arguments of `setup()` in setup.py that are literals or names of literals."""
    try:
        module = parse(_text(tree, "setup.py"))
    except (SyntaxError, ValueError):
        return {}
    known: dict[str, Any] = {}
    found: dict[str, Any] = {}
    for node in ast.walk(module):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            value = _value(node.value, known)
            if value is not None:
                known[node.targets[0].id] = value
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "setup":
            for keyword in node.keywords:
                value = _value(keyword.value, known)
                if keyword.arg and value is not None:
                    found[keyword.arg] = value
    return found


def _value(node: ast.expr, known: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        return known.get(node.id)
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return value.splitlines()
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
