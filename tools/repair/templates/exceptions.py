"""Exceptions: which are caught, which are raised, and where."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from tools.repair.candidates import Proposal
from tools.repair.templates.guards import exits, variables
from tools.repair.templates.site import Site, on


def is_builtin(name: str) -> bool:
    """Whether a name is an exception of Python itself."""
    value = getattr(builtins, name, None)
    return isinstance(value, type) and issubclass(value, BaseException)


def raisable(site: Site, name: str) -> bool:
    """Whether an exception's name means something in this file."""
    if is_builtin(name):
        return True
    for node in site.module.tree.body:
        if isinstance(node, ast.ImportFrom | ast.Import):
            if any((alias.asname or alias.name) == name for alias in node.names):
                return True
        elif isinstance(node, ast.ClassDef) and node.name == name:
            return True
    return False


@on(ast.Assign, ast.Return, ast.Expr, ast.AugAssign)
def wrapped(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Catch the exception that was met around one statement."""
    assert isinstance(node, ast.stmt)
    met = [name for name in site.facts.raised if raisable(site, name)]
    wanted = [name for name in site.facts.expected if raisable(site, name)]
    if site.function(node) is None or not met:
        return
    indent = site.module.indent(node)
    body = site.reindented(node, indent + "    ")
    if body is None:
        return
    ways: list[tuple[str, float]] = list(exits(site, node))
    if isinstance(node, ast.Expr):
        ways.append(("pass", 0.8))
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = site.text(node.targets[0])
        ways += [(f"{target} = {value}", 0.5) for value in ("None", variables_of(site, node))]
    ways = [(f"raise {name}(str(error)) from error", 1.0) for name in wanted] + ways
    for name in met[:2]:
        for way, weight in ways:
            bound = " as error" if "from error" in way else ""
            head = f"{indent}try:\n{body}\n{indent}except {name}{bound}:\n{indent}    {way}"
            edit = site.edit(*site.lines_of(node), head)
            note = f"except {name}: {way}"
            yield from site.proposal(node, "wrapped", 0.5 * weight, note, edit)


def variables_of(site: Site, node: ast.stmt) -> str:
    """Return the first variable that a statement reads, or None."""
    return next(iter(variables(site, node)), "None")
