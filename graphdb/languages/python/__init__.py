"""Python: facts by tree-sitter, names by scope, import and method resolution order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from graphdb.facts import FileFacts

if TYPE_CHECKING:
    from graphdb.languages import Resolver


class Python:
    """The language Python; see :class:`graphdb.languages.Language`."""

    name = "python"
    suffixes = (".py", ".pyi", ".pyw")
    separator = "."

    def extract(self, path: str, source: bytes) -> FileFacts:
        """Facts of one Python file."""
        from graphdb.languages.python.extract import extract

        return extract(path, source)

    def resolver(self, files: Mapping[str, FileFacts]) -> Resolver:
        """A resolver over Python files."""
        from graphdb.languages.python.resolve import PythonResolver

        return PythonResolver(files)


LANGUAGE = Python()
