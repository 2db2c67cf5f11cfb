"""Errors that a user of the graph can cause or must know about.

The command line prints one of these as a single sentence and exits with status 2.
"""

from __future__ import annotations


class GraphError(Exception):
    """Base of every error this package raises on purpose."""


class SourceError(GraphError):
    """The folder or file to index can't be read, or is not a folder."""


class LanguageError(GraphError):
    """A language of one's own can't be loaded."""


class UnknownSymbolError(GraphError):
    """No node has the id or name that a query asked for; the message offers near names."""


class AmbiguousSymbolError(GraphError):
    """A name stands for several nodes where exactly one is needed; the message lists them."""


class StoreError(GraphError):
    """A store can't be opened, was lost in the middle of a query, or refuses the request."""


class QueryError(GraphError):
    """A Cypher query is wrong: syntax, an unknown label, relationship or property.

    Attributes:
        position: ``(line, column)`` of the fault, both counted from 1, where the engine tells.
    """

    def __init__(self, message: str, position: tuple[int, int] | None = None) -> None:
        super().__init__(message)
        self.position = position


class ReadOnlyError(QueryError):
    """A Cypher query would write, administer or reach outside the graph."""


class QueryLimitError(QueryError):
    """A query hit its time or work limit; the message says which and how to narrow it."""
