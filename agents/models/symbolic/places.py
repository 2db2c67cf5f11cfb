"""Where expressions are looked for while the tests run, and what they may be made of."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection
from typing import Any

from agents.models.symbolic.knowledge import Knowledge
from agents.models.symbolic.rehearsal import Place, mark_of, outermost
from agents.models.symbolic.source import FunctionNode, nodes
from agents.models.symbolic.spectrum import statement_score
from agents.models.symbolic.templates import FLATTEN
from agents.models.symbolic.templates.atoms import conditions, scope_names, values
from agents.models.symbolic.templates.site import Site, reads, usable

MAX_PLACES = 24
"""Places in one candidate."""

MAX_IN_STATEMENT = 4
MAX_LITERALS = 16
MAX_CONDITIONS = 40
MAX_CONSTANTS = 6

_UNSAFE = (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr, ast.Starred)
_PLAIN = (ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.Constant)
_COMMON = ("''", "' '", "'\\n'", "0", "1", "-1", "2", "None", "True", "False", "[]", "()", "{}")


def place_plans(
    know: Knowledge, lines: Collection[tuple[str, int]] | None = None
) -> tuple[list[Place], dict[str, Any], list[tuple[str, FunctionNode]]]:
    """Return the places, the best first, with their plan and functions.

    Args:
        know: What is known.
        lines: The files and lines that matter; None is all.
    """
    ranked: list[tuple[float, str, int, Site, ast.expr, FunctionNode]] = []
    for path, module in sorted(know.modules.items()):
        site = Site(know.project, module, know.facts, know.suspicion)
        scores: dict[ast.stmt, float] = {}
        for node in nodes(module.tree):
            statement = module.statement(node) if isinstance(node, ast.expr) else None
            if statement is None or not isinstance(node, ast.expr):
                continue
            if statement not in scores:
                scores[statement] = statement_score(module, statement, know.suspicion)
            score = scores[statement]
            function = outermost(module, statement.lineno) if score > 0 else None
            weight = _weight(site, node) if function is not None else 0.0
            if function is not None and weight > 0:
                at = module.span(node)[0]
                ranked.append((score**FLATTEN * weight, path, at, site, node, function))
    ranked.sort(key=lambda one: (-one[0], one[1], one[2]))
    counts: Counter[tuple[str, int]] = Counter()
    places: list[Place] = []
    plans: list[dict[str, Any]] = []
    functions: dict[tuple[str, FunctionNode], None] = {}
    for score, path, _, site, node, function in ranked:
        statement = site.module.statement(node)
        line = (path, statement.lineno if statement else 0)
        most = MAX_IN_STATEMENT if lines is None else MAX_PLACES
        if counts[line] >= most or len(places) >= MAX_PLACES:
            continue
        if lines is not None and (path, node.lineno) not in lines:
            continue
        counts[line] += 1
        functions[path, function] = None
        places.append(Place(path, *site.module.span(node), node.lineno, score))
        plans.append(_plan(site, node, function))
    return places, {"places": plans}, list(functions)


def _weight(site: Site, node: ast.expr) -> float:
    """Return how likely another expression is needed at a place; 0 where none can be put."""
    above = site.parent(node)
    if isinstance(node, ast.Constant | ast.Lambda | ast.Starred) and not isinstance(
        above, ast.Return | ast.Assign
    ):
        return 0.0
    if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load) or not usable(site.module, node):
        return 0.0
    if any(isinstance(n, _UNSAFE) for n in ast.walk(node)) or "super()" in site.text(node):
        return 0.0
    if isinstance(above, ast.Call):
        if node is above.func:
            return 0.0
        raising = isinstance(site.parent(above), ast.Raise)
        return 0.0 if raising else 0.7
    if isinstance(above, ast.Return):
        return 1.0
    if isinstance(above, ast.Assign | ast.AugAssign | ast.AnnAssign):
        return 0.9 if node is above.value else 0.0
    if site.is_test(node):
        return 0.9
    if isinstance(above, ast.For | ast.comprehension):
        return 0.8 if node is above.iter else 0.0
    if isinstance(above, ast.ListComp | ast.SetComp | ast.GeneratorExp):
        return 0.8
    if isinstance(above, ast.BinOp | ast.Compare | ast.BoolOp | ast.IfExp):
        return 0.5
    if isinstance(above, ast.Attribute):
        return 0.5 if isinstance(site.parent(above), ast.Call) else 0.15
    if isinstance(above, ast.keyword):
        return 0.6
    if isinstance(above, ast.Subscript | ast.Tuple | ast.List | ast.Dict | ast.DictComp):
        return 0.4
    return 0.0


def _plan(site: Site, node: ast.expr, function: FunctionNode) -> dict[str, Any]:
    start = site.module.line_start(function.lineno)
    first, last = site.module.span(node)
    atoms = [atom.text for atom in values(site, node)]
    names = list(dict.fromkeys([*atoms, *scope_names(site, node)]))
    asked = []
    for text, _ in conditions(site, node):
        parts = [part for part in reads(ast.parse(text, mode="eval").body) if part in names]
        # The owner of an attribute is no part of its own.
        parts = [p for p in parts if not any(q.startswith(f"{p}.") for q in parts)]
        asked.append([text, sorted(parts, key=len, reverse=True)])
    return {
        "mark": mark_of(site.module.path, function),
        "start": first - start,
        "end": last - start,
        "simple": isinstance(node, _PLAIN),
        "test": site.is_test(node),
        "names": names,
        "constants": _constants(site, function),
        "literals": _literals(site, node, function),
        "conditions": asked[:MAX_CONDITIONS],
    }


def _constants(site: Site, function: FunctionNode) -> list[str]:
    """Return constants of the module, those that the function or its class reads first."""
    defined = {
        target.id
        for statement in site.module.tree.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name) and target.id.isupper()
    }
    if not defined:
        return []
    holder = site.module.class_of(function)
    read = [n.id for n in nodes(function) if isinstance(n, ast.Name) and n.id in defined]
    if holder is not None:
        read += [n.id for n in nodes(holder) if isinstance(n, ast.Name) and n.id in defined]
    return list(dict.fromkeys([*read, *sorted(defined)]))[:MAX_CONSTANTS]


def _literals(site: Site, node: ast.expr, function: FunctionNode) -> list[str]:
    """Return short literals of the function, the nearest first, then the file's usual ones."""
    near: dict[str, int] = {}
    counts: Counter[str] = Counter()
    for child in nodes(site.module.tree):
        if not isinstance(child, ast.Constant) or not isinstance(child.value, str | int | float):
            continue
        text = repr(child.value)
        if len(text) > 14 or isinstance(site.parent(child), ast.Expr):
            continue
        counts[text] += 1
        if function.lineno <= child.lineno <= (function.end_lineno or 0):
            distance = abs(child.lineno - node.lineno)
            near[text] = min(near.get(text, distance), distance)
    found = sorted(near, key=lambda text: (near[text], text))[:MAX_LITERALS]
    found += [text for text, _ in counts.most_common(8)]
    return list(dict.fromkeys([*found, *_COMMON]))
