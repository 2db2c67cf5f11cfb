"""What changes in a graph when files change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from graphdb.schema import Edge, Node

EdgeKey = tuple[str, str, str]


class Delta(NamedTuple):
    """Difference between two states of a graph; a store applies it in one go.

    Attributes:
        nodes: Nodes that are new or whose properties changed, as they are now.
        removed_nodes: Nodes that are gone, as they were.
        edges: Edges that are new, whose properties changed or one of whose nodes has another
            label, as they are now.
        removed_edges: Keys of edges that are gone; those of removed nodes are named too.
        files: Paths that were indexed or resolved anew.
    """

    nodes: list[Node]
    removed_nodes: list[Node]
    edges: list[Edge]
    removed_edges: list[EdgeKey]
    files: list[str]

    def __bool__(self) -> bool:
        """Whether anything changed."""
        return bool(self.nodes or self.removed_nodes or self.edges or self.removed_edges)


def difference(
    old_nodes: Iterable[Node],
    new_nodes: Iterable[Node],
    old_edges: Iterable[Edge],
    new_edges: Iterable[Edge],
    files: Iterable[str] = (),
) -> Delta:
    """What turns the old nodes and edges into the new ones."""
    nodes_before = {node.id: node for node in old_nodes}
    nodes_now = {node.id: node for node in new_nodes}
    edges_before = {edge.key: edge for edge in old_edges}
    edges_now = {edge.key: edge for edge in new_edges}
    relabelled = {
        key
        for key, node in nodes_now.items()
        if key in nodes_before and nodes_before[key].label != node.label
    }
    return Delta(
        [node for key, node in nodes_now.items() if nodes_before.get(key) != node],
        [n for key, n in nodes_before.items() if key not in nodes_now or key in relabelled],
        # A removed node takes its edges with it, those that stay the same too.
        [
            edge
            for key, edge in edges_now.items()
            if edges_before.get(key) != edge
            or (relabelled and (edge.source in relabelled or edge.target in relabelled))
        ],
        [key for key in edges_before if key not in edges_now],
        sorted(files),
    )
