"""String constants: separators, case, keys, formats, and collections of strings."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterator

from agents.models.symbolic.candidates import Proposal
from agents.models.symbolic.source import nodes
from agents.models.symbolic.templates.names import alike
from agents.models.symbolic.templates.site import Site, is_docstring, on

MAX_FROM_TEST = 3
MAX_KEYS = 3


def literal(old: str, value: str) -> str:
    """Return a string literal in the quotes of another one."""
    quote = "'" if old.rstrip().endswith("'") else '"'
    text = repr(value)
    if text[0] != quote and quote not in value:
        inner = text[1:-1].replace(f"\\{text[0]}", text[0])
        return f"{quote}{inner}{quote}"
    return text


@on(ast.Constant)
def text(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Another string: trimmed, in other case, or a similar one of the test or the function."""
    assert isinstance(node, ast.Constant)
    value = node.value
    if not isinstance(value, str) or is_docstring(site.module, node) or len(value) > 200:
        return
    old = site.text(node)
    if not re.fullmatch(r"[uU]?(?:'[^'\n]*'|\"[^\"\n]*\")", old):
        return
    others: dict[str, float] = {}
    if value != value.strip() and value.strip():
        others[value.strip()] = 0.35
    if value and not value.isspace() and len(value) <= 3 and not value.isalnum():
        others[f" {value} "] = 0.15
        others[f"{value} "] = 0.3
        others[f" {value}"] = 0.2
    if value == " ":
        others |= {"": 0.3, "\n": 0.2, "_": 0.1, "-": 0.1}
    if value == "\n":
        others |= {"": 0.3, " ": 0.2, "\r\n": 0.2}
    if value.isidentifier():
        others[value.lower()] = 0.25
        others[value.upper()] = 0.25
        others[f"_{value}"] = 0.12
        others[value.replace("_", "-")] = 0.3
    if "-" in value and value.replace("-", "_").isidentifier():
        others[value.replace("-", "_")] = 0.3
    for other, prior in others.items():
        if other != value:
            yield from site.swap(node, literal(old, other), "text", prior)
    rated = sorted(
        ((difflib.SequenceMatcher(None, value, s).ratio(), s) for s in site.facts.strings),
        reverse=True,
    )
    near = [(ratio, s) for ratio, s in rated if s != value and ratio > 0.6 and len(value) > 2]
    for ratio, other in near[:MAX_FROM_TEST]:
        new = literal(old, other)
        yield from site.swap(node, new, "test-text", 0.7 * ratio, literal=True)


@on(ast.Constant)
def difference(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """A constant from which a stretch of the wrong output comes, changed to the wanted one."""
    assert isinstance(node, ast.Constant)
    value, old = node.value, site.text(node)
    if not isinstance(value, str) or not value or is_docstring(site.module, node):
        return
    if not re.fullmatch(r"[uU]?(?:'[^'\n]*'|\"[^\"\n]*\")", old):
        return
    for piece in site.facts.symptoms.pieces:
        new = piece.applied(value)
        if new is not None and new != value:
            yield from site.swap(node, literal(old, new), "difference", 0.5)


@on(ast.Constant)
def key(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Another key or name that the same function uses."""
    assert isinstance(node, ast.Constant)
    function = site.function(node)
    if not isinstance(node.value, str) or function is None or is_docstring(site.module, node):
        return
    if not node.value.replace("-", "_").isidentifier():
        return
    others = {
        n.value
        for n in nodes(function)
        if isinstance(n, ast.Constant)
        and isinstance(n.value, str)
        and n.value != node.value
        and n.value.replace("-", "_").isidentifier()
    }
    for _, other in sorted((-alike(other, node.value), other) for other in others)[:MAX_KEYS]:
        yield from site.swap(node, literal(site.text(node), other), "key", 0.25)


@on(ast.List, ast.Tuple, ast.Set)
def member(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """One more member of a collection of strings, from the test; or one less."""
    assert isinstance(node, ast.List | ast.Tuple | ast.Set)
    values = [e.value for e in node.elts if isinstance(e, ast.Constant)]
    if len(values) != len(node.elts) or len(values) < 2:
        return
    texts = [v for v in values if isinstance(v, str)]
    end = site.module.span(node.elts[-1])[1]
    if len(texts) == len(values):
        wanted = [s for s in site.facts.strings if s not in texts and _alike(s, texts)]
        for other in wanted[:MAX_FROM_TEST]:
            text = f", {literal(site.text(node.elts[-1]), other)}"
            note = f"add {other!r}"
            edit = site.edit(end, end, text)
            yield from site.proposal(node, "member", 0.55, note, edit, literal=True)
    for number, element in enumerate(node.elts):
        start, stop = site.module.span(element)
        if number:
            start = site.module.span(node.elts[number - 1])[1]
        else:
            stop = site.module.span(node.elts[1])[0]
        note = f"leave out {site.text(element)[:20]}"
        edit = site.edit(start, stop, "")
        yield from site.proposal(node, "member", 0.2, note, edit)


def _alike(text: str, others: list[str]) -> bool:
    """Whether a string looks like the members of a collection: of their length and kind."""
    longest, shortest = max(map(len, others)), min(map(len, others))
    kind = {o.replace("_", "").replace("-", "").isalnum() for o in others}
    same = text.replace("_", "").replace("-", "").isalnum() in kind
    return same and shortest - 2 <= len(text) <= longest + 6


@on(ast.Constant)
def characters(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """One more character in a set of characters (`strip("...")`, `c in "..."`)."""
    assert isinstance(node, ast.Constant)
    above = site.parent(node)
    if not isinstance(node.value, str) or not node.value:
        return
    stripping = isinstance(above, ast.Call) and getattr(above.func, "attr", "") in (
        "strip",
        "lstrip",
        "rstrip",
    )
    inside = isinstance(above, ast.Compare) and isinstance(above.ops[0], ast.In | ast.NotIn)
    if not (stripping or inside):
        return
    seen = {c for s in site.facts.strings for c in s if not c.isalnum() and c not in node.value}
    for character in sorted(seen)[:6]:
        new = literal(site.text(node), node.value + character)
        yield from site.swap(node, new, "characters", 0.35)


@on(ast.JoinedStr)
def formatted(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Show a value by `!r`, or without it."""
    assert isinstance(node, ast.JoinedStr)
    whole = site.text(node)
    start = site.module.span(node)[0]
    for match in list(re.finditer(r"\{([\w.\[\]]+)(![rsa])?(:[^{}]*)?\}", whole))[:3]:
        shown = "" if match[2] else "!r"
        new = f"{{{match[1]}{shown}{match[3] or ''}}}"
        note = f"{match[0]} -> {new}"
        edit = site.edit(start + match.start(), start + match.end(), new)
        yield from site.proposal(node, "formatted", 0.25, note, edit)
