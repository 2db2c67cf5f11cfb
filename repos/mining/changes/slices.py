"""Cuts out of a failing test what its failing assertion needs: a backward slice."""

from __future__ import annotations

import ast
import builtins
import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from repos.mining.changes.runs import Failed
from repos.syntax import parse

FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
RAISES = re.compile(r"(^|\.)(raises|assertRaises\w*|warns)$")
LONGEST_HELPER = 12
"""Lines of a helper of the test file at most that an example takes over."""


class NoSliceError(ValueError):
    """The assertion can't be shown; the message says why."""


@dataclass(frozen=True)
class Slice:
    """A failing assertion's program.

    Attributes:
        head: Imports and statements before.
        body: The expression, or the statements that raise.
        raises: Whether the body is to raise.
    """

    head: tuple[str, ...]
    body: str
    raises: bool

    @property
    def text(self) -> str:
        """The whole program."""
        return "\n".join([*self.head, self.body])


@dataclass
class _Target:
    """Where in a test an assertion stands, and what runs before it."""

    statement: ast.stmt
    before: list[ast.stmt]
    looped: set[str] = field(default_factory=set)


def find_function(tree: ast.Module, failed: Failed) -> ast.FunctionDef | ast.AsyncFunctionDef:
    """Return the test function's tree.

    Raises:
        NoSliceError: The file does not hold it.
    """
    name = failed.function.rpartition(".")[2]
    for node in ast.walk(tree):
        if isinstance(node, FUNCTION) and node.name == name:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            if not failed.line or first <= failed.line <= (node.end_lineno or 0):
                return node
    raise NoSliceError("the test function is not found")


def slice_of(source: bytes, failed: Failed, whole: bool = False) -> Slice:
    """Return the program of the assertion at which a test failed.

    Variables that loops, parameters and fixtures set are put in as literals.

    Args:
        source: The test file.
        failed: Where and with what it failed.
        whole: Whether the outcome of the whole comparison is told, not that of one side.

    Raises:
        NoSliceError: It needs something that has no literal form, or is of a form that is not
            known here.
    """
    tree = parse(source)
    function = find_function(tree, failed)
    if not failed.line:
        raise NoSliceError("no line of the test is known")
    if isinstance(function, ast.AsyncFunctionDef):
        raise NoSliceError("a coroutine")
    target = _find_target(function, failed.line)
    raises, body = _asked(target.statement, whole)
    needed = set().union(*(_free(node) for node in body))
    kept: list[ast.stmt] = []
    for statement in reversed(target.before):
        if _matters(statement, needed):
            kept.insert(0, statement)
            needed |= _free(statement)
    head = _head(tree, failed, target, kept, needed)
    lines = [*head, *(ast.unparse(ast.fix_missing_locations(s)) for s in kept)]
    text = "\n".join(ast.unparse(ast.fix_missing_locations(node)) for node in body)
    return Slice(tuple(lines), text, raises)


def _find_target(function: ast.FunctionDef | ast.AsyncFunctionDef, line: int) -> _Target:
    before: list[ast.stmt] = []
    looped: set[str] = set()
    block, found = function.body, None
    while block:
        place = next(
            (k for k, s in enumerate(block) if s.lineno <= line <= (s.end_lineno or 0)), None
        )
        if place is None:
            break
        before += block[:place]
        found = block[place]
        if isinstance(found, ast.For):
            looped |= {n.id for n in ast.walk(found.target) if isinstance(n, ast.Name)}
        if _is_raises(found) or isinstance(found, FUNCTION):
            break
        if isinstance(found, ast.With):
            before.append(ast.With(items=found.items, body=[ast.Pass()]))
        block = next((b for b in _blocks(found) if b[0].lineno <= line <= _end(b)), [])
    if found is None:
        raise NoSliceError("no statement stands at the line")
    return _Target(found, before, looped)


def _end(block: Sequence[ast.stmt]) -> int:
    return block[-1].end_lineno or 0


def _blocks(statement: ast.stmt) -> list[list[ast.stmt]]:
    found = [getattr(statement, name, []) for name in ("body", "orelse", "finalbody")]
    found += [handler.body for handler in getattr(statement, "handlers", [])]
    return [block for block in found if isinstance(block, list) and block]


def _is_raises(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.With) and any(
        isinstance(item.context_expr, ast.Call)
        and RAISES.search(ast.unparse(item.context_expr.func))
        for item in statement.items
    )


def _asked(statement: ast.stmt, whole: bool) -> tuple[bool, list[ast.stmt]]:
    """Return whether an exception is asked for, and the statements whose outcome is told."""
    match statement:
        case ast.With() if _is_raises(statement):
            return True, statement.body
        case ast.Assert(test=ast.Compare(left=left, comparators=[right])) if not whole:
            return False, [ast.Expr(_interesting(left, right))]
        case ast.Assert(test=ast.UnaryOp(op=ast.Not(), operand=value)):
            return False, [ast.Expr(value)]
        case ast.Assert(test=value):
            return False, [ast.Expr(value)]
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="self")) as f) as call):
            return False, [ast.Expr(_of_unittest(f.attr, call))]
        case ast.Assign(value=value) | ast.Expr(value=value):
            return False, [ast.Expr(value)]
    raise NoSliceError(f"a statement of the form {type(statement).__name__}")


def _of_unittest(name: str, call: ast.Call) -> ast.expr:
    if name == "assertRaises" and len(call.args) > 1:
        return ast.Call(call.args[1], call.args[2:], call.keywords)
    if not name.startswith("assert") or not call.args:
        raise NoSliceError("a method of the test's class")
    if len(call.args) > 1 and not name.startswith(("assertTrue", "assertFalse", "assertIsN")):
        return _interesting(call.args[0], call.args[1])
    return call.args[0]


def _interesting(left: ast.expr, right: ast.expr) -> ast.expr:
    """Return the side of a comparison that computes something."""
    names = any(isinstance(node, ast.Name | ast.Call) for node in ast.walk(left))
    return left if names and not isinstance(left, ast.Constant) else right


def _free(node: ast.AST) -> set[str]:
    own: set[str] = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.arg):
            own.add(inner.arg)
        elif isinstance(inner, ast.ExceptHandler) and inner.name:
            own.add(inner.name)
        elif isinstance(inner, ast.comprehension):
            own |= {n.id for n in ast.walk(inner.target) if isinstance(n, ast.Name)}
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} - own


def _bound(statement: ast.stmt) -> set[str]:
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


def _matters(statement: ast.stmt, needed: set[str]) -> bool:
    """Whether a statement before may change what is needed."""
    if isinstance(statement, ast.Assert):
        return False
    if _bound(statement) & needed:
        return True
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        function = statement.value.func
        return isinstance(function, ast.Attribute) and bool(_free(function.value) & needed)
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AugAssign):
        targets = [statement.target]
    elif isinstance(statement, ast.Delete):
        targets = statement.targets
    return any(
        isinstance(t, ast.Subscript | ast.Attribute) and bool(_free(t) & needed) for t in targets
    )


def _head(
    tree: ast.Module, failed: Failed, target: _Target, kept: list[ast.stmt], needed: set[str]
) -> list[str]:
    """Return imports, helpers and literals that the rest needs, in this order."""
    made = set().union(*(_bound(s) for s in kept))
    top = _module_names(tree)
    parts: list[tuple[int, str]] = []
    todo, done = sorted(needed), set()
    while todo:
        name = todo.pop(0)
        if name in done:
            continue
        done.add(name)
        if name in failed.arguments or name in target.looped:
            parts.append((2, f"{name} = {_literal(name, failed.variables)}"))
        elif name in made or (hasattr(builtins, name) and name not in top):
            continue
        elif name in top:
            statement = top[name]
            text = ast.unparse(statement)
            relative = isinstance(statement, ast.ImportFrom) and statement.level
            if relative or re.search(r"\b(from|import) (tests?|conftest)\b", text):
                raise NoSliceError("a module of helpers")
            if text.count("\n") > LONGEST_HELPER:
                raise NoSliceError("a long helper")
            parts.append((0 if isinstance(statement, ast.Import | ast.ImportFrom) else 1, text))
            todo += sorted(_free(statement))
        else:
            parts.append((2, f"{name} = {_literal(name, failed.variables)}"))
    return [text for _, text in sorted(dict.fromkeys(parts), key=lambda part: part[0])]


def _literal(name: str, variables: Mapping[str, str | None]) -> str:
    value = variables.get(name)
    if value is None:
        raise NoSliceError(f"{name} has no literal form")
    return value


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
