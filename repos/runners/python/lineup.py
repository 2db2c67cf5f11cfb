"""Line-ups: a test stands among copies that expect other values, and only it may pass.

Canaries can be told from real tests by whoever knows how they are made. A line-up can not:
its members are the same function under random names, alike but for one literal that the test
expects, and nothing in the sandbox says which value is the right one. Who forges results from
inside the tested process has to pick it, and who could pick it could as well have written
the fix. With n line-ups of k members blind guessing succeeds once in k**n times.
Position and spread of the values say nothing; plausibility (a word among garbled ones) can.
"""

from __future__ import annotations

import ast
import copy
import math
import random
import string
from collections import defaultdict
from collections.abc import Mapping, Sequence

from repos.runners.protocol import LineUp
from repos.runners.python.canaries import WORDS, always_reached, find_function, function_of
from repos.runners.python.decoys import decoy_values

STRENGTH = 1 << 14
"""Wanted odds against a blind guess, over all line-ups of a task."""

MOST_GROUPS = 8
MOST_TESTS = 160
MOST_MEMBERS = 32
LEAST_MEMBERS = 4

Chosen = tuple[ast.FunctionDef | ast.AsyncFunctionDef, int, int | None]


def line_up(
    sources: Mapping[str, bytes],
    fail_to_pass: Sequence[str],
    *,
    seconds: Mapping[str, float] | None = None,
    budget_s: float = 2.0,
    rng: random.Random,
) -> LineUp | None:
    """Return the line-ups of some tests, or None where no test expects a literal value.

    Args:
        sources: Test files by path.
        fail_to_pass: Tests whose expected values nobody was shown, as
            `path::Class::function[parameters]`.
        seconds: Measured time of all tests that ran; slow tests, and tests with many
            parameters, get fewer decoys.
        budget_s: Seconds that all decoys together may take by that measure.
        rng: Source of randomness.
    """
    times: dict[str, list[float]] = defaultdict(list)
    for test, taken_s in (seconds or {}).items():
        times[function_of(test)].append(taken_s)
    chosen: list[tuple[str, str, Chosen, float, int]] = []
    trees: dict[str, ast.Module] = {}
    for path in sorted({t.partition("::")[0] for t in fail_to_pass}):
        try:
            tree = ast.parse(sources[path])
        except (KeyError, SyntaxError, ValueError):
            continue
        trees[path] = tree
        ids = [t for t in fail_to_pass if t.startswith(path + "::")]
        for name in sorted({function_of(t).partition("::")[2] for t in ids}):
            found = find_function(tree, name)
            if found is None:
                continue
            own = [t for t in ids if function_of(t) == f"{path}::{name}"]
            rows = {t.partition("[")[2].removesuffix("]") for t in own}
            place = _place(found[0], rows, rng)
            if place is not None:
                every = times[f"{path}::{name}"]
                cost = sum(every)
                repeated = 1 if place[1] is not None else max(len(own), len(every))
                chosen.append((path, name, (found[0], *place), cost, repeated))
    if not chosen:
        return None
    rng.shuffle(chosen)
    chosen = sorted(chosen[: 2 * MOST_GROUPS], key=lambda c: (c[3] > budget_s / 4, c[4] > 16))[
        :MOST_GROUPS
    ]
    wanted = math.ceil(STRENGTH ** (1 / len(chosen)))
    members: dict[tuple[str, str], list[ast.stmt]] = {}
    genuine: list[str] = []
    decoys: list[str] = []
    origins: dict[str, str] = {}
    taken: set[str] = set()
    for path, name, (node, index, row), cost, repeated in chosen:
        real = _constants(node)[index].value
        share = budget_s / len(chosen) / cost if cost > 0 else math.inf
        share = min(share + 1, MOST_TESTS / len(chosen) / repeated)
        size = int(max(2, min(max(LEAST_MEMBERS, wanted), MOST_MEMBERS, share)))
        values = decoy_values(_constants(node)[index], trees[path], size, rng)
        owner = name.rpartition("::")[0]
        for value in values:
            fresh = _name(taken, rng)
            twin = _member(node, index, row, value, fresh)
            members.setdefault((path, owner), []).append(twin)
            test = f"{path}::{owner}::{fresh}" if owner else f"{path}::{fresh}"
            same = type(value) is type(real) and value == real
            (genuine if same else decoys).append(test)
            origins[test] = f"{path}::{name}"
    files = {}
    for path in sorted({path for path, _ in members}):
        tree = _without_tests(trees[path])
        for (where, owner), nodes in members.items():
            if where == path:
                rng.shuffle(nodes)
                _body(tree, owner).extend(nodes)
        text = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
        files[path] = text.encode("utf-8", "surrogateescape")
    return LineUp(files, tuple(sorted(genuine)), tuple(sorted(decoys)), origins)


def _constants(node: ast.AST) -> list[ast.Constant]:
    """Return all constants in a fixed order, so that an index means the same in a copy."""
    return [n for n in ast.walk(node) if isinstance(n, ast.Constant)]


def _place(
    node: ast.FunctionDef | ast.AsyncFunctionDef, rows: set[str], rng: random.Random
) -> tuple[int, int | None] | None:
    """Return (index of the constant to vary, row of the parameters or None), if there is one.

    Best is a value that a result is compared with for equality, on every way through the
    test. Next is any literal of a comparison or of an assertion's arguments, last any text:
    such a decoy may pass with a right solution, which the scorer finds out by the reference.
    """
    order = {id(c): at for at, c in enumerate(_constants(node))}
    table = _table(node, rows)
    first: list[tuple[ast.Constant, int | None]] = []
    for expression in _expected_expressions(node):
        first += [(c, None) for c in _values_in(expression)]
        if isinstance(expression, ast.Name):
            first += [(c, None) for c in _assigned(node, expression.id)]
            cells = [(row, values.get(expression.id)) for row, values in table.items()]
            first += [(c, row) for row, cell in cells if cell for c in _values_in(cell)]
    texts = [(c, None) for s in node.body for c in _texts_in(s)]
    cells = [(row, cell) for row, values in table.items() for cell in values.values()]
    texts += [(c, row) for row, cell in cells for c in _values_in(cell) if _rank(c) in (1, 2)]
    for tier in (first, [(c, None) for s in node.body for c in _asserted(s)], texts):
        places = [(_rank(c), order[id(c)], row) for c, row in tier if _rank(c) < 9]
        if places:
            best = min(rank for rank, *_ in places)
            _, index, row = rng.choice([p for p in places if p[0] == best])
            return index, row
    return None


def _asserted(statement: ast.stmt) -> list[ast.Constant]:
    """Return literals of comparisons, and of arguments of calls that assert something."""
    found: list[ast.Constant] = []
    for node in ast.walk(statement):
        sides: list[ast.expr] = []
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func).rpartition(".")[2].lower()
            if any(word in name for word in ("assert", "check", "equal", "expect")):
                sides = node.args
            elif name in ("raises", "warns"):
                sides = [k.value for k in node.keywords if k.arg == "match"]
        found += [c for side in sides for c in _values_in(side)]
    return found


def _texts_in(statement: ast.stmt) -> list[ast.Constant]:
    """Return texts that are neither documentation nor part of an f-string."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return []
    parts = {id(c) for n in ast.walk(statement) if isinstance(n, ast.JoinedStr) for c in n.values}
    return [c for c in _constants(statement) if id(c) not in parts and _rank(c) in (1, 2)]


def _rank(constant: ast.Constant) -> int:
    """Order kinds of literals by how little a wrong one stands out; 9 is unusable."""
    value = constant.value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return 0 if math.isfinite(value) and abs(value) < 1e15 else 9
    if isinstance(value, str | bytes):
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        if any(c in string.digits for c in text):
            return 1
        return 2 if any(c in string.ascii_letters for c in text) else 9
    return 9


def _expected_expressions(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.expr]:
    """Return what equalities that are always reached compare a result with."""
    found: list[ast.expr] = []
    for statement in always_reached(node.body):
        sides: list[ast.expr] = []
        if isinstance(statement, ast.Assert) and isinstance(statement.test, ast.Compare):
            test = statement.test
            if len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq):
                sides = [test.comparators[0], test.left]
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            call = statement.value
            names = ("assertEqual", "assertListEqual", "assertDictEqual", "assertEquals")
            if isinstance(call.func, ast.Attribute) and call.func.attr in names:
                sides = list(call.args[1::-1])
        plain = [side for side in sides if _is_value(side)]
        found += plain[:1]
    return found


def _is_value(node: ast.expr) -> bool:
    if isinstance(node, ast.Name):
        return True
    return all(
        isinstance(n, ast.Constant | ast.List | ast.Tuple | ast.Set | ast.Dict | ast.UnaryOp
                   | ast.USub | ast.Load)
        for n in ast.walk(node)
    )  # fmt: skip


def _values_in(node: ast.expr) -> list[ast.Constant]:
    return _constants(node) if _is_value(node) and not isinstance(node, ast.Name) else []


def _assigned(node: ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> list[ast.Constant]:
    """Return the literals of a local variable that is set once, to a value."""
    stores = [
        n
        for n in ast.walk(node)
        if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store)
    ]
    if len(stores) != 1:
        return []
    for statement in node.body:
        if isinstance(statement, ast.Assign) and statement.targets == stores:
            return _values_in(statement.value)
    return []


def _table(
    node: ast.FunctionDef | ast.AsyncFunctionDef, rows: set[str]
) -> dict[int, dict[str, ast.expr]]:
    """Return the parameters of the only `parametrize`, by row and name, for failing rows.

    Args:
        node: A test function.
        rows: What the failing ids hold in brackets: by pytest's rule, values joined by dashes.
    """
    call = _parametrize(node)
    if call is None:
        return {}
    names, table = call.args[:2]
    if isinstance(names, ast.Constant) and isinstance(names.value, str):
        labels = [part.strip() for part in names.value.split(",") if part.strip()]
    elif isinstance(names, ast.List | ast.Tuple):
        labels = [str(n.value) if isinstance(n, ast.Constant) else "" for n in names.elts]
    else:
        return {}
    assert isinstance(table, ast.List | ast.Tuple)
    found: dict[int, dict[str, ast.expr]] = {}
    for row, value in enumerate(table.elts):
        cells = [value]
        if len(labels) > 1:
            if not isinstance(value, ast.Tuple | ast.List) or len(value.elts) != len(labels):
                continue
            cells = list(value.elts)
        ident = "-".join(
            str(cell.value)
            if isinstance(cell, ast.Constant) and isinstance(cell.value, str | int | float)
            else f"{label}{row}"
            for label, cell in zip(labels, cells, strict=True)
        )
        if ident in rows or len(table.elts) == len(rows):
            found[row] = dict(zip(labels, cells, strict=True))
    return found


def _parametrize(node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.Call | None:
    if len(node.decorator_list) != 1:
        return None
    call = node.decorator_list[0]
    if not isinstance(call, ast.Call) or len(call.args) < 2:
        return None
    named = ast.unparse(call.func).endswith("parametrize")
    return call if named and isinstance(call.args[1], ast.List | ast.Tuple) else None


def _member(
    node: ast.FunctionDef | ast.AsyncFunctionDef,
    index: int,
    row: int | None,
    value: int | float | str | bytes,
    name: str,
) -> ast.stmt:
    twin = copy.deepcopy(node)
    constant = _constants(twin)[index]
    constant.value = value
    constant.kind = None
    if row is not None:
        call = _parametrize(twin)
        assert call is not None
        table = call.args[1]
        assert isinstance(table, ast.List | ast.Tuple)
        table.elts = [table.elts[row]]
        call.keywords = [k for k in call.keywords if k.arg not in ("ids", "id")]
    twin.name = name
    return twin


def _name(taken: set[str], rng: random.Random) -> str:
    while True:
        name = f"test_{rng.choice(WORDS)}_{rng.choice(WORDS)}_{rng.choice(WORDS)}"
        if name not in taken:
            taken.add(name)
            return name


def _without_tests(tree: ast.Module) -> ast.Module:
    """Remove all test functions: other tests could show a value, or which one is old."""
    for node in [tree, *[n for n in ast.walk(tree) if isinstance(n, ast.ClassDef)]]:
        node.body = [
            n
            for n in node.body
            if not (
                isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) and n.name.startswith("test")
            )
        ] or [ast.Pass()]
    return tree


def _body(tree: ast.Module, owner: str) -> list[ast.stmt]:
    body: list[ast.stmt] = tree.body
    for wanted in owner.split("::") if owner else ():
        body = [n for n in body if isinstance(n, ast.ClassDef) and n.name == wanted][-1].body
    return body
