"""A Python file as text and as a syntax tree, with exact positions between the two."""

from __future__ import annotations

import ast
import bisect
import itertools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from repos import syntax

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
NEAR = 12
"""Lines between two edits up to which they are written as one replacement."""

SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)


@dataclass(frozen=True)
class Edit:
    """A replacement of the characters `start` to `end` of a file by `new`."""

    path: str
    start: int
    end: int
    new: str


@dataclass(eq=False)
class Module:
    """One parsed file.

    Attributes:
        path: Relative to the repository.
        text: The whole file, with plain line ends.
        tree: Its syntax tree.
    """

    path: str
    text: str
    tree: ast.Module
    _parents: dict[ast.AST, ast.AST] = field(default_factory=dict)

    @classmethod
    def parse(cls, path: str, text: str) -> Module | None:
        """Parse a file; None where it is no valid Python of this version."""
        tree = parse(text)
        if tree is None:
            return None
        module = cls(path, text, tree)
        for node in ast.walk(tree):
            for child in ast.iter_child_nodes(node):
                module._parents[child] = node
        return module

    @cached_property
    def lines(self) -> list[str]:
        """Lines without their ends."""
        return self.text.split("\n")

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        for line in self.lines:
            starts.append(starts[-1] + len(line) + 1)
        return starts

    def offset(self, line: int, column: int) -> int:
        """Return the character offset of a position of `ast`: line from 1, column in bytes."""
        text = self.lines[line - 1]
        if not text.isascii():
            column = len(text.encode()[:column].decode("utf-8", "replace"))
        return self._starts[line - 1] + column

    def line_of(self, offset: int) -> int:
        """Return the line, from 1, that holds a character."""
        return bisect.bisect_right(self._starts, offset)

    def line_start(self, line: int) -> int:
        """Return the offset at which a line, from 1, begins."""
        return self._starts[line - 1]

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Return start and end offset of a node that has a position."""
        start = self.offset(node.lineno, node.col_offset)  # type: ignore[attr-defined]
        end = self.offset(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]
        return start, end

    def segment(self, node: ast.AST) -> str:
        """Return the source text of a node."""
        start, end = self.span(node)
        return self.text[start:end]

    def parent(self, node: ast.AST) -> ast.AST | None:
        """Return the node that holds `node`."""
        return self._parents.get(node)

    def ancestors(self, node: ast.AST) -> list[ast.AST]:
        """Return the nodes around `node`, the nearest first."""
        found = []
        above = self._parents.get(node)
        while above is not None:
            found.append(above)
            above = self._parents.get(above)
        return found

    def statement(self, node: ast.AST) -> ast.stmt | None:
        """Return the statement that `node` is or lies in."""
        here: ast.AST | None = node
        while here is not None and not isinstance(here, ast.stmt):
            here = self._parents.get(here)
        return here

    def function(self, node: ast.AST) -> FunctionNode | None:
        """Return the function around `node`."""
        for above in self.ancestors(node):
            if isinstance(above, ast.FunctionDef | ast.AsyncFunctionDef):
                return above
        return None

    def class_of(self, node: ast.AST) -> ast.ClassDef | None:
        """Return the class around `node`."""
        for above in self.ancestors(node):
            if isinstance(above, ast.ClassDef):
                return above
        return None

    @cached_property
    def functions(self) -> list[FunctionNode]:
        """All functions, in the order of the file."""
        nodes = [
            n for n in ast.walk(self.tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        return sorted(nodes, key=lambda n: (n.lineno, n.col_offset))

    def function_at(self, line: int) -> FunctionNode | None:
        """Return the innermost function that holds a line, decorators included."""
        inside = [f for f in self.functions if first_line(f) <= line <= (f.end_lineno or f.lineno)]
        return max(inside, key=lambda f: (f.lineno, f.col_offset), default=None)

    @cached_property
    def outermost(self) -> dict[int, FunctionNode]:
        """The functions of the module and of its classes, by each of their lines."""
        found = {}
        for function in self.functions:
            above = self.ancestors(function)
            if all(isinstance(node, ast.ClassDef | ast.Module) for node in above):
                lines = range(function.lineno, (function.end_lineno or function.lineno) + 1)
                found.update(dict.fromkeys(lines, function))
        return found

    def qualified(self, node: ast.AST) -> str:
        """Return the dotted name of a function or class within its module."""
        names = [getattr(node, "name", "")]
        names += [n.name for n in self.ancestors(node) if isinstance(n, SCOPES[:3])]
        return ".".join(reversed([name for name in names if name]))

    def indent(self, node: ast.stmt) -> str:
        """Return the white space in front of a statement that begins its line."""
        line = self.lines[node.lineno - 1]
        return line[: len(line) - len(line.lstrip())]

    def begins_line(self, node: ast.stmt) -> bool:
        """Whether only white space stands in front of a statement."""
        start = self.span(node)[0]
        return not self.text[self.line_start(node.lineno) : start].strip()

    def stands_alone(self, node: ast.stmt) -> bool:
        """Whether a statement has its lines for itself."""
        end = self.span(node)[1]
        rest = self.text[end : self._starts[node.end_lineno or node.lineno] - 1].strip()
        return self.begins_line(node) and (not rest or rest.startswith("#"))


def nodes(node: ast.AST) -> Sequence[ast.AST]:
    """Return what `ast.walk` yields; for functions, classes and files it is kept on the node.

    Templates look at the same functions thousands of times; the trees never change.
    """
    if not isinstance(node, SCOPES):
        return list(ast.walk(node))
    found: Sequence[ast.AST] | None = node.__dict__.get("_repogym_nodes")
    if found is None:
        found = tuple(ast.walk(node))
        node.__dict__["_repogym_nodes"] = found
    return found


def parse(text: str) -> ast.Module | None:
    """Parse Python quietly; None where it is not valid."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return syntax.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def first_line(node: ast.stmt) -> int:
    """Return the first line of a statement, decorators included."""
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(d.lineno for d in decorators)])


def apply(text: str, edits: tuple[Edit, ...]) -> str:
    """Return `text` with non-overlapping edits done."""
    for edit in sorted(edits, key=lambda e: e.start, reverse=True):
        text = text[: edit.start] + edit.new + text[edit.end :]
    return text


def overlapping(edits: tuple[Edit, ...]) -> bool:
    """Whether two edits of one file touch the same characters."""
    ordered = sorted(edits, key=lambda e: (e.path, e.start))
    return any(
        a.path == b.path and b.start < max(a.end, a.start + 1)
        for a, b in itertools.pairwise(ordered)
    )


@dataclass(frozen=True)
class Snippet:
    """An exact replacement as the editing tools take it: `old` occurs once in the file."""

    path: str
    old: str
    new: str


def snippet(module: Module, edits: tuple[Edit, ...]) -> Snippet | None:
    """Return one exact replacement, in whole lines, that does all `edits` of one file.

    Lines around the place are added until `old` occurs once.

    Args:
        module: The file.
        edits: Non-overlapping, all in that file.

    Returns:
        None where nothing would change.
    """
    after = apply(module.text, edits)
    if after == module.text:
        return None
    first = module.line_of(min(e.start for e in edits))
    # An insertion in front of a line begins there and touches no line before it.
    last = max(module.line_of(max(e.start, e.end - 1)) for e in edits)
    # Removing a whole line takes its line end along.
    beyond = max(e.end for e in edits)
    count = len(module.lines)
    grown = len(after) - len(module.text)
    while True:
        start = module.line_start(first)
        end = max(module.line_start(last) + len(module.lines[last - 1]), beyond)
        old = module.text[start:end]
        if old.strip() and _once(module.text, old):
            return Snippet(module.path, old, after[start : end + grown])
        if first == 1 and last == count:
            return None
        # The line above tells more than the line below: names and conditions stand there.
        if first > 1:
            first -= 1
        if last < count and (first == 1 or not _once(module.text, module.text[start:end])):
            last += 1


def snippets(module: Module, edits: tuple[Edit, ...]) -> tuple[Snippet, ...]:
    """Return exact replacements that do all `edits` of one file when done one after the other.

    Edits that stand close together are one replacement; () where nothing would change.
    """
    groups: list[list[Edit]] = []
    for edit in sorted(edits, key=lambda e: e.start):
        near = groups and module.line_of(edit.start) - module.line_of(groups[-1][-1].end) <= NEAR
        if near:
            groups[-1].append(edit)
        else:
            groups.append([edit])
    found = [snippet(module, tuple(group)) for group in groups]
    text = module.text
    for one in found:
        if one is None or not _once(text, one.old):
            break
        text = text.replace(one.old, one.new)
    else:
        return tuple(one for one in found if one is not None)
    whole = snippet(module, edits)
    return (whole,) if whole is not None else ()


def _once(text: str, part: str) -> bool:
    """Whether `part` occurs once, matches that overlap counted."""
    at = text.find(part)
    return at >= 0 and text.find(part, at + 1) < 0


def still_valid(module: Module, edits: tuple[Edit, ...]) -> bool:
    """Whether the file stays valid Python, and another program, after the edits.

    Only the outermost functions (or statements) that the edits touch are parsed again, in
    their own indentation: parsing a whole file for each of thousands of candidates is slow.
    """
    first = module.line_of(min(e.start for e in edits))
    last = module.line_of(max(max(e.start, e.end - 1) for e in edits))
    block = _enclosing(module, first, last)
    start = module.line_start(first_line(block)) if block else 0
    end = module.span(block)[1] if block else len(module.text)
    start = min([start, *(e.start for e in edits)])
    end = max([end, *(e.end for e in edits)])
    moved = tuple(Edit(e.path, e.start - start, e.end - start, e.new) for e in edits)
    before = module.text[start:end]
    after = apply(before, moved)
    head = "if 1:\n" if block and module.text[start] in " \t" else ""
    old, new = parse(head + before + "\n"), parse(head + after + "\n")
    if old is None or new is None:
        old, new = parse(module.text), parse(apply(module.text, edits))
    return old is not None and new is not None and ast.dump(old) != ast.dump(new)


def _enclosing(module: Module, first: int, last: int) -> ast.stmt | None:
    found: ast.stmt | None = None
    for node in [*module.functions, *module.tree.body]:
        if first_line(node) <= first and last <= (node.end_lineno or node.lineno):
            smaller = found is None or first_line(found) <= first_line(node)
            if smaller and not module.text[module.line_start(first_line(node)) :].startswith("\n"):
                found = node
    return found
