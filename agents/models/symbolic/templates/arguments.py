"""Arguments of calls: missing, exchanged, superfluous, or the wrong one.

PAR's "parameter adder, remover and replacer".
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.models.symbolic.candidates import Proposal
from agents.models.symbolic.source import Edit, nodes
from agents.models.symbolic.templates.site import Site, on

MAX_SWAPS = 3


def callee(node: ast.Call) -> str:
    """Return the bare name of what is called."""
    return getattr(node.func, "attr", None) or getattr(node.func, "id", "")


def appended(site: Site, node: ast.Call, text: str) -> Edit:
    """Return the edit that puts one more argument at the end of a call."""
    end = site.module.span(node)[1] - 1
    inside = site.module.text[site.module.span(node.func)[1] : end].rstrip()
    if inside.endswith("("):
        return site.edit(end, end, text)
    at = site.module.span(node.func)[1] + len(inside)
    if "#" in inside.rpartition("\n")[2]:
        at = max(site.module.span(part)[1] for part in [*node.args, *node.keywords])
        inside = ""
    glue = " " if inside.endswith(",") else ", "
    return site.edit(at, at, f"{glue}{text}")


@on(ast.Call)
def pass_through(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Pass a parameter on that the called function takes by the same name."""
    assert isinstance(node, ast.Call)
    name = callee(node)
    given = {k.arg for k in node.keywords}
    if None in given:
        return
    names = set(site.names(node))
    fields = set(site.fields(node))
    offered: dict[str, float] = {}
    for signature in site.project.signatures.get(name, ()):
        positional = [p for p in signature.names if p not in signature.keyword_only]
        for parameter in signature.names:
            if parameter in given or parameter in positional[: len(node.args)]:
                continue
            if parameter in names:
                offered[f"{parameter}={parameter}"] = 0.9
            elif parameter in fields:
                offered[f"{parameter}=self.{parameter}"] = 0.7
            elif f"_{parameter}" in fields:
                offered[f"{parameter}=self._{parameter}"] = 0.7
    for text, prior in offered.items():
        note = f"pass {text} to {name}"
        yield from site.proposal(node, "pass-through", prior, note, appended(site, node, text))
    for signature in site.project.signatures.get(name, ()):
        for parameter in signature.optional - given:
            for flag in ("True", "False"):
                text = f"{parameter}={flag}"
                note = f"pass {text} to {name}"
                edit = appended(site, node, text)
                yield from site.proposal(node, "flag-argument", 0.2, note, edit)


@on(ast.Call)
def star_through(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Pass `*args` or `**kwargs` on."""
    assert isinstance(node, ast.Call)
    function = site.function(node)
    if function is None or site.parent(node) is None:
        return
    same = callee(node) in (function.name, "__init__", "super") or not node.keywords
    if function.args.kwarg and same and all(k.arg for k in node.keywords):
        text = f"**{function.args.kwarg.arg}"
        note = f"pass {text} on"
        yield from site.proposal(node, "star-through", 0.4, note, appended(site, node, text))
    starred = any(isinstance(a, ast.Starred) for a in node.args)
    if function.args.vararg and not starred and not node.keywords:
        text = f"*{function.args.vararg.arg}"
        note = f"pass {text} on"
        yield from site.proposal(node, "star-through", 0.3, note, appended(site, node, text))


@on(ast.Call)
def exchanged(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Exchange two neighbouring arguments."""
    assert isinstance(node, ast.Call)
    pairs = list(zip(node.args, node.args[1:], strict=False))[:MAX_SWAPS]
    for one, two in pairs:
        if isinstance(one, ast.Starred) or isinstance(two, ast.Starred):
            continue
        if site.text(one) == site.text(two):
            continue
        edits = (site.put(one, site.text(two)), site.put(two, site.text(one)))
        note = f"exchange {site.flat(one)[:20]} and {site.flat(two)[:20]}"
        yield from site.proposal(node, "exchanged", 0.45, note, *edits)


@on(ast.Call)
def dropped(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Leave out a keyword argument or the last positional one."""
    assert isinstance(node, ast.Call)
    parts: list[ast.expr | ast.keyword] = [*node.args, *node.keywords]
    positions = [site.module.span(part) for part in parts]
    for number, part in enumerate(parts):
        if isinstance(part, ast.Starred) or (isinstance(part, ast.keyword) and part.arg is None):
            continue
        if not isinstance(part, ast.keyword) and number != len(node.args) - 1:
            continue
        if isinstance(part, ast.GeneratorExp):
            continue
        if number:
            edit = site.edit(positions[number - 1][1], positions[number][1], "")
        elif len(parts) > 1:
            edit = site.edit(positions[0][0], positions[1][0], "")
        else:
            edit = site.edit(*positions[0], "")
        note = f"drop the argument {site.flat(part)[:30]}"
        prior = 0.25 if isinstance(part, ast.keyword) else 0.2
        yield from site.proposal(node, "dropped", prior, note, edit)


@on(ast.Call)
def keyword_value(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Give a keyword the local value of the same name."""
    assert isinstance(node, ast.Call)
    names = set(site.names(node))
    fields = set(site.fields(node))
    for keyword in node.keywords:
        if keyword.arg is None:
            continue
        text = site.text(keyword.value)
        if keyword.arg in names and text != keyword.arg:
            yield from site.swap(keyword.value, keyword.arg, "keyword-value", 0.55)
        if keyword.arg in fields and text != f"self.{keyword.arg}":
            yield from site.swap(keyword.value, f"self.{keyword.arg}", "keyword-value", 0.5)


@on(ast.Call)
def as_elsewhere(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Add the keyword argument that other calls of the same function in the file have."""
    assert isinstance(node, ast.Call)
    name = callee(node)
    given = {k.arg for k in node.keywords}
    if None in given or not name:
        return
    seen: dict[str, None] = {}
    known = {*site.names(node), "self"}
    for other in nodes(site.module.tree):
        if not isinstance(other, ast.Call) or other is node or callee(other) != name:
            continue
        for keyword in other.keywords:
            if keyword.arg is None or keyword.arg in given:
                continue
            used = {n.id for n in nodes(keyword.value) if isinstance(n, ast.Name)}
            local = set(site.names(other)) - known
            if not used & local:
                seen[f"{keyword.arg}={site.flat(keyword.value)}"] = None
    for text in list(seen)[:4]:
        note = f"add {text[:40]} as other calls of {name} do"
        edit = appended(site, node, text)
        yield from site.proposal(node, "as-elsewhere", 0.6, note, edit)


@on(ast.Call)
def usual_option(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Options of the standard library that are often forgotten."""
    assert isinstance(node, ast.Call)
    name = callee(node)
    given = {k.arg for k in node.keywords}
    options: tuple[tuple[str, float], ...] = ()
    if name in ("split", "rsplit") and len(node.args) == 1 and not given:
        options = (("1", 0.6),)
    elif name in ("split", "rsplit") and not node.args and not given:
        options = (("None, 1", 0.4),)
    elif name in ("open", "read_text", "write_text") and "encoding" not in given:
        options = (('encoding="utf-8"', 0.4), ('newline=""', 0.25))
    elif name == "splitlines" and not node.args and not given:
        options = (("keepends=True", 0.45),)
    elif name in ("sorted", "sort", "min", "max"):
        options = tuple(
            (text, prior)
            for text, prior in (
                ("key=str", 0.25),
                ("key=len", 0.3),
                ("reverse=True", 0.3),
                ("key=lambda item: item[0]", 0.25),
            )
            if text.partition("=")[0] not in given
        )
        if name in ("min", "max"):
            options = (("default=None", 0.35), ("default=0", 0.4), ("key=len", 0.25))
    elif name == "dumps":
        options = (("ensure_ascii=False", 0.4), ("sort_keys=True", 0.35), ("default=str", 0.3))
        options = tuple(o for o in options if o[0].partition("=")[0] not in given)
    elif name == "makedirs" or name == "mkdir":
        options = (("exist_ok=True", 0.6), ("parents=True, exist_ok=True", 0.4))
    elif name == "zip" and "strict" not in given:
        options = (("strict=True", 0.25),)
    elif name == "next" and len(node.args) == 1:
        raised = "StopIteration" in site.facts.raised
        options = (("None", 0.9 if raised else 0.4),)
    elif name == "getattr" and len(node.args) == 2:
        raised = "AttributeError" in site.facts.raised
        options = (("None", 0.9 if raised else 0.3),)
    elif name == "pop" and len(node.args) == 1 and isinstance(node.func, ast.Attribute):
        raised = "KeyError" in site.facts.raised
        options = (("None", 0.9 if raised else 0.35),)
    elif name == "get" and len(node.args) == 1 and not given:
        options = tuple((text, 0.3) for text in ("''", "[]", "{}", "0", "False", "()"))
    elif name == "replace" and len(node.args) == 2:
        options = (("1", 0.35),)
    elif name == "sum" and len(node.args) == 1:
        options = (("start=0", 0.1),)
    elif name in ("parse_qs", "parse_qsl"):
        options = (("keep_blank_values=True", 0.6),)
    elif name in ("encode", "decode") and isinstance(node.func, ast.Attribute):
        if not node.args and not given:
            options = (('"utf-8"', 0.3), ('errors="replace"', 0.2), ('errors="ignore"', 0.2))
        elif len(node.args) == 1 and not given:
            options = (('errors="replace"', 0.25), ('errors="ignore"', 0.25))
    elif name == "int" and len(node.args) == 1 and not given:
        options = (("10", 0.1), ("16", 0.15), ("8", 0.1))
    for text, prior in options:
        note = f"{name}(..., {text})"
        edit = appended(site, node, text)
        family = f"{name}:{text}"
        yield from site.proposal(node, "usual-option", prior, note, edit, family=family)
