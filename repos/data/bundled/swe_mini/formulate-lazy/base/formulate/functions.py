"""The functions that a formula may call."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .errors import EvaluationError, NameProblem
from .values import show, to_number, to_text, to_truth


@dataclass(frozen=True)
class Function:
    """A function and how many arguments it takes (`most` None: any number)."""

    name: str
    call: Callable[..., Any]
    least: int
    most: int | None

    def check(self, count: int) -> None:
        """Raise NameProblem if `count` arguments are too few or too many."""
        if count < self.least or (self.most is not None and count > self.most):
            wanted = str(self.least)
            if self.most is None:
                wanted = f"at least {self.least}"
            elif self.most != self.least:
                wanted = f"{self.least} to {self.most}"
            raise NameProblem(f"{self.name}() takes {wanted} arguments, not {count}")


class Functions:
    """The functions by name; names don't depend on case."""

    def __init__(self) -> None:
        self._functions: dict[str, Function] = {}

    def add(
        self, name: str, call: Callable[..., Any], least: int, most: int | None = -1
    ) -> None:
        """Add a function, replacing one of that name.

        Args:
            name: how formulas call it.
            call: gets the values of the arguments.
            least: the fewest arguments.
            most: the most arguments, None for any number; `least` if left out.
        """
        most = least if most == -1 else most
        self._functions[name.lower()] = Function(name.lower(), call, least, most)

    def find(self, name: str) -> Function:
        """Raises NameProblem if there is no such function."""
        try:
            return self._functions[name.lower()]
        except KeyError:
            raise NameProblem(f"there is no function {name}()") from None

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._functions))

    @classmethod
    def standard(cls) -> Functions:
        """A new set with the functions of the README."""
        functions = cls()
        for name, call, least, most in _STANDARD:
            functions.add(name, call, least, most)
        return functions


def _round(value: Any, digits: Any = 0) -> float:
    # Half away from zero, as people expect of money; not half to even.
    number, places = to_number(value), int(to_number(digits))
    scaled = abs(number) * 10**places
    whole = math.floor(scaled + 0.5 + 1e-9)
    return math.copysign(whole / 10**places, number)


def _sqrt(value: Any) -> float:
    number = to_number(value)
    if number < 0:
        raise EvaluationError(f"no square root of {show(value)}")
    return math.sqrt(number)


def _if(condition: Any, yes: Any, no: Any = None) -> Any:
    return yes if to_truth(condition) else no


def _coalesce(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _switch(subject: Any, *rest: Any) -> Any:
    for index in range(0, len(rest) - 1, 2):
        if rest[index] == subject:
            return rest[index + 1]
    return rest[-1] if len(rest) % 2 else None


_STANDARD: tuple[tuple[str, Callable[..., Any], int, int | None], ...] = (
    ("abs", lambda x: abs(to_number(x)), 1, 1),
    ("min", lambda *xs: min(map(to_number, xs)), 1, None),
    ("max", lambda *xs: max(map(to_number, xs)), 1, None),
    ("sum", lambda *xs: sum(map(to_number, xs)), 0, None),
    ("round", _round, 1, 2),
    ("floor", lambda x: math.floor(to_number(x)), 1, 1),
    ("ceil", lambda x: math.ceil(to_number(x)), 1, 1),
    ("sqrt", _sqrt, 1, 1),
    ("len", lambda x: len(to_text(x)), 1, 1),
    ("lower", lambda x: to_text(x).lower(), 1, 1),
    ("upper", lambda x: to_text(x).upper(), 1, 1),
    ("trim", lambda x: " ".join(to_text(x).split()), 1, 1),
    ("contains", lambda x, part: to_text(part) in to_text(x), 2, 2),
    ("text", lambda x: show(x), 1, 1),
    ("number", lambda x: to_number(x, from_text=True), 1, 1),
    ("if", _if, 2, 3),
    ("coalesce", _coalesce, 1, None),
    ("switch", _switch, 3, None),
)
