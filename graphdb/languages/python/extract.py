"""Facts of one Python file, by one tree-sitter query over its syntax tree."""

from __future__ import annotations

import marshal
from bisect import bisect_right
from functools import lru_cache
from hashlib import blake2b
from sys import intern
from typing import TYPE_CHECKING, Any

from graphdb.facts import Definition, FileFacts, Reference
from graphdb.languages.python.expressions import annotation, chain, text, values
from graphdb.languages.python.scopes import (
    CLASS_SCOPE,
    FUNCTION_SCOPE,
    MODULE_SCOPE,
    Scope,
    bind,
    new_scope,
)
from graphdb.parsing import captures, first_broken_line, one_line, parse
from graphdb.schema import CLASS, FIELD, FUNCTION, GLOBAL_VARIABLE, METHOD

if TYPE_CHECKING:
    from tree_sitter import Node

_QUERY = """
(function_definition) @def
(class_definition) @def
(decorated_definition) @decorated
(call function: (_) @callee)
(attribute) @attribute
(identifier) @identifier
(keyword_argument name: (identifier) @skip)
(dotted_name (identifier) @skip)
(aliased_import alias: (identifier) @skip)
(type (identifier) @annotation)
(assignment) @binding
(augmented_assignment) @binding
(named_expression) @binding
(for_statement) @binding
(for_in_clause) @binding
(as_pattern) @binding
(lambda) @binding
(import_statement) @import
(import_from_statement) @import
(return_statement) @return
(yield) @return
(global_statement) @global
(nonlocal_statement) @global
"""

#: Methods whose first parameter is the class although no decorator says so.
_CLASS_METHODS = frozenset({"__new__", "__init_subclass__", "__class_getitem__"})


@lru_cache(maxsize=1)
def _engine() -> tuple[Any, Any]:
    import tree_sitter
    import tree_sitter_python

    language = tree_sitter.Language(tree_sitter_python.language())
    return tree_sitter.Parser(language), tree_sitter.Query(language, _QUERY)


def extract(path: str, source: bytes) -> FileFacts:
    """Facts of one Python file.

    Raises:
        graphdb.parsing.ParseTimeoutError: The file takes too long to parse.
    """
    parser, query = _engine()
    root = parse(parser, source).root_node
    return _Extraction(path, source, root, captures(query, root)).facts()


class _Extraction:
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

    def facts(self) -> FileFacts:
        self._define()
        self._imports()
        self._declared_globals()
        for node in self._in_order("binding"):
            self._bindings(node)
        self._returns()
        self._refer()
        definitions = sorted(self.definitions.values(), key=lambda d: (d.line, d.dotted))
        return FileFacts(
            self.path,
            "python",
            self.source.count(b"\n") + 1,
            first_broken_line(self.root),
            definitions,
            [Reference(*key, *rest) for key, rest in self.references.items()],
            self._symbols(),
            {name: tuple(scope) for name, scope in self.scopes.items()},
        )

    def _in_order(self, name: str) -> list[Node]:
        """Nodes of a capture by position; a query gives them in no fixed order."""
        return sorted(self.captures.get(name, ()), key=lambda node: node.start_byte)

    def owner(self, position: int) -> str:
        """Dotted name of the innermost definition around a byte position."""
        return self.owners[bisect_right(self.starts, position) - 1]

    # -- definitions ---------------------------------------------------------------------------

    def _define(self) -> None:
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
                self._reference(
                    dotted, "decorator", short.removesuffix("()"), decorator.start_point.row
                )
            if inner is not None:  # said by the decorator reference already
                self.targets.add((inner.start_byte, inner.end_byte))
                self.skip.add(inner.start_byte)
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
        if is_class:
            self._bases(node, scope)
        else:
            scope = self._parameters(node, scope, in_class, name)
        self.scopes[dotted] = scope
        return dotted

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

    def _parameters(self, node: Node, scope: Scope, in_class: bool, name: str) -> Scope:
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
            if place == 0 and in_class and not starred and "staticmethod" not in scope.decorators:
                first = written
                by_class = name in _CLASS_METHODS or "classmethod" in scope.decorators
                found = ["%cls" if by_class else "%self"]
            elif starred:
                found = []
            bind(scope.bindings, written, found or ["?"])
        scope.annotated.extend(annotation(node.child_by_field_name("return_type"), source))
        return scope._replace(first=first)

    # -- bindings ------------------------------------------------------------------------------

    def _imports(self) -> None:
        for node in self._in_order("import"):
            scope = self.scopes[self.owner(node.start_byte)]
            if node.type == "import_statement":
                for child in node.named_children:
                    alias = child.child_by_field_name("alias")
                    name = text(child.child_by_field_name("name") or child, self.source)
                    if alias is not None:
                        bind(scope.bindings, text(alias, self.source), ["@" + name])
                    else:  # "import a.b" binds a, and makes a.b reachable
                        bind(scope.bindings, name.partition(".")[0], ["@" + name.partition(".")[0]])
                        if "." in name:
                            bind(scope.bindings, "@" + name, ["@" + name])
                continue
            origin = node.child_by_field_name("module_name")
            module = text(origin, self.source).replace(" ", "") if origin else ""
            if any(child.type == "wildcard_import" for child in node.named_children):
                scope.stars.append(module)
            for child in node.children_by_field_name("name"):
                alias = child.child_by_field_name("alias")
                name = text(child.child_by_field_name("name") or child, self.source)
                local = text(alias, self.source) if alias is not None else name
                bind(scope.bindings, local, [f"@{module}:{name}"])

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
            elif not found or all(value.startswith("%L") for value in found):
                found = found or (values(right, source) if right is not None else [])
            self._assign(node.child_by_field_name("left"), found, right, node)
        elif kind == "named_expression":
            value = node.child_by_field_name("value")
            self._assign(node.child_by_field_name("name"), values(value, source), value, node)
        elif kind in ("for_statement", "for_in_clause"):
            found = values(node.child_by_field_name("right"), source)
            found = [v[2:] if v.startswith("%L") else _trail(v, "[]") for v in found]
            self._assign(node.child_by_field_name("left"), found, None, node)
        elif kind == "as_pattern":
            parts = node.named_children
            target = parts[-1].named_children[0] if parts and parts[-1].named_children else None
            if len(parts) > 1 and target is not None:
                found = values(parts[0], source)
                parent = node.parent
                trailer = "()" if parent and parent.type == "except_clause" else ".__enter__()"
                self._assign(target, [_trail(v, trailer) for v in found], None, node)
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
                self._assign(part, values(item, source) if item else ["?"], item, whole)
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
                self._reference(owner, "write", short, target.start_point.row)

    def _assign_name(self, target: Node, found: list[str], whole: Node) -> None:
        name = text(target, self.source)
        owner = self.owner(target.start_byte)
        if name in self.globals.get(owner, ()):
            self.skip.add(target.start_byte)
            self._reference(owner, "write", name, target.start_point.row)
            bind(self.scopes[""].bindings, name, ["?"])
            return
        scope = self.scopes[owner]
        fresh = name not in scope.bindings
        bind(scope.bindings, name, found or ([] if not fresh else ["?"]))
        if scope.kind == FUNCTION_SCOPE:
            return
        self.skip.add(target.start_byte)
        if whole.type != "assignment":
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
        for node in self._in_order("return"):
            scope = self.scopes[self.owner(node.start_byte)]
            if scope.kind != FUNCTION_SCOPE or scope.annotated:
                continue
            inner = node.named_children
            if not inner:
                continue
            for value in values(inner[0], self.source):
                value = "%L" + value if node.type == "yield" else value
                if value not in scope.returns and len(scope.returns) < 6:
                    scope.returns.append(value)

    # -- references ----------------------------------------------------------------------------

    def _reference(self, scope: str, kind: str, expr: str, row: int) -> None:
        known = self.references.get((scope, kind, expr))
        if known is None:
            self.references[(scope, kind, expr)] = [row + 1, 1]
        else:
            known[1] += 1
            if row + 1 < known[0]:
                known[0] = row + 1

    def _refer(self) -> None:
        source, skip, targets = self.source, self.skip, self.targets
        skip.update(node.start_byte for node in self.captures.get("skip", ()))
        hidden = self._hidden()
        callees: set[tuple[int, int]] = set()
        for node in self.captures.get("callee", ()):
            start, end = node.start_byte, node.end_byte
            callees.add((start, end))
            if node.type == "identifier":
                skip.add(start)
            short = chain(node, source)
            if short[0] in '?"' or (start, end) in targets:
                continue
            owner = self.owner(start)
            if short.partition(".")[0] not in hidden[owner]:
                self._reference(owner, "call", short, node.start_point.row)
        ends: set[int] = set()
        for node in self.captures.get("attribute", ()):
            start, end = node.start_byte, node.end_byte
            ends.add(end)
            if (start, end) in callees or (start, end) in targets:
                continue
            short = chain(node, source)
            if short[0] in '?"':
                continue
            owner = self.owner(start)
            if short.partition(".")[0] not in hidden[owner]:
                self._reference(owner, "read", short, node.start_point.row)
        annotated = {node.start_byte for node in self.captures.get("annotation", ())}
        local = self._locals()
        for node in self.captures.get("identifier", ()):
            start, end = node.start_byte, node.end_byte
            if start in skip or end in ends:
                continue
            owner = self.owner(start)
            name = intern(source[start:end].decode("utf-8", "replace"))
            if name not in local[owner]:
                kind = "annotation" if start in annotated else "read"
                self._reference(owner, kind, name, node.start_point.row)

    def _locals(self) -> dict[str, frozenset[str]]:
        """For each scope, names that stand for plain local values there."""
        found: dict[str, frozenset[str]] = {}
        for dotted, scope in self.scopes.items():
            inherited = found.get(scope.parent, frozenset())
            if scope.kind == FUNCTION_SCOPE:
                own = {
                    name
                    for name, held in scope.bindings.items()
                    if not any(value[0] in "@#" for value in held)
                }
                found[dotted] = inherited | own if own else inherited
            else:
                found[dotted] = inherited
        return found

    def _hidden(self) -> dict[str, frozenset[str]]:
        """For each scope, local names of which nothing is known, so that chains on them end."""
        found: dict[str, frozenset[str]] = {}
        for dotted, scope in self.scopes.items():
            inherited = found.get(scope.parent, frozenset())
            if scope.kind == FUNCTION_SCOPE:
                bindings = scope.bindings
                own = {name for name, held in bindings.items() if held == ["?"] or not held}
                found[dotted] = (inherited - bindings.keys()) | own if bindings else inherited
            else:
                found[dotted] = inherited
        return found

    def _symbols(self) -> dict[str, int]:
        """Digest of each top-level name, of all that the meaning of other files may rest on."""
        held: dict[str, list[Any]] = {}
        for dotted, item in self.definitions.items():
            top = dotted.partition(".")[0].partition("#")[0]
            held.setdefault(top, []).append((dotted, item.label))
        for dotted, scope in self.scopes.items():
            if dotted:
                top = dotted.partition(".")[0].partition("#")[0]
                held.setdefault(top, []).append(tuple(scope))
        top_scope = self.scopes[""]
        for name, found in top_scope.bindings.items():
            held.setdefault(name, []).append(found)
        if top_scope.stars:
            held["*"] = list(top_scope.stars)
        return {
            name: int.from_bytes(
                blake2b(marshal.dumps(parts, 2), digest_size=7).digest(), "big"
            )  # version 2 has no reference flags: equal values give equal bytes
            for name, parts in held.items()
        }


def outer_name(dotted: str) -> str:
    """Last part of a dotted name, without its redefinition mark."""
    return dotted.rpartition(".")[2].partition("#")[0]


def _trail(value: str, trailer: str) -> str:
    return "?" if value[0] == "?" or value.startswith("%L") else value + trailer
