"""Wrong names: another variable in reach, another attribute, a field instead of a local."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator

from agents.models.symbolic.candidates import Proposal
from agents.models.symbolic.source import nodes
from agents.models.symbolic.templates.site import Site, on

MAX_NAMES = 5
MAX_ATTRIBUTES = 4


def alike(one: str, two: str) -> float:
    """Return how similar two names are, 0 to 1."""
    return difflib.SequenceMatcher(None, one, two).ratio()


@on(ast.Name)
def variable(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Another local name; one that the function never reads is the likeliest."""
    assert isinstance(node, ast.Name)
    function = site.function(node)
    if function is None or not isinstance(node.ctx, ast.Load) or node.id in ("self", "cls"):
        return
    local = site.names(node)
    above = site.parent(node)
    if node.id.isupper() and node.id not in local:
        yield from _constants(site, node)
        return
    if isinstance(above, ast.Call) and above.func is node and node.id not in local:
        return
    read = {
        n.id for n in nodes(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
    }
    rated = []
    for name in local:
        if name in (node.id, "self", "cls", "_"):
            continue
        prior = 0.22 + 0.2 * alike(name, node.id)
        if name not in read:
            prior += 0.35
        if node.id not in local:
            prior *= 0.5
        rated.append((prior, name))
    rated.sort(key=lambda pair: (-pair[0], pair[1]))
    for prior, name in rated[:MAX_NAMES]:
        yield from site.swap(node, name, "variable", prior)
    fields = site.fields(node)
    for form in (node.id, f"_{node.id}"):
        if form in fields:
            yield from site.swap(node, f"self.{form}", "field", 0.4)


def _constants(site: Site, node: ast.Name) -> Iterator[Proposal]:
    """Another constant of the module or of its imports."""
    others: set[str] = set()
    for statement in site.module.tree.body:
        if isinstance(statement, ast.Assign):
            others.update(t.id for t in statement.targets if isinstance(t, ast.Name))
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            others.add(statement.target.id)
        elif isinstance(statement, ast.ImportFrom):
            others.update(alias.asname or alias.name for alias in statement.names)
    rated = sorted(((alike(n, node.id), n) for n in others if n.isupper()), reverse=True)
    for ratio, name in [pair for pair in rated if pair[1] != node.id][:MAX_NAMES]:
        yield from site.swap(node, name, "constant", 0.3 + 0.15 * ratio)


@on(ast.Attribute)
def attribute(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Another attribute of the same object; the local of the same name."""
    assert isinstance(node, ast.Attribute)
    if not isinstance(node.value, ast.Name | ast.Attribute):
        return
    end = site.module.span(node)[1]
    start = end - len(node.attr)
    base = site.text(node.value)
    above = site.parent(node)
    called = isinstance(above, ast.Call) and above.func is node
    if base == "self" and not called:
        others = site.fields(node)
        local = [n for n in (node.attr, node.attr.lstrip("_")) if n in site.names(node)]
        if isinstance(node.ctx, ast.Load):
            for name in local:
                yield from site.swap(node, name, "local", 0.45)
    else:
        others = sorted(
            {
                n.attr
                for n in nodes(site.module.tree)
                if isinstance(n, ast.Attribute)
                and isinstance(n.value, ast.Name | ast.Attribute)
                and ast.unparse(n.value) == base
                and _called(site, n) == called
            }
        )
    rated = sorted(((alike(name, node.attr), name) for name in others), reverse=True)
    for ratio, name in [pair for pair in rated if pair[1] != node.attr][:MAX_ATTRIBUTES]:
        prior = (0.2 if called else 0.25) + 0.15 * ratio
        note = f"{base}.{node.attr} -> {base}.{name}"
        edit = site.edit(start, end, name)
        yield from site.proposal(node, "attribute", prior, note, edit)


def _called(site: Site, node: ast.AST) -> bool:
    above = site.parent(node)
    return isinstance(above, ast.Call) and above.func is node


@on(ast.Attribute, ast.Name)
def getter(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """What a method without parameters, or a property, says instead of a field or a local."""
    if not isinstance(getattr(node, "ctx", None), ast.Load):
        return
    text = site.text(node)
    above = site.parent(node)
    if isinstance(node, ast.Attribute) and not text.startswith("self."):
        return
    if isinstance(above, ast.Attribute) or (isinstance(above, ast.Call) and above.func is node):
        return
    function, holder = site.function(node), site.module.class_of(node)
    if function is None or holder is None or text == "self":
        return
    if not function.args.args or function.args.args[0].arg != "self":
        return
    rated = []
    for method in holder.body:
        if not isinstance(method, ast.FunctionDef) or method is function:
            continue
        if len(method.args.args) != 1 or method.args.kwonlyargs or method.name.startswith("__"):
            continue
        if not any(isinstance(n, ast.Return) and n.value for n in nodes(method)):
            continue
        is_property = any("property" in ast.unparse(d) for d in method.decorator_list)
        uses = text.removeprefix("self.") in {
            getattr(n, "attr", "") for n in nodes(method) if isinstance(n, ast.Attribute)
        }
        parts = set(method.name.lower().split("_")) & site.facts.words.plain
        field = isinstance(node, ast.Attribute)
        prior = (0.25 if field else 0.12) + 0.15 * uses + 0.08 * len(parts)
        rated.append((prior, f"self.{method.name}" + ("" if is_property else "()")))
    for prior, new in sorted(rated, key=lambda pair: (-pair[0], pair[1]))[:MAX_ATTRIBUTES]:
        if new != text:
            yield from site.swap(node, new, "getter", prior)


@on(ast.Attribute)
def owner(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """The same attribute of another object in reach."""
    assert isinstance(node, ast.Attribute)
    if not isinstance(node.value, ast.Name) or not isinstance(node.ctx, ast.Load):
        return
    holders = sorted(
        {
            n.value.id
            for n in nodes(site.module.tree)
            if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)
        }
        & set(site.names(node))
    )
    for name in [n for n in holders if n != node.value.id][:3]:
        yield from site.swap(node.value, name, "owner", 0.22)
