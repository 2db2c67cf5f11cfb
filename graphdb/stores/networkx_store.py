"""The graph in memory, as NetworkX graphs: one for each type of edge.

A fork shares the base graphs and lays its own changes over them, so it costs what was changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from graphdb import collector
from graphdb.delta import Delta, EdgeKey
from graphdb.errors import StoreError
from graphdb.schema import EDGE_TYPES, LABELS, Edge, Node
from graphdb.stores.base import (
    DEFAULT_LIMITS,
    OUT,
    Limits,
    Link,
    by_edge,
    by_relevance,
)


class _Base:
    """Graphs that no fork changes."""

    def __init__(self, nodes: Iterable[Node], edges: Iterable[Edge]) -> None:
        import networkx

        self.graphs = {kind: networkx.DiGraph() for kind in EDGE_TYPES}
        self.nodes: dict[str, Node] = {}
        self.names: dict[str, list[str]] = {}
        with collector.paused():
            for node in nodes:
                self.nodes[node.id] = node
                self.names.setdefault(node.name, []).append(node.id)
            by_type: dict[str, list[tuple[str, str, dict[str, Edge]]]] = {t: [] for t in EDGE_TYPES}
            for edge in edges:
                by_type[edge.type].append((edge.source, edge.target, {"edge": edge}))
            for kind, found in by_type.items():
                self.graphs[kind].add_edges_from(found)


class NetworkXStore:
    """A store in this process's memory; see :class:`graphdb.stores.base.Store`."""

    name = "networkx"
    speaks_cypher = False

    def __init__(self) -> None:
        self._base = _Base((), ())
        self._nodes: dict[str, Node | None] = {}
        self._edges: dict[EdgeKey, Edge | None] = {}
        self._near: dict[tuple[str, str, str], set[EdgeKey]] = {}

    def load(self, nodes: Iterable[Node], edges: Iterable[Edge]) -> None:
        """Replace everything."""
        self._base = _Base(nodes, edges)
        self._nodes, self._edges, self._near = {}, {}, {}

    def apply(self, delta: Delta) -> None:
        """Lay a difference over the base."""
        for node in delta.removed_nodes:
            self._nodes[node.id] = None
        for node in delta.nodes:
            self._nodes[node.id] = node
        for key in delta.removed_edges:
            self._set_edge(key, None)
        for edge in delta.edges:
            self._set_edge(edge.key, edge)

    def _set_edge(self, key: EdgeKey, edge: Edge | None) -> None:
        self._edges[key] = edge
        source, kind, target = key
        self._near.setdefault((source, kind, "out"), set()).add(key)
        self._near.setdefault((target, kind, "in"), set()).add(key)

    def fork(self) -> NetworkXStore:
        """A store over the same base with a copy of the changes so far."""
        other = NetworkXStore()
        other._base = self._base
        other._nodes = dict(self._nodes)
        other._edges = dict(self._edges)
        other._near = {key: set(held) for key, held in self._near.items()}
        return other

    def _node(self, node_id: str) -> Node | None:
        if node_id in self._nodes:
            return self._nodes[node_id]
        return self._base.nodes.get(node_id)

    def nodes(self, ids: Sequence[str]) -> list[Node]:
        """The nodes with these ids."""
        return [node for node in map(self._node, ids) if node is not None]

    def named(self, name: str, labels: Sequence[str]) -> list[Node]:
        """Nodes with exactly this name."""
        ids = set(self._base.names.get(name, ()))
        ids.update(key for key, node in self._nodes.items() if node and node.name == name)
        found = self.nodes(sorted(ids))
        return [node for node in found if node.label in labels and node.name == name]

    def search(self, text: str, labels: Sequence[str], limit: int) -> list[Node]:
        """Nodes whose name holds `text`."""
        wanted = text.lower()
        hits = {
            key
            for name, ids in self._base.names.items()
            if wanted in name.lower()
            for key in ids
            if key not in self._nodes
        }
        found = [node for node in map(self._base.nodes.get, hits) if node]
        found += [node for node in self._nodes.values() if node and wanted in node.name.lower()]
        return sorted((n for n in found if n.label in labels), key=by_relevance)[:limit]

    def links(self, nodes: Sequence[Node], types: Sequence[str], direction: str) -> list[Link]:
        """Edges at these nodes."""
        found: list[Link] = []
        outward = direction == OUT
        changed, base = self._nodes, self._base.nodes
        for kind in types:
            graph: Any = self._base.graphs[kind]
            near = graph._succ if direction == OUT else graph._pred  # its views cost ten times more
            for node in nodes:
                edges = [data["edge"] for data in near[node.id].values()] if node.id in near else []
                if self._near:
                    edges = self._with_changes(edges, node.id, kind, direction)
                for edge in edges:
                    key = edge.target if outward else edge.source
                    other = changed[key] if key in changed else base.get(key)
                    if other is not None:
                        found.append(Link(edge, other))
        found.sort(key=by_edge)
        return found

    def _with_changes(
        self, edges: list[Edge], node_id: str, kind: str, direction: str
    ) -> list[Edge]:
        changed = self._near.get((node_id, kind, direction))
        if not changed:
            return edges
        kept = [edge for edge in edges if edge.key not in changed]
        return kept + [edge for key in changed if (edge := self._edges[key]) is not None]

    def _all_nodes(self) -> Iterable[Node]:
        for key, node in self._base.nodes.items():
            if key not in self._nodes:
                yield node
        yield from (node for node in self._nodes.values() if node is not None)

    def _all_edges(self, kind: str) -> Iterable[Edge]:
        for _, _, data in self._base.graphs[kind].edges(data=True):
            if data["edge"].key not in self._edges:
                yield data["edge"]
        yield from (e for key, e in self._edges.items() if e is not None and key[1] == kind)

    def counts(self) -> tuple[dict[str, int], dict[str, int]]:
        """Nodes of each label, edges of each type."""
        labels = dict.fromkeys(LABELS, 0)
        for node in self._all_nodes():
            labels[node.label] += 1
        types = {kind: sum(1 for _ in self._all_edges(kind)) for kind in EDGE_TYPES}
        return labels, types

    def ids(self, labels: Sequence[str]) -> list[str]:
        """Ids of all nodes of these labels."""
        return sorted(node.id for node in self._all_nodes() if node.label in labels)

    def weights(self, types: Sequence[str]) -> list[tuple[str, str, float]]:
        """Source, target and weight of all edges of these types."""
        return sorted(
            (edge.source, edge.target, edge.times * edge.confidence)
            for kind in types
            for edge in self._all_edges(kind)
        )

    def query(
        self,
        cypher: str,
        parameters: Mapping[str, Any] | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> NoReturn:
        """NetworkX has no Cypher.

        Raises:
            StoreError: Always.
        """
        raise StoreError(
            "the store 'networkx' has no Cypher; use the graph's question commands, "
            "or the store 'kglite'"
        )

    def to_networkx(self) -> Any:
        """The whole graph as one ``networkx.MultiDiGraph``, edges keyed by type."""
        import networkx

        whole = networkx.MultiDiGraph()
        for node in self._all_nodes():
            whole.add_node(node.id, **node._asdict())
        for kind in EDGE_TYPES:
            for edge in self._all_edges(kind):
                whole.add_edge(edge.source, edge.target, key=kind, **edge.properties())
        return whole

    def close(self) -> None:
        """Forget the graph."""
        self.load((), ())
