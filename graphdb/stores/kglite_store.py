"""The graph in kglite, an embedded engine that speaks Cypher."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakSet

from graphdb import collector
from graphdb import cypher as language
from graphdb.delta import Delta
from graphdb.errors import QueryError, QueryLimitError, StoreError
from graphdb.schema import LABELS, Edge, Node
from graphdb.stores import statements
from graphdb.stores.base import DEFAULT_LIMITS, Limits, QueryResult
from graphdb.stores.cypher_store import (
    CypherStore,
    node_value,
    plain,
    relationship_value,
    result,
)


class KgliteStore(CypherStore):
    """A store in this process's memory that can be saved; see :class:`graphdb.stores.base.Store`.

    Args:
        graph: A loaded ``kglite.KnowledgeGraph``; a new one is made if None.
    """

    name = "kglite"
    batch = 5_000

    def __init__(self, graph: Any = None) -> None:
        self._graph = graph if graph is not None else _new_graph()
        self._origin: KgliteStore | None = None
        self._waiting: WeakSet[KgliteStore] = WeakSet()

    @classmethod
    def open(cls, path: Path) -> KgliteStore:
        """A store that :meth:`save` wrote.

        Raises:
            StoreError: The file is missing or not a graph.
        """
        import kglite

        try:
            return cls(kglite.load(str(path)))
        except (kglite.KgError, OSError, ValueError) as error:
            raise StoreError(
                f"can't open the graph {str(path)!r}: {error}; build it anew"
            ) from None

    def save(self, path: Path) -> None:
        """Write the graph to a file, whole or not at all."""
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            self._own().save(str(temporary), fsync=False)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def _own(self) -> Any:
        """The graph, copied from its origin at first use; kglite copies on write."""
        if self._graph is None:
            if self._origin is None:
                raise StoreError("this graph is closed")
            self._graph = self._origin._own().copy()
            self._origin._waiting.discard(self)
            self._origin = None
        return self._graph

    def _run(self, statement: str, /, **parameters: Any) -> list[dict[str, Any]]:
        return self._own().cypher(statement, params=parameters, timeout_ms=0).to_list()

    def load(self, nodes: Iterable[Node], edges: Iterable[Edge]) -> None:
        """Replace everything."""
        with collector.paused():
            self._load(nodes, edges)

    def _load(self, nodes: Iterable[Node], edges: Iterable[Edge]) -> None:
        self._settle()
        self._graph, self._origin = _new_graph(), None
        self._create(nodes, edges)
        for label in LABELS:
            self._own().create_index(label, "name")

    def apply(self, delta: Delta) -> None:
        """Apply a difference."""
        self._settle()
        for label, ids in statements.by_label(delta.removed_nodes).items():
            self._run(statements.delete_nodes(label), ids=ids)
        labels = {node.id: node.label for node in delta.nodes}
        wanted = {key[end] for key in delta.removed_edges for end in (0, 2)}
        wanted |= {end for edge in delta.edges for end in (edge.source, edge.target)}
        for node in self.nodes(sorted(wanted - labels.keys())):
            labels[node.id] = node.label
        for group, rows in statements.group_keys(delta.removed_edges, labels).items():
            self._run(statements.delete_edges(*group), rows=rows)
        for label, nodes in statements.group_nodes(delta.nodes).items():
            rows = [statements.node_row(node) for node in nodes]
            self._run(statements.merge_nodes(label), rows=rows)
        for group, edges in statements.group_edges(delta.edges, labels).items():
            rows = [statements.edge_row(edge) for edge in edges]
            self._run(statements.delete_edges(*group), rows=rows)
            self._run(statements.create_edges(*group), rows=rows)

    def fork(self) -> KgliteStore:
        """A store that copies this one when it is first asked, or before this one changes."""
        other = KgliteStore.__new__(KgliteStore)
        other._graph, other._origin, other._waiting = None, self, WeakSet()
        self._waiting.add(other)
        return other

    def _settle(self) -> None:
        """Let the forks that have not copied yet do so, before a change."""
        for other in list(self._waiting):
            other._own()
        self._waiting.clear()

    def ids(self, labels: Sequence[str]) -> list[str]:
        """Ids of all nodes of these labels."""
        found = [self._own().cypher(statements.all_ids(label)).column("id") for label in labels]
        return sorted(key for column in found for key in column)

    def weights(self, types: Sequence[str]) -> list[tuple[str, str, float]]:
        """Source, target and weight of all edges of these types."""
        found: list[tuple[str, str, float]] = []
        for kind in types:
            rows = self._own().cypher(statements.all_edges(kind))
            found += zip(rows.column("s"), rows.column("t"), rows.column("w"), strict=True)
        return sorted(found)

    def query(
        self,
        cypher: str,
        parameters: Mapping[str, Any] | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> QueryResult:
        """Answer a read-only Cypher query."""
        import kglite

        checked = language.check(cypher)
        try:
            answer = self._own().cypher(
                checked.text,
                params=dict(parameters or {}),
                timeout_ms=max(1, int(limits.seconds * 1000)),
                max_work_units=limits.work,
                row_limit=limits.rows + 1,
                write_scope=[],
            )
            rows = answer.to_list()
        except kglite.CypherTimeoutError:
            raise QueryLimitError(language.timeout_text(limits)) from None
        except kglite.KgError as error:
            raise self._explained(error, cypher, limits) from None
        except (ValueError, TypeError, OverflowError) as error:
            raise QueryError(language.explain(str(error), cypher)) from None
        columns = list(answer.columns)
        values = [[plain(row[name], _entity) for name in columns] for row in rows]
        return result(columns, values, checked, limits)

    def _explained(self, error: Exception, cypher: str, limits: Limits) -> QueryError:
        text = str(error)
        if "max_work_units" in text or "budget" in text:
            return QueryLimitError(language.work_text(limits))
        line, column = getattr(error, "line", None), getattr(error, "col", None)
        position = (line, column) if isinstance(line, int) and isinstance(column, int) else None
        return QueryError(language.explain(text, cypher, position), position)

    def close(self) -> None:
        """Forget the graph; forks keep theirs."""
        self._settle()
        self._graph, self._origin = None, None


def _new_graph() -> Any:
    import kglite

    # Unknown names are checked here, with errors; kglite would also print them to stderr.
    kglite.set_query_warning_policy("silent")
    return kglite.KnowledgeGraph()


def _entity(value: Any) -> Any:
    if isinstance(value, dict) and "properties" in value and "labels" in value:
        return node_value(value["labels"], value["properties"])
    if isinstance(value, dict) and "properties" in value and "type" in value:
        return relationship_value(value["type"], value["properties"])
    return None
