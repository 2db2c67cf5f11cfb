"""Whole statements: missing return, lost result, wrong place or nesting, superfluous ones."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.models.symbolic.candidates import Proposal
from agents.models.symbolic.source import nodes
from agents.models.symbolic.templates.site import Site, on

_RETURNING = frozenset(
    "strip lstrip rstrip lower upper replace title capitalize casefold format join encode decode "
    "removeprefix removesuffix translate expanduser resolve with_suffix astimezone union "
    "intersection difference copy".split()
)


def block_of(site: Site, node: ast.stmt) -> list[ast.stmt]:
    """Return the statements among which a statement stands."""
    above = site.parent(node)
    for name in ("body", "orelse", "finalbody"):
        block = getattr(above, name, None)
        if isinstance(block, list) and node in block:
            return block
    return []


@on(ast.Assign, ast.AugAssign, ast.Expr, ast.If, ast.Return, ast.Continue, ast.Break, ast.Raise)
def removed(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Leave a statement out."""
    assert isinstance(node, ast.stmt)
    block = block_of(site, node)
    if not block or not site.module.stands_alone(node) or site.function(node) is None:
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    start, end = site.lines_of(node)
    note = f"leave out: {site.flat(node).split(chr(10))[0][:40]}"
    if len(block) == 1:
        edit = site.edit(start, end, f"{site.module.indent(node)}pass")
    else:
        edit = site.edit(start, min(end + 1, len(site.module.text)), "")
    prior = 0.2 if isinstance(node, ast.If) else 0.32
    yield from site.proposal(node, "removed", prior, note, edit, destructive=True)


@on(ast.Expr)
def lost_result(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Keep a result that is thrown away: return it, or assign it back."""
    assert isinstance(node, ast.Expr)
    call = node.value
    function = site.function(node)
    if function is None or not isinstance(call, ast.Call):
        return
    start = site.module.span(node)[0]
    prior = 0.5 if function.body[-1] is node else 0.25
    edit = site.edit(start, start, "return ")
    yield from site.proposal(node, "lost-result", prior, "return the result", edit)
    if isinstance(call.func, ast.Attribute) and isinstance(
        call.func.value, ast.Name | ast.Attribute
    ):
        base = site.text(call.func.value)
        strong = call.func.attr in _RETURNING
        if base != "self":
            edit = site.edit(start, start, f"{base} = ")
            note = f"assign the result to {base}"
            yield from site.proposal(node, "lost-result", 0.85 if strong else 0.15, note, edit)


@on(ast.FunctionDef, ast.AsyncFunctionDef)
def missing_return(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Return something at the end of a function that falls off it."""
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    last = node.body[-1]
    if isinstance(last, ast.Return | ast.Raise):
        return
    none = any("None" in m for m in site.facts.messages)
    stored = [n.id for n in nodes(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    names = list(dict.fromkeys(reversed(stored)))[:3]
    names += [a.arg for a in node.args.args if a.arg not in names][:2]
    for rank, name in enumerate([*names, "True", "False"]):
        edit = site.after(last, f"return {name}")
        prior = (0.7 if none else 0.4) - 0.06 * rank
        note = f"return {name} at the end"
        yield from site.proposal(last, "missing-return", prior, note, edit)


@on(ast.Return)
def returned(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Return another value of the function."""
    assert isinstance(node, ast.Return)
    if node.value is None:
        for value in ("None", "[]", "{}", "False", "''"):
            yield from site.swap(node, f"return {value}", "returned", 0.3)
        return
    function = site.function(node)
    others = {
        site.flat(r.value): None
        for r in (nodes(function) if function else ())
        if isinstance(r, ast.Return) and r.value is not None and r is not node
    }
    for text in list(others)[:3]:
        yield from site.swap(node.value, text, "returned", 0.3)
    if isinstance(node.value, ast.Constant) and node.value.value is None:
        for name in site.names(node)[-3:]:
            if name not in ("self", "cls"):
                yield from site.swap(node.value, name, "returned", 0.3)


@on(ast.Break, ast.Continue, ast.Return, ast.Pass)
def flow(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """`break` against `continue`, and the like."""
    assert isinstance(node, ast.stmt)
    loop = site.in_loop(node)
    if isinstance(node, ast.Break):
        yield from site.swap(node, "continue", "flow", 0.5)
    elif isinstance(node, ast.Continue):
        yield from site.swap(node, "break", "flow", 0.5)
    elif isinstance(node, ast.Return) and loop:
        yield from site.swap(node, "continue", "flow", 0.3)
        yield from site.swap(node, "break", "flow", 0.3)
    elif isinstance(node, ast.Pass) and loop:
        yield from site.swap(node, "continue", "flow", 0.3)


@on(ast.Return, ast.Assign, ast.AugAssign, ast.Expr, ast.Raise, ast.If, ast.For)
def outdented(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Move the last statement of a block behind the block."""
    assert isinstance(node, ast.stmt)
    above = site.parent(node)
    block = block_of(site, node)
    if not block or block[-1] is not node or len(block) < 2:
        return
    if not isinstance(above, ast.If | ast.For | ast.While | ast.With | ast.Try):
        return
    if getattr(above, "orelse", None) and block is not above.orelse:  # type: ignore[union-attr]
        return
    if not site.module.begins_line(above):
        return
    text = site.reindented(node, site.module.indent(above))
    if text is None:
        return
    edit = site.edit(*site.lines_of(node), text)
    yield from site.proposal(node, "outdented", 0.45, "move it out of the block", edit)


@on(ast.Return, ast.Assign, ast.AugAssign, ast.Expr, ast.Raise, ast.If, ast.For)
def indented(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Move a statement into the block in front of it."""
    assert isinstance(node, ast.stmt)
    block = block_of(site, node)
    place = block.index(node) if node in block else 0
    if not place:
        return
    before = block[place - 1]
    inner = getattr(before, "body", None)
    if not isinstance(before, ast.If | ast.For | ast.While | ast.With) or not inner:
        return
    if getattr(before, "orelse", None) or not site.module.begins_line(inner[-1]):
        return
    text = site.reindented(node, site.module.indent(inner[-1]))
    if text is not None:
        edit = site.edit(*site.lines_of(node), text)
        yield from site.proposal(node, "indented", 0.35, "move it into the block above", edit)


@on(ast.Assign, ast.AugAssign, ast.Expr, ast.If, ast.Return, ast.For)
def reordered(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Exchange a statement with the next one."""
    assert isinstance(node, ast.stmt)
    block = block_of(site, node)
    place = block.index(node) if node in block else len(block)
    if place + 1 >= len(block):
        return
    following = block[place + 1]
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if not (site.module.stands_alone(node) and site.module.stands_alone(following)):
        return
    if isinstance(following, ast.FunctionDef | ast.ClassDef):
        return
    (a, b), (c, d) = site.lines_of(node), site.lines_of(following)
    text = site.module.text
    edit = site.edit(a, d, text[c:d] + text[b:c] + text[a:b])
    yield from site.proposal(node, "reordered", 0.33, "exchange it with the next statement", edit)


@on(ast.If)
def chained(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """`if` against `elif` and `while`."""
    assert isinstance(node, ast.If)
    start = site.module.span(node)[0]
    if site.module.text.startswith("elif", start):
        edit = site.edit(start, start + 4, "if")
        yield from site.proposal(node, "chained", 0.4, "elif -> if", edit)
        return
    block = block_of(site, node)
    place = block.index(node) if node in block else 0
    if place and isinstance(block[place - 1], ast.If) and not block[place - 1].orelse:  # type: ignore[attr-defined]
        edit = site.edit(start, start + 2, "elif")
        yield from site.proposal(node, "chained", 0.45, "if -> elif", edit)
    if not node.orelse:
        edit = site.edit(start, start + 2, "while")
        yield from site.proposal(node, "chained", 0.35, "if -> while", edit)


@on(ast.If)
def branch_order(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Ask a condition before the one that stands in front of it."""
    assert isinstance(node, ast.If)
    if len(node.orelse) != 1 or not isinstance(node.orelse[0], ast.If):
        return
    after = node.orelse[0]
    starts = site.module.span(after)[0]
    if not site.module.text.startswith("elif", starts):
        return
    parts = []
    for branch in (node, after):
        begin = site.module.span(branch.test)[0]
        last = branch.body[-1]
        end = site.module.line_start(last.end_lineno or last.lineno)
        end += len(site.module.lines[(last.end_lineno or last.lineno) - 1])
        parts.append((begin, end))
    (a, b), (c, d) = parts
    text = site.module.text
    edits = (site.edit(a, b, text[c:d]), site.edit(c, d, text[a:b]))
    note = f"ask {site.flat(after.test)[:40]} first"
    yield from site.proposal(after, "branch-order", 0.4, note, *edits)


@on(ast.Yield)
def delegated(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """`yield` against `yield from`."""
    assert isinstance(node, ast.Yield)
    if node.value is not None and isinstance(site.parent(node), ast.Expr):
        yield from site.swap(node, f"yield from {site.text(node.value)}", "delegated", 0.35)


@on(ast.FunctionDef, ast.AsyncFunctionDef)
def decorated(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """A missing or superfluous `property`, `staticmethod` or `classmethod`."""
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    holder = site.parent(node)
    if not isinstance(holder, ast.ClassDef) or not node.args.args:
        return
    first = node.args.args[0].arg
    names = [ast.unparse(d) for d in node.decorator_list]
    if first == "self" and len(node.args.args) == 1 and not names:
        edit = site.before(node, "@property")
        yield from site.proposal(node, "decorated", 0.15, "make it a property", edit)
