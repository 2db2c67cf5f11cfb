"""Numbers: operators, off-by-one, ranges, slices and clamping.

TBar's "mutate operators" and "mutate literal expression".
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.repair.candidates import Proposal
from tools.repair.templates.kinds import kind_of
from tools.repair.templates.site import Site, on

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
