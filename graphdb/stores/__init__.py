"""Where graphs are kept and queried; :func:`open_store` picks one by name or address."""

from __future__ import annotations

from graphdb.errors import StoreError
from graphdb.stores.base import QueryResult, Store

__all__ = ["STORES", "QueryResult", "Store", "open_store"]

#: Stores by name, with what they are.
STORES = {
    "kglite": "embedded, with Cypher (the default)",
    "networkx": "in memory, plain Python, no Cypher",
    "neo4j": "a server that speaks Bolt, with Cypher; give its address, neo4j://host:7687",
}

_SCHEMES = ("neo4j://", "neo4j+s://", "neo4j+ssc://", "bolt://", "bolt+s://", "bolt+ssc://")


def open_store(kind: str = "kglite", dataset: str = "") -> Store:
    """An empty embedded store, or a server's database.

    Args:
        kind: ``kglite``, ``networkx``, or the address of a server.
        dataset: What the graph is of (a task id, a folder); a server's database holds one, and
            refuses another.

    Raises:
        StoreError: The kind is unknown, or the server can't be reached.
    """
    if kind == "networkx":
        from graphdb.stores.networkx_store import NetworkXStore

        return NetworkXStore()
    if kind == "kglite":
        from graphdb.stores.kglite_store import KgliteStore

        return KgliteStore()
    if kind == "neo4j":
        import os

        kind = os.environ.get("NEO4J_URI", "")
        if not kind:
            raise StoreError(
                "the store 'neo4j' needs a server: give its address (neo4j://host:7687) "
                "or set NEO4J_URI"
            )
    if kind.startswith(_SCHEMES):
        from graphdb.stores.neo4j_store import Neo4jStore

        return Neo4jStore.connect(kind, dataset)
    from difflib import get_close_matches

    near = get_close_matches(kind, STORES, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise StoreError(
        f"unknown graph store {kind!r}{hint} Known are kglite, networkx and a server's address "
        "such as neo4j://host:7687"
    )
