"""Hidden assertions of a change: the example with other literals, run on both sides."""

from __future__ import annotations

import ast
import copy
import json
import re
from collections.abc import Iterator
from dataclasses import replace

from repos.mining.changes.examples import PRIVATE, Example
from repos.mining.changes.heads import NoSliceError
from repos.mining.changes.runs import Failed, ReleaseRuns
from repos.mining.changes.slices import assertion_lines, slice_of
from repos.syntax import parse
from repos.tasks.sources.assertions import Assertion, outcome_lines
from repos.tasks.sources.reverted.hunks import Texts

TRIED = 60
KEPT = 6
LONGEST = 600
MOST_OUTPUT = 1 << 20
MOST_LINES = 12
"""Other assertions of a test that are looked at."""


PLAIN = (
    ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.UnaryOp, ast.unaryop, ast.expr_context
)  # fmt: skip

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


def find_variants(
    runs: ReleaseRuns, base: Texts, example: Example, source: bytes = b""
) -> tuple[Assertion, ...]:
    """Return assertions like the example's with other literals: each differs on the two sides.

    Kept are those whose outcome repeats and is a result where the example's is one, and an
    exception where that is one.

    Args:
        runs: The release.
        base: Texts of the files that the change touches, without it.
        example: What the statement shows.
        source: The test file; arguments of its other calls of the same function are tried too.
    """
    programs = list(dict.fromkeys([*_other_calls(example, source), *_altered(example)]))[:TRIED]
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


def further_assertions(
    runs: ReleaseRuns, base: Texts, failed: Failed, source: bytes, example: Example
) -> int:
    """Return how many other assertions of a failing test differ on the two sides.

    Args:
        runs: The release.
        base: Texts of the files that the change touches, without it.
        failed: Where the test failed.
        source: The test file.
        example: What the statement shows.
    """
    programs: dict[str, list[str]] = {}
    for line in assertion_lines(source, failed)[:MOST_LINES]:
        try:
            found = slice_of(source, replace(failed, line=line))
        except (NoSliceError, SyntaxError, ValueError, RecursionError):
            continue
        if found.text != example.program:
            head = "\n".join(found.head)
            programs[found.text] = outcome_lines(head, found.body, found.raises)
    texts = ["\n".join(lines) for lines in programs.values()]
    wanted, now = (_outcomes(runs, texts, side) if texts else None for side in ({}, base))
    if wanted is None or now is None or _outcomes(runs, texts, {}) != wanted:
        return 0
    return sum(
        None not in (right, wrong) and right != wrong and not PRIVATE.search(f"{right}{wrong}")
        for right, wrong in zip(wanted, now, strict=True)
    )


def _outcomes(runs: ReleaseRuns, texts: list[str], changed: Texts) -> list[str | None] | None:
    printed = runs.script(SCRIPT.format(programs=json.dumps(texts)), changed, MOST_OUTPUT)
    try:
        values = [json.loads(line) for line in (printed or "").splitlines()]
    except ValueError:
        return None
    fits = len(values) == len(texts) and all(v is None or isinstance(v, str) for v in values)
    return values if fits else None


def _other_calls(example: Example, source: bytes) -> Iterator[tuple[str, str]]:
    """Yield head and body with the constants that a test file gives the same function elsewhere."""
    try:
        body, tests = parse(example.body), parse(source)
    except (SyntaxError, ValueError):
        return
    head = "\n".join(example.head)
    for number, node in enumerate(ast.walk(body)):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = ast.unparse(node.func).rpartition(".")[2]
        for other in ast.walk(tests):
            if not isinstance(other, ast.Call) or not other.args:
                continue
            same = ast.unparse(other.func).rpartition(".")[2] == name
            if same and other.args and all(_is_constant(a) for a in other.args):
                changed = copy.deepcopy(body)
                target = list(ast.walk(changed))[number]
                assert isinstance(target, ast.Call)
                target.args = [*other.args, *target.args[len(other.args) :]]
                yield head, ast.unparse(ast.fix_missing_locations(changed))


def _is_constant(node: ast.expr) -> bool:
    return all(isinstance(inner, PLAIN) for inner in ast.walk(node))


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
            values = [value + 1, value * 2 + 3, -value - 1, value * 10]
        case ast.Constant(value=float() as value):
            values = [value + 0.5, value * 10, -value]
        case ast.Constant(value=str() as value):
            values = [value + value[:1] + "x", value[:-1], value.swapcase(), value[1:], value * 2]
            values += [re.sub(r"\d", _next_digit, value)]
        case ast.Constant(value=bytes() as value):
            values = [value + b"x", value[:-1]]
        case ast.List(elts=elements) | ast.Tuple(elts=elements) if _alike(elements):
            for some in (elements[:-1], [*elements, elements[0]], elements[::-1]):
                other = copy.deepcopy(node)
                other.elts = some
                yield other
    for other in values:
        if not isinstance(node, ast.Constant) or other != node.value:
            yield ast.Constant(other)


def _alike(elements: list[ast.expr]) -> bool:
    """Whether several values may change places: arguments that are of different kinds may not."""
    bare = [node.operand if isinstance(node, ast.UnaryOp) else node for node in elements]
    kinds = {type(node.value if isinstance(node, ast.Constant) else node) for node in bare}
    return len(elements) > 1 and len(kinds) == 1


def _next_digit(found: re.Match[str]) -> str:
    return str((int(found.group()) + 1) % 10)


def _replace(tree: ast.AST, target: ast.AST, other: ast.expr) -> None:
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is target:
                setattr(parent, name, other)
            elif isinstance(value, list) and any(item is target for item in value):
                value[:] = [other if item is target else item for item in value]
