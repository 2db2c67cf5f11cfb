"""Synthetic bugs: small changes of meaning to one syntax node of a function.

How to use it, without any task:

    from random import Random
    from repos.tasks.sources.mutants.operators import mutations, pick

    found = mutations(source)                    # every bug that one edit makes, by place
    for mutation in pick(found, 20, Random(7)):  # 20 of them, weighted as real bugs are
        broken = mutation.apply(source)          # bytes; it parses and differs in meaning

`mutations` needs nothing but the text of a file; the same text gives the same list. A task is made
of one by `repos.mining.mutants`, which runs the tests: `repogym tasks mutate PACKAGE`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from repos.syntax import parse
from repos.tasks.sources.removed.text import DEFINITIONS, Place, offsets

WEIGHTS = {
    "wrong-variable": 14.0,
    "negated-condition": 8.0,
    "dropped-guard": 10.0,
    "dropped-clause": 10.0,
    "other-comparison": 8.0,
    "moved-boundary": 7.0,
    "other-connective": 5.0,
    "other-operator": 6.0,
    "off-by-one": 8.0,
    "flipped-boolean": 5.0,
    "dropped-argument": 7.0,
    "swapped-arguments": 4.0,
    "dropped-method": 4.0,
    "dropped-call": 6.0,
    "dropped-assignment": 5.0,
    "dropped-else": 5.0,
}
"""How often each kind is drawn, set by hand after the kinds of one-statement bugs that studies of
Python projects count: names, conditions and calls often, operators and literals less."""

COMPARISONS = {
    ast.Eq: "!=", ast.NotEq: "==", ast.In: "not in", ast.NotIn: "in", ast.Is: "is not",
    ast.IsNot: "is",
}  # fmt: skip
BOUNDARIES = {ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">"}
OPERATORS = {
    ast.Add: "-", ast.Sub: "+", ast.Mult: "//", ast.Div: "*", ast.FloorDiv: "/", ast.Mod: "//",
    ast.BitOr: "&", ast.BitAnd: "|",
}  # fmt: skip
PLAIN_METHODS = frozenset(
    {"strip", "rstrip", "lstrip", "lower", "upper", "casefold", "copy", "title", "splitlines"}
)
Span = tuple[int, int]
"""First byte, and the one after the last."""

LARGEST = 1000
"""Numbers above it are seldom counts: they are left as they are."""


@dataclass(frozen=True)
class Mutation:
    """One synthetic bug.

    Attributes:
        operator: Its kind, a key of `WEIGHTS`.
        start: Line (from 1) and column (bytes, from 0) where the replaced text begins.
        end: The same of its end.
        text: What stands there instead.
        function: Qualified name of the function that holds it.
    """

    operator: str
    start: Place
    end: Place
    text: str
    function: str

    def apply(self, source: bytes) -> bytes:
        """Return the source with the bug."""
        first, last = offsets(source, self.start, self.end)
        return source[:first] + self.text.encode() + source[last:]


def mutations(source: bytes) -> list[Mutation]:
    """Return all synthetic bugs of the functions of a file, by place and kind.

    Left out are those that do not parse and those that leave the syntax tree as it is.

    Raises:
        SyntaxError: The source is no Python of this interpreter.
        ValueError: It holds a NUL character.
    """
    finder = _Finder(source)
    finder.visit(parse(source))
    kept = []
    parsed: dict[Span, str | None] = {}
    for span, mutation in sorted(
        set(finder.found), key=lambda f: (f[1].start, f[1].end, f[1].operator, f[1].text)
    ):
        if span not in parsed:
            parsed[span] = _parsed(source, span)
        grown = len(mutation.apply(source)) - len(source)
        changed = _parsed(mutation.apply(source), (span[0], span[1] + grown))
        if changed is not None and changed != parsed[span]:
            kept.append(mutation)
    return kept


def _parsed(source: bytes, span: Span) -> str | None:
    """Return the tree of a definition alone, which is quicker than the whole file's."""
    text = source[slice(*span)]
    try:
        return ast.dump(parse(b"if 1:\n" + text if text[:1].isspace() else text))
    except (SyntaxError, ValueError, RecursionError):
        return None


def pick(found: Sequence[Mutation], count: int, random: Random) -> list[Mutation]:
    """Draw bugs without repetition: first a kind by its weight, then one of that kind.

    Args:
        found: As `mutations` returns them; those of several files may stand together if the
            caller keeps them apart.
        count: How many at most.
        random: The only source of chance.
    """
    left: dict[str, list[Mutation]] = {}
    for mutation in found:
        left.setdefault(mutation.operator, []).append(mutation)
    drawn: list[Mutation] = []
    while left and len(drawn) < count:
        kinds = sorted(left)
        kind = random.choices(kinds, [WEIGHTS[k] for k in kinds])[0]
        drawn.append(left[kind].pop(random.randrange(len(left[kind]))))
        if not left[kind]:
            del left[kind]
    return drawn


class _Finder(ast.NodeVisitor):
    """Collects bugs while it walks through functions."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self.found: list[tuple[Span, Mutation]] = []
        self.outermost: Span = (0, 0)
        self.names: list[str] = []
        self.locals: list[list[str]] = []

    def text(self, node: ast.AST) -> str:
        return self.source[slice(*self._span(node))].decode()

    def _span(self, node: ast.AST) -> tuple[int, int]:
        start, end = _place(node)
        return offsets(self.source, start, end)

    def add(self, operator: str, node: ast.AST, text: str) -> None:
        if self.locals:
            start, end = _place(node)
            mutation = Mutation(operator, start, end, text, ".".join(self.names))
            self.found.append((self.outermost, mutation))

    def visit(self, node: ast.AST) -> None:
        if isinstance(node, DEFINITIONS):
            self._definition(node)
            return
        for operator, target, text in _bugs(self, node):
            self.add(operator, target, text)
        if isinstance(node, ast.Name) and self.locals:
            self._wrong_variable(node)
        if not isinstance(node, ast.JoinedStr):  # places inside are not told by older Pythons
            self.generic_visit(node)

    def _definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        self.names.append(node.name)
        function = not isinstance(node, ast.ClassDef)
        if function:
            if not self.locals:
                (line, _), end = _place(node)
                self.outermost = offsets(self.source, (line, 0), end)
            self.locals.append(_local_names(node))
        for statement in node.body:
            self.visit(statement)
        if function:
            self.locals.pop()
        self.names.pop()

    def _wrong_variable(self, node: ast.Name) -> None:
        known = self.locals[-1]
        if isinstance(node.ctx, ast.Load) and node.id in known and len(known) > 1:
            place = known.index(node.id)
            self.add("wrong-variable", node, known[(place + 1) % len(known)])


def _place(node: ast.AST) -> tuple[Place, Place]:
    start = node.lineno, node.col_offset  # type: ignore[attr-defined]
    end = node.end_lineno, node.end_col_offset  # type: ignore[attr-defined]
    return start, end


def _local_names(node: ast.AST) -> list[str]:
    """Return parameters and assigned names of a function, in order, without self and cls."""
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    stored = [
        (inner.lineno, inner.col_offset, inner.id)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)
    ]
    names += [name for _, _, name in sorted(stored)]
    return [name for name in dict.fromkeys(names) if name not in ("self", "cls")]


def _bugs(of: _Finder, node: ast.AST) -> Iterator[tuple[str, ast.AST, str]]:
    """Yield (operator, replaced node, text) of one node."""
    match node:
        case ast.If():
            yield from _of_condition(of, node)
        case ast.Compare(ops=[op], left=left, comparators=[right]):
            sides = of.text(left), of.text(right)
            if type(op) in BOUNDARIES:
                yield "moved-boundary", node, f" {BOUNDARIES[type(op)]} ".join(sides)
            elif type(op) in COMPARISONS:
                yield "other-comparison", node, f" {COMPARISONS[type(op)]} ".join(sides)
        case ast.BoolOp():
            yield from _of_connective(of, node)
        case ast.BinOp() if type(node.op) in OPERATORS and not isinstance(
            node.left, ast.Constant | ast.JoinedStr
        ):
            yield (
                "other-operator", node,
                f"{of.text(node.left)} {OPERATORS[type(node.op)]} {of.text(node.right)}",
            )  # fmt: skip
        case ast.Constant(value=bool()):
            yield "flipped-boolean", node, str(not node.value)
        case ast.Constant(value=int() as number) if 0 <= number < LARGEST:
            yield "off-by-one", node, str(number + 1)
            if number:
                yield "off-by-one", node, str(number - 1)
        case ast.Call():
            yield from _of_call(of, node)
        case ast.Expr(value=ast.Call() | ast.Await()):
            yield "dropped-call", node, "pass"
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]) | ast.AugAssign():
            yield "dropped-assignment", node, "pass"


def _of_condition(of: _Finder, node: ast.If) -> Iterator[tuple[str, ast.AST, str]]:
    yield "negated-condition", node.test, f"not ({of.text(node.test)})"
    leaves = ast.Return | ast.Raise | ast.Continue | ast.Break
    is_elif = not of.text(node).startswith("if")
    if len(node.body) == 1 and isinstance(node.body[0], leaves) and not node.orelse and not is_elif:
        yield "dropped-guard", node, "pass"
    if node.orelse and not isinstance(node.orelse[0], ast.If):
        block = ast.Expr(ast.Constant(...))
        block.lineno, block.col_offset = node.orelse[0].lineno, node.orelse[0].col_offset
        block.end_lineno = node.orelse[-1].end_lineno
        block.end_col_offset = node.orelse[-1].end_col_offset
        yield "dropped-else", block, "pass"


def _of_connective(of: _Finder, node: ast.BoolOp) -> Iterator[tuple[str, ast.AST, str]]:
    own, other = (" and ", " or ") if isinstance(node.op, ast.And) else (" or ", " and ")
    values = [of.text(value) for value in node.values]
    yield "other-connective", node, other.join(f"({value})" for value in values)
    for number in range(len(values)):
        left = own.join(v for place, v in enumerate(values) if place != number)
        yield "dropped-clause", node, f"({left})"


def _of_call(of: _Finder, node: ast.Call) -> Iterator[tuple[str, ast.AST, str]]:
    called = of.text(node.func)
    starred = any(isinstance(argument, ast.Starred) for argument in node.args)
    arguments = [of.text(argument) for argument in node.args]
    named = [f"{k.arg}={of.text(k.value)}" if k.arg else f"**{of.text(k.value)}"
             for k in node.keywords]  # fmt: skip
    if len(arguments) >= 2 and not starred and arguments[0] != arguments[1]:
        swapped = [arguments[1], arguments[0], *arguments[2:], *named]
        yield "swapped-arguments", node, f"{called}({', '.join(swapped)})"
    for number, keyword in enumerate(node.keywords):
        if keyword.arg:
            rest = [*arguments, *named[:number], *named[number + 1 :]]
            yield "dropped-argument", node, f"{called}({', '.join(rest)})"
    if isinstance(node.func, ast.Attribute) and node.func.attr in PLAIN_METHODS:
        yield "dropped-method", node, of.text(node.func.value)
