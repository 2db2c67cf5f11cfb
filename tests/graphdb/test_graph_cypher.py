"""The guard in front of Cypher engines: what only reads passes, all else is refused."""

import re
import subprocess
import sys

import pytest

from graphdb.cypher import MAX_LENGTH, check
from graphdb.errors import QueryError, ReadOnlyError

READS = [
    "MATCH (n:CLASS) RETURN n.name",
    "match (n:CLASS|FUNCTION {name: 'a'}) where n:CLASS return n.id as id",
    "MATCH (a:CLASS)-[:CALLS|USES*1..3]->(b) RETURN type(a), size(b.name)",
    "MATCH (a:CLASS)<-[r:INHERITS]-(b) RETURN {set: 1, create: 2} AS m",
    "MATCH (n:CLASS) WHERE n.name = 'CREATE (x)' OR n.name = \"DELETE\" RETURN n.set, n.delete",
    "MATCH (n:CLASS) // CREATE\nRETURN n.name /* DROP */",
    "MATCH (n:CLASS) RETURN CASE WHEN n.cls = '' THEN 1 ELSE 2 END AS create_me",
    "CALL db.labels() YIELD label RETURN label",
    "MATCH (n:CLASS) CALL { WITH n MATCH (n)-[:HAS_METHOD]->(m) RETURN count(m) AS c } RETURN c",
    "MATCH p = shortestPath((a:CLASS)-[:INHERITS*1..6]->(b:CLASS)) RETURN [x IN nodes(p) | x.name]",
    "MATCH (n:CLASS) WHERE EXISTS { MATCH (n)-[:INHERITS]->(:CLASS) } RETURN labels(n)[0..1]",
    "MATCH (n:`CLASS`) RETURN n.name AS `set`",
    "UNWIND [1, 2] AS x RETURN sum(x) AS s, all(y IN [x] WHERE y > 0) AS t",
    "MATCH (n:METHOD) RETURN n.name AS n, count(*) AS c ORDER BY c DESC SKIP 1 LIMIT 2",
]

WRITES = [
    "CREATE (n:CLASS {id: 'x'})",
    "MATCH (n:CLASS) SET n.name = 'x' RETURN n",
    "MATCH (n:CLASS) DETACH DELETE n",
    "merge (n:CLASS {id: 'x'})",
    "MATCH (n:CLASS) REMOVE n.name",
    "MATCH (n:CLASS) FOREACH (x IN [1] | SET n.line = x)",
    "INSERT (n:CLASS)",
    "CREATE INDEX FOR (n:CLASS) ON (n.id)",
    "DROP INDEX x",
    "LOAD CSV FROM 'file:///etc/passwd' AS l RETURN l",
    "MATCH (n:CLASS) RETURN n FORMAT CSV",
    "CALL apoc.load.json('file:///etc/passwd') YIELD value RETURN value",
    "CALL dbms.shutdown()",
    "CALL db.labels() YIELD label CREATE (n:CLASS)",
    "USE other MATCH (n:CLASS) RETURN n",
    "SHOW USERS",
    "MATCH (n:CLASS) WITH n /* */ DELETE n",
    "MATCH (n:CLASS)\n\tset\tn.name = 1",
    "MATCH (n:CLASS) CALL { WITH n DELETE n } IN TRANSACTIONS",
    "TERMINATE TRANSACTIONS 'x'",
    "// comment ends here\rCREATE (n:CLASS)",
    "RETURN 1 AS x; CREATE (n:CLASS)",
]

UNKNOWN = [
    ("MATCH (n:Class) RETURN n", "unknown label 'Class' at line 1, column 10; did you mean CLASS"),
    ("MATCH (n:CLASS|METOD) RETURN n", "unknown label 'METOD'"),
    ("MATCH ()-[:CALL]->() RETURN 1", "unknown relationship type 'CALL'.*did you mean CALLS"),
    ("MATCH ()-[r:CALLS|USED]->() RETURN r", "unknown relationship type 'USED'"),
    ("MATCH (n:CLASS) RETURN lenght(n.name)", r"unknown function lenght\(\).*length\(\)"),
    ("MATCH (n:CLASS) RETURN apoc.text.join(n.name)", r"unknown function apoc.text.join\(\)"),
    ("RETURN 1 AS x CALL {", None),
    ("", "the query is empty"),
    ("// only a comment", "the query is empty"),
    ("RETURN 'a\\u0027 AS x DELETE n //'", "unicode escapes"),
    ("RETURN " + "1 + " * MAX_LENGTH, "the limit is"),
]


@pytest.mark.parametrize("text", READS)
def test_reads_pass(text: str) -> None:
    unknown = re.findall(r"n\.(set|delete)", text)
    assert [re.findall("'(.*?)'", note)[0] for note in check(text).notes] == unknown


@pytest.mark.parametrize("text", WRITES)
def test_writes_are_refused(text: str) -> None:
    with pytest.raises(ReadOnlyError):
        check(text)


@pytest.mark.parametrize(("text", "message"), UNKNOWN)
def test_unknown_names(text: str, message: str | None) -> None:
    if message is None:
        check(text)  # broken, but for the engine to say
        return
    with pytest.raises(QueryError, match=message):
        check(text)


def test_reads_run_on_the_engine(shop_once) -> None:
    """What the guard passes is Cypher: the engine takes all of it."""
    from graphdb import CodeGraph, FolderSource

    graph = CodeGraph.build(FolderSource(shop_once))
    for text in READS:
        graph.query(text)


def test_import_is_near_free() -> None:
    code = (
        "import sys, graphdb, graphdb.cli, graphdb.errors, graphdb.queries;"
        "names = {'networkx', 'kglite', 'neo4j', 'tree_sitter', 'numpy', 'pandas'};"
        "heavy = names & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
