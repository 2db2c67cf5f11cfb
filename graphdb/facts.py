"""What one file says, before it is known what its names mean.

Facts depend on the text of one file alone, so they are kept by content hash; what names mean is
worked out by a language's resolver from the facts of all files.
"""

from __future__ import annotations

import marshal
from typing import Any, NamedTuple


class Definition(NamedTuple):
    """Something that a file defines.

    Attributes:
        dotted: Name within the file, ``Class.method``, with ``#2`` on a redefinition.
        label: Node label, see :mod:`graphdb.schema`.
        line: First line, from 1.
        end_line: Last line, inclusive.
        signature: Heading on one line.
        cls: Name of the class it is a member of, else empty.
        owner: `dotted` of the definition it stands in, empty at the top of the file.
    """

    dotted: str
    label: str
    line: int
    end_line: int
    signature: str
    cls: str
    owner: str

    @property
    def name(self) -> str:
        """Last part of the name, as written."""
        return self.dotted.rpartition(".")[2].partition("#")[0]


class Reference(NamedTuple):
    """Something that a file mentions.

    Attributes:
        scope: `dotted` of the innermost definition around it, empty at the top of the file.
        kind: ``call``, ``read``, ``write``, ``annotation``, ``decorator`` or ``type``.
        expr: The expression in the language's own short form.
        line: First line it is on, from 1.
        times: How often this scope mentions it so.
    """

    scope: str
    kind: str
    expr: str
    line: int
    times: int


class FileFacts(NamedTuple):
    """Facts of one file.

    Attributes:
        path: Path in the repository.
        language: Name of the language.
        lines: Number of lines.
        broken_line: First line that does not parse, from 1; 0 where all does.
        definitions: In order of position.
        references: One for each scope, kind and expression.
        symbols: For each top-level name, a digest of all that other files may depend on.
        data: What the language's resolver needs more, plain values only.
    """

    path: str
    language: str
    lines: int
    broken_line: int
    definitions: list[Definition]
    references: list[Reference]
    symbols: dict[str, int]
    data: Any

    def pack(self) -> tuple[bytes, bytes, bytes]:
        """The facts as bytes: the definitions, the data, and the references."""
        return (
            marshal.dumps((*self[:4], [tuple(item) for item in self.definitions])),
            marshal.dumps(self.data),
            marshal.dumps([tuple(item) for item in self.references]),
        )


def unpack(outline: bytes, data: bytes | None = None) -> FileFacts:
    """Facts from the first parts that :meth:`FileFacts.pack` gave; no references or symbols."""
    path, language, lines, broken, definitions = marshal.loads(outline)
    found = [Definition(*row) for row in definitions]
    held = marshal.loads(data) if data is not None else None
    return FileFacts(path, language, lines, broken, found, [], {}, held)


def unpack_references(packed: bytes) -> list[Reference]:
    """References from the last part that :meth:`FileFacts.pack` gave."""
    return [Reference(*row) for row in marshal.loads(packed)]
