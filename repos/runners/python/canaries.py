"""Canaries: tests that must fail, hidden among the tests that decide.

A patch that makes every test pass, whatever it does, makes these pass too and is found
out. Each is made afresh for a scoring, from a real failing test: a copy under a random
name whose end always fails ("plain"), and a copy whose expected values are replaced by an
object that equals nothing ("equality", against objects that claim to equal everything).
They raise the price of cheating; code in the tested process can still read them.
"""

from __future__ import annotations

import ast
import copy
import random
import secrets
from collections import defaultdict
from collections.abc import Sequence

from repos.runners.controls import CanaryFile
from repos.syntax import parse, parse_expression

WORDS = (
    "again alias array basic batch bound branch case chain clear count cycle deep default delta "
    "empty entry exact extra field first fixed frame group inner input item keep large last left "
    "level limit local long loop mixed multi nested next outer pair part path plain point raw "
    "right round scope second shift short simple single small split stack start step stop tail "
    "third total twice type unit upper value whole wide zero"
).split()

SKIPPING = ("skip", "skipif", "xfail", "expectedFailure", "skipIf", "skipUnless", "given", "patch")


def function_of(test: str) -> str:
    """Return a test `path::Class::function[parameters]` without its parameters."""
    head, _, tail = test.partition("::")
    return f"{head}::{tail.partition('[')[0]}"


def plant(
    path: str,
    source: bytes,
    fail_to_pass: Sequence[str],
    *,
    equality: bool = True,
    most: int = 3,
    rng: random.Random | None = None,
) -> CanaryFile:
    """Return the file with up to `most` canaries of each kind.

    Args:
        path: The file's path in tests.
        source: Its text.
        fail_to_pass: Tests as `path::Class::function[parameters]`; those of this file are the
            models.
        equality: Whether to plant equality canaries too.
        most: Bound for each kind.
        rng: Source of randomness; the system's by default.
    """
    rng = rng or random.Random(secrets.randbits(64))
    names = sorted(
        {function_of(t).partition("::")[2] for t in fail_to_pass if t.startswith(path + "::")}
    )
    try:
        tree = parse(source)
    except (SyntaxError, ValueError):
        return CanaryFile(source, ())
    found = [(n, *place) for n in names if (place := find_function(tree, n)) is not None]
    rng.shuffle(found)
    inserts: dict[int, list[str]] = defaultdict(list)
    planted: list[str] = []
    taken = set(names)

    def add(name: str, node: ast.AST, end: int, depth: int) -> None:
        fresh = name
        while fresh in taken:
            fresh = f"{name}_{rng.choice(WORDS)}_{rng.choice(WORDS)}"
        taken.add(fresh)
        node.name = fresh.rpartition("::")[2]  # type: ignore[attr-defined]
        text = ast.unparse(ast.fix_missing_locations(node))  # type: ignore[type-var]
        indent = "    " * depth
        block = "\n".join(indent + line if line else line for line in text.split("\n"))
        inserts[end].append(block)
        planted.append(f"{path}::{fresh}")

    count = {"plain": 0, "equality": 0}
    for name, node, end, indent in found:
        if count["plain"] < most:
            count["plain"] += 1
            add(name, _always_failing(node), end, indent)
        if equality and count["equality"] < most:
            sentinel = _unequal(node)
            if sentinel is not None:
                count["equality"] += 1
                add(name, sentinel, end, indent)
    if not planted:
        return CanaryFile(source, ())
    lines = source.decode("utf-8", "surrogateescape").splitlines()
    for end in sorted(inserts, reverse=True):
        blocks = inserts[end]
        rng.shuffle(blocks)
        lines[end:end] = [line for block in blocks for line in ["", *block.split("\n")]]
    text = "\n".join(lines) + "\n"
    return CanaryFile(text.encode("utf-8", "surrogateescape"), tuple(sorted(planted)))


def find_function(
    tree: ast.Module, name: str
) -> tuple[ast.FunctionDef | ast.AsyncFunctionDef, int, int] | None:
    """Return the function, the line after which a copy may stand, and its nesting depth."""
    *classes, function = name.split("::")
    body: list[ast.stmt] = tree.body
    for wanted in classes:
        inner = [n for n in body if isinstance(n, ast.ClassDef) and n.name == wanted]
        if not inner:
            return None
        body = inner[-1].body
        if any(n.col_offset != 4 * (classes.index(wanted) + 1) for n in body):
            return None
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == function:
            marks = " ".join(ast.unparse(d) for d in node.decorator_list)
            if any(word in marks for word in SKIPPING):
                return None
            return node, node.end_lineno or node.lineno, len(classes)
    return None


def _always_failing(node: ast.AST) -> ast.AST:
    """Return a copy whose body runs as before and then fails, however it ended."""
    twin = copy.deepcopy(node)
    body = twin.body  # type: ignore[attr-defined]
    failing = parse("assert 1 == 2").body
    twin.body = [ast.Try(body=body, handlers=[], orelse=[], finalbody=failing)]  # type: ignore[attr-defined]
    return twin


SENTINEL = "type('V', (), {'__eq__': lambda s, o: False, '__hash__': None})()"


def _unequal(node: ast.AST) -> ast.AST | None:
    """Return a copy in which every asserted equality compares with a value equal to nothing."""
    twin = copy.deepcopy(node)
    changed = [_replace_expected(statement) for statement in always_reached(twin.body)]  # type: ignore[attr-defined]
    return twin if any(changed) else None


def always_reached(body: list[ast.stmt]) -> list[ast.stmt]:
    """Return the statements that run whenever the function does: no branches, loops or raises."""
    found: list[ast.stmt] = []
    for statement in body:
        if isinstance(statement, ast.With | ast.AsyncWith):
            contexts = " ".join(ast.unparse(item.context_expr) for item in statement.items)
            if not any(word in contexts.lower() for word in ("raises", "warns", "suppress")):
                found += always_reached(statement.body)
        elif isinstance(statement, ast.Assert | ast.Expr):
            found.append(statement)
    return found


def _replace_expected(statement: ast.stmt) -> bool:
    sentinel = parse_expression(SENTINEL)
    if isinstance(statement, ast.Assert) and isinstance(statement.test, ast.Compare):
        test = statement.test
        if len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq):
            test.comparators = [sentinel]
            return True
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        call = statement.value
        named = isinstance(call.func, ast.Attribute) and call.func.attr == "assertEqual"
        if named and len(call.args) >= 2:
            call.args[1] = sentinel
            return True
    return False
