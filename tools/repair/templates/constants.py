"""Constants and defaults: numbers, flags, None, and the defaults of parameters."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.repair.candidates import Proposal
from tools.repair.templates.site import Site, on

_DEFAULTS = ("None", "''", "0", "False", "True", "()")
MAX_TEST_NUMBERS = 4


@on(ast.Constant)
def number(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """A number one higher or lower, zero or one, or one that the test names."""
    assert isinstance(node, ast.Constant)
    value = node.value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    above = site.parent(node)
    if isinstance(above, ast.Subscript | ast.Slice):
        return
    others: list[float | int] = [value + 1, value - 1]
    if value not in (0, 1):
        others.append(0)
    if isinstance(value, int) and value >= 10:
        others += [value * 10, value // 10]
    if value > 0 and isinstance(above, ast.Return):
        others.append(-value)
    for other in dict.fromkeys(others):
        text = (
            str(other)
            if other >= 0
            else f"({other})"
            if isinstance(above, ast.BinOp)
            else str(other)
        )
        yield from site.swap(node, text, "number", 0.4)
    near = [n for n in site.facts.numbers if n not in others and n != value]
    for other in near[:MAX_TEST_NUMBERS]:
        yield from site.swap(node, repr(other), "test-number", 0.2, literal=True)


@on(ast.Constant)
def flag(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """True against False; None against an empty value, and back."""
    assert isinstance(node, ast.Constant)
    above = site.parent(node)
    if isinstance(node.value, bool):
        prior = 0.65 if isinstance(above, ast.keyword | ast.arguments | ast.Return) else 0.5
        yield from site.swap(node, str(not node.value), "flag", prior)
        if isinstance(above, ast.arguments | ast.Return):
            yield from site.swap(node, "None", "flag", 0.3)
    elif node.value is None and isinstance(above, ast.Return | ast.Assign | ast.keyword):
        prior = 0.12 if isinstance(above, ast.keyword) else 0.3
        for other in ("''", "[]", "{}", "False", "0", "()"):
            yield from site.swap(node, other, "none-value", prior)
    elif node.value == "" and isinstance(above, ast.Return | ast.Assign | ast.Call):
        yield from site.swap(node, "None", "none-value", 0.3)


@on(ast.FunctionDef, ast.AsyncFunctionDef)
def default(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Another default of a parameter, or a default where there is none."""
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    args = node.args
    given = [*args.posonlyargs, *args.args]
    pairs = list(zip(reversed(given), reversed(args.defaults), strict=False))
    pairs += [
        (arg, value)
        for arg, value in zip(args.kwonlyargs, args.kw_defaults, strict=True)
        if value is not None
    ]
    for _, value in pairs:
        if isinstance(value, ast.Constant) and value.value is None:
            for other in _DEFAULTS[1:]:
                yield from site.swap(value, other, "default", 0.25)
    if given and not args.vararg and not args.kwonlyargs and len(args.defaults) < len(given):
        arg = given[len(given) - len(args.defaults) - 1]
        if arg.arg not in ("self", "cls"):
            end = site.module.span(arg)[1]
            equals = " = " if arg.annotation is not None else "="
            missing = any(f"'{arg.arg}'" in m and "missing" in m for m in site.facts.messages)
            for other in _DEFAULTS[:4]:
                edit = site.edit(end, end, f"{equals}{other}")
                note = f"{arg.arg} gets the default {other}"
                yield from site.proposal(node, "default", 0.9 if missing else 0.15, note, edit)
