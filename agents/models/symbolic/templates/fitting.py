"""Functions that the failing comparisons ask for, put around values."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.models.symbolic.candidates import Proposal
from agents.models.symbolic.source import Edit
from agents.models.symbolic.templates.kinds import kind_of
from agents.models.symbolic.templates.site import Site, on
from agents.models.symbolic.templates.wrapping import place_of

_ROLES = {"value": 1.0, "argument": 0.6, "element": 0.6, "operand": 0.4}
_KINDS = {str: ("", "str"), list: ("", "list"), tuple: ("", "tuple"), dict: ("", "dict")}


@on(ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.BinOp, ast.JoinedStr, ast.ListComp)
def fitting(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """A function around a value that turns the wrong result into the wanted one."""
    role = place_of(site, node)
    if role not in _ROLES or not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        return
    symptoms = site.facts.symptoms
    if not symptoms.functions or site.text(node) in ("self", "cls"):
        return
    if kind_of(site, node) not in _KINDS.get(type(symptoms.examples[0][0]), ("", "int", "float")):
        return
    for example in symptoms.functions:
        new = example.form.format(site.operand(node))
        if new.startswith(f"{site.text(node)}.") and site.text(node).endswith(new[-6:]):
            continue
        note = f"{site.flat(node)[:40]} -> {new[:60]}"
        edit = site.put(node, new, loose=new[0] == "-" or " " in example.form)
        edits: list[Edit] = [edit, *_import(site, example.module)]
        prior = example.prior * _ROLES[role]
        yield from site.proposal(
            node, "fitting", prior, note, *edits, literal=example.literal, family=example.form
        )


def _import(site: Site, name: str) -> Iterator[Edit]:
    """Yield the edit that imports a module, where the file doesn't."""
    if not name:
        return
    body = site.module.tree.body
    imports = [n for n in body if isinstance(n, ast.Import | ast.ImportFrom)]
    for node in imports:
        if isinstance(node, ast.Import) and any(
            alias.name == name and alias.asname is None for alias in node.names
        ):
            return
    plain = [n for n in imports if getattr(n, "module", "") != "__future__"]
    after = next((n for n in imports if n not in plain), None)
    place = plain[0] if plain else None
    if place is not None and site.module.begins_line(place):
        at = site.module.line_start(place.lineno)
    elif after is not None and site.module.stands_alone(after):
        at = site.module.line_start((after.end_lineno or after.lineno) + 1)
    elif body and site.module.begins_line(body[0]):
        at = site.module.line_start(body[0].lineno)
    else:
        return
    yield site.edit(at, at, f"import {name}\n")
