"""Takes out what only the expected sides of a test file needed."""

from __future__ import annotations

import ast
from collections.abc import Collection

from repos.runners.python.blind.names import FUNCTION

KEPT = frozenset({"pytestmark", "pytest_plugins", "setUpModule", "tearDownModule"})


def remove_leftovers(tree: ast.Module, original: Collection[str]) -> None:
    """Take out imports, constants, helpers and classes of which nothing is left that needs them.

    Args:
        tree: A rewritten module; changed in place.
        original: Names that the genuine module read: what it never read was there for another
            reason, such as a fixture.
    """
    while True:
        used = _used(tree)
        body = [left for node in tree.body if (left := _trimmed(node, used, original)) is not None]
        if len(body) == len(tree.body):
            tree.body = body
            return
        tree.body = body


def _trimmed(node: ast.stmt, used: set[str], original: Collection[str]) -> ast.stmt | None:
    """Return what is left of a statement of the module."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            return node
        kept = [
            alias
            for alias in node.names
            if alias.name == "*"
            or (name := (alias.asname or alias.name).partition(".")[0]) in used
            or name not in original
        ]
        if not kept:
            return None
        node.names = kept
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = {t.id for t in targets if isinstance(t, ast.Name)}
        if len(names) == len(targets) and not names & (used | KEPT) and not _dunder(names):
            return None
    elif isinstance(node, FUNCTION):
        plain = not node.decorator_list and not node.name.startswith(("test", "pytest_"))
        if plain and node.name not in used | KEPT:
            return None
    elif (
        isinstance(node, ast.ClassDef)
        and not node.decorator_list
        and node.name not in used
        and not _has_tests(node)
    ):
        return None
    return node


def _dunder(names: Collection[str]) -> bool:
    return any(name.startswith("__") for name in names)


def _has_tests(node: ast.ClassDef) -> bool:
    return any(isinstance(n, FUNCTION) and n.name.startswith("test") for n in ast.walk(node))


def _used(tree: ast.Module) -> set[str]:
    """Return all names that something still asks for, fixtures' parameters and texts included."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            found |= set(node.names)
        elif (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 60
        ):
            found.add(node.value)  # usefixtures, indirect, forward references
    return found
