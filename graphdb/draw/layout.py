"""Where the nodes of a neighbourhood are drawn: in columns, so that edges run from left to right.

What leads to the centre stands left of it, what it leads to stands right, as in the layered
drawings of Sugiyama, Tagawa and Toda (1981); the order within a column follows the kinds of
relation and then, by their barycentre method, the neighbours in the columns beside it. Boxes can't
overlap, and the same graph gives the same picture.
"""

from __future__ import annotations

from typing import NamedTuple

from graphdb.queries import Neighbourhood
from graphdb.schema import (
    CALLS,
    CONTAINS,
    HAS_FIELD,
    HAS_METHOD,
    IMPORTS,
    INHERITS,
    OVERRIDES,
    USES,
    Node,
)

BOX_HEIGHT = 36.0
PORT_GAP = 11.0
_ROW_GAP = 10.0
_GROUP_GAP = 34.0
_COLUMN_GAP = 150.0
_SWEEPS = 6

#: Kinds of edges in the order in which their nodes stand in a column, and what they are called at
#: the head of a group left and right of the centre.
GROUPS: dict[str, tuple[str, str]] = {
    INHERITS: ("subclasses", "base classes"),
    OVERRIDES: ("overridden by", "overrides"),
    CONTAINS: ("inside of", "contains"),
    HAS_METHOD: ("method of", "methods"),
    HAS_FIELD: ("field of", "fields"),
    CALLS: ("called by", "calls"),
    USES: ("used by", "uses"),
    IMPORTS: ("imported by", "imports"),
}
_RANK = {kind: place for place, kind in enumerate(GROUPS)}


class Box(NamedTuple):
    """A node's place in the picture.

    Attributes:
        node: The node.
        x: Middle of the box, in pixels.
        y: Middle of the box, in pixels.
        width: In pixels.
        height: In pixels.
        column: 0 for the centre's, smaller to the left.
    """

    node: Node
    x: float
    y: float
    width: float
    height: float
    column: int


class Head(NamedTuple):
    """What a group of nodes beside the centre is called.

    Attributes:
        kind: Type of the edges that lead to them.
        text: What to write.
        x: Left end of the text.
        y: Its base line.
    """

    kind: str
    text: str
    x: float
    y: float


class Layout(NamedTuple):
    """All places.

    Attributes:
        boxes: By node id.
        heads: Headings of groups.
    """

    boxes: dict[str, Box]
    heads: list[Head]


def title(node: Node) -> str:
    """What is written large in a node's box."""
    name = f"{node.cls}.{node.name}" if node.cls else node.name
    return name if len(name) <= 38 else name[:37] + "…"


def subtitle(node: Node) -> str:
    """What is written small below it."""
    place = node.file_path or "outside of the repository"
    place = place if len(place) <= 42 else "…" + place[-41:]
    return f"{node.label.lower().replace('_', ' ')} · {place}"


def layout(found: Neighbourhood) -> Layout:
    """Places for the nodes of a neighbourhood, its centre at the origin."""
    columns = _columns(found)
    relation = _relations(found)
    near: dict[str, list[str]] = {node.id: [] for node in found.nodes}
    for edge in found.edges:
        if edge.source != edge.target:
            near[edge.source].append(edge.target)
            near[edge.target].append(edge.source)
    by_column: dict[int, list[Node]] = {}
    for node in found.nodes:
        by_column.setdefault(columns[node.id], []).append(node)
    for held in by_column.values():
        held.sort(key=lambda node: relation.get(node.id, len(_RANK)))
    heights = {node.id: _height(found, node) for node in found.nodes}
    centre = found.centre.id
    placed = _stack(by_column, relation, heights, centre)
    for _ in range(_SWEEPS):
        for held in by_column.values():
            held.sort(
                key=lambda node: (relation.get(node.id, len(_RANK)), _mean(near, placed, node))
            )
        placed = _stack(by_column, relation, heights, centre)
    return _boxes(found, by_column, relation, placed, heights)


def _columns(found: Neighbourhood) -> dict[str, int]:
    """Column of each node: one less than what it leads to, counted from the centre outwards."""
    columns = {found.centre.id: 0}
    near: dict[str, list[tuple[str, int]]] = {node.id: [] for node in found.nodes}
    for edge in found.edges:
        if edge.source != edge.target:
            near[edge.source].append((edge.target, -1))
            near[edge.target].append((edge.source, 1))
    for node in found.nodes:  # in order of distance, so that the first placed is the nearest
        if node.id not in columns:
            joined = {key for key, _ in near[node.id]}
            other = next((key for key in columns if key in joined), found.centre.id)
            step = next((step for key, step in near[node.id] if key == other), 1)
            columns[node.id] = columns[other] + step
    return columns


def _relations(found: Neighbourhood) -> dict[str, int]:
    """For the nodes next to the centre, the rank of the kind of edge between them."""
    ranks: dict[str, int] = {}
    for edge in found.edges:
        for one, other in ((edge.source, edge.target), (edge.target, edge.source)):
            if one == found.centre.id and other != one:
                ranks[other] = min(ranks.get(other, len(_RANK)), _RANK[edge.type])
    return ranks


def ports(found: Neighbourhood, node_id: str, outward: bool) -> list[str]:
    """Kinds of edges that leave (or reach) a node, one port of its box each, from the top."""
    kinds = {
        edge.type
        for edge in found.edges
        if (edge.source if outward else edge.target) == node_id and edge.source != edge.target
    }
    return sorted(kinds, key=_RANK.__getitem__)


def _height(found: Neighbourhood, node: Node) -> float:
    count = max(len(ports(found, node.id, True)), len(ports(found, node.id, False)))
    return max(BOX_HEIGHT, PORT_GAP * (count + 1))


def _stack(
    by_column: dict[int, list[Node]],
    relation: dict[str, int],
    heights: dict[str, float],
    centre: str,
) -> dict[str, float]:
    """Middle of each box when columns are piled up around the height of the centre."""
    placed: dict[str, float] = {}
    for column, held in by_column.items():
        y, last = 0.0, None
        for node in held:
            group = relation.get(node.id)
            if abs(column) == 1 and group != last:
                y += _GROUP_GAP - _ROW_GAP
            last = group
            placed[node.id] = y + heights[node.id] / 2
            y += heights[node.id] + _ROW_GAP
        middle = placed[centre] if column == 0 else (y - _ROW_GAP) / 2
        for node in held:
            placed[node.id] -= middle
    return placed


def _mean(near: dict[str, list[str]], placed: dict[str, float], node: Node) -> float:
    others = near[node.id]
    return sum(placed[key] for key in others) / len(others) if others else 0.0


def _boxes(
    found: Neighbourhood,
    by_column: dict[int, list[Node]],
    relation: dict[str, int],
    placed: dict[str, float],
    heights: dict[str, float],
) -> Layout:
    wide = {
        column: max(max(7.7 * len(title(n)), 5.5 * len(subtitle(n))) for n in held) + 24
        for column, held in by_column.items()
    }
    middle = {0: 0.0}
    for step in (1, -1):
        column = step
        while column in by_column:
            before = column - step
            middle[column] = middle[before] + step * (
                wide[before] / 2 + _COLUMN_GAP + wide[column] / 2
            )
            column += step
    boxes: dict[str, Box] = {}
    heads: list[Head] = []
    for column, held in by_column.items():
        last = None
        for node in held:
            x, y = middle[column], placed[node.id]
            boxes[node.id] = Box(node, x, y, wide[column], heights[node.id], column)
            group = relation.get(node.id)
            if abs(column) == 1 and group is not None and group != last:
                kind = list(GROUPS)[group]
                top = y - heights[node.id] / 2 - 7
                text = GROUPS[kind][column > 0]
                heads.append(Head(kind, text, x - wide[column] / 2 + 2, top))
            last = group
    return Layout({node.id: boxes[node.id] for node in found.nodes}, heads)
