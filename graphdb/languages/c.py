"""C: facts by tree-sitter, names by includes and linkage.

Macros are not expanded and conditional groups are all read, so a name may have several definitions
in one file. A call through a pointer or a member gives no CALLS edge; the functions that fill a
table are its USES.
"""

from __future__ import annotations

import posixpath
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

from graphdb.facts import Definition, FileFacts, Reference
from graphdb.languages import Resolved
from graphdb.parsing import captures, first_broken_line, one_line, parse
from graphdb.schema import (
    CALLS,
    CLASS,
    FIELD,
    FUNCTION,
    GLOBAL_VARIABLE,
    IMPORTS,
    USES,
    Edge,
    Node,
    external_id,
    external_node,
    module_id,
    symbol_id,
)

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
"""

#: A call that may reach more definitions than this gives no edge.
_MAX_TARGETS = 3

_HEADERS = (".h", ".inc")


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


class C:
    """The language C; see :class:`graphdb.languages.Language`."""

    name = "c"
    suffixes = (".c", *_HEADERS)

    def extract(self, path: str, source: bytes) -> FileFacts:
        """Facts of one C file or header."""
        parser, query = _engine()
        root = parse(parser, source).root_node
        return _Extraction(path, source, root, captures(query, root)).facts()

    def resolver(self, files: Mapping[str, FileFacts]) -> CResolver:
        """A resolver over C files."""
        return CResolver(files)


class _Extraction:
    def __init__(
        self, path: str, source: bytes, root: SyntaxNode, captures: dict[str, list[SyntaxNode]]
    ) -> None:
        self.path, self.source, self.root = path, source, root
        # a query gives captures in no fixed order
        self.captures = {
            name: sorted(nodes, key=lambda node: node.start_byte)
            for name, nodes in captures.items()
            if name not in ("identifier", "named", "callee")
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
                    for declarator in member.children_by_field_name("declarator"):
                        inner = _declared_name(declarator)
                        if inner is not None:
                            self._add(self._text(inner), FIELD, member, member.end_byte, dotted)
        for node in self.captures.get("typedef", ()):
            for declarator in node.children_by_field_name("declarator"):
                name = _declared_name(declarator)
                if name is not None:
                    added = self._add(self._text(name), CLASS, node, node.end_byte)
                    self.extra.internal.append(added)
                    self.skip.add(name.start_byte)

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
        for kind, node in found:
            start = node.start_byte
            if start in self.skip:
                continue
            owner = self._owner(start)
            name = self._text(node)
            if not kind:
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
            if not item.owner:
                told = f"{item.label}{int(dotted in internal)}{dotted.count('#')}"
                held.setdefault(item.name, []).append(told)
        for name in self.extra.declared:
            held.setdefault(name, []).append("declared")
        if self.path.endswith(_HEADERS):
            held["#include"] = sorted(self.extra.includes)
        return {name: crc32("\n".join(told).encode()) for name, told in held.items()}


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


class _Place(NamedTuple):
    path: str
    dotted: str
    label: str
    internal: bool


class CResolver:
    """Resolves names over all C files of a repository.

    Args:
        files: Their facts, by path.
    """

    def __init__(self, files: Mapping[str, FileFacts]) -> None:
        self.files = files
        self._by_base: dict[str, list[str]] = {}
        for path in sorted(files, key=lambda p: (p.count("/"), p)):
            self._by_base.setdefault(posixpath.basename(path), []).append(path)
        self._includes: dict[str, list[tuple[str, str | None]]] = {}
        self._names: dict[str, list[_Place]] | None = None

    def module_name(self, path: str) -> str:
        """C has no module names: the path."""
        return path

    def presence(self, path: str) -> Iterable[str]:
        """Keys of the includes that may mean `path`."""
        return {"?c/" + posixpath.basename(path)}

    def names(self) -> dict[str, list[_Place]]:
        """All definitions outside of types, by name."""
        if self._names is None:
            self._names = {}
            for path in sorted(self.files):
                facts = self.files[path]
                internal = set(Extra(*facts.data).internal)
                for item in facts.definitions:
                    if not item.owner:
                        place = _Place(path, item.dotted, item.label, item.dotted in internal)
                        self._names.setdefault(item.name, []).append(place)
        return self._names

    def includes(self, path: str) -> list[tuple[str, str | None]]:
        """What a file includes: as written, and the file it means, if it is here."""
        found = self._includes.get(path)
        if found is None:
            written = Extra(*self.files[path].data).includes
            found = [(item[1:], self._included(path, item)) for item in written]
            self._includes[path] = found
        return found

    def _included(self, path: str, item: str) -> str | None:
        name = item[1:]
        if item[0] == '"':
            beside = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
            if beside in self.files:
                return beside
        tail = posixpath.normpath(name)
        while tail.startswith("../"):
            tail = tail[3:]
        near = [
            other
            for other in self._by_base.get(posixpath.basename(tail), ())
            if other == tail or other.endswith("/" + tail)
        ]
        if not near:
            return None
        below = posixpath.dirname(path)
        return min(near, key=lambda other: (_include_rank(other, tail, below), other))

    def reached(self, path: str) -> set[str]:
        """All files that a file includes, directly or not."""
        seen: set[str] = set()
        pending = [path]
        while pending:
            for _, target in self.includes(pending.pop()):
                if target is not None and target not in seen:
                    seen.add(target)
                    pending.append(target)
        seen.discard(path)
        return seen

    def resolve(self, path: str, references: Sequence[Reference]) -> Resolved:
        """Edges of one file, given what it mentions."""
        module = module_id("c", path)
        edges: dict[tuple[str, str, str], Edge] = {}
        externals: dict[str, Node] = {}
        needs = {"c\0#include"}
        for written, target in self.includes(path):
            needs.add("?c/" + posixpath.basename(written))
            end = module_id("c", target) if target else _external(written, externals)
            if end != module:
                edges[(module, IMPORTS, end)] = Edge(module, IMPORTS, end, how="include")
        visible = self.reached(path)
        meant: dict[tuple[str, bool], tuple[list[_Place], str]] = {}
        for scope, kind, name, line, count in references:
            source = symbol_id("c", path, scope) if scope else module
            needs.add("c\0" + name)
            asked = (name, kind == "type")
            if asked not in meant:
                meant[asked] = self._meaning(path, name, kind == "type", visible)
            places, how = meant[asked]
            ends = [(symbol_id("c", p.path, p.dotted), p.label) for p in places]
            if not ends and kind == "call":
                ends, how = [(_external(name, externals), FUNCTION)], "linkage"
            for end, label in ends:
                if end == source and kind != "call":
                    continue
                edge_type = CALLS if kind == "call" and label == FUNCTION else USES
                share = {"scope": 1.0, "include": 1.0, "linkage": 0.9}[how] / len(ends)
                edge = Edge(
                    source, edge_type, end, kind="" if edge_type == CALLS else kind,
                    count=count, line=line, how=how, confidence=round(share, 2),
                )  # fmt: skip
                known = edges.get(edge.key)
                if known is not None:
                    edge = known._replace(count=known.count + count, line=min(known.line, line))
                edges[edge.key] = edge
        return Resolved(sorted(edges.values()), list(externals.values()), frozenset(needs))

    def _meaning(
        self, path: str, name: str, as_type: bool, visible: set[str]
    ) -> tuple[list[_Place], str]:
        """Definitions a name stands for in a file, and how that is known."""
        places = [p for p in self.names().get(name, ()) if (p.label == CLASS) == as_type]
        own = [place for place in places if place.path == path]
        if own:
            return own[:1], "scope"
        included = [place for place in places if place.path in visible]
        if included:
            return _first_of_each(included), "include"
        if as_type:
            return [], "include"
        linked = [place for place in places if not place.internal and place.path != path]
        linked = _first_of_each(linked)
        return (linked if len(linked) <= _MAX_TARGETS else []), "linkage"


def _first_of_each(places: list[_Place]) -> list[_Place]:
    """One place for each file, at most as many as an edge may have targets."""
    found: dict[str, _Place] = {}
    for place in places:
        found.setdefault(place.path, place)
    return list(found.values())[: _MAX_TARGETS + 1]


def _include_rank(path: str, tail: str, below: str) -> tuple[bool, int, bool, int]:
    """Smaller for the likelier meaning of an include: an include folder, near by, short."""
    root = path[: len(path) - len(tail)].rstrip("/")
    is_include_folder = posixpath.basename(root) == "include"
    # the folder that an include folder serves must hold the including file
    served = posixpath.dirname(root) if is_include_folder else root
    serves = not served or (below + "/").startswith(served + "/")
    return (not serves, -len(served) if serves else 0, not is_include_folder, len(path))


def _external(name: str, externals: dict[str, Node]) -> str:
    key = external_id(name)
    if key not in externals:
        externals[key] = external_node(name)
    return key


LANGUAGE = C()
