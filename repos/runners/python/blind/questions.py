"""What can be asked of a test function: its comparisons, each with an actual and expected side."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from repos.runners.python.blind.columns import Column, find_columns
from repos.runners.python.blind.names import (
    FUNCTION,
    Function,
    Names,
    called_name,
    is_independent,
    loads,
)
from repos.syntax import parse_expression

EQUAL = frozenset(
    "assertEqual assertEquals assertListEqual assertDictEqual assertTupleEqual assertSetEqual "
    "assertMultiLineEqual assertSequenceEqual".split()
)
COMPARING: dict[str, type[ast.cmpop]] = {
    "assertNotEqual": ast.NotEq,
    "assertIn": ast.In,
    "assertNotIn": ast.NotIn,
    "assertIs": ast.Is,
    "assertIsNot": ast.IsNot,
    "assertLess": ast.Lt,
    "assertLessEqual": ast.LtE,
    "assertGreater": ast.Gt,
    "assertGreaterEqual": ast.GtE,
}
NEGATED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
ORDER: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("lt", "gt"),
    ast.LtE: ("le", "ge"),
    ast.Gt: ("gt", "lt"),
    ast.GtE: ("ge", "le"),
}
RAISING = frozenset({"raises", "assertRaises", "assertRaisesRegex", "assertRaisesRegexp"})


@dataclass(frozen=True)
class Question:
    """One comparison.

    Attributes:
        place: The statement that it stands in.
        kind: How the sides are compared; "raises" and "call" for exceptions.
        actual: What is sent; for "raises" nothing.
        expected: What is taken out; for "same" the other value, which is sent too.
        item: For "raises": the part of the `with` statement.
    """

    place: ast.stmt
    kind: str
    actual: ast.expr | None
    expected: ast.expr | None
    item: ast.withitem | None = None


class Asked:
    """The questions of one test function."""

    def __init__(self, function: Function, names: Names) -> None:
        """Find which local names only say what is expected."""
        self.function, self.names = function, names
        self.columns: dict[str, Column] = find_columns(function)
        decorators = {id(n) for d in function.decorator_list for n in ast.walk(d)}
        read = Counter(n.id for n in loads(function) if id(n) not in decorators)
        assigned = {
            target.id
            for node in ast.walk(function)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        self.own = frozenset(set(self.columns) | assigned)
        while True:
            expected = Counter(
                name.id
                for question in self.questions()
                if question.kind != "same" and question.expected is not None
                for name in loads(question.expected)
            )
            kept = frozenset(
                n for n in self.own if expected[n] == read[n] > 0 and self._is_determined(n)
            )
            if kept == self.own:
                break
            self.own = kept

    def questions(self) -> Iterator[Question]:
        """Yield all that can be asked, in the order of an `ast.walk`."""
        for node in ast.walk(self.function):
            if isinstance(node, ast.Assert):
                for kind, actual, expected in self._atoms(node.test):
                    yield Question(node, kind, actual, expected)
            elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                found = self._method(node.value)
                if found is not None:
                    yield Question(node, *found)
            elif isinstance(node, ast.With | ast.AsyncWith):
                yield from self._raising(node)

    def _is_determined(self, name: str) -> bool:
        if name in self.columns:
            cells = self.columns[name].cells()
            return cells is not None and all(self._independent(cell) for cell in cells)
        stores = [
            n
            for n in ast.walk(self.function)
            if isinstance(n, ast.Name) and n.id == name and not isinstance(n.ctx, ast.Load)
        ]
        values = [
            node.value
            for node in ast.walk(self.function)
            if isinstance(node, ast.Assign)
            and len(node.targets) == 1
            and getattr(node.targets[0], "id", None) == name
        ]
        return 0 < len(values) == len(stores) and all(self._independent(v) for v in values)

    def _independent(self, expression: ast.expr) -> bool:
        return is_independent(expression, self.names, self.own)

    def _atoms(self, test: ast.expr) -> list[tuple[str, ast.expr, ast.expr]]:
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
            return [atom for value in test.values for atom in self._atoms(value)]
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            inner = test.operand
            if isinstance(inner, ast.Compare) and [type(op) in NEGATED for op in inner.ops] == [
                True
            ]:
                op = NEGATED[type(inner.ops[0])]
                return [self._pair(op, inner.left, inner.comparators[0])]
            return [("truth", inner, ast.Constant(False))]
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            return [self._pair(type(test.ops[0]), test.left, test.comparators[0])]
        if (
            isinstance(test, ast.Call)
            and called_name(test) == "isinstance"
            and len(test.args) == 2
            and self._independent(test.args[1])
        ):
            return [("isinstance", test.args[0], test.args[1])]
        return [("truth", test, ast.Constant(True))]

    def _pair(
        self, op: type[ast.cmpop], left: ast.expr, right: ast.expr
    ) -> tuple[str, ast.expr, ast.expr]:
        sides = ((left, right), (right, left))
        if op in (ast.Eq, ast.NotEq):
            for actual, expected in sides:
                if self._independent(expected):
                    if op is ast.NotEq:
                        return "ne", actual, expected
                    near = isinstance(expected, ast.Call) and called_name(expected) == "approx"
                    return ("approx" if near else "eq"), actual, expected
            if op is ast.Eq:
                return "same", left, right
        elif op in (ast.In, ast.NotIn):
            mark = "" if op is ast.In else "not"
            if self._independent(left):
                return f"{mark}in", right, left
            if self._independent(right):
                return f"{mark}among", left, right
        elif op in (ast.Is, ast.IsNot):
            if isinstance(right, ast.Constant) and isinstance(right.value, bool | None):
                return ("is" if op is ast.Is else "isnot"), left, right
        elif op in ORDER:
            if self._independent(right):
                return ORDER[op][0], left, right
            if self._independent(left):
                return ORDER[op][1], right, left
        return "truth", ast.Compare(left, [op()], [right]), ast.Constant(True)

    def _method(self, call: ast.Call) -> tuple[str, ast.expr, ast.expr | None] | None:
        """Return what an assertion method asks."""
        args = call.args
        name = re.sub("_(.)", lambda m: m[1].upper(), called_name(call))
        if any(isinstance(a, ast.Starred) for a in args) or not args:
            return None
        if name in ("assertTrue", "assertFalse"):
            return "truth", args[0], ast.Constant(name == "assertTrue")
        if name in ("assertIsNone", "assertIsNotNone"):
            return ("is" if name == "assertIsNone" else "isnot"), args[0], ast.Constant(None)
        if name == "raises" or (name == "assertRaises" and len(args) > 1):
            return ("call", call, None) if len(args) > 1 else None
        if name == "match" and isinstance(call.func, ast.Attribute) and len(args) == 1:
            owner = call.func.value
            if isinstance(owner, ast.Name) and self._independent(args[0]):
                text = parse_expression(f"str({owner.id}.value)")
                return "match", text, args[0]
        if len(args) < 2:
            return None
        if name in EQUAL:
            return self._pair(ast.Eq, args[0], args[1])
        if name in COMPARING:
            return self._pair(COMPARING[name], args[0], args[1])
        if not self._independent(args[1]):
            return None
        if name == "assertIsInstance":
            return "isinstance", args[0], args[1]
        if name == "assertCountEqual":
            return "count", args[0], args[1]
        if name in ("assertRegex", "assertRegexpMatches"):
            return "match", args[0], args[1]
        if name == "assertAlmostEqual":
            return self._almost(call)
        return None

    def _almost(self, call: ast.Call) -> tuple[str, ast.expr, ast.expr] | None:
        given = {k.arg: k.value for k in call.keywords}
        places = call.args[2] if len(call.args) > 2 else given.get("places", ast.Constant(7))
        delta = given.get("delta", ast.Constant(None))
        if not (self._independent(places) and self._independent(delta)):
            return None
        expected = ast.Tuple([call.args[1], places, delta], ast.Load())
        return "almost", call.args[0], expected

    def _raising(self, node: ast.With | ast.AsyncWith) -> Iterator[Question]:
        for item in node.items:
            call = item.context_expr
            if not isinstance(call, ast.Call) or called_name(call) not in RAISING or not call.args:
                continue
            given = {k.arg: k.value for k in call.keywords}
            pattern = given.get("match")
            if "Regex" in called_name(call):
                pattern = call.args[1] if len(call.args) > 1 else given.get("expected_regex")
            if given.keys() <= {"match", "msg", "expected_regex"} and (
                pattern is None or self._independent(pattern)
            ):
                classes: ast.expr = call.args[0]
                expected = ast.Tuple([classes, pattern or ast.Constant(None)], ast.Load())
                yield Question(node, "raises", None, expected, item)


def tests_in(tree: ast.Module) -> Iterator[tuple[str, Function, list[ast.stmt]]]:
    """Yield name (`Class.function`), node and surrounding body of each test function."""

    def walk(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, Function, list[ast.stmt]]]:
        for node in list(body):
            if isinstance(node, ast.ClassDef):
                yield from walk(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, FUNCTION) and node.name.startswith("test"):
                yield prefix + node.name, node, body

    yield from walk(tree.body, "")
