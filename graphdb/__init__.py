"""A repository's source text as a code graph that can be queried.

Files come in through a small :class:`graphdb.source.Source`, are parsed by tree-sitter, resolved
by the rules of their language (scope, import and method resolution order for Python; includes and
linkage for C) and stored in NetworkX, kglite or a Neo4j server. The names most callers want::

    from graphdb import CodeGraph, FolderSource, queries

    graph = CodeGraph.build(FolderSource("path/to/repository"))
    queries.callers(graph.store, "render")

Importing the package loads no parser and no store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphdb import queries
    from graphdb.errors import GraphError
    from graphdb.graph import CodeGraph
    from graphdb.schema import Edge, Node
    from graphdb.source import FolderSource, Source

__all__ = ["CodeGraph", "Edge", "FolderSource", "GraphError", "Node", "Source", "queries"]

_HOMES = {
    "CodeGraph": "graphdb.graph",
    "Edge": "graphdb.schema",
    "FolderSource": "graphdb.source",
    "GraphError": "graphdb.errors",
    "Node": "graphdb.schema",
    "Source": "graphdb.source",
}


def __getattr__(name: str) -> Any:
    """Import a public name at its first use (PEP 562)."""
    from importlib import import_module

    if name == "queries":
        return import_module("graphdb.queries")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'graphdb' has no attribute {name!r}")
    return getattr(import_module(home), name)
