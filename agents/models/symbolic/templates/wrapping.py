"""Missing calls around a value: conversions, copies, sorting, trimming, case."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.models.symbolic.candidates import Proposal
from agents.models.symbolic.templates.kinds import kind_of
from agents.models.symbolic.templates.site import Site, on

_METHODS: tuple[tuple[str, float], ...] = (
    ("strip()", 0.4),
    ("lower()", 0.4),
    ("rstrip()", 0.25),
    ("lstrip()", 0.25),
    ("casefold()", 0.15),
    ("copy()", 0.25),
)
_FUNCTIONS: tuple[tuple[str, float], ...] = (
    ("str", 0.3),
    ("list", 0.28),
    ("int", 0.25),
    ("tuple", 0.2),
    ("sorted", 0.25),
    ("float", 0.15),
    ("bool", 0.15),
    ("set", 0.15),
    ("dict", 0.18),
    ("abs", 0.15),
    ("reversed", 0.15),
    ("len", 0.12),
    ("repr", 0.15),
    ("round", 0.12),
)
_SENSIBLE = {
    "str": ("int", "list", "float", "len"),
    "bytes": ("str", "list", "len"),
    "int": ("str", "float", "bool", "abs"),
    "float": ("str", "int", "round", "abs"),
    "bool": ("int", "str"),
    "list": ("sorted", "tuple", "list", "set", "reversed", "len", "bool"),
    "tuple": ("list", "sorted", "set", "len"),
    "set": ("sorted", "list", "len", "bool"),
    "dict": ("dict", "list", "sorted", "len", "bool"),
    "iterator": ("list", "sorted", "tuple", "set"),
    "object": ("str", "list", "bool", "repr"),
}
"""Which conversions make sense for a kind of value; all of them where it is unknown."""


def place_of(site: Site, node: ast.AST) -> str:
    """Return in what role an expression stands, one of a few where a wrapper makes sense."""
    above = site.parent(node)
    if isinstance(above, ast.Return | ast.Assign | ast.AnnAssign | ast.Yield | ast.AugAssign):
        return "value" if getattr(above, "value", None) is node else ""
    if isinstance(above, ast.Call):
        return "argument" if node is not above.func else ""
    if isinstance(above, ast.keyword):
        return "argument"
    if isinstance(above, ast.Compare):
        return "operand"
    if isinstance(above, ast.For | ast.comprehension):
        return "iter" if above.iter is node else ""
    if isinstance(above, ast.Subscript):
        return "key" if above.slice is node else ""
    if isinstance(above, ast.ListComp | ast.GeneratorExp | ast.SetComp):
        return "element" if above.elt is node else ""
    if isinstance(above, ast.List | ast.Tuple | ast.Dict | ast.Set):
        return "element"
    return ""


@on(ast.Name, ast.Attribute, ast.Call, ast.Subscript)
def method(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """A missing method call: `.strip()`, `.lower()`, `.copy()`."""
    place = place_of(site, node)
    if not place or not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        return
    text = site.text(node)
    if text in ("self", "cls", "True", "False", "None"):
        return
    kind = kind_of(site, node)
    for call, prior in _METHODS:
        name = call.partition("(")[0]
        if kind not in (("", "list", "dict", "set", "object") if name == "copy" else ("", "str")):
            continue
        if text.endswith((f".{call}", f".{name}")) or (name == "copy" and place == "operand"):
            continue
        if place == "iter" and name != "copy":
            continue
        factor = {"value": 1.0, "operand": 1.0, "argument": 0.7, "key": 1.0}.get(place, 0.7)
        if isinstance(node, ast.Attribute) and place == "value" and name == "copy":
            factor = 1.8
        yield from site.swap(node, f"{text}.{call}", "method", prior * factor)


@on(ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.BinOp, ast.ListComp, ast.Dict, ast.List)
def function(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """A missing conversion around a value."""
    place = place_of(site, node)
    if not place or not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        return
    text = site.text(node)
    raised = site.facts.raised
    kind = kind_of(site, node)
    for name, prior in _FUNCTIONS:
        if kind and name not in _SENSIBLE.get(kind, ()):
            continue
        if text in ("self", "cls") or text.startswith(f"{name}("):
            continue
        if name in ("str", "int", "repr", "bool", "float", "round", "abs") and place == "iter":
            continue
        if name in ("list", "sorted", "reversed", "tuple") and place == "iter":
            prior = 0.45 if name != "tuple" else 0.2
            if "RuntimeError" in raised and name == "list":
                prior = 0.95
        elif name in ("str", "int", "list", "tuple") and "TypeError" in raised:
            prior *= 1.6
        elif place in ("argument", "element") and name not in ("str", "list", "int"):
            prior *= 0.5
        yield from site.swap(node, f"{name}({text})", "function", prior)


@on(ast.Compare)
def same_case(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Compare two strings without regard to case or outer white space."""
    assert isinstance(node, ast.Compare)
    kinds = ast.Eq | ast.NotEq | ast.In | ast.NotIn
    if len(node.ops) != 1 or not isinstance(node.ops[0], kinds):
        return
    left, right = node.left, node.comparators[0]
    ready = (ast.Name, ast.Attribute, ast.Call, ast.Subscript)
    if not (isinstance(left, ready) and isinstance(right, ready)):
        return
    for call, prior in (("lower()", 0.4), ("strip()", 0.25)):
        edits = (
            site.put(left, f"{site.text(left)}.{call}"),
            site.put(right, f"{site.text(right)}.{call}"),
        )
        yield from site.proposal(node, "same-case", prior, f"compare with .{call}", *edits)


@on(ast.Call, ast.Name, ast.Attribute)
def awaited(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """A missing `await`."""
    function = site.function(node)
    if not isinstance(node, ast.Call) or not isinstance(function, ast.AsyncFunctionDef):
        return
    if not isinstance(site.parent(node), ast.Await):
        yield from site.swap(node, f"await {site.text(node)}", "awaited", 0.3, loose=True)


@on(ast.For, ast.AsyncFor)
def unpacked(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Iterate over the items, keys or values of a dict."""
    assert isinstance(node, ast.For | ast.AsyncFor)
    text = site.text(node.iter)
    if not isinstance(node.iter, ast.Name | ast.Attribute | ast.Subscript):
        return
    if isinstance(node.target, ast.Tuple) and len(node.target.elts) == 2:
        yield from site.swap(node.iter, f"{text}.items()", "unpacked", 0.5)
        yield from site.swap(node.iter, f"enumerate({text})", "unpacked", 0.3)
    else:
        yield from site.swap(node.iter, f"{text}.values()", "unpacked", 0.2)
