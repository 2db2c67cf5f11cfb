"""Missing calls around a value: conversions, copies, sorting, trimming, case."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.repair.candidates import Proposal
from tools.repair.templates.kinds import kind_of
from tools.repair.templates.site import Site, on

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
