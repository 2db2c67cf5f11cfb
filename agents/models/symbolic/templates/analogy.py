"""Further members by analogy: what stands beside tells what is missing.

A call that hands on `a=self.a, b=self.b` often lacks `c=self.c`; a tuple of fields lacks a
field; a value lacks the call that the file puts around such values elsewhere. This is the
plastic surgery hypothesis (Barr et al., FSE 2014) below the level of statements; which forms
are worth their proposals was counted on small changes between releases of packages.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

from agents.models.symbolic.candidates import Proposal
from agents.models.symbolic.source import nodes
from agents.models.symbolic.templates.arguments import appended, callee
from agents.models.symbolic.templates.names import alike
from agents.models.symbolic.templates.site import Site, on
from agents.models.symbolic.templates.wrapping import place_of

MAX_KEYWORDS = 4
MAX_MEMBERS = 3
MAX_USED = 2
_COMMON = frozenset("isinstance print super type range len enumerate zip iter next vars id".split())
_COVERED = frozenset(
    "str list int tuple sorted float bool set dict abs reversed repr round".split()
)
"""Calls that `wrapping` proposes anyway."""


@on(ast.Call)
def keyword_alike(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Hand on one more field or parameter, as the call does with others: `b=self.b`."""
    assert isinstance(node, ast.Call)
    given = {k.arg for k in node.keywords}
    owners: Counter[str] = Counter()
    for keyword in node.keywords:
        value = keyword.value
        if isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name):
            if value.attr.lstrip("_") == str(keyword.arg).lstrip("_"):
                owners[value.value.id] += 1
        elif isinstance(value, ast.Name) and value.id == keyword.arg:
            owners[""] += 1
    function = site.function(node)
    if function is None or not owners or None in given:
        return
    read = {n.attr for n in nodes(function) if isinstance(n, ast.Attribute)}
    used = {n.id for n in nodes(function) if isinstance(n, ast.Name)}
    offers: dict[str, float] = {}
    if "self" in owners:
        for field in site.fields(node):
            name = field.lstrip("_")
            if name not in given and not {field, name} & read:
                offers[f"{name}=self.{field}"] = 0.5
    if owners[""]:
        for name in _parameters(function):
            if name not in given and name not in used:
                offers[f"{name}={name}"] = 0.9
    for owner in owners:
        if owner in ("", "self"):
            continue
        for attr in _attributes_of(site, owner):
            if attr not in given and attr not in read:
                offers.setdefault(f"{attr}={owner}.{attr}", 0.3)
    near = sorted(offers, key=lambda text: (-offers[text], text))
    for text in near[:MAX_KEYWORDS]:
        note = f"pass {text} too"
        edit = appended(site, node, text)
        yield from site.proposal(node, "keyword-alike", offers[text], note, edit)


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    args = function.args
    names = [a.arg for a in [*args.posonlyargs, *args.args, *args.kwonlyargs]]
    return [name for name in names if name not in ("self", "cls")]


def _attributes_of(site: Site, owner: str) -> list[str]:
    """Return the attributes that the file reads of a name, the most frequent first."""
    cached: dict[str, Counter[str]] | None = site.notes.get("attributes-of")
    if cached is None:
        cached = {}
        for child in nodes(site.module.tree):
            if isinstance(site.parent(child), ast.Call):
                continue
            if isinstance(child, ast.Attribute) and isinstance(child.value, ast.Name):
                cached.setdefault(child.value.id, Counter())[child.attr] += 1
        site.notes["attributes-of"] = cached
    return [attr for attr, _ in cached.get(owner, Counter()).most_common(8)]


@on(ast.Tuple, ast.List, ast.Set)
def member_alike(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """One more member of a display whose members are fields, methods or names of one kind."""
    assert isinstance(node, ast.Tuple | ast.List | ast.Set)
    if len(node.elts) < 2 or not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        return
    above = site.parent(node)
    owned = [e for e in node.elts if isinstance(e, ast.Attribute)]
    owned = [e for e in owned if isinstance(e.value, ast.Name)]
    present = {site.text(e) for e in node.elts}
    offers: list[str] = []
    if len(owned) == len(node.elts):
        owner = site.text(owned[0].value)
        if owner == "self":
            holder = site.module.class_of(node)
            methods = (
                [n.name for n in holder.body if isinstance(n, ast.FunctionDef)] if holder else []
            )
            fields = site.fields(node)
            pool = methods if {e.attr for e in owned} <= set(methods) else fields
        else:
            pool = _attributes_of(site, owner)
        offers = [f"{owner}.{name}" for name in pool if f"{owner}.{name}" not in present]
    elif all(isinstance(e, ast.Name) for e in node.elts) and site.function(node) is None:
        named = [e.id for e in node.elts if isinstance(e, ast.Name)]
        defined = [n.name for n in site.module.tree.body if isinstance(n, ast.ClassDef)]
        if set(named) <= set(defined):
            offers = [name for name in defined if name not in present]
    elif isinstance(above, ast.Return | ast.Assign) and len(owned) >= 2:
        offers = [f"self.{f}" for f in site.fields(node) if f"self.{f}" not in present]
    last = site.text(node.elts[-1])
    ranked = sorted(offers, key=lambda text: (-alike(text, last), text))
    end = site.module.span(node.elts[-1])[1]
    for text in ranked[:MAX_MEMBERS]:
        edit = site.edit(end, end, f", {text}")
        yield from site.proposal(node, "member-alike", 0.4, f"add {text}", edit)


@on(ast.Name, ast.Attribute, ast.Call, ast.Subscript)
def used_around(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Put a call around a value that the file puts around values elsewhere."""
    function = site.function(node)
    if function is None or place_of(site, node) != "value":
        return
    if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        return
    text = site.text(node)
    name = callee(node) if isinstance(node, ast.Call) else ""
    others = [call for call in _usual(site) if call.rpartition(".")[2] not in (name, function.name)]
    for rank, call in enumerate(others[:MAX_USED] if text not in ("self", "cls") else ()):
        yield from site.swap(node, f"{call}({text})", "used-around", 0.22 - 0.05 * rank)


def _usual(site: Site) -> list[str]:
    """Return the functions that a file calls with one argument, the most frequent first."""
    cached: list[str] | None = site.notes.get("usual")
    if cached is not None:
        return cached
    counts: Counter[str] = Counter()
    imported = _imports(site)
    for call in nodes(site.module.tree):
        if not isinstance(call, ast.Call) or call.keywords or len(call.args) != 1:
            continue
        if isinstance(call.args[0], ast.Starred) or not place_of(site, call):
            continue
        name = ast.unparse(call.func) if isinstance(call.func, ast.Name | ast.Attribute) else "("
        known = isinstance(call.func, ast.Name) or name.partition(".")[0] in imported
        if known and "(" not in name and name not in _COMMON and name not in _COVERED:
            counts[name] += 1
    cached = [name for name, _ in counts.most_common(MAX_USED + 2)]
    site.notes["usual"] = cached
    return cached


def _imports(site: Site) -> set[str]:
    found: set[str] = set()
    for statement in site.module.tree.body:
        if isinstance(statement, ast.Import):
            found |= {(a.asname or a.name).partition(".")[0] for a in statement.names}
    return found
