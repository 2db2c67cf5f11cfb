"""Expected values in columns: of parametrised tests, of loops over tables, of helpers' arguments.

A column that only says what is expected is taken out as a whole, the parameter with it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from repos.runners.python.blind.names import FUNCTION, Function, called_name


class Column(Protocol):
    """Where one name of a test function gets its values from."""

    def cells(self) -> list[ast.expr] | None:
        """Return the values, or None where they can't be told."""
        ...

    def remove(self) -> None:
        """Take the column out of the source."""
        ...


@dataclass
class Parametrized:
    """A column of `@pytest.mark.parametrize`."""

    function: Function
    call: ast.Call
    label: str

    def cells(self) -> list[ast.expr] | None:
        """Return the values, or None where a row is no literal row, or the column is alone."""
        labels = _labels(self.call)
        rows = self.call.args[1]
        if labels is None or len(labels) < 2 or not isinstance(rows, ast.List | ast.Tuple):
            return None
        at, found = labels.index(self.label), []
        for row in rows.elts:
            values = _row(row)
            if values is None or len(values) != len(labels):
                return None
            found.append(values[at])
        return found

    def remove(self) -> None:
        """Take out label, cells and parameter."""
        labels = _labels(self.call)
        rows = self.call.args[1]
        assert labels is not None and isinstance(rows, ast.List | ast.Tuple)
        at = labels.index(self.label)
        left = [label for label in labels if label != self.label]
        self.call.args[0] = ast.Tuple([ast.Constant(label) for label in left], ast.Load())
        for row in rows.elts:
            values = _row(row)
            assert values is not None
            del values[at]
            if isinstance(row, ast.Call):
                row.keywords = [k for k in row.keywords if k.arg != "id"]
        self.call.keywords = [k for k in self.call.keywords if k.arg != "ids"]
        arguments = self.function.args
        for found in (arguments.posonlyargs, arguments.args, arguments.kwonlyargs):
            found[:] = [a for a in found if a.arg != self.label]


@dataclass
class Looped:
    """A column of `for a, b in [(…), (…)]`."""

    loop: ast.For
    name: str

    def cells(self) -> list[ast.expr] | None:
        """Return the values, or None where a row has another shape."""
        target, rows = self.loop.target, self.loop.iter
        assert isinstance(target, ast.Tuple) and isinstance(rows, ast.List | ast.Tuple)
        at, found = self._at(), []
        for row in rows.elts:
            if not isinstance(row, ast.List | ast.Tuple) or len(row.elts) != len(target.elts):
                return None
            found.append(row.elts[at])
        return found

    def remove(self) -> None:
        """Take out the name and the cells."""
        target, rows = self.loop.target, self.loop.iter
        assert isinstance(target, ast.Tuple) and isinstance(rows, ast.List | ast.Tuple)
        at = self._at()
        del target.elts[at]
        for row in rows.elts:
            assert isinstance(row, ast.List | ast.Tuple)
            del row.elts[at]

    def _at(self) -> int:
        assert isinstance(self.loop.target, ast.Tuple)
        names = [getattr(t, "id", None) for t in self.loop.target.elts]
        return names.index(self.name)


@dataclass
class Passed:
    """A parameter of a helper that is defined in the test function and only called there."""

    helper: Function
    parameter: str
    calls: list[ast.Call] = field(default_factory=list)

    def cells(self) -> list[ast.expr] | None:
        """Return what is passed, and the default; None where a call passes a star."""
        at, found = self._at(), []
        for call in self.calls:
            if any(isinstance(a, ast.Starred) for a in call.args):
                return None
            if any(k.arg is None for k in call.keywords):
                return None
            if len(call.args) > at:
                found.append(call.args[at])
            found += [k.value for k in call.keywords if k.arg == self.parameter]
        default = self._default()
        if default is not None:
            found.append(self.helper.args.defaults[default])
        return found

    def remove(self) -> None:
        """Take out the parameter and what is passed for it."""
        at, default = self._at(), self._default()
        if default is not None:
            del self.helper.args.defaults[default]
        del self.helper.args.args[at]
        for call in self.calls:
            del call.args[at : at + 1]
            call.keywords = [k for k in call.keywords if k.arg != self.parameter]

    def _at(self) -> int:
        return [a.arg for a in self.helper.args.args].index(self.parameter)

    def _default(self) -> int | None:
        arguments = self.helper.args
        at = self._at() - (len(arguments.args) - len(arguments.defaults))
        return at if at >= 0 else None


def find_columns(function: Function) -> dict[str, Column]:
    """Return the columns of a test function by the name that they give a value to."""
    found: dict[str, Column] = {}
    for call in parametrizations(function):
        labels = _labels(call) or []
        if not any(k.arg == "indirect" for k in call.keywords):
            found.update({label: Parametrized(function, call, label) for label in labels})
    for node in ast.walk(function):
        if (
            isinstance(node, ast.For)
            and isinstance(node.target, ast.Tuple)
            and isinstance(node.iter, ast.List | ast.Tuple)
            and len(node.target.elts) > 1
        ):
            for target in node.target.elts:
                if isinstance(target, ast.Name):
                    found[target.id] = Looped(node, target.id)
    for helper in helpers_in(function):
        calls = [
            node
            for node in ast.walk(function)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == helper.name
        ]
        uses = sum(isinstance(n, ast.Name) and n.id == helper.name for n in ast.walk(function))
        if len(calls) == uses:
            for argument in helper.args.args:
                found[argument.arg] = Passed(helper, argument.arg, calls)
    return found


def helpers_in(function: Function) -> Iterator[Function]:
    """Yield the plain functions that are defined inside of a test function."""
    for node in ast.walk(function):
        if isinstance(node, FUNCTION) and node is not function and not node.decorator_list:
            taken = node.args
            if not (taken.vararg or taken.kwarg or taken.posonlyargs):
                yield node


def parametrizations(function: Function) -> Iterator[ast.Call]:
    """Yield the `parametrize` decorators of a test function."""
    for decorator in function.decorator_list:
        if (
            isinstance(decorator, ast.Call)
            and called_name(decorator) == "parametrize"
            and len(decorator.args) > 1
        ):
            yield decorator


def _labels(call: ast.Call) -> list[str] | None:
    try:
        value = ast.literal_eval(call.args[0])
    except (ValueError, TypeError):
        return None
    if isinstance(value, str):
        return [label.strip() for label in value.split(",") if label.strip()]
    if isinstance(value, list | tuple) and all(isinstance(v, str) for v in value):
        return list(value)
    return None


def _row(row: ast.expr) -> list[ast.expr] | None:
    """Return the values of a row: of `(a, b)`, `[a, b]` or `pytest.param(a, b)`."""
    if isinstance(row, ast.Call):
        return row.args if called_name(row) == "param" else None
    return row.elts if isinstance(row, ast.List | ast.Tuple) else None
