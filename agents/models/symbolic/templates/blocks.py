"""Blocks under a condition: a condition that must go, or one that several statements need.

`guards` makes one statement conditional; fixes as often put the rest of a block under a
condition, or take a condition away and keep what it guarded (TBar's "mutate conditional
expression" and "move statement", Liu et al., ISSTA 2019).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.models.symbolic.candidates import Proposal
from agents.models.symbolic.templates.guards import variables
from agents.models.symbolic.templates.site import Site, on
from agents.models.symbolic.templates.statements import block_of

MAX_RUN = 4
MAX_SUBJECTS = 3


@on(ast.If)
def unconditional(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Do what a condition guards in any case."""
    assert isinstance(node, ast.If)
    if node.orelse or not site.module.begins_line(node) or site.function(node) is None:
        return
    if site.module.text.startswith("elif", site.module.span(node)[0]):
        return
    indent = site.module.indent(node)
    lines = [site.reindented(part, indent) for part in node.body]
    if any(line is None for line in lines):
        return
    text = "\n".join(line for line in lines if line is not None)
    last = node.end_lineno or node.lineno
    start = site.module.line_start(node.lineno)
    end = site.module.line_start(last) + len(site.module.lines[last - 1])
    note = f"without the condition {site.flat(node.test)[:40]}"
    edit = site.edit(start, end, text)
    yield from site.proposal(node, "unconditional", 0.35, note, edit)


@on(ast.Assign, ast.AugAssign, ast.Expr, ast.For, ast.If)
def only_if_all(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Do a statement and the next ones only where a value is there."""
    assert isinstance(node, ast.stmt)
    block = block_of(site, node)
    place = block.index(node) if node in block else len(block)
    if site.function(node) is None or place + 1 >= len(block):
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    indent = site.module.indent(node)
    following = block[place + 1]
    near = [*variables(site, node, attributes=True), *variables(site, following, attributes=True)]
    stored = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and _is_stored(n)}
    subjects = [name for name in dict.fromkeys(near) if name not in stored][:MAX_SUBJECTS]
    for count in _runs(site, block, place):
        run = block[place : place + count]
        texts = [site.reindented(part, indent + "    ") for part in run]
        if any(text is None for text in texts):
            continue
        body = "\n".join(text for text in texts if text is not None)
        start, end = site.lines_of(node)[0], site.lines_of(run[-1])[1]
        for subject in subjects:
            for condition, prior in ((subject, 0.25), (f"{subject} is not None", 0.15)):
                edit = site.edit(start, end, f"{indent}if {condition}:\n{body}")
                note = f"{count} statements only if {condition}"
                yield from site.proposal(node, "only-if-all", prior, note, edit)


def _is_stored(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)


def _runs(site: Site, block: list[ast.stmt], place: int) -> list[int]:
    """Return how many statements from a place on may belong together.

    Those that use what the first one sets; all that are left; without a last `return`.
    """
    left = block[place:]
    if isinstance(left[-1], ast.Return):
        left = left[:-1]
    counts = {len(left)} if 2 <= len(left) <= MAX_RUN else set()
    first = left[0] if left else None
    stored = {
        n.id
        for n in (ast.walk(first) if isinstance(first, ast.Assign | ast.AugAssign) else ())
        if isinstance(n, ast.Name) and _is_stored(n)
    }
    users = 1
    for following in left[1:MAX_RUN]:
        if not stored & {n.id for n in ast.walk(following) if isinstance(n, ast.Name)}:
            break
        users += 1
    if users > 1:
        counts.add(users)
    return sorted(counts)
