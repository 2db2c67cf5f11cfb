"""Cuts parts out of Python source by their places, and finds the places of parts."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from repos.tasks.sources.removed.records import Level, TestPart

Place = tuple[int, int]
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

FILLING: dict[Level, bytes] = {
    "expression": b"...",
    "statement": b"...",
    "block": b"...",
    "function": b"raise NotImplementedError",
    "class": b"...",
}
"""What stands in the place of the removed part."""


@dataclass(frozen=True)
class Part:
    """A part of a file that can be removed.

    Attributes:
        name: Qualified name of the definition that it is, or that holds it.
        level: What kind of part it is.
        start: Line (from 1) and column (bytes, from 0) of its begin.
        end: The same of its end.
    """

    name: str
    level: Level
    start: Place
    end: Place

    @property
    def lines(self) -> range:
        """The lines on which it stands."""
        return range(self.start[0], self.end[0] + 1)


def offsets(source: bytes, start: Place, end: Place) -> tuple[int, int]:
    """Return where a part begins and ends, in bytes."""
    begins = [0]
    for line in source.splitlines(keepends=True):
        begins.append(begins[-1] + len(line))
    if not 1 <= start[0] <= end[0] < len(begins):
        raise ValueError("the file has fewer lines")
    return begins[start[0] - 1] + start[1], begins[end[0] - 1] + end[1]


def part_text(source: bytes, start: Place, end: Place) -> bytes:
    """Return a part's text."""
    first, last = offsets(source, start, end)
    return source[first:last]


def digest(text: bytes) -> str:
    """Return the SHA-256 of a part's text, in hex."""
    return hashlib.sha256(text).hexdigest()


def remove_part(source: bytes, start: Place, end: Place, level: Level) -> bytes:
    """Return the source with the part replaced by what stands for its kind."""
    first, last = offsets(source, start, end)
    return source[:first] + FILLING[level] + source[last:]


def without_tests(source: bytes, tests: Iterable[TestPart]) -> bytes:
    """Return a test file without some test functions; an emptied class keeps a `pass`."""
    cuts = [(test.first, test.last) for test in tests]
    lines = source.splitlines(keepends=True)
    gone = {number for first, last in cuts for number in range(first, last + 1)}
    kept = b"".join(line for number, line in enumerate(lines, 1) if number not in gone)
    try:
        ast.parse(kept)
    except SyntaxError:
        for first, last in cuts:
            indent = lines[first - 1][: len(lines[first - 1]) - len(lines[first - 1].lstrip())]
            lines[first - 1] = indent + b"pass\n"
            lines[first:last] = [b""] * (last - first)
        kept = b"".join(lines)
    return kept


def definitions(tree: ast.Module) -> Iterator[tuple[str, Definition]]:
    """Yield functions and classes of a module and of its classes, with qualified names."""

    def visit(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, Definition]]:
        for node in body:
            if isinstance(node, DEFINITIONS):
                yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from visit(node.body, f"{prefix}{node.name}.")

    yield from visit(tree.body, "")


def body_of(node: Definition) -> list[ast.stmt]:
    """Return a definition's body without its docstring."""
    return node.body[1:] if ast.get_docstring(node) is not None else node.body


def parts(source: bytes) -> Iterator[Part]:
    """Yield the parts of a file that can be removed: definitions first, then what they hold."""
    for name, node in definitions(ast.parse(source)):
        body = body_of(node)
        if not body:
            continue
        if isinstance(node, ast.ClassDef):
            yield _part(name, "class", body[0], body[-1])
            continue
        yield _part(name, "function", body[0], body[-1])
        for inner in ast.walk(node):
            yield from _masked(name, inner, body)


def _masked(name: str, node: ast.AST, body: list[ast.stmt]) -> Iterator[Part]:
    """Yield the syntax node itself where it can be masked, and its block where it has one."""
    if isinstance(node, ast.Return | ast.Assign | ast.AugAssign) and node.value is not None:
        yield _part(name, "statement", node, node)
        if not isinstance(node.value, ast.Constant | ast.Name):
            yield _part(name, "expression", node.value, node.value)
    if isinstance(node, ast.If | ast.For | ast.While | ast.With | ast.Try) and len(node.body) > 1:
        yield _part(name, "block", node.body[0], node.body[-1])


def _part(name: str, level: Level, first: ast.stmt | ast.expr, last: ast.stmt | ast.expr) -> Part:
    line, column = first.lineno, first.col_offset
    decorators = getattr(first, "decorator_list", [])
    if decorators:  # the @ stands in the column of the definition
        line = decorators[0].lineno
    assert last.end_lineno is not None and last.end_col_offset is not None
    return Part(name, level, (line, column), (last.end_lineno, last.end_col_offset))
