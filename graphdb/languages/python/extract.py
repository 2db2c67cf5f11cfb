"""Facts of one Python file, by one tree-sitter query over its syntax tree."""

from __future__ import annotations

import marshal
from functools import lru_cache
from hashlib import blake2b
from sys import intern
from typing import TYPE_CHECKING, Any

from graphdb.facts import FileFacts, Reference
from graphdb.languages.python.bindings import Bindings
from graphdb.languages.python.expressions import chain
from graphdb.languages.python.scopes import FUNCTION_SCOPE
from graphdb.parsing import captures, first_broken_line, parse

if TYPE_CHECKING:
    pass

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
(type_alias_statement) @binding
(class_pattern (dotted_name) @pattern)
(case_pattern (dotted_name) @pattern)
(lambda) @binding
(import_statement) @import
(import_from_statement) @import
(return_statement) @return
(yield) @return
(global_statement) @global
(nonlocal_statement) @global
"""


@lru_cache(maxsize=1)
def engine() -> tuple[Any, Any]:
    """The parser and the query."""
    import tree_sitter
    import tree_sitter_python

    language = tree_sitter.Language(tree_sitter_python.language())
    return tree_sitter.Parser(language), tree_sitter.Query(language, _QUERY)


def extract(path: str, source: bytes) -> FileFacts:
    """Facts of one Python file.

    Raises:
        graphdb.parsing.ParseTimeoutError: The file takes too long to parse.
    """
    parser, query = engine()
    root = parse(parser, source).root_node
    return Extraction(path, source, root, captures(query, root)).facts()


class Extraction(Bindings):
    """The third pass over a file: what is mentioned where."""

    def facts(self) -> FileFacts:
        """All facts, by three passes."""
        self.define()
        self.bind()
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
            owner = self.owner(start)
            short = self.seen_from(chain(node, source), owner, start)
            if short[0] in '?"' or (start, end) in targets:
                continue
            if short.partition(".")[0] not in hidden[owner]:
                self.reference(owner, "call", short, node.start_point.row)
        ends: set[int] = set()
        for node in self.captures.get("attribute", ()):
            start, end = node.start_byte, node.end_byte
            ends.add(end)
            if (start, end) in callees or (start, end) in targets:
                continue
            owner = self.owner(start)
            short = self.seen_from(chain(node, source), owner, start)
            if short[0] in '?"':
                continue
            if short.partition(".")[0] not in hidden[owner]:
                self.reference(owner, "read", short, node.start_point.row)
        for node in self.captures.get("pattern", ()):
            named = source[node.start_byte : node.end_byte].decode("utf-8", "replace")
            inside = node.parent is not None and node.parent.type == "class_pattern"
            if inside or "." in named:  # a single name is bound, not read
                owner = self.owner(node.start_byte)
                if named.partition(".")[0] not in hidden[owner]:
                    self.reference(owner, "read", named, node.start_point.row)
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
                self.reference(owner, kind, name, node.start_point.row)

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
