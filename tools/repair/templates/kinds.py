"""What kind of value an expression has, where the source tells: enough to skip senseless edits."""

from __future__ import annotations

import ast

from repos.syntax import parse_expression
from tools.repair.source import nodes
from tools.repair.templates.site import Site

_CALLS = {
    "str": "str", "repr": "str", "chr": "str", "format": "str", "int": "int", "len": "int",
    "ord": "int", "round": "int", "sum": "int", "float": "float", "bool": "bool", "any": "bool",
    "all": "bool", "isinstance": "bool", "callable": "bool", "hasattr": "bool", "list": "list",
    "sorted": "list", "range": "list", "tuple": "tuple", "set": "set", "frozenset": "set",
    "dict": "dict",
}  # fmt: skip
_METHODS = {
    "strip": "str", "lstrip": "str", "rstrip": "str", "lower": "str", "upper": "str",
    "join": "str", "replace": "str", "format": "str", "title": "str", "decode": "str",
    "removeprefix": "str", "removesuffix": "str", "casefold": "str", "group": "str",
    "split": "list", "rsplit": "list", "splitlines": "list", "partition": "tuple",
    "rpartition": "tuple", "startswith": "bool", "endswith": "bool", "isdigit": "bool",
    "find": "int", "rfind": "int", "count": "int", "rindex": "int",
}  # fmt: skip
_DISPLAYS: dict[type[ast.AST], str] = {
    ast.JoinedStr: "str", ast.List: "list", ast.ListComp: "list", ast.Tuple: "tuple",
    ast.Dict: "dict", ast.DictComp: "dict", ast.Set: "set", ast.SetComp: "set",
    ast.Compare: "bool", ast.GeneratorExp: "iterator", ast.Lambda: "function",
}  # fmt: skip
_NAMES = frozenset({"str", "int", "float", "bool", "list", "tuple", "dict", "set", "bytes"})
_DEPTH = 3


def kind_of(site: Site, node: ast.AST, depth: int = 0) -> str:
    """Return "str", "int", "list", ..., "object" for another known class, or "" if unknown."""
    if depth > _DEPTH:
        return ""
    if isinstance(node, ast.Constant):
        return "" if node.value is None else type(node.value).__name__
    if type(node) in _DISPLAYS:
        return _DISPLAYS[type(node)]
    if isinstance(node, ast.UnaryOp):
        return "bool" if isinstance(node.op, ast.Not) else kind_of(site, node.operand, depth + 1)
    if isinstance(node, ast.BinOp):
        left, right = (kind_of(site, n, depth + 1) for n in (node.left, node.right))
        return left or right
    if isinstance(node, ast.Call):
        return _of_call(site, node)
    if isinstance(node, ast.Name):
        return _of_name(site, node, depth)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        holder = site.module.class_of(node) if node.value.id == "self" else None
        return _of_field(holder, node.attr)
    return ""


def _of_call(site: Site, node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        if node.func.attr.startswith(("is", "has_")):
            return "bool"
        return _METHODS.get(node.func.attr, "")
    name = getattr(node.func, "id", "")
    known = _CALLS.get(name, "") or site.project.returns.get(name, "")
    return known or ("object" if name.lstrip("_")[:1].isupper() else "")


def _of_name(site: Site, node: ast.Name, depth: int) -> str:
    function = site.function(node)
    if function is None:
        return ""
    args = function.args
    for arg in [*args.posonlyargs, *args.args, *args.kwonlyargs]:
        if arg.arg == node.id:
            return annotated(arg.annotation)
    for arg, kind in ((args.vararg, "tuple"), (args.kwarg, "dict")):
        if arg is not None and arg.arg == node.id:
            return kind
    for child in nodes(function):
        if isinstance(child, ast.AnnAssign) and getattr(child.target, "id", "") == node.id:
            return annotated(child.annotation)
        if isinstance(child, ast.Assign) and child.value is not node:
            stored = any(getattr(target, "id", "") == node.id for target in child.targets)
            found = kind_of(site, child.value, depth + 1) if stored else ""
            if found:
                return found
    return ""


def _of_field(holder: ast.ClassDef | None, name: str) -> str:
    for node in nodes(holder) if holder else ():
        if isinstance(node, ast.AnnAssign):
            target = node.target
            if name in (getattr(target, "id", ""), getattr(target, "attr", "")):
                return annotated(node.annotation)
    return ""


def annotated(node: ast.expr | None) -> str:
    """Return the kind that an annotation names; "" where None is allowed or it is unknown."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            node = parse_expression(node.value)
        except SyntaxError:
            return ""
    if isinstance(node, ast.Subscript):
        node = node.value
    name = getattr(node, "id", "")
    if name in _NAMES:
        return name
    return {"Iterable": "iterator", "Iterator": "iterator", "Sequence": "list"}.get(
        name, "object" if name[:1].isupper() and name not in ("Any", "Optional", "Union") else ""
    )
