"""Asks the repair templates for candidate changes of the most suspicious statements."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from tools.repair.candidates import Proposal
from tools.repair.facts import Facts
from tools.repair.fault_localisation import statement_score
from tools.repair.project import Project
from tools.repair.source import Module, nodes
from tools.repair.templates import (  # noqa: F401 - they register themselves
    arithmetic,
    conditions,
    constants,
    exceptions,
    guards,
    helpers,
    probes,
    wrapping,
)
from tools.repair.templates.site import TEMPLATES, Site, usable

RAISE_DETAIL = 0.15
"""Factor of changes inside a raise statement that do not decide whether it raises."""

FLATTEN = 0.75
"""Exponent of suspiciousness: likely changes at less suspicious places get their turn."""

MAX_STATEMENTS = 150
"""Statements that candidates are made for, the most suspicious ones."""


def propose(
    project: Project, facts: Facts, suspicion: Mapping[tuple[str, int], float]
) -> Iterator[tuple[Proposal, float]]:
    """Yield proposals for all suspicious places, with the suspiciousness of each.

    Args:
        project: The viewed files.
        facts: What the failing tests tell.
        suspicion: Scores by file and line.
    """
    scores = _statement_scores(project, suspicion)
    for path in sorted(project.modules):
        module = project.modules[path]
        site = Site(project, module, facts, suspicion)
        for node in nodes(module.tree):
            statement = module.statement(node)
            score = scores.get(statement, 0.0) if statement is not None else 0.0
            if score <= 0.0 or not usable(module, node) or _in_annotation(module, node):
                continue
            for template in TEMPLATES.get(type(node), ()):
                for proposal in template(site, node):
                    weak = isinstance(statement, ast.Raise) and proposal.template != "only-if"
                    yield proposal, score**FLATTEN * (RAISE_DETAIL if weak else 1.0)


def _statement_scores(
    project: Project, suspicion: Mapping[tuple[str, int], float]
) -> dict[ast.stmt, float]:
    """Return the scores of the most suspicious statements of all files."""
    scored: list[tuple[float, str, int, ast.stmt]] = []
    for path, module in sorted(project.modules.items()):
        for node in nodes(module.tree):
            if isinstance(node, ast.stmt):
                score = statement_score(module, node, suspicion)
                if score > 0.0:
                    scored.append((-score, path, node.lineno, node))
    scored.sort(key=lambda one: one[:3])
    return {node: -score for score, _, _, node in scored[:MAX_STATEMENTS]}


def _in_annotation(module: Module, node: ast.AST) -> bool:
    here = node
    for above in module.ancestors(node):
        if isinstance(above, ast.arg) or here is getattr(above, "annotation", None):
            return True
        if here is getattr(above, "returns", None):
            return True
        if isinstance(above, ast.stmt):
            return False
        here = above
    return False
