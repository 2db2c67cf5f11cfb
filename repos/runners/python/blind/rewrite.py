"""Rewrites a test file so that its functions send what they come to, and expect nothing."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from repos.runners.python.blind.columns import parametrizations
from repos.runners.python.blind.leftovers import remove_leftovers
from repos.runners.python.blind.names import (
    FUNCTION,
    Function,
    Names,
    called_name,
    is_independent,
    module_names,
)
from repos.runners.python.blind.questions import Asked, Question, tests_in
from repos.syntax import parse


@dataclass(frozen=True)
class Rewritten:
    """A rewritten test file.

    Attributes:
        source: Its text.
        kinds: For each function, the kind of each of its questions by number.
    """

    source: bytes
    kinds: Mapping[str, tuple[str, ...]]


def askable(source: bytes) -> tuple[str, ...]:
    """Return the functions of a test file of which something can be asked, as `Class.function`."""
    return tuple(rewrite(source, None, module="_", key=False).kinds)


def rewrite(
    source: bytes,
    wanted: Collection[str] | None,
    *,
    module: str,
    key: bool,
    rename: Callable[[str], str] = lambda name: name.rpartition(".")[2],
    number: Callable[[str, int], int] = lambda name, at: at,
) -> Rewritten:
    """Return a test file with the wanted functions alone, their assertions turned into answers.

    Args:
        source: The genuine file.
        wanted: Functions as `Class.function`; None takes all.
        module: Name of the module that takes answers.
        key: Whether to send the expected sides too, and leave all in that tells them.
        rename: Gives a function's new last name by its whole name.
        number: Gives the number that a question is sent under.

    Returns:
        The file; without functions where it can't be parsed.
    """
    try:
        tree = parse(source)
    except (SyntaxError, ValueError):
        return Rewritten(b"", {})
    original = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    names = module_names(tree)
    helpers = _helpers(tree)
    alias = _unused("answers", original)
    kinds: dict[str, tuple[str, ...]] = {}
    tests = list(tests_in(tree))
    last = {name: node for name, node, _ in tests}
    if wanted is not None:  # a test that a class inherits is asked where it is written
        inherited = {name.rpartition(".")[2] for name in set(wanted) - last.keys()}
        wanted = {*wanted, *(n for n in last if n.rpartition(".")[2] in inherited)}
    for name, node, body in tests:
        chosen = last[name] is node and (wanted is None or name in wanted)
        if not chosen or not _is_steady(node, names):
            body.remove(node)
            if not body:
                body.append(ast.Pass())
            continue
        _inline(node, helpers)
        _open_tables(node, names)
        asked = Asked(node, names)
        writer = _Writer(asked, alias, key, lambda at, name=name: number(name, at))
        kinds[name] = writer.write()
        node.name = rename(name)
    if not key:
        _remove_docstrings(tree)
        remove_leftovers(tree, original)
    place = 0
    for at, node in enumerate(tree.body):
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            place = at + 1
    tree.body.insert(place, ast.Import([ast.alias(module, alias)]))
    text = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
    return Rewritten(text.encode("utf-8", "surrogatepass"), kinds)


class _Writer:
    """Puts calls in the place of one function's assertions."""

    def __init__(self, asked: Asked, alias: str, key: bool, number: Callable[[int], int]) -> None:
        self.asked, self.alias, self.key, self.number = asked, alias, key, number

    def write(self) -> tuple[str, ...]:
        """Change the function in place; return the kinds of its questions."""
        questions = list(self.asked.questions())
        written: dict[int, list[ast.stmt]] = {}
        for at, question in enumerate(questions):
            call = self._call(self.number(at), question)
            if question.item is not None:
                question.item.context_expr = call
            else:
                written.setdefault(id(question.place), []).append(ast.Expr(call))
        gone = frozenset() if self.key else self.asked.own
        if not self.key:
            for name in gone & self.asked.columns.keys():
                self.asked.columns[name].remove()
        plain = gone - self.asked.columns.keys()

        class Put(ast.NodeTransformer):
            def visit(self, node: ast.AST) -> ast.AST | list[ast.stmt]:
                if id(node) in written:
                    return written[id(node)]
                if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in plain:
                    return ast.Pass()
                return self.generic_visit(node)

        Put().visit(self.asked.function)
        return tuple(q.kind for q in questions)

    def _call(self, number: int, question: Question) -> ast.Call:
        num = ast.Constant(number)
        kind, actual, expected = question.kind, question.actual, question.expected
        if kind == "raises":
            assert isinstance(expected, ast.Tuple)
            return (
                self._make("kraises", num, *expected.elts)
                if self.key
                else self._make("raises", num)
            )
        if kind == "call":
            assert isinstance(actual, ast.Call)
            keywords = [k for k in actual.keywords if k.arg != "match"]
            args = actual.args if self.key else actual.args[1:]
            call = self._make("kraises_call" if self.key else "raises_call", num, *args)
            call.keywords = keywords
            return call
        assert actual is not None and expected is not None
        if self.key:
            return self._make("k", num, ast.Constant(kind), actual, expected)
        if kind == "same":
            return self._make("p", num, actual, expected)
        return self._make("v", num, actual)

    def _make(self, function: str, *args: ast.expr) -> ast.Call:
        attribute = ast.Attribute(ast.Name(self.alias, ast.Load()), function, ast.Load())
        return ast.Call(attribute, list(args), [])


def _unused(name: str, taken: Collection[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _is_steady(function: Function, names: Names) -> bool:
    """Whether a function's rows are the same whatever the package says."""
    bound = names.module - names.tables.keys()
    for call in parametrizations(function):
        rows = call.args[1]
        if isinstance(rows, ast.List | ast.Tuple):
            continue
        if isinstance(rows, ast.Name) and rows.id in names.tables:
            continue
        named = {n.id for n in ast.walk(rows) if isinstance(n, ast.Name)}
        if named & bound or not is_independent(rows, names, frozenset()):
            return False
    return True


def _helpers(tree: ast.Module) -> dict[str, Function]:
    """Return the module's plain functions that assert something."""
    found: dict[str, Function] = {}
    for node in tree.body:
        if isinstance(node, FUNCTION) and not node.name.startswith("test"):
            asserts = any(
                isinstance(n, ast.Assert)
                or (isinstance(n, ast.Call) and called_name(n) == "raises")
                for n in ast.walk(node)
            )
            if asserts and not node.decorator_list and not _yields(node):
                found[node.name] = node
    return found


def _yields(function: Function) -> bool:
    return any(isinstance(n, ast.Yield | ast.YieldFrom | ast.Global) for n in ast.walk(function))


def _inline(function: Function, helpers: Mapping[str, Function]) -> None:
    """Put copies of the module's helpers into a function, so that their calls are rows of it."""
    for _ in range(2):
        have = {n.name for n in ast.walk(function) if isinstance(n, FUNCTION)}
        called = {
            n.func.id
            for n in ast.walk(function)
            if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
        }
        # Under another name: with its own it would keep the module's helper in the file.
        new = {name: _unused(name + "_", have) for name in called & helpers.keys()}
        for node in ast.walk(function):
            if isinstance(node, ast.Name) and node.id in new:
                node.id = new[node.id]
        for name in sorted(new):
            if new[name] not in have:
                made = copy.deepcopy(helpers[name])
                made.name = new[name]
                function.body.insert(0, made)
    for helper in [n for n in ast.walk(function) if isinstance(n, FUNCTION) and n is not function]:
        if not helper.decorator_list:
            _make_unique(function, helper)


def _make_unique(function: Function, helper: Function) -> None:
    """Give a helper's parameters names that stand for nothing else in the function."""
    new = {a.arg: f"{a.arg}__{helper.name}" for a in helper.args.args}
    for node in ast.walk(helper):
        if isinstance(node, ast.Name) and node.id in new:
            node.id = new[node.id]
        elif isinstance(node, ast.arg) and node.arg in new:
            node.arg = new[node.arg]
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == helper.name:
            for keyword in node.keywords:
                keyword.arg = new.get(keyword.arg or "", keyword.arg)


def _open_tables(function: Function, names: Names) -> None:
    """Put the module's literal tables where decorators and loops name them."""
    for call in parametrizations(function):
        rows = call.args[1]
        if isinstance(rows, ast.Name) and rows.id in names.tables:
            call.args[1] = copy.deepcopy(names.tables[rows.id])
    for node in ast.walk(function):
        if isinstance(node, ast.For) and getattr(node.iter, "id", "") in names.tables:
            assert isinstance(node.iter, ast.Name)
            node.iter = copy.deepcopy(names.tables[node.iter.id])


def _remove_docstrings(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, (*FUNCTION, ast.ClassDef, ast.Module)) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                if isinstance(node, ast.Module):
                    del node.body[0]
                else:
                    node.body[0] = ast.Pass()
