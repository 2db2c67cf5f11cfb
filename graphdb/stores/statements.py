"""The Cypher statements and row shapes that both Cypher stores use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from graphdb.delta import EdgeKey
from graphdb.schema import EDGE_PROPERTIES_OF, NODE_PROPERTIES, Edge, Node
from graphdb.stores.base import OUT, Link, labels_of_id

_NODE_MAP = ", ".join(f"{name}: r.{name}" for name in NODE_PROPERTIES)
_NODE_SET = ", ".join(f"n.{name} = r.{name}" for name in NODE_PROPERTIES if name != "id")
_NODE_COLUMNS = ", ".join(f"n.{name} AS {name}" for name in NODE_PROPERTIES)
_NODE_FIELDS = tuple(name for name in Node._fields if name not in ("id", "label"))


def create_nodes(label: str) -> str:
    """Creates nodes from $rows."""
    return f"UNWIND $rows AS r CREATE (n:{label} {{{_NODE_MAP}}})"


def merge_nodes(label: str) -> str:
    """Creates or updates nodes from $rows."""
    return f"UNWIND $rows AS r MERGE (n:{label} {{id: r.id}}) SET {_NODE_SET}"


def delete_nodes(label: str) -> str:
    """Deletes the nodes $ids with their edges."""
    return f"UNWIND $ids AS i MATCH (n:{label} {{id: i}}) DETACH DELETE n"


def create_edges(source: str, kind: str, target: str) -> str:
    """Creates edges from $rows, which hold s, t and the properties."""
    held = ", ".join(f"{name}: r.{name}" for name in EDGE_PROPERTIES_OF[kind])
    properties = f" {{{held}}}" if held else ""
    return (
        f"UNWIND $rows AS r MATCH (a:{source} {{id: r.s}}), (b:{target} {{id: r.t}}) "
        f"CREATE (a)-[:{kind}{properties}]->(b)"
    )


def delete_edges(source: str, kind: str, target: str) -> str:
    """Deletes the edges between the pairs in $rows."""
    return (
        f"UNWIND $rows AS r MATCH (a:{source} {{id: r.s}})-[e:{kind}]->(b:{target} {{id: r.t}}) "
        "DELETE e"
    )


def nodes_by_id(label: str) -> str:
    """Nodes with $ids."""
    return f"UNWIND $ids AS i MATCH (n:{label} {{id: i}}) RETURN {_NODE_COLUMNS}"


def nodes_by_name(label: str) -> str:
    """Nodes named $name."""
    return f"MATCH (n:{label} {{name: $name}}) RETURN {_NODE_COLUMNS}"


def nodes_by_text(label: str) -> str:
    """Nodes whose name holds $text, which is in lower case."""
    return f"MATCH (n:{label}) WHERE toLower(n.name) CONTAINS $text RETURN {_NODE_COLUMNS}"


def all_ids(label: str) -> str:
    """Ids of all nodes of a label."""
    return f"MATCH (n:{label}) RETURN n.id AS id"


def all_edges(kind: str) -> str:
    """Source, target and weight of all edges of a type."""
    has_weight = "count" in EDGE_PROPERTIES_OF[kind]
    weight = "r.count * r.confidence" if has_weight else "1.0"
    return f"MATCH (a)-[r:{kind}]->(b) RETURN a.id AS s, b.id AS t, {weight} AS w"


def links(label: str, kind: str, direction: str, one: bool) -> str:
    """Edges of one type at the nodes $ids (a single id if `one`), with the other ends."""
    arrow = f"-[r:{kind}]->" if direction == OUT else f"<-[r:{kind}]-"
    held = "".join(f", r.{name} AS r_{name}" for name in EDGE_PROPERTIES_OF[kind])
    start = f"MATCH (m:{label} {{id: $ids}})" if one else (
        f"UNWIND $ids AS i MATCH (m:{label} {{id: i}})"
    )  # fmt: skip
    return f"{start}{arrow}(n) RETURN m.id AS m_id{held}, labels(n) AS labels, {_NODE_COLUMNS}"


def node_row(node: Node) -> dict[str, Any]:
    """A node as a row."""
    row = node._asdict()
    del row["label"]
    return row


def edge_row(edge: Edge) -> dict[str, Any]:
    """An edge as a row."""
    return {"s": edge.source, "t": edge.target, **edge.properties()}


def node_of(row: Mapping[str, Any], label: str) -> Node:
    """A node from a row."""
    return Node(row["id"], label, *(row[name] for name in _NODE_FIELDS))


def link_of(row: Mapping[str, Any], kind: str, direction: str) -> Link:
    """A link from a row of :func:`links`."""
    other = node_of(row, row["labels"][0])
    ends = (row["m_id"], other.id) if direction == OUT else (other.id, row["m_id"])
    held: dict[str, Any] = {name: row[f"r_{name}"] for name in EDGE_PROPERTIES_OF[kind]}
    if "count" in held:
        held["times"] = held.pop("count")
    how: dict[str, Any] = {} if "how" in held else {"how": _UNSAID.get(kind, "syntax")}
    return Link(Edge(ends[0], kind, ends[1], **held, **how), other)


#: How edges of a type are found whose stores don't keep it.
_UNSAID = {"IMPORTS": "import"}


def by_label(nodes: Iterable[Node]) -> dict[str, list[str]]:
    """Ids of nodes by label, each once."""
    found: dict[str, dict[str, None]] = {}
    for node in nodes:
        found.setdefault(node.label, {})[node.id] = None
    return {label: list(ids) for label, ids in found.items()}


def ids_by_label(ids: Sequence[str]) -> dict[str, list[str]]:
    """Ids by the labels they may have."""
    found: dict[str, list[str]] = {}
    for key in dict.fromkeys(ids):
        for label in labels_of_id(key):
            found.setdefault(label, []).append(key)
    return found


def group_nodes(nodes: Iterable[Node]) -> dict[str, list[Node]]:
    """Nodes by label."""
    found: dict[str, list[Node]] = {}
    for node in nodes:
        found.setdefault(node.label, []).append(node)
    return found


def group_edges(
    edges: Iterable[Edge], labels: Mapping[str, str]
) -> dict[tuple[str, str, str], list[Edge]]:
    """Edges by the labels of their ends and their type; without those an end of which is gone."""
    found: dict[tuple[str, str, str], list[Edge]] = {}
    for edge in edges:
        source, target = labels.get(edge.source), labels.get(edge.target)
        if source and target:
            found.setdefault((source, edge.type, target), []).append(edge)
    return found


def group_keys(
    keys: Iterable[EdgeKey], labels: Mapping[str, str]
) -> dict[tuple[str, str, str], list[dict[str, str]]]:
    """The same for keys, as rows."""
    found: dict[tuple[str, str, str], list[dict[str, str]]] = {}
    for source, kind, target in keys:
        group = labels.get(source), labels.get(target)
        if group[0] and group[1]:
            found.setdefault((group[0], kind, group[1]), []).append({"s": source, "t": target})
    return found
