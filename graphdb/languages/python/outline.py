"""What a Python file defines: classes, functions, their parameters and bases, and who holds what.

The first pass over a file; :mod:`.bindings` and :mod:`.extract` go on from here.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from graphdb.facts import Definition
from graphdb.languages.python.expressions import annotation, chain, text
from graphdb.languages.python.scopes import (
    CLASS_SCOPE,
    FUNCTION_SCOPE,
    MODULE_SCOPE,
    Scope,
    bind,
    new_scope,
)
from graphdb.parsing import one_line
from graphdb.schema import CLASS, FUNCTION, METHOD

if TYPE_CHECKING:
    from tree_sitter import Node

#: Methods whose first parameter is the class although no decorator says so.
_CLASS_METHODS = frozenset({"__new__", "__init_subclass__", "__class_getitem__"})


_BRANCHES = frozenset(
    {"if_statement", "elif_clause", "else_clause", "try_statement", "except_clause",
     "except_group_clause", "case_clause"}
)  # fmt: skip


class Outline:
    """Definitions and scopes of one file.

    Args:
        path: Its path.
        source: Its bytes.
        root: Its syntax tree.
        captures: What the query of :mod:`.extract` captures in it.
    """

    def __init__(
        self, path: str, source: bytes, root: Node, captures: dict[str, list[Node]]
    ) -> None:
        self.path = path
        self.source = source
        self.root = root
        self.captures = captures
        self.scopes: dict[str, Scope] = {"": new_scope(MODULE_SCOPE, "")}
        self.definitions: dict[str, Definition] = {}
        self.starts: list[int] = [0]
        self.owners: list[str] = [""]
        self.references: dict[tuple[str, str, str], list[int]] = {}
        self.skip: set[int] = set()
        self.targets: set[tuple[int, int]] = set()
        self.globals: dict[str, set[str]] = {}
        self.branches: dict[tuple[str, str], list[int]] = {}  # in which a name is defined
        self.last_bound: dict[str, int] = {}  # of the module's names
        self.declared: set[tuple[str, str]] = set()  # scope and name of variables with a type

    def in_order(self, name: str) -> list[Node]:
        """Nodes of a capture by position; a query gives them in no fixed order."""
        return sorted(self.captures.get(name, ()), key=lambda node: node.start_byte)

    def owner(self, position: int) -> str:
        """Dotted name of the innermost definition around a byte position."""
        return self.owners[bisect_right(self.starts, position) - 1]

    def define(self) -> None:
        """Find the definitions."""
        decorators: dict[int, list[Node]] = {}
        for node in self.captures.get("decorated", ()):
            inner = node.child_by_field_name("definition")
            if inner is not None:
                found = [child for child in node.named_children if child.type == "decorator"]
                decorators[inner.start_byte] = found
        stack: list[tuple[int, str]] = [(len(self.source) + 1, "")]
        for node in sorted(self.captures.get("def", ()), key=lambda n: (n.start_byte, -n.end_byte)):
            start = node.start_byte
            while stack[-1][0] <= start:
                end, _ = stack.pop()
                self._mark(end, stack[-1][1])
            dotted = self._definition(node, stack[-1][1], decorators.get(start, []))
            self._mark(start, dotted)
            stack.append((node.end_byte, dotted))
        while len(stack) > 1:
            end, _ = stack.pop()
            self._mark(end, stack[-1][1])

    def _mark(self, position: int, dotted: str) -> None:
        if self.starts[-1] == position:
            self.owners[-1] = dotted
        else:
            self.starts.append(position)
            self.owners.append(dotted)

    def _unique(self, owner: str, name: str) -> str:
        plain = f"{owner}.{name}" if owner else name
        dotted, count = plain, 1
        while dotted in self.definitions:
            count += 1
            dotted = f"{plain}#{count}"
        return dotted

    def _definition(self, node: Node, owner: str, decorators: list[Node]) -> str:
        source, outer = self.source, self.scopes[owner]
        name_node = node.child_by_field_name("name")
        name = text(name_node, source) if name_node else "?"
        if name_node:
            self.skip.add(name_node.start_byte)
        dotted = self._unique(owner, name)
        in_class = outer.kind == CLASS_SCOPE
        is_class = node.type == "class_definition"
        heading_end = node.end_byte
        for field in ("return_type", "parameters", "superclasses", "name"):
            part = node.child_by_field_name(field)
            if part is not None:
                heading_end = part.end_byte
                break
        scope = new_scope(CLASS_SCOPE if is_class else FUNCTION_SCOPE, owner)
        for decorator in decorators:
            inner = decorator.named_children[0] if decorator.named_children else None
            short = chain(inner, source)
            scope.decorators.append(short)
            if short[0] != "?":
                self.reference(
                    dotted, "decorator", short.removesuffix("()"), decorator.start_point.row
                )
            if inner is not None:  # said by the decorator reference already
                self.targets.add((inner.start_byte, inner.end_byte))
                self.skip.add(inner.start_byte)
        branch = _branch(node)
        if branch is not None:
            known = self.branches.setdefault((owner, name), [])
            if branch not in known:
                known.append(branch)
            scope = scope._replace(branch=known.index(branch) + 1)
        heading = one_line(source, node.start_byte, heading_end)
        self.definitions[dotted] = Definition(
            dotted,
            CLASS if is_class else (METHOD if in_class else FUNCTION),
            (decorators[0] if decorators else node).start_point.row + 1,
            node.end_point.row + 1,
            heading,
            outer_name(owner) if in_class else "",
            owner,
        )
        bind(outer.bindings, name, ["#" + dotted])
        if not owner:
            self.last_bound[name] = node.start_byte
        if is_class:
            self._bases(node, scope)
        else:
            scope = self._parameters(node, scope, in_class, dotted)
        self.scopes[dotted] = scope
        return dotted

    def bound(self, name: str, node: Node) -> None:
        """Remember where a name of the module is bound last."""
        if not self.owner(node.start_byte):
            self.last_bound[name] = max(node.start_byte, self.last_bound.get(name, 0))

    def _bases(self, node: Node, scope: Scope) -> None:
        arguments = node.child_by_field_name("superclasses")
        for child in arguments.named_children if arguments else ():
            if child.type in ("keyword_argument", "comment"):
                continue
            # Generic[T] and Base[int] inherit from what stands before the bracket
            inner = child.child_by_field_name("value") if child.type == "subscript" else child
            scope.bases.append(chain(inner, self.source))
            if inner is not None:
                self.skip.add(inner.start_byte)
                self.targets.add((inner.start_byte, inner.end_byte))

    def _parameters(self, node: Node, scope: Scope, in_class: bool, dotted: str) -> Scope:
        source = self.source
        listed = node.child_by_field_name("parameters")
        first = ""
        for place, parameter in enumerate(listed.named_children if listed else ()):
            target = parameter.child_by_field_name("name") or parameter
            if target.type == "typed_parameter" and target.named_children:
                target = target.named_children[0]
            starred = target.type in ("list_splat_pattern", "dictionary_splat_pattern")
            if starred and target.named_children:
                target = target.named_children[0]
            if target.type != "identifier":
                continue
            written = text(target, source)
            found = annotation(parameter.child_by_field_name("type"), source)
            if found:
                self.declared.add((dotted, written))
            if place == 0 and in_class and not starred and "staticmethod" not in scope.decorators:
                first = written
                by_class = outer_name(dotted) in _CLASS_METHODS or "classmethod" in scope.decorators
                found = ["%cls" if by_class else "%self"]
            elif starred:
                found = []
            bind(scope.bindings, written, found or ["?"])
        scope.annotated.extend(annotation(node.child_by_field_name("return_type"), source))
        return scope._replace(first=first)

    def reference(self, scope: str, kind: str, expr: str, row: int) -> None:
        """Count a mention of `expr` in the line `row`, from 0."""
        known = self.references.get((scope, kind, expr))
        if known is None:
            self.references[(scope, kind, expr)] = [row + 1, 1]
        else:
            known[1] += 1
            if row + 1 < known[0]:
                known[0] = row + 1


def _branch(node: Node) -> int | None:
    """Position of the innermost branch in which a definition stands; None where in none."""
    block = node.parent
    while block is not None and block.parent is not None:
        above = block.parent
        if block.type == "block" and above.type in _BRANCHES:
            return block.start_byte
        if above.type in ("function_definition", "class_definition"):
            return None
        block = above
    return None


def outer_name(dotted: str) -> str:
    """Last part of a dotted name, without its redefinition mark."""
    return dotted.rpartition(".")[2].partition("#")[0]
