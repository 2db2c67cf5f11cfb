"""Probes: changes that only show whether a place matters, and are never kept.

Staged repair (SPR, Long and Rinard, FSE 2015): first ask whether leaving a block early, skipping
a statement or forcing a condition could repair a failing test at all; only where it could are
conditions looked for (`synthesis`). One probe so stands for all conditions at its place.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.repair.candidates import Proposal
from tools.repair.source import nodes
from tools.repair.templates.exceptions import raisable
from tools.repair.templates.guards import exits, variables
from tools.repair.templates.site import Site, on

LEAVE = "probe-leave"
FORCE = "probe"
MAX_RAISES = 2

_COMPOUND = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.AsyncFor, ast.AsyncWith)
_PLACES = (*_COMPOUND, ast.Return, ast.Raise, ast.Assign, ast.AugAssign, ast.Expr, ast.AnnAssign)


@on(*_PLACES)
def leave(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Leave in front of a statement, whatever the state is."""
    assert isinstance(node, ast.stmt)
    if site.function(node) is None or not _begins_part(site, node):
        return
    for way, weight in [*exits(site, node), *_raises(site, node)]:
        if isinstance(node, ast.Return | ast.Raise) and way == site.flat(node):
            continue
        edit = site.before(node, way)
        yield from site.proposal(node, LEAVE, 0.5 * weight, f"probe: {way}", edit, probe=True)


def _raises(site: Site, node: ast.stmt) -> Iterator[tuple[str, float]]:
    """Yield exceptions to raise: those that the function or the handlers around it know.

    Where a test waits for an exception, the one that it expects comes first.
    """
    function = site.function(node)
    silent = any("DID NOT RAISE" in message for message in site.facts.messages)
    wanted = [name for name in site.facts.expected if raisable(site, name)]
    known = {*site.names(node), "self"}
    found: dict[str, float] = {}
    for part in nodes(function) if function else ():
        if isinstance(part, ast.Raise) and part.exc is not None and part.cause is None:
            text = site.flat(part)
            local = {n.id for n in nodes(part) if isinstance(n, ast.Name)}
            kind = part.exc.func if isinstance(part.exc, ast.Call) else part.exc
            if len(text) > 120 or not local & set(site.names(part)) <= known:
                continue
            asked = site.flat(kind).rpartition(".")[2] in wanted
            found[text] = 0.9 if asked else 0.3
    if silent:
        subject = next(iter(variables(site, node)), "")
        shown = f'f"invalid {subject}: {{{subject}!r}}"' if subject else ""
        for name in wanted[:2]:
            found.setdefault(f"raise {name}({shown})", 0.8)
    for above in site.module.ancestors(node):
        if isinstance(above, ast.Try) and node in above.body:
            for handler in above.handlers:
                names = site.flat(handler.type) if handler.type is not None else ""
                if names.isidentifier() and variables(site, node):
                    found.setdefault(f"raise {names}({variables(site, node)[0]})", 0.35)
        if above is function:
            break
    ordered = sorted(found.items(), key=lambda pair: -pair[1])
    yield from ordered[:MAX_RAISES]


def _begins_part(site: Site, node: ast.stmt) -> bool:
    """Whether a guard in front of a statement is not the same as one a statement earlier."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return False
    if isinstance(node, (*_COMPOUND, ast.Return, ast.Raise)):
        # The keyword `elif` takes no statement in front of it.
        return not site.module.text.startswith("elif", site.module.span(node)[0])
    above = site.parent(node)
    for name in ("body", "orelse", "finalbody"):
        block = getattr(above, name, None)
        if isinstance(block, list) and node in block:
            place = block.index(node)
            before = block[place - 1] if place else None
            doc = isinstance(before, ast.Expr) and isinstance(before.value, ast.Constant)
            return before is None or doc or isinstance(before, _COMPOUND)
    return False
