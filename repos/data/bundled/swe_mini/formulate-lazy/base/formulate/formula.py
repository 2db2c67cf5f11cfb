"""A formula, parsed once, evaluated many times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .evaluator import Evaluator
from .functions import Functions
from .nodes import Call, Name, walk
from .parser import parse


class Formula:
    """A parsed and checked formula.

    Args:
        source: the text.
        functions: what it may call; the standard functions if left out.

    Raises:
        ParseError: if the text isn't a formula.
        NameProblem: if it calls an unknown function, or one with the wrong
            number of arguments.
    """

    def __init__(self, source: str, functions: Functions | None = None) -> None:
        self.source = source
        self.functions = functions if functions is not None else Functions.standard()
        self._tree = parse(source)
        for node in walk(self._tree):
            if isinstance(node, Call):
                self.functions.find(node.name).check(len(node.arguments))

    @property
    def names(self) -> frozenset[str]:
        """The names of the values that the formula mentions."""
        return frozenset(node.name for node in walk(self._tree) if isinstance(node, Name))

    def evaluate(self, values: Mapping[str, Any] | None = None) -> Any:
        """The value of the formula.

        Raises:
            NameProblem: if a value isn't in `values`.
            EvaluationError: if a value is of the wrong type or outside of
                what an operation is defined for.
        """
        return Evaluator(values or {}, self.functions).evaluate(self._tree)

    def __repr__(self) -> str:
        return f"Formula({self.source!r})"
