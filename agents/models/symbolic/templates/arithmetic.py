"""Numbers: operators, off-by-one, ranges, slices and clamping.

TBar's "mutate operators" and "mutate literal expression".
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agents.models.symbolic.candidates import Proposal
from agents.models.symbolic.templates.kinds import kind_of
from agents.models.symbolic.templates.site import Site, on

_OTHERS: dict[type[ast.operator], tuple[str, ...]] = {
    ast.Add: ("-",),
    ast.Sub: ("+",),
    ast.Mult: ("/", "**"),
    ast.Div: ("//", "*"),
    ast.FloorDiv: ("/", "%"),
    ast.Mod: ("//",),
    ast.BitAnd: ("|",),
    ast.BitOr: ("&", "^"),
    ast.BitXor: ("|",),
    ast.LShift: (">>",),
    ast.RShift: ("<<",),
}
_SYMBOLS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.LShift: "<<",
    ast.RShift: ">>",
}


def _numeric(site: Site, node: ast.expr) -> bool:
    """Whether an expression may well be a number."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int | float) and not isinstance(node.value, bool)
    return kind_of(site, node) in ("", "int", "float")


@on(ast.BinOp)
def operator(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Another operator, exchanged operands, one operand alone, one more or less."""
    assert isinstance(node, ast.BinOp)
    symbol = _SYMBOLS.get(type(node.op))
    start, end = site.module.span(node.left)[1], site.module.span(node.right)[0]
    between = site.module.text[start:end]
    if symbol is None or symbol not in between:
        return
    numbers = _numeric(site, node.left) and _numeric(site, node.right)
    for other in _OTHERS[type(node.op)] if numbers else ():
        new = between.replace(symbol, other, 1)
        note = f"{site.flat(node)[:40]}: {symbol} -> {other}"
        edit = site.edit(start, end, new)
        family = f"{symbol}->{other}"
        yield from site.proposal(node, "operator", 0.4, note, edit, family=family)
    if not isinstance(node.op, ast.Mult | ast.BitAnd | ast.BitOr | ast.BitXor | ast.Mod):
        one, two = (
            site.put(node.left, site.operand(node.right)),
            site.put(node.right, site.operand(node.left)),
        )
        yield from site.proposal(node, "operands", 0.3, "exchange the operands", one, two)
    for side in (node.left, node.right):
        yield from site.swap(node, site.operand(side), "one-operand", 0.25)
    if numbers and isinstance(node.op, ast.Add | ast.Sub | ast.FloorDiv | ast.Div | ast.Mult):
        text = site.text(node)
        one = isinstance(node.right, ast.Constant) and node.right.value == 1
        for sign in ("+", "-") if not one and "\n" not in text else ():
            yield from site.swap(node, f"{text} {sign} 1", "off-by-one", 0.3, loose=True)
    if isinstance(node.op, ast.FloorDiv) and numbers:
        left, right = site.operand(node.left), site.operand(node.right)
        yield from site.swap(node, f"-(-{left} // {right})", "round-up", 0.5, loose=True)
    if isinstance(node.op, ast.Sub) and numbers and "\n" not in site.text(node):
        yield from site.swap(node, f"max({site.text(node)}, 0)", "clamp", 0.35)
        yield from site.swap(node, f"abs({site.text(node)})", "clamp", 0.25)


@on(ast.BinOp)
def precedence(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Bind three operands the other way round."""
    assert isinstance(node, ast.BinOp)
    inner = node.right
    if isinstance(node.left, ast.BinOp) and "\n" not in site.text(node):
        a, b = node.left.left, node.left.right
        one, two = _SYMBOLS.get(type(node.left.op)), _SYMBOLS.get(type(node.op))
        if one and two:
            parts = (site.operand(a), one, site.operand(b), two, site.operand(inner))
            new = "{} {} ({} {} {})".format(*parts)
            yield from site.swap(node, new, "precedence", 0.25)
    if isinstance(inner, ast.BinOp) and "\n" not in site.text(node):
        one, two = _SYMBOLS.get(type(node.op)), _SYMBOLS.get(type(inner.op))
        if one and two:
            parts = (site.operand(node.left), one, site.operand(inner.left), two)
            new = "({} {} {}) {} {}".format(*parts, site.operand(inner.right))
            yield from site.swap(node, new, "precedence", 0.25)


@on(ast.AugAssign)
def accumulation(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Another accumulating operator, or plain assignment."""
    assert isinstance(node, ast.AugAssign)
    start, end = site.module.span(node.target)[1], site.module.span(node.value)[0]
    between = site.module.text[start:end]
    symbol = _SYMBOLS.get(type(node.op), "**")
    others = [f"{other}=" for other in _OTHERS.get(type(node.op), ())]
    for other in [*others, "="]:
        new = between.replace(f"{symbol}=", other, 1)
        note = f"{site.flat(node)[:40]}: {symbol}= -> {other}"
        yield from site.proposal(node, "accumulation", 0.35, note, site.edit(start, end, new))
    if isinstance(node.op, ast.Add) and not isinstance(node.value, ast.Constant):
        for new in (f"{site.operand(node.value)} + 1", f"{site.operand(node.value)} - 1"):
            yield from site.swap(node.value, new, "off-by-one", 0.3)


@on(ast.Assign)
def accumulate(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Add to a value instead of overwriting it."""
    assert isinstance(node, ast.Assign)
    target = node.targets[0]
    if len(node.targets) != 1 or not isinstance(target, ast.Name | ast.Attribute | ast.Subscript):
        return
    start, end = site.module.span(target)[1], site.module.span(node.value)[0]
    between = site.module.text[start:end]
    if between.strip() == "=" and site.in_loop(node):
        edit = site.edit(start, end, between.replace("=", "+=", 1))
        note = f"add to {site.flat(target)} instead of setting it"
        yield from site.proposal(node, "accumulate", 0.3, note, edit)


@on(ast.UnaryOp)
def sign(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Drop a sign."""
    assert isinstance(node, ast.UnaryOp)
    if isinstance(node.op, ast.USub | ast.UAdd | ast.Invert):
        yield from site.swap(node, site.text(node.operand), "sign", 0.35)


@on(ast.Call)
def loops(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Bounds of `range` and the start of `enumerate`."""
    assert isinstance(node, ast.Call)
    name = getattr(node.func, "id", "")
    if node.keywords or not node.args:
        return
    if name == "range":
        last = node.args[0] if len(node.args) == 1 else node.args[1]
        for change in ("+", "-"):
            new = f"{site.operand(last)} {change} 1"
            yield from site.swap(last, new, "range", 0.5)
        if len(node.args) == 1:
            yield from site.swap(last, f"1, {site.text(last)}", "range", 0.4)
            yield from site.swap(last, f"1, {site.operand(last)} + 1", "range", 0.4)
        else:
            first = node.args[0]
            for change in ("+", "-"):
                new = f"{site.operand(first)} {change} 1"
                yield from site.swap(first, new, "range", 0.4)
    elif name == "enumerate" and len(node.args) == 1:
        yield from site.swap(node.args[0], f"{site.text(node.args[0])}, 1", "enumerate", 0.45)
    elif name == "enumerate" and len(node.args) == 2:
        yield from site.swap(node, f"enumerate({site.text(node.args[0])})", "enumerate", 0.4)


@on(ast.Subscript)
def index(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """An index or a slice bound moved by one, or the other end."""
    assert isinstance(node, ast.Subscript)
    if isinstance(node.slice, ast.Slice):
        yield from _slice(site, node, node.slice)
        return
    if isinstance(node.slice, ast.Constant):
        value = node.slice.value
        if isinstance(value, int) and not isinstance(value, bool):
            for other in dict.fromkeys((value + 1, value - 1, -1 if value == 0 else 0)):
                yield from site.swap(node.slice, str(other), "index", 0.4)
        return
    if isinstance(node.slice, ast.Name | ast.Attribute | ast.BinOp) and "\n" not in site.text(node):
        for new in (f"{site.text(node.slice)} + 1", f"{site.text(node.slice)} - 1"):
            yield from site.swap(node.slice, new, "index", 0.3)


def _slice(site: Site, node: ast.Subscript, part: ast.Slice) -> Iterator[Proposal]:
    start, end = site.module.span(part) if _has_bounds(part) else (0, 0)
    text = site.module.text[start:end] if end else ":"
    value_end = site.module.span(node.value)[1]
    node_end = site.module.span(node)[1]
    if "\n" in site.module.text[value_end:node_end]:
        return
    lower, upper = part.lower, part.upper
    forms: list[tuple[str, float]] = []
    low = site.text(lower) if lower else ""
    high = site.text(upper) if upper else ""
    step = f":{site.text(part.step)}" if part.step else ""
    for bound, is_low in ((lower, True), (upper, False)):
        if bound is None:
            continue
        for change in (_plus(site, bound, 1), _plus(site, bound, -1)):
            pair = f"{change}:{high}" if is_low else f"{low}:{change}"
            forms.append((pair + step, 0.45))
        forms.append(((f":{high}" if is_low else f"{low}:") + step, 0.35))
    if upper is None and lower is not None:
        forms += [(f"{low}:-1{step}", 0.3), (f":{low}{step}", 0.25)]
    if lower is None and upper is not None:
        forms += [(f"1:{high}{step}", 0.3), (f"{high}:{step}", 0.25)]
    for new, prior in forms:
        note = f"[{text}] -> [{new}]"
        edit = site.edit(value_end, node_end, f"[{new}]")
        yield from site.proposal(node, "slice", prior, note, edit)


def _has_bounds(part: ast.Slice) -> bool:
    return hasattr(part, "lineno")


def _plus(site: Site, node: ast.expr, change: int) -> str:
    text = site.text(node)
    if re.fullmatch(r"-?\d+", text):
        moved = int(text) + change
        return str(moved) if moved else ""
    return f"{site.operand(node)} {'+' if change > 0 else '-'} 1"
