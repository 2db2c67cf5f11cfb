"""Guards: leave early, skip, or give a default where a value is None, empty or of another type.

PAR's "null pointer checker" and TBar's "insert null check", with Python's types (PyTER).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.repair.candidates import Proposal
from tools.repair.source import nodes
from tools.repair.templates.site import Site, on, reads

MAX_VARIABLES = 3
MAX_EXITS = 4
_BINARY = frozenset(
    f"__{prefix}{name}__"
    for name in "eq ne lt le gt ge add sub mul truediv floordiv mod and or xor matmul".split()
    for prefix in ("", "r", "i")
)
"""Methods that say by NotImplemented that the other operand shall be asked."""

_SIMPLE = (
    ast.Assign,
    ast.AugAssign,
    ast.AnnAssign,
    ast.Return,
    ast.Expr,
    ast.For,
    ast.If,
    ast.While,
    ast.With,
)


def exits(site: Site, node: ast.stmt) -> list[tuple[str, float]]:
    """Return ways to leave at a statement, with weights: what the function returns elsewhere."""
    function = site.function(node)
    found: dict[str, float] = {}
    if site.in_loop(node):
        found["continue"] = 1.0
    if function is None:
        return list(found.items())
    returned = [
        r for r in nodes(function) if isinstance(r, ast.Return) and site.function(r) is function
    ]
    values = [r.value for r in returned if r.value is not None]
    if function.name in _BINARY:
        found["return NotImplemented"] = 0.8
    arguments = {a.arg for a in [*function.args.posonlyargs, *function.args.args]}
    known = set(site.names(node))
    for value in values:
        text = site.flat(value)
        used = {n.id for n in nodes(value) if isinstance(n, ast.Name)}
        local = used & set(site.names(function.body[-1])) if used else set()
        if len(text) <= 40 and (local <= known):
            plain = isinstance(value, ast.Constant | ast.Name | ast.List | ast.Dict | ast.Tuple)
            found.setdefault(f"return {text}", 0.9 if plain else 0.55)
    if not values:
        found["return"] = 0.9
    else:
        found.setdefault("return None", 0.45)
        for name in sorted(arguments & known - {"self", "cls"})[:2]:
            found.setdefault(f"return {name}", 0.4)
        kinds = {type(value) for value in values}
        if ast.List in kinds or ast.ListComp in kinds:
            found.setdefault("return []", 0.7)
        if ast.Dict in kinds or ast.DictComp in kinds:
            found.setdefault("return {}", 0.7)
        if ast.JoinedStr in kinds or _returns_text(values):
            found.setdefault('return ""', 0.6)
        if ast.Compare in kinds or ast.BoolOp in kinds:
            found.setdefault("return False", 0.7)
            found.setdefault("return True", 0.5)
    return sorted(found.items(), key=lambda pair: -pair[1])[:MAX_EXITS]


def _returns_text(values: list[ast.expr]) -> bool:
    text_calls = ("join", "strip", "format", "replace", "lower", "upper")
    return any(
        isinstance(v, ast.Call) and getattr(v.func, "attr", "") in text_calls for v in values
    )


def variables(site: Site, node: ast.stmt, *, attributes: bool = False) -> list[str]:
    """Return names and fields that a statement reads and that are in reach.

    Args:
        site: The file.
        node: The statement.
        attributes: Whether attributes of other names in reach (`a.b`) count too.
    """
    names = site.names(node)
    known = {*names, *(f"self.{name}" for name in site.fields(node))}
    head: ast.AST = node
    if isinstance(node, ast.For | ast.AsyncFor):
        head = node.iter
    elif isinstance(node, ast.If | ast.While):
        head = node.test
    elif isinstance(node, ast.With):
        head = node.items[0]
    read = reads(head)
    if attributes:
        known |= {n for n in read if "." in n and n.partition(".")[0] in names}
        read.sort(key=lambda n: n.partition(".")[0] == n)
    return [n for n in read if n in known and n not in ("self", "cls")][:MAX_VARIABLES]


@on(*_SIMPLE)
def leave(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Leave early where a value is missing."""
    assert isinstance(node, ast.stmt)
    if site.function(node) is None:
        return
    none = any("NoneType" in m for m in site.facts.messages)
    for name in variables(site, node):
        for way, weight in exits(site, node):
            for condition, prior in ((f"{name} is None", 0.36), (f"not {name}", 0.42)):
                if none and condition.endswith("None"):
                    prior = 0.75
                edit = site.before(node, f"if {condition}:", f"    {way}")
                note = f"if {condition}: {way}"
                yield from site.proposal(node, "leave", prior * weight, note, edit)


@on(ast.Assign, ast.Return, ast.Expr, ast.For, ast.If)
def fallback(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Give a missing value a default first."""
    assert isinstance(node, ast.stmt)
    function = site.function(node)
    if function is None:
        return
    none = any("NoneType" in m for m in site.facts.messages)
    parameters = {a.arg for a in [*function.args.args, *function.args.kwonlyargs]}
    for name in [n for n in variables(site, node) if n in parameters][:2]:
        for value in ("[]", "{}", '""', "0"):
            edit = site.before(node, f"if {name} is None:", f"    {name} = {value}")
            note = f"if {name} is None: {name} = {value}"
            yield from site.proposal(node, "fallback", 0.5 if none else 0.2, note, edit)


@on(ast.Assign, ast.AugAssign, ast.Expr, ast.Return, ast.Raise, ast.Delete)
def only_if(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Do a statement only under a condition."""
    assert isinstance(node, ast.stmt)
    if site.function(node) is None or not site.module.stands_alone(node):
        return
    indent = site.module.indent(node)
    body = site.reindented(node, indent + "    ")
    if body is None or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        return
    target = node.targets[0] if isinstance(node, ast.Assign) else None
    near = [site.text(target)] if isinstance(target, ast.Name | ast.Attribute) else []
    names = dict.fromkeys([*variables(site, node), *near, *variables(site, node, attributes=True)])
    if isinstance(node, ast.Assign) and isinstance(target, ast.Subscript):
        key, base = site.text(target.slice), site.text(target.value)
        yield from _under(site, node, body, f"{key} not in {base}", 0.5)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and node.value.args:
        func = node.value.func
        if isinstance(func, ast.Attribute) and func.attr in ("append", "add"):
            item, base = site.text(node.value.args[0]), site.text(func.value)
            yield from _under(site, node, body, f"{item} not in {base}", 0.5)
    for name in list(names)[: MAX_VARIABLES + 1]:
        for condition, prior in (
            (name, 0.4),
            (f"{name} is not None", 0.4),
            (f"not {name}", 0.22),
            (f"{name} is None", 0.25),
        ):
            yield from _under(site, node, body, condition, prior)


def _under(
    site: Site, node: ast.stmt, body: str, condition: str, prior: float
) -> Iterator[Proposal]:
    start, end = site.lines_of(node)
    text = f"{site.module.indent(node)}if {condition}:\n{body}"
    note = f"only if {condition}"
    yield from site.proposal(node, "only-if", prior, note, site.edit(start, end, text))


@on(ast.Name, ast.Attribute)
def or_default(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """`x or default` in place of x where a value is iterated, passed or returned."""
    above = site.parent(node)
    if not isinstance(getattr(node, "ctx", None), ast.Load) or site.text(node) in ("self", "cls"):
        return
    none = any("NoneType" in m for m in site.facts.messages)
    text = site.text(node)
    values: tuple[str, ...] = ()
    if isinstance(above, ast.For | ast.comprehension) and above.iter is node:
        values = ("()", "[]")
    elif isinstance(above, ast.Return | ast.Assign) and above.value is node:
        values = ("[]", "{}", '""', "None")
    elif isinstance(above, ast.Call) and node is not above.func:
        values = ('""', "()")
    for value in values:
        prior = 0.45 if none else 0.15
        yield from site.swap(node, f"{text} or {value}", "or-else", prior, loose=True)
