"""The head of an example: imports, helpers and values that its last lines need."""

from __future__ import annotations

import ast
import builtins
import copy
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from repos.mining.changes.runs import Failed
from repos.syntax import parse_expression

FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
LONGEST_HELPER = 12
"""Lines of a helper of the test file at most that an example takes over."""

IMPORTS = {
    "datetime": "import datetime",
    "Decimal": "from decimal import Decimal",
    "Fraction": "from fractions import Fraction",
    "OrderedDict": "from collections import OrderedDict",
    "UUID": "from uuid import UUID",
    "inf": "from math import inf",
}
"""What the values that a failing test's frame tells need; see `inside/repogym_forms.py`."""

FIXTURES = {
    "monkeypatch": ("import pytest", "monkeypatch = pytest.MonkeyPatch()"),
    "tmp_path": (
        "import tempfile\nfrom pathlib import Path", "tmp_path = Path(tempfile.mkdtemp())",
    ),
}  # fmt: skip
"""Fixtures of pytest that a program can have as well."""


class NoSliceError(ValueError):
    """The assertion can't be shown; the message says why."""


def free_names(node: ast.AST) -> set[str]:
    """Return the names that a tree reads or sets, without those of inner scopes."""
    own: set[str] = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.arg):
            own.add(inner.arg)
        elif isinstance(inner, ast.ExceptHandler) and inner.name:
            own.add(inner.name)
        elif isinstance(inner, ast.comprehension):
            own |= {n.id for n in ast.walk(inner.target) if isinstance(n, ast.Name)}
    if isinstance(node, (*FUNCTION, ast.ClassDef)):
        own |= {
            n.id for n in ast.walk(node)
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }  # fmt: skip
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} - own


def bound_names(statement: ast.stmt) -> set[str]:
    """Return the names that a statement sets."""
    found = {
        n.id for n in ast.walk(statement)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }  # fmt: skip
    if isinstance(statement, (*FUNCTION, ast.ClassDef)):
        found.add(statement.name)
    if isinstance(statement, ast.Import | ast.ImportFrom):
        found |= {(a.asname or a.name).split(".")[0] for a in statement.names}
    return found


@dataclass
class Head:
    """Collects what names need.

    Attributes:
        tree: The test file.
        decorators: Of the test function and its class.
        failed: Where and with what it failed.
        looped: Variables of loops around the assertion.
        made: Names that the kept statements set.
        parts: Rank (imports, helpers, values) and text.
    """

    tree: ast.Module
    decorators: Sequence[ast.expr]
    failed: Failed
    looped: Collection[str]
    made: Collection[str]
    parts: list[tuple[int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Look up what the module sets."""
        self.top = _module_names(self.tree)
        self.done: set[str] = set()
        self.fixtures: set[str] = set()

    def lines(self, needed: Collection[str]) -> list[str]:
        """Return the lines for some names.

        Raises:
            NoSliceError: One has no literal form.
        """
        for name in sorted(needed):
            self.add(name)
        return [text for _, text in sorted(dict.fromkeys(self.parts), key=lambda part: part[0])]

    def add(self, name: str) -> None:
        """Add what a name needs, after what that needs in turn."""
        if name in self.done:
            return
        self.done.add(name)
        if self._is_argument(name) or name in self.looped:
            self._add_value(name)
        elif name in self.made or (hasattr(builtins, name) and name not in self.top):
            return
        elif name in self.top:
            self._add_statement(self.top[name])
        else:
            self._add_value(name)

    def _is_argument(self, name: str) -> bool:
        return name in self.failed.arguments or name in self.fixtures

    def _add_statement(self, statement: ast.stmt) -> None:
        text = ast.unparse(statement)
        relative = isinstance(statement, ast.ImportFrom) and statement.level
        if relative or re.search(r"\b(from|import) (tests?|conftest)\b", text):
            raise NoSliceError("a module of helpers")
        if text.count("\n") > LONGEST_HELPER:
            raise NoSliceError("a long helper")
        for inner in sorted(free_names(statement)):
            self.add(inner)
        is_import = isinstance(statement, ast.Import | ast.ImportFrom)
        self.parts.append((0 if is_import else 1, text))

    def _add_value(self, name: str) -> None:
        value = self.failed.variables.get(name)
        if value is not None:
            for used in sorted(_names_in(value)):
                if used not in IMPORTS and not hasattr(builtins, used):
                    raise NoSliceError(f"{name} has no literal form")
                if used in IMPORTS:
                    self.parts.append((0, IMPORTS[used]))
            self.parts.append((2, f"{name} = {value}"))
            return
        given = _parameter(self.decorators, name, self.failed, self.top)
        if given is not None:
            for inner in sorted(free_names(given)):
                self.add(inner)
            self.parts.append((2, f"{name} = {ast.unparse(given)}"))
        elif self._is_argument(name) and name in FIXTURES:
            imports, value = FIXTURES[name]
            self.parts += [(0, line) for line in imports.splitlines()]
            self.parts.append((2, value))
        elif self._is_argument(name) and isinstance(self.top.get(name), ast.FunctionDef):
            self._add_fixture(self.top[name])
        elif not self._is_argument(name) and "*" in self.top:
            self._add_statement(self.top["*"])
        else:
            raise NoSliceError(f"{name} has no literal form")

    def _add_fixture(self, statement: ast.stmt) -> None:
        """Add a fixture of the file as a function, and its value."""
        assert isinstance(statement, ast.FunctionDef)
        name = statement.name
        if any("params" in ast.unparse(d) for d in statement.decorator_list):
            raise NoSliceError(f"{name} has no literal form")
        plain = copy.copy(statement)
        plain.decorator_list = []
        text = ast.unparse(plain)
        if text.count("\n") > LONGEST_HELPER:
            raise NoSliceError("a long helper")
        arguments = [a.arg for a in statement.args.args]
        self.fixtures |= set(arguments)
        for inner in (*arguments, *sorted(free_names(plain))):
            self.add(inner)
        call = f"{name}({', '.join(arguments)})"
        self.parts.append((1, text))
        if any(isinstance(node, ast.Yield) for node in ast.walk(plain)):
            # Kept in a name of its own: what is dropped ends after its first value.
            self.parts.append((2, f"{name}_made = {call}\n{name} = next({name}_made)"))
        else:
            self.parts.append((2, f"{name} = {call}"))


def _names_in(value: str) -> set[str]:
    try:
        tree = parse_expression(value)
    except (SyntaxError, ValueError) as error:
        raise NoSliceError("a value that can't be read") from error
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _parameter(
    decorators: Sequence[ast.expr], name: str, failed: Failed, top: dict[str, ast.stmt]
) -> ast.expr | None:
    """Return the expression that `pytest.mark.parametrize` gives a parameter, as it stands."""
    index = failed.indices.get(name)
    for decorator in decorators:
        if index is None or not isinstance(decorator, ast.Call) or len(decorator.args) < 2:
            continue
        if not ast.unparse(decorator.func).endswith("parametrize"):
            continue
        names = _parameter_names(decorator.args[0])
        values: ast.AST | None = decorator.args[1]
        if isinstance(values, ast.Name):
            statement = top.get(values.id)
            values = statement.value if isinstance(statement, ast.Assign) else None
        if name not in names or not isinstance(values, ast.List | ast.Tuple):
            continue
        if index >= len(values.elts) or any(isinstance(e, ast.Starred) for e in values.elts):
            continue
        return _one_of(values.elts[index], names.index(name), len(names))
    return None


def _parameter_names(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [part.strip() for part in node.value.split(",")]
    if isinstance(node, ast.List | ast.Tuple):
        return [str(e.value) for e in node.elts if isinstance(e, ast.Constant)]
    return []


def _one_of(value: ast.expr, place: int, count: int) -> ast.expr | None:
    if isinstance(value, ast.Call) and ast.unparse(value.func).endswith("param"):
        return value.args[place] if place < len(value.args) else None
    if count == 1:
        return value
    if isinstance(value, ast.List | ast.Tuple) and place < len(value.elts):
        return value.elts[place]
    return None


def _module_names(tree: ast.Module) -> dict[str, ast.stmt]:
    found: dict[str, ast.stmt] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            for alias in statement.names:
                one = copy.copy(statement)
                one.names = [alias]
                found[(alias.asname or alias.name).split(".")[0]] = one
        elif isinstance(statement, (*FUNCTION, ast.ClassDef)):
            found[statement.name] = statement
        elif isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    found[target.id] = statement
    return found
