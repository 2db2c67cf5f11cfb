"""Cuts out of a failing test what its failing assertion needs: a backward slice."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from repos.mining.changes.heads import (
    FUNCTION,
    LONGEST_HELPER,
    Head,
    NoSliceError,
    bound_names,
    free_names,
)
from repos.mining.changes.runs import Failed
from repos.syntax import parse

RAISES = re.compile(r"(^|\.)(raises|assertRaises\w*|warns)$")
SET_UP = ("setUpClass", "setup_class", "setUp", "setup_method")
FREEZERS = re.compile(r"(^|\.)(freeze_time|time_machine\.travel)$")


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
    owner = _owner(tree, function)
    target = _find_target(function, failed.line)
    caught = _caught(target)
    if caught is not None:
        return slice_of(source, replace(failed, line=caught.lineno), whole)
    raises, asked = _asked(target.statement, whole)
    methods = {s.name: s for s in owner.body if isinstance(s, FUNCTION)} if owner else {}
    body = [_without_self(node) for node in asked]
    helpers: dict[str, ast.stmt] = {}
    while True:
        needed = set().union(*map(free_names, [*body, *helpers.values()]))
        kept: list[ast.stmt] = []
        for statement in reversed([*_set_up(owner), *target.before]):
            plain = _without_self(statement)
            if _matters(plain, needed):
                kept.insert(0, plain)
                needed |= free_names(plain)
        called = (needed & set(methods)) - set(helpers).union(*map(bound_names, kept))
        if not called:
            break
        helpers |= {name: _as_function(methods[name]) for name in sorted(called)}
    kept = [*helpers.values(), *kept]
    decorators = [*function.decorator_list, *(owner.decorator_list if owner else ())]
    for decorator in decorators:
        if isinstance(decorator, ast.Call) and FREEZERS.search(ast.unparse(decorator.func)):
            kept.insert(0, ast.Expr(ast.Call(ast.Attribute(decorator, "start"), [], [])))
            needed |= free_names(decorator)
    made = set().union(*(bound_names(s) for s in kept))
    head = Head(tree, decorators, failed, target.looped, made).lines(needed)
    lines = [*head, *(ast.unparse(ast.fix_missing_locations(s)) for s in kept)]
    text = "\n".join(ast.unparse(ast.fix_missing_locations(node)) for node in body)
    return Slice(tuple(lines), text, raises)


def _as_function(method: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.stmt:
    """Return a helper of the test's class as a function without `self`.

    Raises:
        NoSliceError: It is long, or more than a plain method.
    """
    static = [ast.unparse(d) for d in method.decorator_list]
    plain = copy.deepcopy(method)
    plain.decorator_list = []
    sets = any(
        isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
        for node in ast.walk(method)
    )
    if sets or static not in ([], ["staticmethod"], ["classmethod"]):
        raise NoSliceError("a method of the test's class")
    if ast.unparse(plain).count("\n") > LONGEST_HELPER:
        raise NoSliceError("a long helper")
    if static != ["staticmethod"]:
        plain.args.args = plain.args.args[1:]
    return _without_self(plain)


def assertion_lines(source: bytes, failed: Failed) -> list[int]:
    """Return the lines of a test's other assertions, those after the failing one first.

    Raises:
        NoSliceError: The file does not hold the test.
    """
    function = find_function(parse(source), failed)
    helpers = {node.name for node in function.body if isinstance(node, FUNCTION)}
    lines = {
        node.lineno
        for node in ast.walk(function)
        if isinstance(node, ast.Assert)
        or (isinstance(node, ast.Expr) and _called(node.value) in helpers)
        or (isinstance(node, ast.With) and _is_raises(node))
        or (isinstance(node, ast.Expr) and ast.unparse(node).startswith("self.assert"))
    } - {failed.line}
    return sorted(lines, key=lambda line: (line < failed.line, line))


def _called(node: ast.expr) -> str:
    """Return the name of the function that is called, "" where it is no plain name."""
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""


def _owner(
    tree: ast.Module, function: ast.FunctionDef | ast.AsyncFunctionDef
) -> ast.ClassDef | None:
    """Return the class that holds a test."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and function in node.body:
            return node
    return None


def _set_up(owner: ast.ClassDef | None) -> list[ast.stmt]:
    """Return what runs before each test of a class: its attributes, then its set-up."""
    found: list[ast.stmt] = []
    for statement in owner.body if owner else ():
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            found.append(statement)
    for statement in owner.body if owner else ():
        if isinstance(statement, ast.FunctionDef) and statement.name in SET_UP:
            found += statement.body
    return found


class _Plain(ast.NodeTransformer):
    """Makes variables of a test's attributes."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
            return ast.Name(node.attr, node.ctx)
        return node


def _without_self(statement: ast.stmt) -> ast.stmt:
    return ast.fix_missing_locations(_Plain().visit(copy.deepcopy(statement)))


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


def _caught(target: _Target) -> ast.stmt | None:
    """Return the block that raised, where an assertion looks at the exception of one before."""
    names = free_names(target.statement)
    for statement in reversed(target.before):
        if _is_raises(statement) and bound_names(statement) & names:
            return statement
    return None


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


def _matters(statement: ast.stmt, needed: set[str]) -> bool:
    """Whether a statement before may change what is needed."""
    if isinstance(statement, ast.Assert):
        return False
    if bound_names(statement) & needed:
        return True
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        function = statement.value.func
        if not isinstance(function, ast.Attribute):
            return any("monkeypatch" in free_names(given) for given in statement.value.args)
        return bool(free_names(function.value) & {*needed, "monkeypatch"})
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AugAssign):
        targets = [statement.target]
    elif isinstance(statement, ast.Delete):
        targets = statement.targets
    return any(
        isinstance(t, ast.Subscript | ast.Attribute) and bool(free_names(t) & needed)
        for t in targets
    )
