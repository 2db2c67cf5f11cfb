"""What the names of a Python file are bound to: imports, assignments, loops, returned values."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING

from graphdb.facts import Definition
from graphdb.languages.python.expressions import annotation, chain, text, values
from graphdb.languages.python.outline import Outline, outer_name
from graphdb.languages.python.scopes import CLASS_SCOPE, FUNCTION_SCOPE, Scope, bind, version
from graphdb.parsing import one_line
from graphdb.schema import FIELD, GLOBAL_VARIABLE

if TYPE_CHECKING:
    from tree_sitter import Node


_HEAD = re.compile(r"[^\W\d]\w*").match


class Bindings(Outline):
    """The second pass over a file: values of the names in its scopes."""

    def __init__(
        self, path: str, source: bytes, root: Node, captures: dict[str, list[Node]]
    ) -> None:
        super().__init__(path, source, root, captures)
        self.versions: dict[tuple[str, str], list[int]] = {}
        self.stars: list[tuple[int, str]] = []  # of the module: where, and of what

    def bind(self) -> None:
        """Find what names are bound to."""
        self._imports()
        self._declared_globals()
        for node in self.in_order("binding"):
            self._bindings(node)
        self._returns()
        self._stars()

    def _imports(self) -> None:
        for node in self.in_order("import"):
            scope = self.scopes[self.owner(node.start_byte)]
            if node.type == "import_statement":
                for child in node.named_children:
                    alias = child.child_by_field_name("alias")
                    name = text(child.child_by_field_name("name") or child, self.source)
                    if alias is not None:
                        bind(scope.bindings, text(alias, self.source), ["@" + name])
                        self.bound(text(alias, self.source), node)
                    else:  # "import a.b" binds a, and makes a.b reachable
                        bind(scope.bindings, name.partition(".")[0], ["@" + name.partition(".")[0]])
                        self.bound(name.partition(".")[0], node)
                        if "." in name:
                            bind(scope.bindings, "@" + name, ["@" + name])
                continue
            origin = node.child_by_field_name("module_name")
            module = text(origin, self.source).replace(" ", "") if origin else ""
            if any(child.type == "wildcard_import" for child in node.named_children):
                if scope is self.scopes[""]:
                    self.stars.append((node.start_byte, module))
                else:
                    scope.stars.append(module)
            for child in node.children_by_field_name("name"):
                alias = child.child_by_field_name("alias")
                name = text(child.child_by_field_name("name") or child, self.source)
                local = text(alias, self.source) if alias is not None else name
                bind(scope.bindings, local, [f"@{module}:{name}"])
                self.bound(local, node)

    def _stars(self) -> None:
        """Keep each star import with the names that it may replace: those bound before it."""
        for position, module in self.stars:
            earlier = sorted(n for n, last in self.last_bound.items() if last < position)
            self.scopes[""].stars.append(" ".join([module, *earlier]))

    def _exports(self, whole: Node) -> None:
        """Keep the names in `__all__`, as the binding `*all`; none where they are computed."""
        right = whole.child_by_field_name("right")
        items = right.named_children if right is not None else []
        listed = right is not None and right.type in ("list", "tuple")
        names = [text(item, self.source)[1:-1] for item in items if item.type == "string"]
        known = self.scopes[""].bindings.setdefault("*all", [])
        if not listed or len(names) < len(items) or not all(map(str.isidentifier, names)):
            known[:] = ["*"]  # something that no look-up equals: all public names
        elif known != ["*"]:
            kept = known if whole.type == "augmented_assignment" else []
            known[:] = [*kept, *(name for name in names if name not in kept)]

    def _declared_globals(self) -> None:
        for node in self.captures.get("global", ()):
            names = self.globals.setdefault(self.owner(node.start_byte), set())
            for child in node.named_children:
                names.add(text(child, self.source))
                self.skip.add(child.start_byte)

    def _bindings(self, node: Node) -> None:
        source, kind = self.source, node.type
        if kind in ("assignment", "augmented_assignment"):
            right = node.child_by_field_name("right")
            while right is not None and right.type == "assignment":
                right = right.child_by_field_name("right")
            found = annotation(node.child_by_field_name("type"), source)
            if kind == "augmented_assignment":
                found = []
            elif not found:
                found = self._values(right) if right is not None else []
            self._assign(node.child_by_field_name("left"), found, right, node)
        elif kind == "named_expression":
            value = node.child_by_field_name("value")
            self._assign(node.child_by_field_name("name"), self._values(value), value, node)
        elif kind in ("for_statement", "for_in_clause"):
            found = self._values(node.child_by_field_name("right"))
            found = [v[2:] if v.startswith("%L") else _trail(v, "[]") for v in found]
            self._assign(node.child_by_field_name("left"), found, None, node)
        elif kind == "as_pattern":
            parts = node.named_children
            target = parts[-1].named_children[0] if parts and parts[-1].named_children else None
            if len(parts) > 1 and target is not None:
                found = self._values(parts[0])
                parent = node.parent
                trailer = "()" if parent and parent.type == "except_clause" else ".__enter__()"
                self._assign(target, [_trail(v, trailer) for v in found], None, node)
        elif kind == "type_alias_statement":
            left = node.named_children[0]
            while left.type != "identifier" and left.named_children:
                left = left.named_children[0]
            if self.owner(node.start_byte) == "":
                self._assign_name(left, ["?"], node)
        elif kind == "lambda":
            listed = node.child_by_field_name("parameters")
            scope = self.scopes[self.owner(node.start_byte)]
            for child in listed.named_children if listed else ():
                target = child.child_by_field_name("name") or child
                if target.type == "identifier":
                    self.skip.add(target.start_byte)
                    if scope.kind == FUNCTION_SCOPE:
                        bind(scope.bindings, text(target, source), ["?"])

    def _assign(
        self, target: Node | None, found: list[str], right: Node | None, whole: Node
    ) -> None:
        if target is None:
            return
        source = self.source
        if target.type in ("pattern_list", "tuple_pattern", "list_pattern"):
            parts = target.named_children
            items = right.named_children if right is not None else []
            pairs = right is not None and right.type in ("expression_list", "tuple", "list")
            for place, part in enumerate(parts):
                item = items[place] if pairs and len(items) == len(parts) else None
                self._assign(part, self._values(item) if item else ["?"], item, whole)
            return
        if target.type == "identifier":
            self._assign_name(target, found, whole)
        elif target.type == "attribute":
            self.targets.add((target.start_byte, target.end_byte))
            owner = self.owner(target.start_byte)
            scope = self.scopes[owner]
            short = chain(target, source)
            head, _, name = short.rpartition(".")
            holder = self.scopes.get(scope.parent)
            if scope.first and head == scope.first and holder and holder.kind == CLASS_SCOPE:
                known = holder.attributes.setdefault(name, [])
                for value in found or ["?"]:
                    if (owner, value) not in known and len(known) < 8:
                        known.append((owner, value))
                self._field(scope.parent, name, whole)
            if short[0] != "?":
                self.reference(owner, "write", short, target.start_point.row)

    def _assign_name(self, target: Node, found: list[str], whole: Node) -> None:
        name = text(target, self.source)
        owner = self.owner(target.start_byte)
        if name in self.globals.get(owner, ()):
            self.skip.add(target.start_byte)
            self.reference(owner, "write", name, target.start_point.row)
            bind(self.scopes[""].bindings, name, ["?"])
            return
        scope = self.scopes[owner]
        fresh = name not in scope.bindings
        if scope.kind == FUNCTION_SCOPE:
            self._bind_version(scope, owner, name, found, whole)
        bind(scope.bindings, name, found or ([] if not fresh else ["?"]))
        self.bound(name, target)
        if name == "__all__" and not owner:
            self._exports(whole)
        if scope.kind == FUNCTION_SCOPE:
            return
        self.skip.add(target.start_byte)
        if whole.type not in ("assignment", "type_alias_statement"):
            return
        if scope.kind == CLASS_SCOPE:
            self._field(owner, name, whole)
        elif fresh:
            self.definitions[self._unique("", name)] = Definition(
                name,
                GLOBAL_VARIABLE,
                whole.start_point.row + 1,
                whole.end_point.row + 1,
                one_line(self.source, whole.start_byte, whole.end_byte, 100),
                "",
                "",
            )

    def _bind_version(
        self, scope: Scope, owner: str, name: str, found: list[str], whole: Node
    ) -> None:
        """Keep what a name is bound to apart from what it was before it was assigned anew.

        An assignment among the statements of a function's own body replaces all earlier values;
        one in a branch or a loop only adds to them.
        """
        held = scope.bindings.get(name)
        ends = self.versions.get((owner, name))
        if whole.type == "assignment" and whole.child_by_field_name("type") is not None:
            self.declared.add((owner, name))  # its type holds for all its values
        if held is None or (owner, name) in self.declared or not _is_plain(held):
            return
        if _is_unconditional(whole):
            if ends is None:
                ends = self.versions[(owner, name)] = []
                scope.bindings[version(name, 0)] = list(held)
            ends.append(whole.end_byte)
            scope.bindings[version(name, len(ends))] = []
        if ends:
            bind(scope.bindings, version(name, len(ends)), found or ["?"])

    def seen_from(self, expr: str, owner: str, position: int) -> str:
        """An expression at a place of a scope, its head as of the last assignment before."""
        if not self.versions or expr[0] in '?"':
            return expr
        mark = expr[:2] if expr[:2] in ("%L", "%R") else ""
        if mark:
            return mark + self.seen_from(expr[2:], owner, position)
        head = _HEAD(expr)
        ends = self.versions.get((owner, head[0])) if head else None
        if head is None or ends is None:
            return expr
        return version(head[0], bisect_right(ends, position)) + expr[head.end() :]

    def _values(self, node: Node | None) -> list[str]:
        found = values(node, self.source)
        if node is None or not self.versions:
            return found
        owner = self.owner(node.start_byte)
        return [self.seen_from(value, owner, node.start_byte) for value in found]

    def _field(self, owner: str, name: str, whole: Node) -> None:
        dotted = f"{owner}.{name}"
        if dotted not in self.definitions:
            self.definitions[dotted] = Definition(
                dotted,
                FIELD,
                whole.start_point.row + 1,
                whole.end_point.row + 1,
                one_line(self.source, whole.start_byte, whole.end_byte, 100),
                outer_name(owner),
                owner,
            )

    def _returns(self) -> None:
        for node in self.in_order("return"):
            scope = self.scopes[self.owner(node.start_byte)]
            if scope.kind != FUNCTION_SCOPE or scope.annotated:
                continue
            inner = node.named_children
            if not inner:
                continue
            for value in self._values(inner[0]):
                value = "%L" + value if node.type == "yield" else value
                if value not in scope.returns and len(scope.returns) < 6:
                    scope.returns.append(value)


def _is_unconditional(node: Node) -> bool:
    """Whether an assignment stands among the statements of a function's own body."""
    statement = node.parent if node.type == "assignment" else None
    if statement is None or statement.type != "expression_statement":
        return False
    block = statement.parent
    if block is None or block.parent is None or node.child_by_field_name("right") is None:
        return False
    return block.type == "block" and block.parent.type == "function_definition"


def _is_plain(held: list[str]) -> bool:
    """Whether a name stands for values only: no import, definition or first parameter."""
    return not any(value[0] in "@#" or value in ("%self", "%cls") for value in held)


def _trail(value: str, trailer: str) -> str:
    return "?" if value[0] == "?" or value[:2] in ("%L", "%R") else value + trailer
