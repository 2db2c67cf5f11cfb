"""Facts of one C file, by one tree-sitter query over its syntax tree."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

from graphdb.facts import Definition, FileFacts, Reference
from graphdb.languages.c.attributes import without_attributes
from graphdb.parsing import captures, first_broken_line, one_line, parse
from graphdb.schema import CLASS, FIELD, FUNCTION, GLOBAL_VARIABLE

if TYPE_CHECKING:
    from tree_sitter import Node as SyntaxNode

_QUERY = """
(function_definition) @function
(declaration) @declaration
(parameter_declaration) @parameter
(struct_specifier body: (_)) @type
(union_specifier body: (_)) @type
(enum_specifier body: (_)) @type
(type_definition) @typedef
(preproc_def) @macro
(preproc_function_def) @macro
(preproc_include path: (_) @include)
(call_expression function: (identifier) @callee)
(identifier) @identifier
(type_identifier) @named
(field_expression field: (field_identifier) @member)
(field_designator (field_identifier) @member)
"""

#: File name endings of what is included.
HEADERS = (".h", ".inc")


class Extra(NamedTuple):
    """What the resolver needs beside definitions and references.

    Attributes:
        includes: Paths as written, with ``"`` or ``<`` in front.
        internal: Definitions that other files can't link to (static, macros, types).
        declared: Names of functions and variables that are declared and not defined.
    """

    includes: list[str]
    internal: list[str]
    declared: list[str]


@lru_cache(maxsize=1)
def _engine() -> tuple[Any, Any]:
    import tree_sitter
    import tree_sitter_c

    language = tree_sitter.Language(tree_sitter_c.language())
    return tree_sitter.Parser(language), tree_sitter.Query(language, _QUERY)


def extract(path: str, source: bytes) -> FileFacts:
    """Facts of one C file or header.

    Raises:
        graphdb.parsing.ParseTimeoutError: The file takes too long to parse.
    """
    parser, query = _engine()
    root = parse(parser, without_attributes(source)).root_node
    return _Extraction(path, source, root, captures(query, root)).facts()


class _Extraction:
    def __init__(
        self, path: str, source: bytes, root: SyntaxNode, captures: dict[str, list[SyntaxNode]]
    ) -> None:
        self.path, self.source, self.root = path, source, root
        # a query gives captures in no fixed order
        self.captures = {
            name: sorted(nodes, key=lambda node: node.start_byte)
            for name, nodes in captures.items()
            if name not in ("identifier", "named", "callee", "member")
        }
        self.names = captures
        self.definitions: dict[str, Definition] = {}
        self.extra = Extra([], [], [])
        self.references: dict[tuple[str, str, str], list[int]] = {}
        self.starts, self.owners = [0], [""]
        self.local: dict[str, set[str]] = {"": set()}
        self.skip: set[int] = set()

    def facts(self) -> FileFacts:
        self._functions()
        self._types()
        self._macros()
        self._declarations()
        for node in self.captures.get("include", ()):
            written = self._text(node)
            name = written.strip('<>"')
            self.extra.includes.append(('"' if written[:1] == '"' else "<") + name)
        self._refer()
        self.extra.declared[:] = sorted(set(self.extra.declared))
        return FileFacts(
            self.path,
            "c",
            self.source.count(b"\n") + 1,
            first_broken_line(self.root),
            sorted(self.definitions.values(), key=lambda d: (d.line, d.dotted)),
            [Reference(*key, *rest) for key, rest in self.references.items()],
            self._symbols(),
            tuple(self.extra),
        )

    def _text(self, node: SyntaxNode) -> str:
        return intern(self.source[node.start_byte : node.end_byte].decode("utf-8", "replace"))

    def _add(
        self, name: str, label: str, whole: SyntaxNode, end: int, owner: str = "", limit: int = 200
    ) -> str:
        plain = f"{owner}.{name}" if owner else name
        dotted, count = plain, 1
        while dotted in self.definitions:
            count += 1
            dotted = f"{plain}#{count}"
        last = whole.end_point
        end_line = (
            last.row if last.column == 0 and last.row > whole.start_point.row else last.row + 1
        )
        self.definitions[dotted] = Definition(
            dotted,
            label,
            whole.start_point.row + 1,
            end_line,
            one_line(self.source, whole.start_byte, end, limit),
            owner.partition("#")[0] if label == FIELD else "",
            owner,
        )
        return dotted

    def _mark(self, node: SyntaxNode, dotted: str) -> None:
        self.starts += [node.start_byte, node.end_byte]
        self.owners += [dotted, ""]

    def _functions(self) -> None:
        for node in self.captures.get("function", ()):
            name = _declared_name(node.child_by_field_name("declarator"))
            body = node.child_by_field_name("body")
            if name is None or node.start_byte < self.starts[-1]:
                continue
            end = body.start_byte if body else node.end_byte
            dotted = self._add(self._text(name), FUNCTION, node, end)
            self.skip.add(name.start_byte)
            self._mark(node, dotted)
            self.local[dotted] = set()
            if _is_static(node, self.source):
                self.extra.internal.append(dotted)

    def _owner(self, position: int) -> str:
        return self.owners[bisect_right(self.starts, position) - 1]

    def _types(self) -> None:
        for node in self.captures.get("type", ()):
            name = node.child_by_field_name("name")
            body = node.child_by_field_name("body")
            if body is None:
                continue
            dotted = ""
            if name is not None:
                dotted = self._add(self._text(name), CLASS, node, body.start_byte)
                self.extra.internal.append(dotted)
                self.skip.add(name.start_byte)
            for member in body.named_children:
                if member.type == "enumerator":
                    inner = member.child_by_field_name("name")
                    if inner is not None:
                        self.skip.add(inner.start_byte)
                        added = self._add(
                            self._text(inner), GLOBAL_VARIABLE, member, member.end_byte
                        )
                        self.extra.internal.append(added)
                elif member.type == "field_declaration" and dotted:
                    self._members(member, dotted)
        for node in self.captures.get("typedef", ()):
            for declarator in node.children_by_field_name("declarator"):
                name = _declared_name(declarator)
                if name is not None:
                    added = self._add(self._text(name), CLASS, node, node.end_byte)
                    self.extra.internal.append(added)
                    self.skip.add(name.start_byte)

    def _members(self, member: SyntaxNode, owner: str) -> None:
        """Add what one declaration in a struct or union declares.

        The members of an anonymous struct or union are members of the one around it.
        """
        declarators = member.children_by_field_name("declarator")
        for declarator in declarators:
            inner = _declared_name(declarator)
            if inner is not None:
                self._add(self._text(inner), FIELD, member, member.end_byte, owner)
        nested = member.child_by_field_name("type")
        body = nested.child_by_field_name("body") if nested is not None else None
        if declarators or nested is None or body is None or nested.type == "enum_specifier":
            return
        if nested.child_by_field_name("name") is None:
            for inner in body.named_children:
                if inner.type == "field_declaration":
                    self._members(inner, owner)

    def _macros(self) -> None:
        for node in self.captures.get("macro", ()):
            name = node.child_by_field_name("name")
            if name is None:
                continue
            self.skip.add(name.start_byte)
            called = node.type == "preproc_function_def"
            if not called and node.child_by_field_name("value") is None:
                continue  # include guards and switches
            label = FUNCTION if called else GLOBAL_VARIABLE
            self.extra.internal.append(self._add(self._text(name), label, node, node.end_byte))

    def _declarations(self) -> None:
        for node in self.captures.get("parameter", ()):
            name = _declared_name(node.child_by_field_name("declarator"))
            if name is not None:
                self.skip.add(name.start_byte)
                self.local[self._owner(node.start_byte)].add(self._text(name))
        self.local[""].clear()  # parameters of prototypes hide nothing
        for node in self.captures.get("declaration", ()):
            owner = self._owner(node.start_byte)
            extern = any(
                child.type == "storage_class_specifier" and self._text(child) == "extern"
                for child in node.children
            )
            for declarator in node.children_by_field_name("declarator"):
                name = _declared_name(declarator)
                if name is None:
                    continue
                self.skip.add(name.start_byte)
                written = self._text(name)
                prototype = _is_prototype(declarator)
                if owner in self.local and owner:
                    if not prototype and not extern:
                        self.local[owner].add(written)
                elif prototype or extern:
                    self.extra.declared.append(written)
                else:
                    dotted = self._add(written, GLOBAL_VARIABLE, node, node.end_byte, limit=100)
                    if _is_static(node, self.source):
                        self.extra.internal.append(dotted)
                    at = bisect_right(self.starts, node.start_byte)
                    self.starts[at:at] = [node.start_byte, node.end_byte]
                    self.owners[at:at] = [dotted, ""]

    def _refer(self) -> None:
        callees = {node.start_byte for node in self.names.get("callee", ())}
        found = [("type", node) for node in self.names.get("named", ())]
        found += [("", node) for node in self.names.get("identifier", ())]
        found += [(_access(node), node) for node in self.names.get("member", ())]
        for kind, node in found:
            start = node.start_byte
            if start in self.skip:
                continue
            owner = self._owner(start)
            name = self._text(node)
            if node.type == "field_identifier":
                name = intern(f".{name}")
            elif not kind:
                if name in self.local.get(owner, ()):
                    continue
                kind = "call" if start in callees else "read"
            line = node.start_point.row + 1
            known = self.references.setdefault((owner, kind, name), [line, 0])
            known[0] = min(known[0], line)
            known[1] += 1

    def _symbols(self) -> dict[str, int]:
        internal = set(self.extra.internal)
        held: dict[str, list[str]] = {}
        for dotted, item in self.definitions.items():
            if item.label == FIELD:
                held.setdefault(f".{item.name}", []).append(item.dotted)
            elif not item.owner:
                told = f"{item.label}{int(dotted in internal)}{dotted.count('#')}"
                held.setdefault(item.name, []).append(told)
        for name in self.extra.declared:
            held.setdefault(name, []).append("declared")
        if self.path.endswith(HEADERS):
            held["#include"] = sorted(self.extra.includes)
        return {name: crc32("\n".join(told).encode()) for name, told in held.items()}


def _access(node: SyntaxNode) -> str:
    """Whether a member's name reads it or writes it."""
    whole = node.parent
    if whole is None or whole.type == "field_designator":
        return "write"
    around = whole.parent
    if around is None or around.type not in ("assignment_expression", "update_expression"):
        return "read"
    left = around.child_by_field_name("left") or around.child_by_field_name("argument")
    return "write" if left == whole else "read"


def _declared_name(node: SyntaxNode | None) -> SyntaxNode | None:
    """The identifier inside nested declarators."""
    for _ in range(20):
        if node is None or node.type in ("identifier", "field_identifier", "type_identifier"):
            return node
        inner = node.child_by_field_name("declarator")
        if inner is None and node.type == "parenthesized_declarator" and node.named_children:
            inner = node.named_children[-1]
        node = inner
    return None


def _is_prototype(node: SyntaxNode) -> bool:
    while node.type == "pointer_declarator":
        inner = node.child_by_field_name("declarator")
        if inner is None:
            return False
        node = inner
    if node.type != "function_declarator":
        return False
    inner = node.child_by_field_name("declarator")
    return inner is not None and inner.type != "parenthesized_declarator"


def _is_static(node: SyntaxNode, source: bytes) -> bool:
    return any(
        child.type == "storage_class_specifier"
        and source[child.start_byte : child.end_byte] == b"static"
        for child in node.children
    )
