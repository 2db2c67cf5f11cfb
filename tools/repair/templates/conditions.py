"""Conditions: comparison and boundary changes, negation, truth against None, and/or.

TBar's "mutate conditional expression", SPR's condition refinement, and Python's own
confusion of "empty" with "None".
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tools.repair.candidates import Proposal
from tools.repair.templates.atoms import field_pairs
from tools.repair.templates.kinds import annotated, kind_of
from tools.repair.templates.site import Site, on, reads

_OTHERS: dict[type[ast.cmpop], tuple[tuple[str, float], ...]] = {
    ast.Lt: (("<=", 0.9), (">", 0.35), (">=", 0.35), ("!=", 0.2)),
    ast.LtE: (("<", 0.9), (">=", 0.35), (">", 0.35), ("==", 0.2)),
    ast.Gt: ((">=", 0.9), ("<", 0.35), ("<=", 0.35), ("!=", 0.2)),
    ast.GtE: ((">", 0.9), ("<=", 0.35), ("<", 0.35), ("==", 0.2)),
    ast.Eq: (("!=", 0.4), (">=", 0.3), ("<=", 0.3), ("in", 0.25), ("is", 0.1)),
    ast.NotEq: (("==", 0.4), ("<", 0.25), (">", 0.25), ("not in", 0.25)),
    ast.Is: (("is not", 0.4), ("==", 0.35)),
    ast.IsNot: (("is", 0.4), ("!=", 0.35)),
    ast.In: (("not in", 0.4), ("==", 0.3)),
    ast.NotIn: (("in", 0.4), ("!=", 0.3)),
}
_SYMBOL = re.compile(r"not\s+in\b|is\s+not\b|\bin\b|\bis\b|[<>=!]=|[<>]")

MAX_ATOMS = 5
MAX_FIELDS = 16


@on(ast.Compare)
def comparison(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Another comparison operator, or a bound moved by one."""
    assert isinstance(node, ast.Compare)
    left: ast.expr = node.left
    for operator, right in zip(node.ops, node.comparators, strict=True):
        start, end = site.module.span(left)[1], site.module.span(right)[0]
        between = site.module.text[start:end]
        found = _SYMBOL.search(between)
        left = right
        if found is None:
            continue
        for other, prior in _OTHERS.get(type(operator), ()):
            new = between[: found.start()] + other + between[found.end() :]
            note = f"{site.flat(node)[:40]}: {found[0]} -> {other}"
            edit = site.edit(start, end, new)
            yield from site.proposal(node, "comparison", prior, note, edit)
        ordered = isinstance(operator, ast.Lt | ast.LtE | ast.Gt | ast.GtE | ast.Eq)
        number = kind_of(site, right) in ("", "int", "float")
        if ordered and number and not isinstance(right, ast.Constant):
            for sign in ("+", "-"):
                new = f"{site.operand(right)} {sign} 1"
                yield from site.swap(right, new, "bound", 0.3, loose=False)


@on(ast.Compare)
def none_or_empty(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """`x is None` against `not x`."""
    assert isinstance(node, ast.Compare)
    if len(node.ops) != 1 or not isinstance(node.comparators[0], ast.Constant):
        return
    if node.comparators[0].value is None:
        left = site.operand(node.left)
        if isinstance(node.ops[0], ast.Is | ast.Eq):
            yield from site.swap(node, f"not {left}", "none-or-empty", 0.6, loose=True)
        elif isinstance(node.ops[0], ast.IsNot | ast.NotEq):
            yield from site.swap(node, left, "none-or-empty", 0.6)


@on(ast.Name, ast.Attribute, ast.Subscript, ast.Call)
def truth(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """A value used as a condition: compare it with None instead, so that 0 and "" count."""
    if not site.is_test(node) or kind_of(site, node) in ("bool", "int"):
        return
    above = site.parent(node)
    if isinstance(above, ast.UnaryOp) and isinstance(above.op, ast.Not):
        new = f"{site.text(node)} is None"
        yield from site.swap(above, new, "truth", 0.75, loose=True, family="truth")
    else:
        new = f"{site.text(node)} is not None"
        yield from site.swap(node, new, "truth", 0.75, loose=True, family="truth")


@on(ast.If, ast.While, ast.IfExp, ast.comprehension, ast.GeneratorExp, ast.ListComp)
def whole_condition(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Negate a condition, and probe whether it decides at all (SPR's target values)."""
    for test in _tests(site, node):
        text = site.text(test)
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            yield from site.swap(test, site.text(test.operand), "negation", 0.5)
        elif not isinstance(test, ast.Compare) or len(test.ops) > 1:
            yield from site.swap(test, f"not ({text})", "negation", 0.4, loose=True)
        if not isinstance(node, ast.While):
            for value in ("True", "False"):
                yield from site.swap(test, value, "probe", 0.55, probe=True)


@on(ast.BoolOp)
def junction(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """`and` against `or`; drop or negate a part; `x or y` only where x is None."""
    assert isinstance(node, ast.BoolOp)
    old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
    edits = []
    for one, two in zip(node.values, node.values[1:], strict=False):
        start, end = site.module.span(one)[1], site.module.span(two)[0]
        between = site.module.text[start:end]
        edits.append(site.edit(start, end, re.sub(rf"\b{old}\b", new, between, count=1)))
    note = f"{site.flat(node)[:40]}: {old} -> {new}"
    yield from site.proposal(node, "junction", 0.45, note, *edits)
    for index, value in enumerate(node.values):
        rest = [site.operand(v) for i, v in enumerate(node.values) if i != index]
        text = f" {old} ".join(rest) if len(rest) > 1 else site.text(node.values[1 - index])
        yield from site.swap(node, text, "drop-part", 0.45, loose=True)
        if not (isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.Not)):
            negated = f"not {site.operand(value)}"
            yield from site.swap(value, negated, "negate-part", 0.25)
        else:
            yield from site.swap(value, site.text(value.operand), "negate-part", 0.3)
    if isinstance(node.op, ast.Or) and len(node.values) == 2 and not site.is_test(node):
        first, second = node.values
        if not isinstance(first, ast.Call):
            one, two = site.operand(first), site.operand(second)
            text = f"{one} if {one} is not None else {two}"
            yield from site.swap(node, text, "or-default", 0.75, loose=True)


@on(ast.If, ast.While, ast.IfExp)
def further_part(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Widen or narrow a condition by one more part over names in reach."""
    test: ast.expr = node.test  # type: ignore[attr-defined]
    text = site.operand(test) if not isinstance(test, ast.Compare) else site.text(test)
    if "\n" in text:
        return
    used = reads(test)
    body = node.body if isinstance(node.body, list) else [node.body]  # type: ignore[attr-defined]
    near = [name for part in body for name in reads(part)]
    wanted = [n for n in dict.fromkeys([*near, *site.names(node)]) if n != "self"]
    known = {*site.names(node), *(f"self.{field}" for field in site.fields(node))}
    wanted = [name for name in wanted if name in known]
    for rank, name in enumerate([n for n in wanted if n not in used][:MAX_ATOMS]):
        prior = 0.26 - 0.02 * rank
        for new in (
            f"{text} and {name}",
            f"{text} and not {name}",
            f"{text} or {name}",
            f"{text} or not {name}",
        ):
            yield from site.swap(test, new, "further-part", prior, loose=True)
    for name in [n for n in used if n in known][:3]:
        for new in (f"{name} is not None and {text}", f"{name} is None or {text}"):
            if f"{name} is" not in text and _maybe_none(site, node, name):
                yield from site.swap(test, new, "none-part", 0.3, loose=True)
        if f"not {name}" not in text and text != name:
            yield from site.swap(test, f"{name} and {text}", "none-part", 0.25, loose=True)
            yield from site.swap(test, f"not {name} or {text}", "none-part", 0.2, loose=True)


@on(ast.If, ast.While, ast.IfExp, ast.comprehension, ast.GeneratorExp, ast.ListComp)
def same_field(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Two objects of one class are in reach: their fields must be equal too, or must not."""
    for test in _tests(site, node):
        text = site.operand(test) if not isinstance(test, ast.Compare) else site.text(test)
        if "\n" in text:
            continue
        for number, (condition, weight) in enumerate(field_pairs(site, test)):
            if number >= MAX_FIELDS:
                break
            for new in (f"{text} and {condition}", f"{text} or {condition}"):
                yield from site.swap(test, new, "same-field", 0.2 * weight, loose=True)


def _tests(site: Site, node: ast.AST) -> list[ast.expr]:
    """Return the conditions of a node."""
    if isinstance(node, ast.comprehension):
        return node.ifs
    if isinstance(node, ast.GeneratorExp | ast.ListComp):
        return [node.elt] if site.is_test(node.elt) else []
    return [node.test]  # type: ignore[attr-defined]


def _maybe_none(site: Site, node: ast.AST, name: str) -> bool:
    """Whether a local may be None as far as its annotation tells."""
    function = site.function(node)
    args = function.args if function else None
    for arg in [*args.args, *args.kwonlyargs] if args else ():
        if arg.arg == name:
            return not annotated(arg.annotation)
    return True
