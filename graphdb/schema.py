"""The records of the graph: what a node and an edge hold, and how ids are made.

Source text is not stored: a node names the file and the lines, and the text is read from there.
An id is ``language:path::dotted.name``; a second definition of the same name in one file gets
``#2``, and so on. Ids hold no line numbers, so an edit above a definition keeps its id.
"""

from __future__ import annotations

from typing import Any, NamedTuple

FILE = "FILE"
MODULE = "MODULE"
CLASS = "CLASS"
FUNCTION = "FUNCTION"
METHOD = "METHOD"
FIELD = "FIELD"
GLOBAL_VARIABLE = "GLOBAL_VARIABLE"
EXTERNAL = "EXTERNAL"

#: Every node label, with what it stands for.
LABELS: dict[str, str] = {
    FILE: "a source file",
    MODULE: "a Python module or a C translation unit or header",
    CLASS: "a class; in C a struct, union, enum or typedef",
    FUNCTION: "a function outside of a class; in C also a function-like macro",
    METHOD: "a function in a class",
    FIELD: "an attribute of a class or instance; in C a member",
    GLOBAL_VARIABLE: "a variable of a module; in C also a macro or enumerator",
    EXTERNAL: "something that is used here and defined outside of the repository",
}

CONTAINS = "CONTAINS"
HAS_METHOD = "HAS_METHOD"
HAS_FIELD = "HAS_FIELD"
INHERITS = "INHERITS"
IMPORTS = "IMPORTS"
CALLS = "CALLS"
USES = "USES"
OVERRIDES = "OVERRIDES"

#: Every edge type, with its direction and its own properties.
EDGE_TYPES: dict[str, str] = {
    CONTAINS: "FILE to MODULE, MODULE to CLASS, FUNCTION and GLOBAL_VARIABLE, outer to nested",
    HAS_METHOD: "CLASS to METHOD",
    HAS_FIELD: "CLASS to FIELD",
    INHERITS: "subclass to base class; ord: place in the list of bases, from 0",
    IMPORTS: "MODULE to MODULE or EXTERNAL (includes in C); alias",
    CALLS: "caller to callee; count, line (first call), how, confidence",
    USES: "user to CLASS, FUNCTION, METHOD, FIELD or GLOBAL_VARIABLE; kind, count, line, how",
    OVERRIDES: "METHOD to the METHOD of the nearest base class that it replaces",
}

NODE_PROPERTIES = (
    "id", "name", "qualified_name", "file_path", "language", "line", "end_line", "signature", "cls",
)  # fmt: skip
EDGE_PROPERTIES = ("kind", "count", "line", "how", "confidence", "ord", "alias")

#: Which properties an edge of each type has in every store.
EDGE_PROPERTIES_OF: dict[str, tuple[str, ...]] = {
    CONTAINS: (),
    HAS_METHOD: (),
    HAS_FIELD: (),
    INHERITS: ("ord", "how", "confidence"),
    IMPORTS: ("alias",),
    CALLS: ("count", "line", "how", "confidence"),
    USES: ("kind", "count", "line", "how", "confidence"),
    OVERRIDES: (),
}
# The same with the fields of `Edge` that hold them: a table, for it is read once an edge.
_FIELDS_OF = {
    kind: tuple((name, "times" if name == "count" else name) for name in names)
    for kind, names in EDGE_PROPERTIES_OF.items()
}

#: Text longer than this is cut in a signature.
SIGNATURE_LIMIT = 300


class Node(NamedTuple):
    """One thing in the repository.

    Attributes:
        id: Key of the node, see the module's text.
        label: One of :data:`LABELS`.
        name: Last part of its name, as written in the source.
        qualified_name: Name as other code would import it, ``package.module.Class.method``.
        file_path: Path in the repository with ``/``; empty for EXTERNAL.
        language: ``python``, ``c``, ...; empty for EXTERNAL.
        line: First line, from 1; 0 where it has none.
        end_line: Last line, inclusive.
        signature: Heading of the definition on one line.
        cls: Name of the class it is a member of, else empty.
    """

    id: str
    label: str
    name: str
    qualified_name: str
    file_path: str = ""
    language: str = ""
    line: int = 0
    end_line: int = 0
    signature: str = ""
    cls: str = ""


class Edge(NamedTuple):
    """One relation; the graph holds at most one edge for each (source, type, target).

    Attributes:
        source: Id of the node it starts from.
        type: One of :data:`EDGE_TYPES`.
        target: Id of the node it ends at.
        kind: For USES: ``read``, ``write``, ``annotation``, ``decorator`` or ``type``.
        times: How often, for CALLS and USES; the property `count` of stores and JSON.
        line: Line of the first occurrence, from 1; 0 where it has none.
        how: How the target was found: ``scope``, ``import``, ``self``, ``super``, ``type``,
            ``constructor``, ``include``, ``linkage``, ``syntax``.
        confidence: 0 to 1; below 1 where types were inferred or several targets are possible.
        ord: Place among its kind, for INHERITS.
        alias: Local name, for IMPORTS.
    """

    source: str
    type: str
    target: str
    kind: str = ""
    times: int = 1
    line: int = 0
    how: str = "syntax"
    confidence: float = 1.0
    ord: int = 0
    alias: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells this edge from others."""
        return (self.source, self.type, self.target)

    def properties(self) -> dict[str, Any]:
        """The properties that a store keeps for an edge of this type."""
        return {name: getattr(self, field) for name, field in _FIELDS_OF[self.type]}

    def as_row(self) -> dict[str, Any]:
        """All fields by the names that stores and JSON give them."""
        return {("count" if name == "times" else name): v for name, v in self._asdict().items()}


def file_id(path: str) -> str:
    """Id of the FILE node of `path`."""
    return f"file:{path}"


def module_id(language: str, path: str) -> str:
    """Id of the MODULE node of `path`."""
    return f"{language}:{path}"


def symbol_id(language: str, path: str, dotted: str) -> str:
    """Id of the definition `dotted` in `path`."""
    return f"{language}:{path}::{dotted}"


def external_id(dotted: str) -> str:
    """Id of something defined outside of the repository."""
    return f"external:{dotted}"


def external_node(dotted: str) -> Node:
    """The EXTERNAL node of something defined outside of the repository."""
    # a header is known by its file name, anything else by its last part
    name = dotted.rpartition("/")[2] if dotted.endswith(".h") else dotted.rpartition(".")[2]
    return Node(external_id(dotted), EXTERNAL, name, dotted)
