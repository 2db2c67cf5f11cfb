"""What a store can do. Every canonical question is built from these few operations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from graphdb.delta import Delta
from graphdb.schema import (
    CLASS,
    EXTERNAL,
    FIELD,
    FILE,
    FUNCTION,
    GLOBAL_VARIABLE,
    METHOD,
    MODULE,
    Edge,
    Node,
)

OUT, IN = "out", "in"


class Link(NamedTuple):
    """An edge seen from one of its ends.

    Attributes:
        edge: The edge.
        other: The node at the far end.
    """

    edge: Edge
    other: Node


class QueryResult(NamedTuple):
    """Answer to a Cypher query.

    Attributes:
        columns: Names, in the order of RETURN.
        rows: Plain values; a node is a dict of its properties with ``labels``, a relationship one
            of its properties with ``type``.
        truncated: Whether the row limit cut the answer.
        notes: What the asker should know: unknown properties, which store answered.
    """

    columns: list[str]
    rows: list[list[Any]]
    truncated: bool = False
    notes: tuple[str, ...] = ()


class Limits(NamedTuple):
    """Bounds of one Cypher query.

    Attributes:
        seconds: Wall time.
        rows: Rows returned; more are cut, and the result says so.
        work: Units of work (rows and values the engine handles); only kglite counts them.
    """

    seconds: float = 10.0
    rows: int = 200
    work: int = 5_000_000


#: Bounds of a query that names none.
DEFAULT_LIMITS = Limits()


class Store(Protocol):
    """A graph that can be asked and changed.

    Attributes:
        name: ``kglite``, ``networkx`` or ``neo4j``.
        speaks_cypher: Whether :meth:`query` works.
    """

    name: str
    speaks_cypher: bool

    def load(self, nodes: Iterable[Node], edges: Iterable[Edge]) -> None:
        """Replace everything."""
        ...

    def apply(self, delta: Delta) -> None:
        """Apply a difference."""
        ...

    def fork(self) -> Store:
        """A store that starts equal and changes alone.

        Raises:
            StoreError: The store is a server.
        """
        ...

    def nodes(self, ids: Sequence[str]) -> list[Node]:
        """The nodes with these ids, without the missing ones, in the order of `ids`."""
        ...

    def named(self, name: str, labels: Sequence[str]) -> list[Node]:
        """Nodes of these labels with exactly this name, sorted by id."""
        ...

    def search(self, text: str, labels: Sequence[str], limit: int) -> list[Node]:
        """Nodes of these labels whose name holds `text`, case ignored.

        Sorted by length of the name, the name, the id; at most `limit`.
        """
        ...

    def links(self, nodes: Sequence[Node], types: Sequence[str], direction: str) -> list[Link]:
        """Edges of these types that leave (``out``) or reach (``in``) the nodes, sorted."""
        ...

    def counts(self) -> tuple[dict[str, int], dict[str, int]]:
        """How many nodes of each label and edges of each type there are."""
        ...

    def ids(self, labels: Sequence[str]) -> list[str]:
        """Ids of all nodes of these labels, sorted."""
        ...

    def weights(self, types: Sequence[str]) -> list[tuple[str, str, float]]:
        """Source, target and weight (count times confidence) of edges of these types, sorted."""
        ...

    def query(
        self,
        cypher: str,
        parameters: Mapping[str, Any] | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> QueryResult:
        """Answer a read-only Cypher query.

        Raises:
            QueryError: The query is wrong or would write, or hit a limit.
            StoreError: This store has no Cypher, or was lost.
        """
        ...

    def close(self) -> None:
        """Give up the store's resources; it can't be used after."""
        ...


def labels_of_id(node_id: str) -> tuple[str, ...]:
    """Labels that a node with this id may have."""
    if node_id.startswith("file:"):
        return (FILE,)
    if node_id.startswith("external:"):
        return (EXTERNAL,)
    if "::" not in node_id:
        return (MODULE,)
    return (CLASS, FUNCTION, METHOD, FIELD, GLOBAL_VARIABLE)


def by_relevance(node: Node) -> tuple[int, str, str]:
    """Sort key of :meth:`Store.search`."""
    return (len(node.name), node.name, node.id)


def by_edge(link: Link) -> tuple[str, str, str]:
    """Sort key of :meth:`Store.links`."""
    return link[0][:3]  # its key, read in half the time
