"""Functions that the project has already: put around a value, or in place of another call.

Many fixes call what exists ("missing method call" of TBar, the plastic surgery hypothesis of
Barr et al., FSE 2014). A helper of a neighbouring module brings its import along. Helpers
whose name or docstring shares words with the statement come first.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tools.repair.candidates import Proposal
from tools.repair.fault_localisation import singular
from tools.repair.project import Signature, signature
from tools.repair.source import Edit, FunctionNode, Module
from tools.repair.templates.kinds import annotated, kind_of
from tools.repair.templates.site import Site, callee, on
from tools.repair.templates.wrapping import place_of

MAX_HELPERS = 6
MAX_EACH = 3
_WORD = re.compile(r"[a-z]{4,}")


@dataclass(frozen=True)
class Helper:
    """A module-level function.

    Attributes:
        call: How this file calls it.
        signature: Its parameters.
        weight: How much the statement speaks of it, from 0.3.
        takes: Kind of its first parameter, where it is annotated.
        calls: What it calls, directly or through others.
        asks: Whether it answers yes or no: then it is no conversion of a value.
        bring: The edit that imports it, where needed.
    """

    call: str
    signature: Signature
    weight: float
    takes: str
    calls: frozenset[str]
    asks: bool
    bring: Edit | None = None


def helpers(site: Site) -> list[Helper]:
    """Return the helpers of a file, the likeliest first; made once a file."""
    cached = site.notes.get("helpers")
    if cached is None:
        cached = sorted(_helpers(site), key=lambda h: (-h.weight, h.call))
        site.notes["helpers"] = cached
    return cached


def _helpers(site: Site) -> Iterator[Helper]:
    scope = _scope(site.module)
    for path, module in sorted(site.project.modules.items()):
        for node in module.tree.body:
            if not isinstance(node, ast.FunctionDef) or node.name.startswith("__"):
                continue
            found = signature(node)
            if not found.names:
                continue
            first = [*node.args.posonlyargs, *node.args.args]
            takes = annotated(first[0].annotation) if first else ""
            calls = site.project.reach(node.name)
            asks = _asks(node)
            helper = Helper(node.name, found, _weight(site, node), takes, calls, asks)
            if path == site.module.path or node.name in scope:
                yield helper
            elif posixpath.dirname(path) == posixpath.dirname(site.module.path):
                stem = posixpath.basename(path).removesuffix(".py")
                if stem in scope:
                    yield replace(helper, call=f"{stem}.{node.name}")
                elif not node.name.startswith("_"):
                    yield replace(helper, bring=_import(site, stem, node.name))


def _scope(module: Module) -> set[str]:
    """Return the names that the imports of a file bring."""
    names: set[str] = set()
    for node in module.tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)
    return names


def _weight(site: Site, node: ast.FunctionDef) -> float:
    words = site.facts.words
    parts = {singular(w) for w in _WORD.findall(node.name.lower())}
    summary = (ast.get_docstring(node) or "").lower().partition("\n")[0]
    told = {singular(w) for w in _WORD.findall(summary)}
    hits = 2 * len(parts & words.plain) + len((told - parts) & words.plain)
    if node.name in words.code or node.name in site.facts.called:
        hits += 2
    return min(0.28 + 0.08 * hits, 0.8)


def _import(site: Site, stem: str, name: str) -> Edit:
    """Return the edit that imports a name of a neighbouring module."""
    imports = [n for n in site.module.tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
    relative = [n for n in imports if isinstance(n, ast.ImportFrom) and n.level == 1]
    for node in relative:
        if node.module == stem and node.names[0].name != "*":
            end = site.module.span(node.names[-1])[1]
            return site.edit(end, end, f", {name}")
    package = posixpath.dirname(site.module.path).removeprefix("src/").replace("/", ".")
    plain = imports and not relative
    line = f"from {package + '.' if plain and package else '.'}{stem} import {name}\n"
    last = imports[-1].end_lineno or 0 if imports else 0
    if not imports and site.module.tree.body:
        first = site.module.tree.body[0]
        doc = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        last = (first.end_lineno or 0) if doc else 0
    at = site.module.line_start(last + 1)
    return site.edit(at, at, line)


def _asks(node: ast.FunctionDef) -> bool:
    name = node.name.lstrip("_")
    return annotated(node.returns) == "bool" or name.startswith(("is_", "has_", "can_"))


def _required(found: Signature) -> int:
    return len([n for n in found.names if n not in found.optional])


@on(ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.BinOp, ast.JoinedStr)
def around(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Pass a value through a helper of one parameter."""
    place = place_of(site, node)
    if not place or not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        return
    text = site.text(node)
    function = site.function(node)
    if text in ("self", "cls"):
        return
    kind = kind_of(site, node)
    made = 0
    for helper in helpers(site):
        name = helper.call.rpartition(".")[2]
        if _required(helper.signature) > 1 or helper.asks or _circular(function, helper):
            continue
        if text.startswith(f"{helper.call}(") or _different(kind, helper.takes):
            continue
        above = site.parent(node)
        if isinstance(above, ast.Call) and callee(above) == name:
            continue
        made += 1
        if made > MAX_HELPERS:
            break
        new = f"{helper.call}({text})"
        edits = [site.put(node, new), *([helper.bring] if helper.bring else [])]
        yield from site.proposal(
            node, "helper", helper.weight, f"pass {text[:30]} through {name}", *edits
        )


@on(ast.Name, ast.Attribute)
def around_each(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Pass each member of a collection through a helper of one parameter."""
    kind, text = kind_of(site, node), site.text(node)
    many = kind in ("list", "tuple", "iterator") or (not kind and text.endswith("s"))
    if not many or not isinstance(getattr(node, "ctx", None), ast.Load):
        return
    if place_of(site, node) not in ("value", "argument", "iter"):
        return
    function = site.function(node)
    fitting = [h for h in helpers(site) if _required(h.signature) <= 1 and not h.asks]
    for helper in [h for h in fitting if not _circular(function, h)][:MAX_EACH]:
        new = f"[{helper.call}(each) for each in {text}]"
        edits = [site.put(node, new), *([helper.bring] if helper.bring else [])]
        note = f"pass each of {text[:30]} through {helper.call}"
        yield from site.proposal(node, "helper-each", 0.9 * helper.weight, note, *edits)


@on(ast.Call)
def instead(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Call a helper in place of another function, with the same arguments."""
    assert isinstance(node, ast.Call)
    name = callee(node)
    if not isinstance(node.func, ast.Name) or node.keywords:
        return
    if name[:1].isupper() or any(isinstance(a, ast.Starred) for a in node.args):
        return
    function = site.function(node)
    count = len(node.args)
    kind = kind_of(site, node.args[0]) if node.args else ""
    made = 0
    for helper in helpers(site):
        other = helper.call.rpartition(".")[2]
        fits = _required(helper.signature) <= count <= len(helper.signature.names)
        if not fits or other == name or _circular(function, helper):
            continue
        if helper.asks != name.startswith(("is", "has_", "can_")):
            continue
        if not count or _different(kind, helper.takes):
            continue
        made += 1
        if made > MAX_HELPERS:
            break
        edits = [site.put(node.func, helper.call), *([helper.bring] if helper.bring else [])]
        yield from site.proposal(
            node, "instead", helper.weight, f"{name} -> {helper.call}", *edits,
            family=f"{name}->{helper.call}",
        )  # fmt: skip


def _circular(function: FunctionNode | None, helper: Helper) -> bool:
    """Whether a helper is the function at hand, or calls it."""
    if function is None:
        return False
    return function.name == helper.call.rpartition(".")[2] or function.name in helper.calls


def _different(one: str, two: str) -> bool:
    """Whether two kinds are known and not the same."""
    return bool(one and two) and one != two and {one, two} != {"list", "iterator"}
