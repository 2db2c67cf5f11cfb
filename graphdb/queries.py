"""The canonical questions. Each gives the same rows on every store.

They are built from the few operations of :class:`graphdb.stores.base.Store`, take a symbol as a
:class:`graphdb.schema.Node`, an id, a qualified name, the end of one (``Class.method``) or a plain
name, and return rows in a fixed order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from graphdb.errors import AmbiguousSymbolError, UnknownSymbolError
from graphdb.languages import language_of, languages
from graphdb.schema import (
    CALLS,
    CLASS,
    CONTAINS,
    EDGE_TYPES,
    EXTERNAL,
    FIELD,
    FILE,
    FUNCTION,
    GLOBAL_VARIABLE,
    HAS_FIELD,
    HAS_METHOD,
    IMPORTS,
    INHERITS,
    LABELS,
    METHOD,
    MODULE,
    OVERRIDES,
    USES,
    Edge,
    Node,
    file_id,
    module_id,
)
from graphdb.stores.base import IN, OUT, Link, Store

#: Labels of what source code defines.
DEFINITIONS = (CLASS, FUNCTION, METHOD, FIELD, GLOBAL_VARIABLE)
_EVERY = tuple(LABELS)
_MAX_HOPS = 12


class Row(NamedTuple):
    """A node, and the edge by which it answers the question.

    Attributes:
        node: The node.
        edge: The edge.
    """

    node: Node
    edge: Edge


class Related(NamedTuple):
    """A class above or below another.

    Attributes:
        node: The class, or an EXTERNAL one.
        depth: Steps of inheritance in between, from 1.
    """

    node: Node
    depth: int


class Hierarchy(NamedTuple):
    """Classes above and below one.

    Attributes:
        node: The class.
        ancestors: Nearest first.
        descendants: Nearest first.
    """

    node: Node
    ancestors: list[Related]
    descendants: list[Related]


class Neighbourhood(NamedTuple):
    """What lies around a node.

    Attributes:
        centre: The node.
        nodes: All nodes, the centre first, then by distance.
        edges: All edges among them that were followed.
        truncated: Whether the limit cut it.
    """

    centre: Node
    nodes: list[Node]
    edges: list[Edge]
    truncated: bool


def find_symbol(
    store: Store, name: str, labels: Sequence[str] = DEFINITIONS, limit: int = 20
) -> list[Node]:
    """Definitions by name, best match first.

    Args:
        store: Where to look.
        name: An id, a qualified name, the end of one, a plain name, or part of a name.
        labels: Labels that count.
        limit: Most rows.

    Returns:
        Exact matches; where there are none, names that hold `name`, case ignored.
    """
    exact = _exact(store, name, labels)
    return exact[:limit] if exact else store.search(name.rpartition(".")[2], labels, limit)


def _exact(store: Store, name: str, labels: Sequence[str]) -> list[Node]:
    if ":" in name:
        found = [node for node in store.nodes([name]) if node.label in labels]
        if found:
            return found
    if "/" in name or language_of(name) is not None:
        ids = [*(module_id(kind, name) for kind in languages()), file_id(name)]
        found = [node for node in store.nodes(ids) if node.label in labels]
        if found:
            return found
    last = name.rpartition(".")[2]
    near = store.named(last, labels) if last else []
    if "." not in name:
        return near
    ending = "." + name
    return [node for node in near if node.qualified_name == name] or [
        node for node in near if node.qualified_name.endswith(ending)
    ]


def one_symbol(store: Store, name: str | Node, labels: Sequence[str] = _EVERY) -> Node:
    """The one node that a name stands for.

    Raises:
        UnknownSymbolError: There is none; the message offers near names.
        AmbiguousSymbolError: There are several; the message lists their ids.
    """
    if isinstance(name, Node):
        return name
    found = _exact(store, name, labels)
    if len(found) > 1:  # definitions count before modules, these before files and externals
        defined = [node for node in found if node.label in DEFINITIONS]
        first = [node for node in defined if "#" not in node.id] or defined
        found = first or [node for node in found if node.label == MODULE] or found
    if len(found) == 1:
        return found[0]
    if not found:
        near = _near(store, name.rpartition(".")[2], labels)
        hint = f"; near names: {', '.join(near)}" if near else ""
        raise UnknownSymbolError(f"the graph has no {_wanted(labels)} {name!r}{hint}")
    shown = ", ".join(node.id for node in found[:8])
    more = f" and {len(found) - 8} more" if len(found) > 8 else ""
    raise AmbiguousSymbolError(
        f"{name!r} stands for {len(found)} things: {shown}{more}; give an id"
    )


def _near(store: Store, name: str, labels: Sequence[str]) -> list[str]:
    """Ids of up to five symbols with a name like this one."""
    from difflib import get_close_matches

    held = store.search(name, labels, 5)
    if not held:
        begun = store.search(name[:3], labels, 1000)
        names = get_close_matches(name, dict.fromkeys(node.name for node in begun), 3)
        held = [node for wanted in names for node in begun if node.name == wanted][:5]
    return [node.id for node in held]


def _wanted(labels: Sequence[str]) -> str:
    return "symbol" if len(labels) > 2 else " or ".join(labels)


def _rows(links: Iterable[Link], limit: int) -> list[Row]:
    rows = [Row(link.other, link.edge) for link in links]
    return rows[:limit]


def callers(store: Store, symbol: str | Node, limit: int = 100) -> list[Row]:
    """What calls a function, method or class."""
    return _rows(store.links([one_symbol(store, symbol)], [CALLS], IN), limit)


def callees(store: Store, symbol: str | Node, limit: int = 100) -> list[Row]:
    """What a function, method, class body or module calls."""
    return _rows(store.links([one_symbol(store, symbol)], [CALLS], OUT), limit)


def references(store: Store, symbol: str | Node, limit: int = 200) -> list[Row]:
    """Everything that mentions a symbol: calls, uses, subclasses, overriding methods, imports."""
    types = [CALLS, IMPORTS, INHERITS, OVERRIDES, USES]
    return _rows(store.links([one_symbol(store, symbol)], types, IN), limit)


def members(store: Store, cls: str | Node, inherited: bool = False) -> list[Row]:
    """Methods, fields and nested classes of a class.

    Args:
        store: Where to look.
        cls: The class.
        inherited: Also what it inherits and does not replace, nearest base class first.
    """
    own = one_symbol(store, cls, (CLASS,))
    types = [CONTAINS, HAS_FIELD, HAS_METHOD]
    rows = _rows(store.links([own], types, OUT), 1 << 30)
    rows.sort(key=lambda row: (row.node.line, row.node.id))
    if inherited:
        names = {row.node.name for row in rows}
        for above in hierarchy(store, own).ancestors:
            fresh = [r for r in members(store, above.node) if r.node.name not in names]
            names.update(row.node.name for row in fresh)
            rows += fresh
    return rows


def hierarchy(store: Store, cls: str | Node) -> Hierarchy:
    """All classes above and below a class."""
    own = one_symbol(store, cls, (CLASS, EXTERNAL))
    return Hierarchy(own, _levels(store, own, OUT), _levels(store, own, IN))


def _levels(store: Store, start: Node, direction: str) -> list[Related]:
    seen = {start.id}
    level, found, depth = [start], [], 0
    while level:
        depth += 1
        near: dict[str, Node] = {}
        for link in store.links(level, [INHERITS], direction):
            if link.other.id not in seen:
                near[link.other.id] = link.other
        seen.update(near)
        level = [near[key] for key in sorted(near)]
        found += [Related(node, depth) for node in level]
    return found


def importers(store: Store, module: str | Node, limit: int = 200) -> list[Row]:
    """Modules that import a module (or an EXTERNAL one), or include a header."""
    own = one_symbol(store, module, (MODULE, EXTERNAL))
    return _rows(store.links([own], [IMPORTS], IN), limit)


def imports(store: Store, module: str | Node, limit: int = 200) -> list[Row]:
    """What a module imports."""
    own = one_symbol(store, module, (MODULE,))
    return _rows(store.links([own], [IMPORTS], OUT), limit)


def path(
    store: Store,
    start: str | Node,
    end: str | Node,
    types: Sequence[str] = (CALLS, USES, INHERITS),
    max_hops: int = 6,
) -> list[Row]:
    """A shortest way from one symbol to another along the direction of edges.

    Returns:
        One row for each step, with the edge taken and the node it leads to; empty where there is
        no way within `max_hops`. Among ways of equal length the one with the smaller ids is taken.
    """
    first, last = one_symbol(store, start), one_symbol(store, end)
    came: dict[str, Row] = {}
    level = [first]
    for _ in range(min(max_hops, _MAX_HOPS)):
        near: dict[str, Node] = {}
        for link in store.links(level, types, OUT):
            key = link.other.id
            if key != first.id and key not in came:
                came[key] = Row(link.other, link.edge)
                near[key] = link.other
        if last.id in near:
            break
        level = [near[key] for key in sorted(near)]
        if not level:
            return []
    steps: list[Row] = []
    key = last.id
    while key in came:
        steps.append(came[key])
        key = came[key].edge.source
    return steps[::-1]


def neighbourhood(
    store: Store,
    symbol: str | Node,
    hops: int = 1,
    types: Sequence[str] = tuple(EDGE_TYPES),
    limit: int = 60,
) -> Neighbourhood:
    """Nodes within some steps of a node, in both directions, and the edges to them.

    Args:
        store: Where to look.
        symbol: The centre.
        hops: Steps.
        types: Edges to follow.
        limit: Most nodes; those nearer are kept. Within one step the kinds of relation take turns,
            so that many callers do not hide the base classes; in each, code goes before tests, and
            what is mentioned more often before the rest.
    """
    centre = one_symbol(store, symbol)
    nodes = {centre.id: centre}
    edges: dict[tuple[str, str, str], Edge] = {}
    level, truncated = [centre], False
    for _ in range(min(hops, _MAX_HOPS)):
        links = store.links(level, types, OUT) + store.links(level, types, IN)
        near = _in_turns([link for link in links if link.other.id not in nodes])
        room = max(0, limit - len(nodes))
        truncated = truncated or len(near) > room
        level = near[:room]
        nodes.update((node.id, node) for node in level)
        for link in links:
            if link.edge.source in nodes and link.edge.target in nodes:
                edges[link.edge.key] = link.edge
    return Neighbourhood(centre, list(nodes.values()), [edges[k] for k in sorted(edges)], truncated)


def _in_turns(links: list[Link]) -> list[Node]:
    """The far ends of links, the kinds of relation taking turns; FILE nodes last."""
    others = {link.other.id: link.other for link in links}
    weight: dict[str, int] = {}
    groups: dict[tuple[str, bool], dict[str, None]] = {}
    for link in links:
        key = link.other.id
        weight[key] = weight.get(key, 0) + link.edge.times
        groups.setdefault((link.edge.type, key == link.edge.source), {})[key] = None
    turn: dict[str, int] = {}
    for group in groups.values():
        ranked = sorted(group, key=lambda key: (_is_test(others[key]), -weight[key], key))
        for place, key in enumerate(ranked):
            turn[key] = min(place, turn.get(key, place))
    order = sorted(
        others, key=lambda key: (others[key].label == FILE, turn[key], -weight[key], key)
    )
    return [others[key] for key in order]


def _is_test(node: Node) -> bool:
    folders, _, name = node.file_path.rpartition("/")
    return name.startswith("test_") or not {"test", "tests"}.isdisjoint(folders.split("/"))
