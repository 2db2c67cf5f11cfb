"""Exceptions: which are caught, which are raised, and where."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from agents.models.symbolic.candidates import Proposal
from agents.models.symbolic.templates.guards import exits, variables
from agents.models.symbolic.templates.site import Site, on

_NEIGHBOURS = {
    "ValueError": ("TypeError", "OverflowError"),
    "TypeError": ("ValueError", "AttributeError"),
    "KeyError": ("IndexError", "LookupError"),
    "IndexError": ("KeyError", "ValueError"),
    "AttributeError": ("TypeError", "KeyError"),
    "ImportError": ("AttributeError",),
    "OSError": ("ValueError",),
    "IOError": ("OSError",),
    "FileNotFoundError": ("OSError",),
    "UnicodeDecodeError": ("ValueError",),
    "StopIteration": ("IndexError",),
}


def is_builtin(name: str) -> bool:
    """Whether a name is an exception of Python itself."""
    value = getattr(builtins, name, None)
    return isinstance(value, type) and issubclass(value, BaseException)


def raisable(site: Site, name: str) -> bool:
    """Whether an exception's name means something in this file."""
    if is_builtin(name):
        return True
    for node in site.module.tree.body:
        if isinstance(node, ast.ImportFrom | ast.Import):
            if any((alias.asname or alias.name) == name for alias in node.names):
                return True
        elif isinstance(node, ast.ClassDef) and node.name == name:
            return True
    return False


@on(ast.ExceptHandler)
def caught(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Catch the exception that was met as well; or another neighbour; or do otherwise then."""
    assert isinstance(node, ast.ExceptHandler)
    kind = node.type
    if kind is None:
        end = site.module.span(node)[0] + len("except")
        edit = site.edit(end, end, " Exception")
        yield from site.proposal(node, "caught", 0.3, "catch Exception only", edit)
        return
    present = [site.text(e) for e in kind.elts] if isinstance(kind, ast.Tuple) else []
    present = present or [site.text(kind)]
    met = [name for name in site.facts.raised if raisable(site, name)]
    others = dict.fromkeys(met, 0.95)
    for name in present:
        for other in _NEIGHBOURS.get(name, ()):
            others.setdefault(other, 0.35)
    for other, prior in others.items():
        if other in present:
            continue
        new = f"({', '.join([*present, other])})"
        yield from site.swap(kind, new, "caught", prior)
        yield from site.swap(kind, other, "caught", prior * 0.4)
    yield from site.swap(kind, "Exception", "caught", 0.3)
    first = node.body[0]
    for way, weight in exits(site, first) if len(node.body) == 1 else ():
        if isinstance(first, ast.Pass | ast.Return | ast.Continue):
            yield from site.swap(first, way, "handled", 0.4 * weight)
    if isinstance(first, ast.Pass | ast.Return | ast.Continue):
        yield from site.swap(first, "raise", "handled", 0.35)


@on(ast.Raise)
def raised(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Raise the exception that the test expects, or another one of the project."""
    assert isinstance(node, ast.Raise)
    value = node.exc
    if value is None:
        return
    kind = value.func if isinstance(value, ast.Call) else value
    now = site.text(kind)
    others = {name: 0.9 for name in site.facts.expected if raisable(site, name)}
    for name in sorted(site.project.exceptions):
        if raisable(site, name):
            others.setdefault(name, 0.25)
    for name in _NEIGHBOURS.get(now, ()):
        others.setdefault(name, 0.25)
    for name, prior in others.items():
        if name != now:
            yield from site.swap(kind, name, "raised", prior)
    for way, weight in exits(site, node):
        yield from site.swap(node, way, "not-raised", 0.3 * weight)


@on(ast.Assign, ast.Return, ast.Expr, ast.AugAssign)
def wrapped(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Catch the exception that was met around one statement."""
    assert isinstance(node, ast.stmt)
    met = [name for name in site.facts.raised if raisable(site, name)]
    wanted = [name for name in site.facts.expected if raisable(site, name)]
    if site.function(node) is None or not met:
        return
    indent = site.module.indent(node)
    body = site.reindented(node, indent + "    ")
    if body is None:
        return
    ways: list[tuple[str, float]] = list(exits(site, node))
    if isinstance(node, ast.Expr):
        ways.append(("pass", 0.8))
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = site.text(node.targets[0])
        ways += [(f"{target} = {value}", 0.5) for value in ("None", variables_of(site, node))]
    ways = [(f"raise {name}(str(error)) from error", 1.0) for name in wanted] + ways
    for name in met[:2]:
        for way, weight in ways:
            bound = " as error" if "from error" in way else ""
            head = f"{indent}try:\n{body}\n{indent}except {name}{bound}:\n{indent}    {way}"
            edit = site.edit(*site.lines_of(node), head)
            note = f"except {name}: {way}"
            yield from site.proposal(node, "wrapped", 0.5 * weight, note, edit)


def variables_of(site: Site, node: ast.stmt) -> str:
    """Return the first variable that a statement reads, or None."""
    return next(iter(variables(site, node)), "None")


@on(ast.Assign, ast.Return, ast.Expr, ast.For, ast.If)
def refuse(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Raise what the test expects where a value is unfit."""
    assert isinstance(node, ast.stmt)
    function = site.function(node)
    if function is None or not site.facts.expected:
        return
    if any(not m.startswith(("Failed", "AssertionError")) for m in site.facts.messages[:1]):
        return
    parameters = [a.arg for a in function.args.args if a.arg not in ("self", "cls")]
    names = dict.fromkeys([*variables(site, node), *parameters])
    for kind in [k for k in site.facts.expected if raisable(site, k)][:2]:
        for name in list(names)[:3]:
            for condition, prior in (
                (f"not {name}", 0.5),
                (f"{name} is None", 0.4),
                (f"{name} < 0", 0.4),
                (f"{name} <= 0", 0.3),
                (f"not isinstance({name}, str)", 0.2),
            ):
                line = f'raise {kind}(f"invalid {name}: {{{name}!r}}")'
                edit = site.before(node, f"if {condition}:", f"    {line}")
                note = f"if {condition}: raise {kind}"
                yield from site.proposal(node, "refuse", prior, note, edit)


@on(ast.ClassDef)
def based_on(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Make an exception class also one of the kind that the test expects."""
    assert isinstance(node, ast.ClassDef)
    if node.name not in site.project.exceptions or not node.bases:
        return
    present = [site.text(base) for base in node.bases]
    for name in site.facts.expected:
        if is_builtin(name) and name not in present:
            if present == ["Exception"]:
                yield from site.swap(node.bases[0], name, "based-on", 0.5)
            else:
                end = site.module.span(node.bases[-1])[1]
                edit = site.edit(end, end, f", {name}")
                note = f"{node.name} also is a {name}"
                yield from site.proposal(node, "based-on", 0.5, note, edit)
