"""Values under a condition: a key that may be missing, an empty base, an `else` too wide.

The conditions follow from the expression itself ("insert null pointer checker" and "insert
range checker" of TBar, Liu et al., ISSTA 2019), so that none has to be looked for.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.models.symbolic.candidates import Proposal
from agents.models.symbolic.source import nodes
from agents.models.symbolic.templates.guards import exits
from agents.models.symbolic.templates.site import Site, on
from agents.models.symbolic.templates.wrapping import place_of

MAX_KEYS = 3
MAX_ELSE = 4
_ASKING = ("pop", "get", "split", "partition", "index")
_DEFAULTS = ("None", "''", "[]", "False")


@on(ast.Subscript, ast.Call, ast.Attribute)
def if_present(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """`base[...] if base else None` where a value is None that is read further."""
    if place_of(site, node) not in ("value", "argument"):
        return
    base = _base(node)
    if not any("NoneType" in message for message in site.facts.messages):
        return
    if base is None or site.function(node) is None or "\n" in site.text(node):
        return
    name = site.text(base)
    if name not in site.names(node) and not name.startswith("self."):
        return
    for rank, value in enumerate(_DEFAULTS):
        new = f"{site.text(node)} if {name} else {value}"
        yield from site.swap(node, new, "if-present", 0.5 - 0.05 * rank, loose=True)


def _base(node: ast.AST) -> ast.expr | None:
    """Return the name or field that a look-up, method call or conversion reads first."""
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute):
            return _base(node.func)
        if len(node.args) == 1 and isinstance(node.args[0], ast.Name | ast.Attribute):
            return node.args[0]
        return None
    if isinstance(node, ast.Subscript | ast.Attribute):
        value = node.value
        if isinstance(value, ast.Name) and value.id not in ("self", "cls"):
            return value
        if isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name):
            return value
    return None


@on(ast.Name, ast.Attribute)
def unless_kind(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """`x if isinstance(x, T) else T(x)`: convert only what is not of the type yet."""
    if place_of(site, node) not in ("value", "argument", "iter"):
        return
    text = site.text(node)
    if text in ("self", "cls") or text not in site.names(node):
        return
    typed = {"TypeError", "AttributeError"} & set(site.facts.raised)
    if not typed or not isinstance(getattr(node, "ctx", None), ast.Load):
        return
    for kind, prior in (("str", 0.3), ("list", 0.3), ("dict", 0.25), ("tuple", 0.2)):
        new = f"{text} if isinstance({text}, {kind}) else {kind}({text})"
        yield from site.swap(node, new, "unless-kind", prior, loose=True)


def _lookups(node: ast.AST, *, wide: bool = False) -> list[tuple[str, str]]:
    """Return base and key of the look-ups with a key in an expression or statement.

    Args:
        node: The expression or statement.
        wide: Whether keys that are set, asked with a default or split at count too.
    """
    found: dict[tuple[str, str], None] = {}
    for child in nodes(node):
        key = base = None
        if isinstance(child, ast.Subscript) and (wide or isinstance(child.ctx, ast.Load)):
            key, base = child.slice, child.value
        elif isinstance(child, ast.Call) and isinstance(child.func, ast.Attribute) and child.args:
            popped = child.func.attr == "pop" and len(child.args) == 1
            if popped or (wide and child.func.attr in _ASKING):
                key, base = child.args[0], child.func.value
        text = isinstance(key, ast.Constant) and isinstance(key.value, str)
        if base is not None and key is not None and (text or isinstance(key, ast.Name)):
            found[ast.unparse(base), ast.unparse(key)] = None
    return list(found)


@on(ast.Assign, ast.Return, ast.Expr, ast.AugAssign, ast.For)
def key_guard(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Do a statement only where the key that it reads is there; else leave or skip."""
    assert isinstance(node, ast.stmt)
    if site.function(node) is None or not site.module.stands_alone(node):
        return
    head = node.iter if isinstance(node, ast.For) else node
    strong = "KeyError" in site.facts.raised
    indent = site.module.indent(node)
    for base, key in _lookups(head)[:MAX_KEYS]:
        body = site.reindented(node, indent + "    ")
        if body is not None and not isinstance(node, ast.Return):
            text = f"{indent}if {key} in {base}:\n{body}"
            edit = site.edit(*site.lines_of(node), text)
            note = f"only if {key} in {base}"
            yield from site.proposal(node, "key-guard", 0.6 if strong else 0.3, note, edit)
        for way, weight in exits(site, node)[:2]:
            edit = site.before(node, f"if {key} not in {base}:", f"    {way}")
            note = f"if {key} not in {base}: {way}"
            prior = (0.5 if strong else 0.25) * weight
            yield from site.proposal(node, "key-guard", prior, note, edit)


@on(ast.If, ast.IfExp, ast.While)
def key_part(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Ask first whether the key is there that a condition, or what it guards, looks up."""
    test: ast.expr = node.test  # type: ignore[attr-defined]
    body = node.body if isinstance(node.body, list) else [node.body]  # type: ignore[attr-defined]
    text = site.text(test)
    if "\n" in text:
        return
    strong = "KeyError" in site.facts.raised
    pairs = dict.fromkeys([*_lookups(test), *(p for part in body for p in _lookups(part))])
    for base, key in list(pairs)[:MAX_KEYS]:
        asked = f"{key} in {base}"
        if asked in text or f"{key} not in {base}" in text:
            continue
        whole = f"({text})" if isinstance(test, ast.BoolOp | ast.IfExp | ast.Lambda) else text
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
            whole = text
        new = f"{asked} and {whole}"
        yield from site.swap(test, new, "key-part", 0.5 if strong else 0.2, loose=True)


@on(ast.If)
def narrower_else(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Give an `else` a condition of its own, that what stands in it asks for."""
    assert isinstance(node, ast.If)
    if not node.orelse or (len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If)):
        return
    last = node.body[-1].end_lineno or node.lineno
    for number in range(last + 1, node.orelse[0].lineno + 1):
        line = site.module.lines[number - 1]
        if line.strip().startswith("else:"):
            break
    else:
        return
    at = site.module.line_start(number) + len(line) - len(line.lstrip())
    offers: dict[str, float] = {}
    known = {*site.names(node), *(f"self.{field}" for field in site.fields(node))}
    for part in node.orelse:
        for base, key in _lookups(part, wide=True):
            offers.setdefault(f"{key} in {base}", 0.3)
        for child in nodes(part):
            text = ast.unparse(child) if isinstance(child, ast.Name | ast.Attribute) else ""
            if text in known and text not in ("self", "cls"):
                offers.setdefault(text, 0.2)
                offers.setdefault(f"{text} is not None", 0.2)
    for text in list(offers)[:MAX_ELSE]:
        edit = site.edit(at, at + len("else"), f"elif {text}")
        yield from site.proposal(
            node.orelse[0], "narrower-else", offers[text], f"else -> elif {text}", edit
        )


@on(ast.If)
def wider_else(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Let the last `elif` be the `else`."""
    assert isinstance(node, ast.If)
    start = site.module.span(node)[0]
    if node.orelse or not site.module.text.startswith("elif", start):
        return
    end = site.module.span(node.test)[1]
    edit = site.edit(start, end, "else")
    yield from site.proposal(node, "wider-else", 0.25, "elif -> else", edit)
