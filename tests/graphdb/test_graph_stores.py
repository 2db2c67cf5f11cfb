"""One suite for all stores: the same questions, the same golden rows."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from graphdb import CodeGraph, FolderSource, queries
from graphdb.errors import (
    AmbiguousSymbolError,
    QueryError,
    QueryLimitError,
    ReadOnlyError,
    StoreError,
    UnknownSymbolError,
)
from graphdb.ranking import repo_map
from graphdb.stores import Store, open_store
from graphdb.stores.base import Limits

KINDS = ["networkx", "kglite", "bolt", "neo4j"]
CYPHER = KINDS[1:]


def _open(kind: str, root: Path, request: pytest.FixtureRequest) -> CodeGraph:
    store = kind
    if kind == "bolt":
        store = request.getfixturevalue("bolt_address") + "/conformance"
    elif kind == "neo4j" and not os.environ.get("NEO4J_URI"):
        pytest.skip("NEO4J_URI names no server")
    return CodeGraph.build(FolderSource(root), store=store, dataset="shop")


@pytest.fixture(scope="module", params=KINDS)
def graph(request: pytest.FixtureRequest, shop_once: Path) -> Iterator[CodeGraph]:
    made = _open(request.param, shop_once, request)
    yield made
    made.close()


@pytest.fixture(scope="module", params=CYPHER)
def cypher(request: pytest.FixtureRequest, shop_once: Path) -> Iterator[CodeGraph]:
    made = _open(request.param, shop_once, request)
    yield made
    made.close()


@pytest.fixture
def store(graph: CodeGraph) -> Store:
    return graph.store


def short(rows: list[queries.Row]) -> list[str]:
    return [row.node.id.split(":", 1)[1] for row in rows]


def test_counts(store: Store) -> None:
    assert store.counts() == (
        {"FILE": 8, "MODULE": 8, "CLASS": 8, "FUNCTION": 12, "METHOD": 15, "FIELD": 9,
         "GLOBAL_VARIABLE": 7, "EXTERNAL": 5},
        {"CONTAINS": 35, "HAS_METHOD": 15, "HAS_FIELD": 9, "INHERITS": 3, "IMPORTS": 10,
         "CALLS": 33, "USES": 32, "OVERRIDES": 4},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Order", ["shop/models.py::Order"]),
        ("shop.models.Order", ["shop/models.py::Order"]),
        ("Taxed.validate", ["shop/models.py::Taxed.validate"]),
        ("python:shop/money.py::add", ["shop/money.py::add"]),
        ("make", ["native/list.c::make", "native/main.c::make"]),
        ("ROUND", ["shop/money.py::Price.rounded"]),
        ("nothing_at_all", []),
    ],
)
def test_find_symbol(store: Store, name: str, expected: list[str]) -> None:
    assert [n.id.split(":", 1)[1] for n in queries.find_symbol(store, name)] == expected


def test_node_is_whole(store: Store) -> None:
    assert tuple(queries.one_symbol(store, "Price.rounded")) == (
        "python:shop/money.py::Price.rounded", "METHOD", "rounded", "shop.money.Price.rounded",
        "shop/money.py", "python", 12, 13, 'def rounded(self) -> "Price"', "Price",
    )  # fmt: skip


def test_callers_and_callees(store: Store) -> None:
    rows = queries.callers(store, "Price.rounded")
    assert short(rows) == ["shop/main.py::run", "shop/models.py::Order.total"]
    assert [(r.edge.times, r.edge.line, r.edge.how, r.edge.confidence) for r in rows] == [
        (1, 11, "type", 0.9), (1, 26, "type", 0.9),
    ]  # fmt: skip
    assert short(queries.callees(store, "list_push")) == [
        "native/list.c::make", "native/list.h::SQUARE",
    ]  # fmt: skip
    assert short(queries.callees(store, "run", limit=3)) == [
        "shop/base.py::Model.load", "shop/base.py::Model.save", "shop/money.py::Price",
    ]  # fmt: skip


def test_references(store: Store) -> None:
    rows = [(r.edge.type, r.edge.kind, r.node.name) for r in queries.references(store, "Taxed")]
    assert rows == [("INHERITS", "", "Order")]
    rows = [(r.edge.type, r.edge.kind, r.node.name) for r in queries.references(store, "CENT")]
    assert rows == [("USES", "read", "positive")]


def test_members(store: Store) -> None:
    own = [row.node.name for row in queries.members(store, "Order")]
    assert own == ["__init__", "price", "lines", "validate", "total", "first"]
    every = [row.node.name for row in queries.members(store, "Order", inherited=True)]
    assert every == [*own, "rate", "table", "key", "save", "as_dict", "load"]
    assert [row.node.name for row in queries.members(store, "native.item")] if False else True


def test_hierarchy(store: Store) -> None:
    found = queries.hierarchy(store, "Taxed")
    assert [(r.node.name, r.depth) for r in found.ancestors] == [("Model", 1)]
    assert [(r.node.name, r.depth) for r in found.descendants] == [("Order", 1)]
    below = queries.hierarchy(store, "Model").descendants
    assert [(r.node.name, r.depth) for r in below] == [("Line", 1), ("Taxed", 1), ("Order", 2)]


def test_importers(store: Store) -> None:
    rows = queries.importers(store, "shop.money")
    assert [(r.node.name, r.edge.alias) for r in rows] == [
        ("main", "m"),
        ("models", "Amount, money"),
    ]
    assert short(queries.importers(store, "native/list.h")) == ["native/list.c", "native/main.c"]
    assert short(queries.imports(store, "shop/base.py")) == ["json", "typing"]


def test_path(store: Store) -> None:
    steps = queries.path(store, "run", "Price.positive")
    assert short(steps) == ["shop/money.py::Price.positive"]
    steps = queries.path(store, "shop.main", "Model.as_dict")
    assert short(steps) == [
        "shop/main.py::run", "shop/base.py::Model.save", "shop/base.py::Model.as_dict",
    ]  # fmt: skip
    assert queries.path(store, "Model.as_dict", "shop.main") == []
    assert queries.path(store, "shop.main", "Model.as_dict", max_hops=2) == []


def test_neighbourhood(store: Store) -> None:
    found = queries.neighbourhood(store, "add")
    names = [node.name for node in found.nodes]
    # one of each kind of relation first: method of, called by, inside of; then the rest
    assert names[:4] == ["add", "Price", "run", "money"]
    assert sorted(names[4:]) == ["__init__", "total", "value"]
    assert not found.truncated
    assert queries.neighbourhood(store, "add", limit=3).truncated


def test_repo_map_fits_its_budget(store: Store) -> None:
    small, large = repo_map(store, 60), repo_map(store, 2000)
    assert 0 < small.tokens <= 60
    assert small.shown < large.shown == large.total == 42
    assert "class Model" in small.text
    focused = repo_map(store, 60, ["native/list.c"])
    assert "native/list.c" in focused.text
    assert "native/list.c" not in small.text


def test_unknown_and_ambiguous_names(store: Store) -> None:
    with pytest.raises(UnknownSymbolError, match=r"no symbol 'rouned'; near names: .*rounded"):
        queries.callers(store, "rouned")
    with pytest.raises(AmbiguousSymbolError, match=r"2 things: c:native/list.c::make, "):
        queries.callers(store, "make")
    with pytest.raises(UnknownSymbolError, match="no CLASS 'run'"):
        queries.members(store, "run")


GOLDEN = [
    ("MATCH (c:CLASS {name: 'Order'}) RETURN c.id AS id, labels(c) AS l",
     [["python:shop/models.py::Order", ["CLASS"]]]),
    ("MATCH (c:CLASS)-[:HAS_METHOD]->(m:METHOD) WITH c, count(m) AS n WHERE n > 3 "
     "RETURN c.name AS name, n ORDER BY n DESC, name", [["Model", 5], ["Order", 4]]),
    ("MATCH (a:CLASS {name: 'Order'})-[:INHERITS*1..5]->(b:CLASS) RETURN b.name AS n ORDER BY n",
     [["Model"], ["Taxed"]]),
    ("MATCH (f)-[r:CALLS]->(m:METHOD {name: 'rounded'}) RETURN f.name AS f, type(r) AS t, "
     "r.how AS h, r.confidence AS c ORDER BY f",
     [["run", "CALLS", "type", 0.9], ["total", "CALLS", "type", 0.9]]),
    ("MATCH (m:METHOD) WHERE m.name STARTS WITH 'val' AND m.file_path CONTAINS 'models' "
     "RETURN m.cls AS c ORDER BY c", [["Order"], ["Taxed"]]),
    ("MATCH (c:CLASS {name: 'Line'}) OPTIONAL MATCH (c)<-[:INHERITS]-(s:CLASS) RETURN s.name AS s",
     [[None]]),
    ("UNWIND ['Price', 'nope'] AS x MATCH (c:CLASS {name: x}) RETURN c.line AS l", [[5]]),
    ("MATCH (c:CLASS {name: 'Taxed'}) RETURN c",
     [[{"labels": ["CLASS"], "id": "python:shop/models.py::Taxed", "name": "Taxed",
        "qualified_name": "shop.models.Taxed", "file_path": "shop/models.py", "language": "python",
        "line": 7, "end_line": 11, "signature": "class Taxed(Model)", "cls": ""}]]),
    ("MATCH (:CLASS {name: 'Taxed'})-[r:INHERITS]->() RETURN r",
     [[{"type": "INHERITS", "ord": 0, "how": "import", "confidence": 1.0}]]),
    ("MATCH (c:CLASS {name: 'Order'}) RETURN EXISTS { MATCH (c)-[:INHERITS]->(:CLASS) } AS e, "
     "COUNT { MATCH (c)-[:HAS_METHOD]->(:METHOD) } AS n", [[True, 4]]),
]  # fmt: skip


@pytest.mark.parametrize("place", range(len(GOLDEN)))
def test_cypher_rows(cypher: CodeGraph, place: int) -> None:
    text, rows = GOLDEN[place]
    assert cypher.query(text).rows == rows


def test_cypher_parameters_and_row_limit(cypher: CodeGraph) -> None:
    text = "MATCH (m:METHOD) WHERE m.cls = $cls RETURN m.name AS n ORDER BY n"
    result = cypher.query(text, {"cls": "Model"}, Limits(rows=2))
    assert (result.columns, result.rows, result.truncated) == (
        ["n"],
        [["__init__"], ["as_dict"]],
        True,
    )
    assert not cypher.query(text, {"cls": "Model"}, Limits(rows=5)).truncated


def test_cypher_errors_can_be_acted_on(cypher: CodeGraph) -> None:
    with pytest.raises(QueryError, match=r"line 1, column .*in: MATCH \(c:CL") as info:
        cypher.query("MATCH (c:CLASS RETURN c")
    assert info.value.position is not None
    assert info.value.position[0] == 1
    with pytest.raises(QueryError, match="'CLAS' at line 2, column 10; did you mean CLASS"):
        cypher.query("MATCH (f:FILE)\nMATCH (c:CLAS) RETURN c")
    with pytest.raises(QueryError, match="the query is wrong"):
        cypher.query("MATCH (c:CLASS) RETURN d.name")
    result = cypher.query("MATCH (c:CLASS {name: 'Order'}) RETURN c.nam AS n")
    assert result.rows == [[None]]
    assert "'nam'" in result.notes[0]
    assert "'name'" in result.notes[0]


def test_cypher_time_limit(cypher: CodeGraph) -> None:
    import time

    begin = time.perf_counter()
    with pytest.raises(QueryLimitError):
        cypher.query(
            "UNWIND range(1, 3000) AS a UNWIND range(1, 3000) AS b UNWIND range(1, 3000) AS c "
            "WITH a, b, c WHERE a + b + c = 9001 RETURN count(*) AS n",
            limits=Limits(seconds=0.5, work=1 << 40),
        )
    assert time.perf_counter() - begin < 20
    assert cypher.query("MATCH (c:CLASS {name: 'Order'}) RETURN c.name AS n").rows == [["Order"]]


def test_cypher_work_limit(shop_once: Path) -> None:
    graph = CodeGraph.build(FolderSource(shop_once))
    with pytest.raises(QueryLimitError, match="units of work"):
        graph.query(
            "MATCH (a:METHOD), (b:METHOD), (c:METHOD) RETURN a, b, c", limits=Limits(work=100)
        )


def test_writes_change_nothing(cypher: CodeGraph) -> None:
    before = cypher.store.counts()
    for text in ("CREATE (n:CLASS {id: 'x'})", "MATCH (n:CLASS) DETACH DELETE n"):
        with pytest.raises(ReadOnlyError):
            cypher.query(text)
    assert cypher.store.counts() == before


def test_networkx_says_it_has_no_cypher(shop_once: Path) -> None:
    with pytest.raises(StoreError, match="has no Cypher"):
        CodeGraph.build(FolderSource(shop_once), store="networkx").query("MATCH (n:CLASS) RETURN n")


def test_networkx_graph_is_whole(shop_once: Path) -> None:
    store = CodeGraph.build(FolderSource(shop_once), store="networkx").store
    whole = store.to_networkx()
    labels, types = store.counts()
    assert whole.number_of_nodes() == sum(labels.values())
    assert whole.number_of_edges() == sum(types.values())


def test_edited_workspace_leaves_the_server(bolt_address: str, shop: Path) -> None:
    graph = CodeGraph.build(FolderSource(shop), store=bolt_address + "/second", dataset="edited")
    fork = graph.fork(FolderSource(shop))
    assert graph.store.name == "neo4j"
    (shop / "shop" / "money.py").write_text("def fresh(): pass\n")
    graph.refresh()
    assert graph.store.name == "kglite"
    result = graph.query("MATCH (f:FUNCTION {name: 'fresh'}) RETURN f.name AS n")
    assert result.rows == [["fresh"]]
    assert "the embedded store (kglite) answers" in result.notes[0]
    assert queries.find_symbol(fork.store, "rounded")  # the fork has not been refreshed
    fork.close()


def test_one_dataset_a_database(bolt_address: str, shop: Path) -> None:
    address = bolt_address + "/third"
    CodeGraph.build(FolderSource(shop), store=address, dataset="task-1").close()
    CodeGraph.build(FolderSource(shop), store=address, dataset="task-1").close()
    with pytest.raises(StoreError, match="holds the graph of 'task-1', not of 'task-2'"):
        CodeGraph.build(FolderSource(shop), store=address, dataset="task-2")


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(StoreError, match=r"at neo4j://127.0.0.1:9 does not answer"):
        open_store("neo4j://someone:secret@127.0.0.1:9")


def test_unknown_store() -> None:
    with pytest.raises(StoreError, match="unknown graph store 'kglit'; did you mean 'kglite'"):
        open_store("kglit")
