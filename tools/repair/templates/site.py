"""What a template works with: the file, the node's surroundings, and ways to write edits."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.repair.candidates import Proposal
from tools.repair.facts import Facts
from tools.repair.project import Project, class_names
from tools.repair.source import Edit, FunctionNode, Module, nodes

Template = Callable[["Site", ast.AST], Iterator[Proposal]]

TEMPLATES: dict[type[ast.AST], list[Template]] = {}
"""The templates by the type of node that they look at; filled by `on`."""

# Parents in which an expression of any precedence needs no brackets.
_OPEN = (ast.stmt, ast.keyword, ast.List, ast.Set)
_ATOMS = (ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.Constant)


def on(*kinds: type[ast.AST]) -> Callable[[Template], Template]:
    """Register a template for nodes of some types."""

    def register(template: Template) -> Template:
        for kind in kinds:
            TEMPLATES.setdefault(kind, []).append(template)
        return template

    return register


@dataclass(eq=False)
class Site:
    """One file with what is known.

    Attributes:
        project: All viewed files.
        module: This file.
        facts: What the failing tests tell.
        suspicion: Scores by file and line.
        notes: What templates keep for this file.
    """

    project: Project
    module: Module
    facts: Facts
    suspicion: Mapping[tuple[str, int], float]
    notes: dict[str, Any] = field(default_factory=dict)
    _names: dict[ast.AST, list[tuple[str, int]]] = field(default_factory=dict)
    _fields: dict[ast.AST, list[str]] = field(default_factory=dict)

    # -- reading ---------------------------------------------------------------------------

    def text(self, node: ast.AST) -> str:
        """Return the source of a node."""
        return self.module.segment(node)

    def flat(self, node: ast.AST) -> str:
        """Return the source of a node on one line."""
        return ast.unparse(node) if "\n" in self.text(node) else self.text(node)

    def operand(self, node: ast.AST) -> str:
        """Return the source of a node, bracketed where an operator could tear it apart."""
        text = self.text(node)
        return text if isinstance(node, _ATOMS) and "\n" not in text else f"({text})"

    def parent(self, node: ast.AST) -> ast.AST | None:
        """Return the node around `node`."""
        return self.module.parent(node)

    def function(self, node: ast.AST) -> FunctionNode | None:
        """Return the function around `node`."""
        return self.module.function(node)

    def in_loop(self, node: ast.AST) -> bool:
        """Whether a `continue` may stand at a statement."""
        for above in self.module.ancestors(node):
            if isinstance(above, ast.For | ast.While | ast.AsyncFor):
                return True
            if isinstance(above, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                return False
        return False

    def names(self, node: ast.AST) -> list[str]:
        """Return the local names that may be set at a node: parameters, then assigned ones."""
        function = self.function(node)
        if function is None:
            return []
        if function not in self._names:
            self._names[function] = _local_names(function)
        line = getattr(node, "lineno", 0)
        return [name for name, first in self._names[function] if first <= line]

    def fields(self, node: ast.AST) -> list[str]:
        """Return the attributes of `self` that the class around a method, or a base, sets."""
        function = self.function(node)
        holder = self.module.class_of(node)
        if holder is None or function is None or not function.args.args:
            return []
        if function.args.args[0].arg != "self":
            return []
        if holder not in self._fields:
            found: set[str] = set()
            for one in [holder, *self.project.bases(holder)]:
                methods = {n.name for n in one.body if isinstance(n, ast.FunctionDef)}
                found |= class_names(one) - methods
            self._fields[holder] = sorted(found)
        return self._fields[holder]

    def is_test(self, node: ast.AST) -> bool:
        """Whether an expression is a condition: of an if, a loop, a filter, an operand of one.

        What `any` and `all` go over are conditions too.
        """
        above = self.parent(node)
        if isinstance(above, ast.If | ast.While | ast.IfExp | ast.Assert):
            return above.test is node
        if isinstance(above, ast.comprehension):
            return node in above.ifs
        if isinstance(above, ast.BoolOp | ast.UnaryOp):
            return self.is_test(above)
        if isinstance(above, ast.GeneratorExp | ast.ListComp) and above.elt is node:
            called = self.parent(above)
            return isinstance(called, ast.Call) and getattr(called.func, "id", "") in ("any", "all")
        return False

    # -- writing ---------------------------------------------------------------------------

    def edit(self, start: int, end: int, new: str) -> Edit:
        """Return an edit of this file."""
        return Edit(self.module.path, start, end, new)

    def put(self, node: ast.AST, new: str, *, loose: bool = False) -> Edit:
        """Return the edit that puts `new` in place of a node.

        Args:
            node: What is replaced.
            new: An expression or statement.
            loose: Whether `new` binds weaker than a call: it then gets brackets where the
                surroundings need them.
        """
        if loose and not self._is_open(node):
            new = f"({new})"
        return self.edit(*self.module.span(node), new)

    def _is_open(self, node: ast.AST) -> bool:
        above = self.parent(node)
        if isinstance(above, ast.Call):
            return node is not above.func
        if isinstance(above, ast.comprehension):
            return False
        return isinstance(above, _OPEN)

    def before(self, node: ast.stmt, *lines: str) -> Edit | None:
        """Return the insertion of lines, in the statement's indentation, in front of it."""
        if not self.module.begins_line(node):
            return None
        indent = self.module.indent(node)
        text = "".join(f"{indent}{line}\n" for line in lines)
        at = self.module.line_start(node.lineno)
        return self.edit(at, at, text)

    def reindented(self, node: ast.stmt, indent: str) -> str | None:
        """Return a statement's lines in another indentation; None with multi-line strings."""
        if not self.module.stands_alone(node) or _has_long_string(node):
            return None
        old = self.module.indent(node)
        last = node.end_lineno or node.lineno
        lines = self.module.lines[node.lineno - 1 : last]
        if any(line.strip() and not line.startswith(old) for line in lines):
            return None
        return "\n".join(indent + line[len(old) :] if line.strip() else line for line in lines)

    def lines_of(self, node: ast.stmt) -> tuple[int, int]:
        """Return the offsets of a statement's whole lines, without the last line end."""
        last = node.end_lineno or node.lineno
        end = self.module.line_start(last) + len(self.module.lines[last - 1])
        return self.module.line_start(node.lineno), end

    def proposal(
        self,
        node: ast.AST,
        template: str,
        prior: float,
        note: str,
        *edits: Edit | None,
        literal: bool = False,
        probe: bool = False,
        family: str = "",
    ) -> Iterator[Proposal]:
        """Yield one proposal; none where one of its edits could not be made."""
        line = int(getattr(node, "lineno", 1))
        if all(edit is not None for edit in edits):
            done = tuple(edit for edit in edits if edit is not None)
            yield Proposal(done, template, prior, line, note, literal, probe, family)

    def swap(
        self,
        node: ast.AST,
        new: str,
        template: str,
        prior: float,
        *,
        loose: bool = False,
        literal: bool = False,
        probe: bool = False,
        family: str = "",
    ) -> Iterator[Proposal]:
        """Yield the replacement of a node by other source."""
        note = f"{_short(self.flat(node))} -> {_short(new)}"
        edit = self.put(node, new, loose=loose)
        yield from self.proposal(
            node, template, prior, note, edit,
            literal=literal, probe=probe, family=family,
        )  # fmt: skip


def usable(module: Module, node: ast.AST) -> bool:
    """Whether a node has its own place in the text: parts of f-strings have none before 3.12."""
    # The parts of a comprehension have a place although their node has no position.
    if not hasattr(node, "lineno") and not isinstance(node, ast.comprehension):
        return False
    if sys.version_info >= (3, 12):
        return True
    return not any(isinstance(above, ast.JoinedStr) for above in module.ancestors(node))


def reads(node: ast.AST) -> list[str]:
    """Return the names and simple attributes (`a`, `self.b`) that an expression reads, in order."""
    found: dict[str, None] = {}
    for child in nodes(node):
        if isinstance(child, ast.Attribute) and isinstance(child.value, ast.Name):
            if isinstance(child.ctx, ast.Load):
                found[f"{child.value.id}.{child.attr}"] = None
        elif isinstance(child, ast.Name) and isinstance(child.ctx, ast.Load):
            found[child.id] = None
    called = {ast.unparse(c.func) for c in nodes(node) if isinstance(c, ast.Call)}
    return [name for name in found if name not in called]


def _short(text: str, room: int = 48) -> str:
    line = " ".join(text.split())
    return line if len(line) <= room else f"{line[: room - 3]}..."


def _has_long_string(node: ast.AST) -> bool:
    return any(
        isinstance(child, ast.Constant | ast.JoinedStr)
        and (getattr(child, "end_lineno", 0) or 0) > getattr(child, "lineno", 0)
        for child in nodes(node)
    )


def _local_names(function: FunctionNode) -> list[tuple[str, int]]:
    first: dict[str, int] = {}
    args = function.args
    for arg in [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]:
        if arg is not None:
            first[arg.arg] = 0
    for node in nodes(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            first[node.id] = min(first.get(node.id, node.lineno + 1), node.lineno + 1)
    return list(first.items())


def callee(node: ast.Call) -> str:
    """Return the bare name of what is called."""
    return getattr(node.func, "attr", None) or getattr(node.func, "id", "")
