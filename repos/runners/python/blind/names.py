"""Which expressions of a test file mean the same wherever they are evaluated."""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterator
from dataclasses import dataclass

EFFECTS = frozenset(
    "open print input eval exec compile globals locals vars dir id breakpoint __import__ object "
    "super setattr delattr next iter".split()
)
"""Builtins that act, or whose value depends on where or when they are called."""

PLAIN = frozenset(dir(builtins)) - EFFECTS
UNSTEADY = frozenset({"random", "time", "secrets", "uuid", "os", "tempfile", "socket", "threading"})
"""Modules of the standard library that tell something else each time, or act."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Names:
    """What the names of a test module stand for.

    Attributes:
        steady: Modules and objects of the standard library that depend on nothing.
        module: Everything else that is bound at the top of the module.
        tables: Names bound once, to a literal list or tuple.
    """

    steady: frozenset[str]
    module: frozenset[str]
    tables: dict[str, ast.List | ast.Tuple]


def module_names(tree: ast.Module) -> Names:
    """Return what the names of a module stand for."""
    steady: set[str] = set()
    bound: set[str] = set()
    stores: list[str] = []
    tables: dict[str, ast.List | ast.Tuple] = {}
    for node in tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.partition(".")[0]
                (steady if _is_steady(alias.name) else bound).add(name)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                known = not node.level and _is_steady(node.module or "")
                (steady if known else bound).add(alias.asname or alias.name)
        elif isinstance(node, (*FUNCTION, ast.ClassDef)):
            bound.add(node.name)
        else:
            for inner in ast.walk(node):
                if isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Load):
                    stores.append(inner.id)
            if (
                isinstance(node, ast.Assign)
                and isinstance(node.targets[0], ast.Name)
                and isinstance(node.value, ast.List | ast.Tuple)
            ):
                tables[node.targets[0].id] = node.value
    bound |= set(stores)
    tables = {name: rows for name, rows in tables.items() if stores.count(name) == 1}
    return Names(frozenset(steady - bound), frozenset(bound), tables)


def _is_steady(module: str) -> bool:
    top = module.partition(".")[0]
    return top in sys.stdlib_module_names and top not in UNSTEADY and top != "unittest"


def called_name(call: ast.Call) -> str:
    """Return the last part of what is called: "raises" for `pytest.raises(…)`."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def is_independent(expression: ast.expr, names: Names, own: frozenset[str]) -> bool:
    """Whether an expression needs nothing of the test in which it stands.

    Literals, builtins, the standard library, what the module binds, and classes; no call of a
    function of the package, since two right patches may answer it differently.

    Args:
        expression: The expected side of a comparison.
        names: What the module's names stand for.
        own: Local names of the test that are taken out with it.
    """
    local = {
        name.id
        for node in ast.walk(expression)
        if isinstance(node, ast.comprehension)
        for name in ast.walk(node.target)
        if isinstance(name, ast.Name)
    }
    known = PLAIN | names.steady | names.module | own | local
    for node in ast.walk(expression):
        if isinstance(node, ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr | ast.Lambda):
            return False
        if isinstance(node, ast.Name) and node.id not in known:
            return False
        if isinstance(node, ast.Call) and not _is_constructor(node, names, own):
            return False
    return True


def _is_constructor(call: ast.Call, names: Names, own: frozenset[str]) -> bool:
    """Whether a call makes a value: of a builtin, the standard library, a class, a literal."""
    root = call.func
    while isinstance(root, ast.Attribute | ast.Subscript):
        root = root.value
    if isinstance(root, ast.Constant | ast.JoinedStr | ast.List | ast.Tuple | ast.Dict | ast.Set):
        return True
    if isinstance(root, ast.Call):
        return _is_constructor(root, names, own)
    if isinstance(root, ast.Name) and root.id in (PLAIN | names.steady | own) - names.module:
        return True
    last = called_name(call)
    return last[:1].isupper() or last == "approx"


def loads(node: ast.AST) -> Iterator[ast.Name]:
    """Yield the names that are read in a tree."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load):
            yield inner
