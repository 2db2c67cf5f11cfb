"""Walking the syntax tree."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from .errors import EvaluationError, FormulaError, NameProblem
from .functions import Functions
from .nodes import Binary, Call, Literal, Name, Node, Unary
from .values import show, to_number, to_truth

_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
}
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_LARGEST_POWER = 1000


class Evaluator:
    """Evaluates nodes, with values for names and a set of functions."""

    def __init__(self, values: Mapping[str, Any], functions: Functions) -> None:
        self.values = values
        self.functions = functions

    def evaluate(self, node: Node) -> Any:
        """The value of a node.

        Raises:
            FormulaError: if it has none.
        """
        if isinstance(node, Literal):
            return node.value
        if isinstance(node, Name):
            return self._name(node.name)
        if isinstance(node, Unary):
            return self._unary(node.op, self.evaluate(node.operand))
        if isinstance(node, Binary):
            return self._binary(node.op, self.evaluate(node.left), self.evaluate(node.right))
        return self._call(node)

    def _name(self, name: str) -> Any:
        if name in self.values:
            return self.values[name]
        value: Any = self.values
        for part in name.split("."):
            if not isinstance(value, Mapping) or part not in value:
                raise NameProblem(f"there is no value named {name}")
            value = value[part]
        return value

    def _unary(self, op: str, value: Any) -> Any:
        if op == "()":
            return value
        if op == "not":
            return not to_truth(value)
        number = to_number(value)
        return -number if op == "-" else number

    def _binary(self, op: str, left: Any, right: Any) -> Any:
        if op == "and":
            return to_truth(left) and to_truth(right)
        if op == "or":
            return to_truth(left) or to_truth(right)
        if op == "&":
            return show(left) + show(right)
        if op in ("==", "!="):
            # true is not 1 here, unlike in Python.
            same = left == right and isinstance(left, bool) == isinstance(right, bool)
            return same == (op == "==")
        if op in _ORDER:
            if not (isinstance(left, str) and isinstance(right, str)):
                left, right = to_number(left), to_number(right)
            return _ORDER[op](left, right)
        return self._arithmetic(op, to_number(left), to_number(right))

    def _arithmetic(self, op: str, left: float, right: float) -> float:
        try:
            if op == "^":
                if abs(right) > _LARGEST_POWER:
                    raise EvaluationError(f"the power {show(right)} is too large")
                result = left**right
                if isinstance(result, complex):
                    raise EvaluationError(f"{show(left)} has no power of {show(right)}")
                return result
            return _ARITHMETIC[op](left, right)
        except ZeroDivisionError:
            raise EvaluationError("division by zero") from None
        except OverflowError:
            raise EvaluationError("the result is too large") from None

    def _call(self, node: Call) -> Any:
        function = self.functions.find(node.name)
        arguments = [self.evaluate(argument) for argument in node.arguments]
        try:
            return function.call(*arguments)
        except FormulaError:
            raise
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise EvaluationError(f"{node.name}() failed: {error}") from error
