"""Calls of the wrong function: a sibling of the same kind, one call too many, look-ups."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator

from agents.models.symbolic.candidates import Proposal
from agents.models.symbolic.templates.arguments import callee
from agents.models.symbolic.templates.site import Site, on

_FAMILIES: tuple[tuple[str, ...], ...] = (
    ("strip", "lstrip", "rstrip"),
    ("split", "rsplit"),
    ("partition", "rpartition"),
    ("find", "rfind"),
    ("index", "rindex"),
    ("startswith", "endswith"),
    ("removeprefix", "removesuffix"),
    ("ljust", "rjust", "center"),
    ("lower", "upper", "casefold"),
    ("title", "capitalize"),
    ("isdigit", "isdecimal", "isnumeric", "isalnum"),
    ("isalpha", "isalnum", "isidentifier"),
    ("append", "extend"),
    ("add", "update"),
    ("remove", "discard"),
    ("popleft", "pop"),
    ("appendleft", "append"),
    ("keys", "values", "items"),
    ("match", "fullmatch", "search"),
    ("finditer", "findall"),
    ("min", "max"),
    ("any", "all"),
    ("floor", "ceil", "trunc"),
    ("int", "round", "float"),
    ("list", "tuple", "set", "sorted"),
    ("str", "repr"),
    ("union", "intersection", "difference", "symmetric_difference"),
    ("issubset", "issuperset"),
    ("bisect_left", "bisect_right"),
    ("dirname", "basename"),
    ("abspath", "realpath"),
    ("isfile", "exists", "isdir"),
    ("is_file", "exists", "is_dir"),
    ("copy", "deepcopy"),
    ("read", "readlines", "readline"),
    ("setdefault", "get"),
    ("isinstance", "issubclass"),
    ("utcnow", "now"),
    ("weekday", "isoweekday"),
    ("total_seconds", "seconds"),
    ("append", "insert"),
    ("quote", "quote_plus"),
    ("unquote", "unquote_plus"),
)
_SIBLINGS: dict[str, list[str]] = {}
for _family in _FAMILIES:
    for _name in _family:
        _SIBLINGS.setdefault(_name, []).extend(n for n in _family if n != _name)

MAX_SIMILAR = 3


def _name_span(site: Site, node: ast.Call) -> tuple[int, int]:
    """Return the offsets of the bare name that is called."""
    start, end = site.module.span(node.func)
    if isinstance(node.func, ast.Attribute):
        return end - len(node.func.attr), end
    return start, end


@on(ast.Call)
def sibling(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Another function of the same family (`strip` and `rstrip`, `match` and `fullmatch`)."""
    assert isinstance(node, ast.Call)
    name = callee(node)
    if name in site.project.signatures:
        return
    for other in dict.fromkeys(_SIBLINGS.get(name, ())):
        note = f"{name} -> {other}"
        edit = site.edit(*_name_span(site, node), other)
        yield from site.proposal(node, "sibling", 0.45, note, edit)
    if name == "append" and len(node.args) == 1:
        edit = site.edit(
            _name_span(site, node)[0],
            site.module.span(node)[1],
            f"insert(0, {site.text(node.args[0])})",
        )
        yield from site.proposal(node, "sibling", 0.3, "append -> insert(0, ...)", edit)
    if name == "pop" and not node.args:
        edit = site.edit(_name_span(site, node)[0], site.module.span(node)[1], "pop(0)")
        yield from site.proposal(node, "sibling", 0.4, "pop() -> pop(0)", edit)
    if name == "pop" and len(node.args) == 1:
        yield from site.swap(node.args[0], "", "sibling", 0.3)


@on(ast.Call)
def similar(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Another function of the project with a similar name."""
    assert isinstance(node, ast.Call)
    name = callee(node)
    if name not in site.project.signatures:
        return
    others = [n for n in site.project.signatures if n != name and not n.startswith("__")]
    rated = sorted(
        ((difflib.SequenceMatcher(None, name, other).ratio(), other) for other in others),
        reverse=True,
    )
    for ratio, other in rated[:MAX_SIMILAR]:
        if ratio > 0.6:
            note = f"{name} -> {other}"
            edit = site.edit(*_name_span(site, node), other)
            yield from site.proposal(node, "similar", 0.4 * ratio, note, edit)


@on(ast.Call)
def unwrapped(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Leave out a call: its argument, or the object of the method, alone."""
    assert isinstance(node, ast.Call)
    if isinstance(site.parent(node), ast.Expr | ast.Await):
        return
    if len(node.args) == 1 and not node.keywords and not isinstance(node.args[0], ast.Starred):
        inner = node.args[0]
        if not isinstance(inner, ast.GeneratorExp):
            yield from site.swap(node, site.text(inner), "unwrapped", 0.3, loose=True)
    if isinstance(node.func, ast.Attribute) and len(node.args) <= 1:
        value = site.text(node.func.value)
        if value not in ("self", "cls", "re", "os", "super()"):
            yield from site.swap(node, value, "unwrapped", 0.3)


@on(ast.Subscript)
def lookup(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """`d[k]` against `d.get(k)`."""
    assert isinstance(node, ast.Subscript)
    if not isinstance(node.ctx, ast.Load) or isinstance(node.slice, ast.Slice | ast.Tuple):
        return
    if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, int):
        return
    base, key = site.text(node.value), site.text(node.slice)
    strong = "KeyError" in site.facts.raised
    yield from site.swap(node, f"{base}.get({key})", "lookup", 0.9 if strong else 0.35)
    for other in (key, "''", "[]", "0", "{}", "False"):
        new = f"{base}.get({key}, {other})"
        yield from site.swap(node, new, "lookup", 0.5 if strong else 0.2)


@on(ast.Call)
def strict_lookup(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """`d.get(k)` against `d[k]`, and `d.get(k) or default`."""
    assert isinstance(node, ast.Call)
    if callee(node) != "get" or not isinstance(node.func, ast.Attribute) or not node.args:
        return
    base, key = site.text(node.func.value), site.text(node.args[0])
    yield from site.swap(node, f"{base}[{key}]", "strict-lookup", 0.25)
    if len(node.args) == 2:
        new = f"{base}.get({key}) or {site.text(node.args[1])}"
        yield from site.swap(node, new, "get-or", 0.5, loose=True)
        yield from site.swap(node, f"{base}.get({key})", "get-or", 0.3)


@on(ast.Attribute)
def optional_attribute(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """`x.a` against `getattr(x, "a", None)` and against `x.a if x else None`."""
    assert isinstance(node, ast.Attribute)
    above = site.parent(node)
    called = isinstance(above, ast.Call) and above.func is node
    if not isinstance(node.ctx, ast.Load) or site.text(node.value) in ("self", "cls"):
        return
    strong = "AttributeError" in site.facts.raised
    if not called and not isinstance(above, ast.Attribute):
        new = f'getattr({site.text(node.value)}, "{node.attr}", None)'
        yield from site.swap(node, new, "optional-attribute", 0.6 if strong else 0.15)
    whole = above if called else node
    assert whole is not None
    value = site.text(node.value)
    if isinstance(node.value, ast.Name | ast.Attribute) and "\n" not in site.text(whole):
        new = f"{site.text(whole)} if {value} is not None else None"
        prior = 0.55 if strong else 0.15
        yield from site.swap(whole, new, "optional-attribute", prior, loose=True)
