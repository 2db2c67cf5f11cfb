"""An outline of what matters in a repository, ranked by personalised PageRank.

Rank flows from the users of a definition to the definition (Page, Brin, Motwani and Winograd 1999;
personalised after Haveliwala 2002), so what much of the code rests on comes first, and with a focus
what the focus rests on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from graphdb.queries import one_symbol
from graphdb.schema import (
    CALLS,
    CLASS,
    CONTAINS,
    FUNCTION,
    GLOBAL_VARIABLE,
    HAS_METHOD,
    IMPORTS,
    INHERITS,
    LABELS,
    METHOD,
    OVERRIDES,
    USES,
    Node,
)
from graphdb.stores.base import OUT, Store

_FLOW = (CALLS, IMPORTS, INHERITS, OVERRIDES, USES)
_SHOWN = (CLASS, FUNCTION, METHOD, GLOBAL_VARIABLE)


class RepoMap(NamedTuple):
    """A ranked outline.

    Attributes:
        text: The outline, files by rank, definitions by line.
        tokens: Its length in tokens, as counted.
        shown: Definitions in it.
        total: Definitions in the repository.
    """

    text: str
    tokens: int
    shown: int
    total: int


def estimate_tokens(text: str) -> int:
    """Tokens of a text for a typical model: one for each 3.5 characters."""
    return -(-len(text) * 2 // 7)


def pagerank(
    nodes: Sequence[str],
    edges: Sequence[tuple[str, str, float]],
    personal: dict[str, float] | None = None,
    damping: float = 0.85,
    iterations: int = 40,
    tolerance: float = 1e-9,
) -> dict[str, float]:
    """Personalised PageRank by power iteration.

    Args:
        nodes: All nodes.
        edges: Source, target, weight above 0; parallel edges add up.
        personal: Where a walk starts again, with weights; everywhere alike if empty.
        damping: Chance to follow an edge.
        iterations: Most rounds.
        tolerance: Stop when the ranks change by less in sum.

    Returns:
        The rank of each node; they sum to 1.
    """
    import numpy

    if not nodes:
        return {}
    place = {node: at for at, node in enumerate(nodes)}
    held = [(place[s], place[t], w) for s, t, w in edges if s in place and t in place and s != t]
    size = len(nodes)
    source = numpy.array([row[0] for row in held], dtype=numpy.int64)
    target = numpy.array([row[1] for row in held], dtype=numpy.int64)
    weight = numpy.array([row[2] for row in held], dtype=float)
    total = numpy.bincount(source, weight, size) if held else numpy.zeros(size)
    share = weight / total[source] if held else weight
    start = numpy.zeros(size)
    for node, value in (personal or {}).items():
        if node in place:
            start[place[node]] += value
    start = start / start.sum() if start.sum() > 0 else numpy.full(size, 1 / size)
    rank = start.copy()
    for _ in range(iterations):
        flow = numpy.bincount(target, rank[source] * share, size) if held else numpy.zeros(size)
        stuck = rank[total == 0].sum()
        new = damping * (flow + stuck * start) + (1 - damping) * start
        change = abs(new - rank).sum()
        rank = new
        if change < tolerance:
            break
    return dict(zip(nodes, rank.tolist(), strict=True))


def repo_map(
    store: Store,
    budget: int = 2000,
    focus: Sequence[str | Node] = (),
    count_tokens: Callable[[str], int] = estimate_tokens,
) -> RepoMap:
    """A ranked outline of the repository within a budget of tokens.

    Args:
        store: The graph.
        budget: Most tokens.
        focus: Symbols, modules or files to rank around; the whole repository if empty.
        count_tokens: How to count tokens.

    Raises:
        UnknownSymbolError: A focus is not in the graph.
    """
    personal: dict[str, float] = {}
    for node in [one_symbol(store, item) for item in focus]:
        inside = _inside(store, node)
        for key in inside:
            personal[key] = personal.get(key, 0) + 1 / len(inside)
    # a member passes rank to its class, so that a class shows when its methods are used
    edges = store.weights(_FLOW)
    edges += [(member, owner, 0.3) for owner, member, _ in store.weights((CONTAINS, HAS_METHOD))]
    rank = pagerank(store.ids(tuple(LABELS)), edges, personal)
    ids = store.ids(_SHOWN)
    ids.sort(key=lambda key: -rank[key])  # stable: equal ranks stay sorted by id
    # no definition takes less than three tokens
    nodes = store.nodes(ids[: max(1, budget // 3)])
    low, high, best = 0, len(nodes), ("", 0, 0)
    while low <= high:
        middle = (low + high) // 2
        text = _outline(nodes[:middle], rank)
        tokens = count_tokens(text)
        if tokens <= budget:
            best, low = (text, tokens, middle), middle + 1
        else:
            high = middle - 1
    return RepoMap(*best, len(ids))


def _inside(store: Store, node: Node) -> list[str]:
    """Ids of a node and all that is defined in it."""
    found, level = [node.id], [node]
    while level:
        level = [link.other for link in store.links(level, (CONTAINS, HAS_METHOD), OUT)]
        found += [below.id for below in level]
    return found


def _outline(nodes: Sequence[Node], rank: dict[str, float]) -> str:
    files: dict[str, list[Node]] = {}
    for node in nodes:
        files.setdefault(node.file_path, []).append(node)
    order = sorted(files, key=lambda path: (-sum(rank[n.id] for n in files[path]), path))
    lines: list[str] = []
    for path in order:
        lines.append(path)
        for node in sorted(files[path], key=lambda n: (n.line, n.id)):
            depth = node.id.partition("::")[2].count(".") + 1
            text = node.signature if len(node.signature) <= 120 else node.signature[:119] + "…"
            lines.append(f"{'  ' * depth}{node.line}: {text}")
    return "\n".join(lines)
