"""Fix ingredients from the same file: statements, conditions and expressions that stand near.

The plastic surgery hypothesis (Barr et al., FSE 2014), used by GenProg and SimFix: much of
what a fix needs is in the file already.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator

from agents.models.symbolic.candidates import Proposal
from agents.models.symbolic.source import FunctionNode, nodes
from agents.models.symbolic.templates.site import Site, on

MAX_INSERTED = 6
MAX_EXPRESSIONS = 3
MAX_CONDITIONS = 4
_SMALL = 160
_DONORS = (ast.If, ast.Assign, ast.AugAssign, ast.Expr, ast.Raise, ast.Return)


def _relatives(site: Site, function: FunctionNode) -> list[FunctionNode]:
    """Return functions of the file, those of the same class and with similar names first."""
    cached: dict[ast.AST, list[FunctionNode]] = site.notes.setdefault("relatives", {})
    if function in cached:
        return cached[function]
    holder = site.parent(function)

    def distance(other: FunctionNode) -> tuple[bool, float]:
        same = site.parent(other) is holder
        return (not same, -difflib.SequenceMatcher(None, other.name, function.name).ratio())

    others = [f for f in site.module.functions if f is not function]
    cached[function] = sorted(others, key=distance)[:6]
    return cached[function]


def _dump(site: Site, node: ast.AST) -> str:
    """Return `ast.dump`, made once a node."""
    cached: dict[ast.AST, str] = site.notes.setdefault("dumps", {})
    if node not in cached:
        cached[node] = ast.dump(node)
    return cached[node]


def _shown(site: Site, node: ast.AST) -> str:
    """Return `ast.unparse`, made once a node."""
    cached: dict[ast.AST, str] = site.notes.setdefault("shown", {})
    if node not in cached:
        cached[node] = ast.unparse(node)
    return cached[node]


def _free_names(node: ast.AST) -> set[str]:
    return {n.id for n in nodes(node) if isinstance(n, ast.Name)}


def _fits(site: Site, part: ast.AST, donor: FunctionNode, known: set[str]) -> bool:
    """Whether all local names that a part reads are in reach elsewhere."""
    local = {*site.names(donor.body[-1]), *(a.arg for a in donor.args.args)}
    return (_free_names(part) & local) <= known


@on(ast.Assign, ast.AugAssign, ast.Expr, ast.Return, ast.If, ast.For, ast.While)
def inserted(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Insert a small statement of a related function in front of a statement."""
    assert isinstance(node, ast.stmt)
    function = site.function(node)
    if function is None or not site.module.begins_line(node):
        return
    known = {*site.names(node), "self"}
    present = _dump(site, function)
    made = 0
    for rank, donor in enumerate(_relatives(site, function)):
        for part in nodes(donor):
            if not isinstance(part, _DONORS) or not isinstance(part, ast.stmt):
                continue
            if part is donor.body[0] and isinstance(part, ast.Expr):
                continue
            if isinstance(part, ast.If) and part.orelse:
                continue
            if isinstance(part, ast.Return | ast.Raise) and site.parent(part) is donor:
                continue
            text = site.text(part)
            if len(text) > _SMALL or made >= MAX_INSERTED or _dump(site, part) in present:
                continue
            if not _fits(site, part, donor, known) or isinstance(part, ast.Return | ast.Raise):
                continue
            moved = site.reindented(part, site.module.indent(node))
            if moved is None:
                continue
            made += 1
            at = site.module.line_start(node.lineno)
            edit = site.edit(at, at, moved + "\n")
            note = f"insert, as in {donor.name}: {text.split(chr(10))[0][:40]}"
            prior = (0.4 if isinstance(part, ast.If) else 0.28) - 0.02 * rank
            yield from site.proposal(node, "inserted", prior, note, edit)


@on(ast.If, ast.While)
def condition(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Take the condition of a related place, alone or as a further part."""
    assert isinstance(node, ast.If | ast.While)
    function = site.function(node)
    if function is None:
        return
    known = {*site.names(node), "self"}
    now = _dump(site, node.test)
    text = site.operand(node.test)
    seen: dict[str, None] = {}
    for donor in [function, *_relatives(site, function)]:
        for other in nodes(donor):
            if not isinstance(other, ast.If | ast.While | ast.IfExp) or other is node:
                continue
            shown = site.flat(other.test)
            if _dump(site, other.test) == now or len(shown) > 80:
                continue
            if _fits(site, other.test, donor, known):
                seen[shown] = None
    for rank, other in enumerate(list(seen)[:MAX_CONDITIONS]):
        weight = 1.0 - 0.1 * rank
        yield from site.swap(node.test, other, "condition", 0.3 * weight, loose=True)
        for junction in ("and", "or"):
            new = f"{text} {junction} ({other})"
            yield from site.swap(node.test, new, "condition", 0.27 * weight, loose=True)


@on(ast.Call, ast.Attribute, ast.Subscript, ast.BinOp)
def expression(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Put a similar expression of the file in place of one."""
    function = site.function(node)
    if function is None or not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        return
    above = site.parent(node)
    if isinstance(above, ast.Expr) or (isinstance(above, ast.Call) and above.func is node):
        return
    now = site.flat(node)
    if not 4 <= len(now) <= 100:
        return
    known = {*site.names(node), "self"}
    rated: dict[str, float] = {}
    for donor in [function, *_relatives(site, function)[:3]]:
        for other in nodes(donor):
            if type(other) is not type(node) or other is node:
                continue
            if not isinstance(getattr(other, "ctx", ast.Load()), ast.Load):
                continue
            shown = _shown(site, other)
            if shown == now or shown in rated or len(shown) > 100:
                continue
            matcher = difflib.SequenceMatcher(None, now, shown, autojunk=False)
            if matcher.real_quick_ratio() < 0.55 or matcher.quick_ratio() < 0.55:
                continue
            ratio = matcher.ratio()
            if ratio >= 0.55 and _fits(site, other, donor, known):
                rated[shown] = ratio
    for shown, ratio in sorted(rated.items(), key=lambda p: (-p[1], p[0]))[:MAX_EXPRESSIONS]:
        yield from site.swap(node, shown, "expression", 0.3 * ratio)


@on(ast.Assign)
def assignment(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Take the value that a similar assignment of the file gives."""
    assert isinstance(node, ast.Assign)
    function = site.function(node)
    if function is None or len(node.targets) != 1:
        return
    now = site.flat(node.value)
    known = {*site.names(node), "self"}
    found: dict[str, None] = {}
    for donor in [function, *_relatives(site, function)]:
        for other in nodes(donor):
            if isinstance(other, ast.Assign) and other is not node and len(other.targets) == 1:
                same = _shown(site, other.targets[0]) == _shown(site, node.targets[0])
                shown = _shown(site, other.value) if same else ""
                if same and shown != now and _fits(site, other.value, donor, known):
                    found[shown] = None
    for shown in list(found)[:MAX_EXPRESSIONS]:
        if len(shown) <= 100:
            yield from site.swap(node.value, shown, "assignment", 0.35)
