"""Conditions for changes that help without one: the second stage of staged repair.

A change that repairs a failing test, but is a probe, removes behaviour or breaks other tests,
may be right under a condition (SPR, Long and Rinard, FSE 2015; ACS, Xiong et al., ICSE 2017).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from tools.repair.candidates import Proposal
from tools.repair.facts import Facts
from tools.repair.project import Project
from tools.repair.source import Edit, Module, nodes, parse
from tools.repair.templates.atoms import conditions
from tools.repair.templates.probes import FORCE, LEAVE
from tools.repair.templates.site import Site

GUARDED = "guarded"
"""Template name of what is made here."""

WEIGHT = 0.5
MAX_EACH = 70
"""Conditions that are made for one change at most."""


def conditioned(project: Project, facts: Facts, proposal: Proposal) -> list[Proposal]:
    """Return a change under conditions, the likeliest first; [] where it can't have one.

    Args:
        project: The viewed files.
        facts: What the failing tests tell.
        proposal: The change: a probe, or a change that did too much.
    """
    if len(proposal.edits) != 1 or proposal.template == GUARDED:
        return []
    module = project.modules[proposal.path]
    site = Site(project, module, facts, {})
    return list(_made(site, proposal))[:MAX_EACH]


def _made(site: Site, proposal: Proposal) -> Iterator[Proposal]:
    edit = proposal.edits[0]
    if proposal.template == LEAVE:
        node = _statement_at(site.module, site.module.line_of(edit.start))
        if node is not None:
            indent = site.module.indent(node)
            way = edit.new.strip()
            for text, weight in conditions(site, node):
                new = f"{indent}if {text}:\n{indent}    {way}\n"
                yield _as(proposal, edit, new, weight, f"if {text}: {way}")
        return
    if proposal.template == FORCE:
        node = _expression_at(site.module, edit)
        if node is not None:
            yield from _forced(site, proposal, node, edit)
        return
    node = _expression_at(site.module, edit)
    if node is not None and _is_expression(edit.new):
        if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            return
        old = site.flat(node)
        for text, weight in conditions(site, node):
            new = f"({edit.new.strip()} if {text} else {old})"
            note = f"{edit.new.strip()[:40]} only if {text}"
            yield _as(proposal, edit, new, weight, note)
        return
    yield from _statements(site, proposal, edit)


def _forced(site: Site, proposal: Proposal, node: ast.expr, edit: Edit) -> Iterator[Proposal]:
    """A condition that must be true, or false, more often than it is."""
    text = site.flat(node)
    bracketed = (
        text
        if isinstance(node, ast.Compare | ast.Name | ast.Attribute | ast.Call)
        else (f"({text})")
    )
    if isinstance(node, ast.BoolOp):
        fits = isinstance(node.op, ast.Or) if edit.new == "True" else isinstance(node.op, ast.And)
        bracketed = text if fits else bracketed
    junction = "or" if edit.new == "True" else "and"
    for other, weight in conditions(site, node):
        if other == text or other in text:
            continue
        new = f"{bracketed} {junction} {other}"
        above = site.parent(node)
        if not isinstance(above, ast.If | ast.While):
            new = f"({new})"
        note = f"{text[:40]} {junction} {other}"
        yield _as(proposal, edit, new, weight, note)


def _statements(site: Site, proposal: Proposal, edit: Edit) -> Iterator[Proposal]:
    """Skip, or exchange, a whole statement only under a condition."""
    module = site.module
    node = _statement_at(module, proposal.line)
    if node is None or not module.stands_alone(node):
        return
    start, end = site.lines_of(node)
    if edit.start != start or edit.end not in (end, end + 1):
        return
    indent = module.indent(node)
    body = site.reindented(node, indent + "    ")
    left = edit.new.strip() if edit.new.strip() != "pass" else ""
    if body is None or left:
        return
    whole = Edit(edit.path, start, end, "")
    for text, weight in conditions(site, node):
        new = f"{indent}if {text}:\n{body}"
        yield _as(proposal, whole, new, weight, f"only if {text}")


def _as(proposal: Proposal, edit: Edit, new: str, weight: float, note: str) -> Proposal:
    return replace(
        proposal,
        edits=(replace(edit, new=new),),
        template=GUARDED,
        prior=WEIGHT * weight,
        note=note,
        probe=False,
        family="",
    )


def _statement_at(module: Module, line: int) -> ast.stmt | None:
    for node in nodes(module.tree):
        if isinstance(node, ast.stmt) and node.lineno == line and module.begins_line(node):
            return node
    return None


def _expression_at(module: Module, edit: Edit) -> ast.expr | None:
    first, last = module.line_of(edit.start), module.line_of(edit.end)
    for node in nodes(module.tree):
        if not isinstance(node, ast.expr) or not first <= node.lineno <= last:
            continue
        if module.span(node) == (edit.start, edit.end):
            return node
    return None


def _is_expression(text: str) -> bool:
    tree = parse(f"({text.strip()})")
    return tree is not None and len(tree.body) == 1 and isinstance(tree.body[0], ast.Expr)
