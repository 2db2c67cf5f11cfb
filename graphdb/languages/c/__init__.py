"""C: facts by tree-sitter, names by includes and linkage.

Macros are not expanded and conditional groups are all read, so a name may have several definitions
in one file. A call through a pointer or a member gives no CALLS edge; the functions that fill a
table are its USES. A member's name means the members so named of types that the file can see.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from graphdb.facts import FileFacts

if TYPE_CHECKING:
    from graphdb.languages import Resolver


class C:
    """The language C; see :class:`graphdb.languages.Language`."""

    name = "c"
    suffixes = (".c", ".h", ".inc")
    separator = ""

    def extract(self, path: str, source: bytes) -> FileFacts:
        """Facts of one C file or header."""
        from graphdb.languages.c.extract import extract

        return extract(path, source)

    def resolver(self, files: Mapping[str, FileFacts]) -> Resolver:
        """A resolver over C files."""
        from graphdb.languages.c.resolve import CResolver

        return CResolver(files)


LANGUAGE = C()
