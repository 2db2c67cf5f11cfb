"""Hidden assertions of a change: the example with other literals, run on both sides."""

from __future__ import annotations

import ast
import copy
import json
from collections.abc import Iterator

from repos.mining.changes.examples import PRIVATE, Example
from repos.mining.changes.runs import ReleaseRuns
from repos.mining.changes.slices import NoSliceError
from repos.syntax import parse
from repos.tasks.sources.reverted.hunks import Texts
from repos.tasks.sources.reverted.more import outcome_lines
from repos.tasks.sources.reverted.records import Assertion

TRIED = 24
KEPT = 6
LONGEST = 300

SCRIPT = """\
import json, sys
for text in json.loads({programs!r}):
    names = {{}}
    try:
        exec(text, names)
        found = names["outcome"]
    except Exception as error:
        found = None
    print(json.dumps(found))
"""


def find_variants(runs: ReleaseRuns, base: Texts, example: Example) -> tuple[Assertion, ...]:
    """Return assertions like the example's with other literals: each differs on the two sides.

    Kept are those whose outcome repeats and is a result where the example's is one, and an
    exception where that is one.

    Args:
        runs: The release.
        base: Texts of the files that the change touches, without it.
        example: What the statement shows.
    """
    programs = list(dict.fromkeys(_altered(example)))[:TRIED]
    if not programs:
        return ()
    texts = ["\n".join(outcome_lines(head, body, example.raises)) for head, body in programs]
    wanted, now = _outcomes(runs, texts, {}), _outcomes(runs, texts, base)
    if wanted is None or now is None or _outcomes(runs, texts, {}) != wanted:
        return ()
    found: list[Assertion] = []
    seen = {example.wanted}
    for (head, body), right, wrong in zip(programs, wanted, now, strict=True):
        if right is None or wrong is None or right == wrong or right in seen:
            continue
        raised = right.startswith("raises ")
        if raised != example.wanted.startswith("raises ") or len(right) > LONGEST:
            continue
        if PRIVATE.search(right + wrong):
            continue
        if not raised:
            seen.add(right)
        found.append(Assertion(head=head, body=body, raises=example.raises, outcome=right))
    return tuple(found[:KEPT])


def _outcomes(runs: ReleaseRuns, texts: list[str], changed: Texts) -> list[str | None] | None:
    printed = runs.script(SCRIPT.format(programs=json.dumps(texts)), changed)
    try:
        values = [json.loads(line) for line in (printed or "").splitlines()]
    except ValueError:
        return None
    fits = len(values) == len(texts) and all(v is None or isinstance(v, str) for v in values)
    return values if fits else None


def _altered(example: Example) -> Iterator[tuple[str, str]]:
    """Yield head and body with one literal changed, those of the body first."""
    try:
        head, body = parse("\n".join(example.head)), parse(example.body)
    except (SyntaxError, ValueError) as error:
        raise NoSliceError(f"the example can't be read: {error}") from error
    for tree in (body, head):
        for number, node in enumerate(ast.walk(tree)):
            for other in _others(node):
                changed = copy.deepcopy(tree)
                target = list(ast.walk(changed))[number]
                _replace(changed, target, other)
                parts = (head, changed) if tree is body else (changed, body)
                texts = [ast.unparse(ast.fix_missing_locations(part)) for part in parts]
                yield texts[0], texts[1]


def _others(node: ast.AST) -> Iterator[ast.expr]:
    values: list = []
    match node:
        case ast.Constant(value=bool() as value):
            values = [not value]
        case ast.Constant(value=int() as value):
            values = [value + 1, value * 2 + 3, -value - 1]
        case ast.Constant(value=float() as value):
            values = [value + 0.5, value * 10, -value]
        case ast.Constant(value=str() as value):
            values = [value + value[:1] + "x", value[:-1], value.swapcase()]
        case ast.Constant(value=bytes() as value):
            values = [value + b"x", value[:-1]]
        case ast.List(elts=elements) | ast.Tuple(elts=elements) if len(elements) > 1:
            for some in (elements[:-1], [*elements, elements[0]], elements[::-1]):
                other = copy.deepcopy(node)
                other.elts = some
                yield other
    for value in values:
        yield ast.Constant(value)


def _replace(tree: ast.AST, target: ast.AST, other: ast.expr) -> None:
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is target:
                setattr(parent, name, other)
            elif isinstance(value, list) and any(item is target for item in value):
                value[:] = [other if item is target else item for item in value]
