"""What both Cypher stores share: the canonical questions, loading, and the shape of answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from graphdb import cypher as language
from graphdb.schema import EDGE_PROPERTIES_OF, EDGE_TYPES, LABELS, NODE_PROPERTIES, Edge, Node
from graphdb.stores import statements
from graphdb.stores.base import Limits, Link, QueryResult, by_edge, by_relevance

T = TypeVar("T")


class CypherStore:
    """A store whose operations are Cypher statements; a subclass runs them in `_run`.

    Attributes:
        batch: Rows that one statement creates.
    """

    speaks_cypher = True
    batch: int

    def _run(self, statement: str, /, **parameters: Any) -> list[dict[str, Any]]:
        """Run one of the store's own statements and return its rows."""
        raise NotImplementedError

    def _create(self, nodes: Iterable[Node], edges: Iterable[Edge]) -> None:
        """Create nodes, and those edges whose ends are among them, in batches."""
        by_label = statements.group_nodes(nodes)
        for label, found in by_label.items():
            for part in _batches(found, self.batch):
                rows = [statements.node_row(node) for node in part]
                self._run(statements.create_nodes(label), rows=rows)
        labels = {node.id: label for label, found in by_label.items() for node in found}
        for group, found in statements.group_edges(edges, labels).items():
            for part in _batches(found, self.batch):
                rows = [statements.edge_row(edge) for edge in part]
                self._run(statements.create_edges(*group), rows=rows)

    def nodes(self, ids: Sequence[str]) -> list[Node]:
        """The nodes with these ids."""
        found: dict[str, Node] = {}
        for label, wanted in statements.ids_by_label(ids).items():
            for row in self._run(statements.nodes_by_id(label), ids=wanted):
                found[row["id"]] = statements.node_of(row, label)
        return [found[key] for key in ids if key in found]

    def named(self, name: str, labels: Sequence[str]) -> list[Node]:
        """Nodes with exactly this name."""
        found = [
            statements.node_of(row, label)
            for label in labels
            for row in self._run(statements.nodes_by_name(label), name=name)
        ]
        return sorted(found, key=lambda node: node.id)

    def search(self, text: str, labels: Sequence[str], limit: int) -> list[Node]:
        """Nodes whose name holds `text`."""
        found = [
            statements.node_of(row, label)
            for label in labels
            for row in self._run(statements.nodes_by_text(label), text=text.lower())
        ]
        return sorted(found, key=by_relevance)[:limit]

    def links(self, nodes: Sequence[Node], types: Sequence[str], direction: str) -> list[Link]:
        """Edges at these nodes."""
        found: list[Link] = []
        for label, ids in statements.by_label(nodes).items():
            one = len(ids) == 1
            for kind in types:
                statement = statements.links(label, kind, direction, one)
                rows = self._run(statement, ids=ids[0] if one else ids)
                found += [statements.link_of(row, kind, direction) for row in rows]
        return sorted(found, key=by_edge)

    def counts(self) -> tuple[dict[str, int], dict[str, int]]:
        """Nodes of each label, edges of each type."""
        labels = {
            label: self._run(f"MATCH (n:{label}) RETURN count(n) AS c")[0]["c"] for label in LABELS
        }
        types = {
            kind: self._run(f"MATCH ()-[r:{kind}]->() RETURN count(r) AS c")[0]["c"]
            for kind in EDGE_TYPES
        }
        return labels, types

    def ids(self, labels: Sequence[str]) -> list[str]:
        """Ids of all nodes of these labels."""
        return sorted(row["id"] for label in labels for row in self._run(statements.all_ids(label)))

    def weights(self, types: Sequence[str]) -> list[tuple[str, str, float]]:
        """Source, target and weight of all edges of these types."""
        return sorted(
            (row["s"], row["t"], float(row["w"]))
            for kind in types
            for row in self._run(statements.all_edges(kind))
        )


def result(
    columns: list[str], rows: list[list[Any]], checked: language.Checked, limits: Limits
) -> QueryResult:
    """An answer of which at most one row too many was fetched."""
    return QueryResult(columns, rows[: limits.rows], len(rows) > limits.rows, tuple(checked.notes))


def node_value(labels: Iterable[str], properties: Mapping[str, Any]) -> dict[str, Any]:
    """A node as answers hold it."""
    return {"labels": sorted(labels), **{key: properties.get(key) for key in NODE_PROPERTIES}}


def relationship_value(kind: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """A relationship as answers hold it."""
    return {
        "type": kind,
        **{key: properties.get(key) for key in EDGE_PROPERTIES_OF.get(kind, ())},
    }


def plain(value: Any, entity: Callable[[Any], Any]) -> Any:
    """A value as answers hold it.

    Args:
        value: As the engine gave it.
        entity: Returns a node, a relationship or a path of the engine as answers hold it, and
            None for anything else.
    """
    known = entity(value)
    if known is not None:
        return known
    if isinstance(value, dict):
        return {key: plain(item, entity) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, entity) for item in value]
    return value


def _batches(rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
