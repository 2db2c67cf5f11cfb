"""Twenty-nine queries that between them use what agents write in Cypher, for graph.py."""

from __future__ import annotations

from typing import Any

_C = "python:django/http/response.py::HttpResponse"
_CLASS = f"(c:CLASS {{id: '{_C}'}})"

#: Query and parameters, by what is probed.
PROBES: dict[str, tuple[str, dict[str, Any]]] = {
    "labels": (f"MATCH {_CLASS} RETURN labels(c) AS l", {}),
    "either label": ("MATCH (n:CLASS|FUNCTION) WHERE n.name = 'render' RETURN n.id AS id", {}),
    "label in WHERE": (f"MATCH (n) WHERE n.id = '{_C}' AND n:CLASS RETURN n.id AS id", {}),
    "either type": (
        "MATCH (a)-[:CALLS|USES]->(b:GLOBAL_VARIABLE {name: 'settings'}) RETURN count(*) AS c", {}),
    "type()": (f"MATCH {_CLASS}-[r]->(m) RETURN type(r) AS t, count(*) AS c", {}),
    "no direction": (f"MATCH {_CLASS}-[:INHERITS]-(m) RETURN m.id AS id", {}),
    "any type, bounded": (f"MATCH {_CLASS}-[*1..2]->(m) RETURN count(DISTINCT m.id) AS c", {}),
    "from zero hops": (f"MATCH {_CLASS}-[:INHERITS*0..2]->(m:CLASS) RETURN m.id AS id", {}),
    "unbounded": (f"MATCH {_CLASS}-[:INHERITS*]->(m:CLASS) RETURN m.id AS id", {}),
    "shortestPath": (
        f"MATCH {_CLASS} MATCH (b:CLASS {{name: 'HttpResponseBase'}}) "
        "MATCH p = shortestPath((c)-[:INHERITS*1..6]->(b)) RETURN length(p) AS l", {}),
    "nodes of a path": (
        f"MATCH p = {_CLASS}-[:INHERITS*1..3]->(b:CLASS) "
        "RETURN [x IN nodes(p) | x.name] AS ns", {}),
    "regular expression": (
        "MATCH (c:CLASS) WHERE c.name =~ 'Http.*Error' RETURN c.id AS id", {}),
    "text predicates": (
        "MATCH (c:CLASS) WHERE c.name CONTAINS 'Http' AND c.file_path STARTS WITH 'django/' "
        "AND NOT c.name ENDS WITH 'Base' RETURN c.id AS id", {}),
    "toLower and size": (
        "MATCH (c:CLASS) WHERE toLower(c.name) = 'httpresponse' AND size(c.name) > 3 "
        "RETURN c.id AS id", {}),
    "OPTIONAL MATCH": (
        f"MATCH {_CLASS} OPTIONAL MATCH (c)-[:CONTAINS]->(f:CLASS) RETURN c.id AS id, f.name AS n",
        {}),
    "WITH, count, ORDER, LIMIT": (
        "MATCH (c:CLASS)-[:HAS_METHOD]->(m:METHOD) WITH c, count(m) AS n WHERE n > 9 "
        "RETURN c.id AS id, n ORDER BY n DESC, id LIMIT 5", {}),
    "list comprehension": (
        f"MATCH {_CLASS}-[:HAS_METHOD]->(m:METHOD) WITH m ORDER BY m.id "
        "WITH collect(m.name) AS ns RETURN [x IN ns WHERE x STARTS WITH '_'] AS p", {}),
    "EXISTS {}": (
        "MATCH (c:CLASS {name: 'HttpResponse'}) WHERE EXISTS { MATCH (c)-[:INHERITS]->(:CLASS) } "
        "RETURN c.id AS id", {}),
    "pattern as predicate": (
        "MATCH (f:FUNCTION) WHERE NOT (f)<-[:CALLS]-() AND f.file_path STARTS WITH 'django/http' "
        "RETURN f.id AS id", {}),
    "COUNT {}": (
        "MATCH (c:CLASS {name: 'HttpResponse'}) "
        "RETURN COUNT { MATCH (c)-[:HAS_METHOD]->(:METHOD) } AS n", {}),
    "UNION": (
        "MATCH (n:CLASS {name: 'HttpResponse'}) RETURN n.id AS id "
        "UNION MATCH (n:FUNCTION {name: 'render'}) RETURN n.id AS id", {}),
    "CASE": (
        "MATCH (n:METHOD) WHERE n.cls = 'HttpResponse' RETURN CASE WHEN n.name STARTS WITH '__' "
        "THEN 'dunder' ELSE 'plain' END AS k, count(*) AS c", {}),
    "UNWIND": (f"UNWIND ['{_C}', 'nope'] AS i MATCH (n:CLASS {{id: i}}) RETURN n.id AS id", {}),
    "missing property": (f"MATCH {_CLASS} RETURN c.nosuchproperty AS x", {}),
    "properties()": (f"MATCH {_CLASS} RETURN properties(c).name AS n, size(keys(c)) > 5 AS k", {}),
    "whole node": (f"MATCH {_CLASS} RETURN c", {}),
    "parameter": ("MATCH (n:CLASS {id: $id}) RETURN n.id AS id", {"id": _C}),
    "db.labels()": (
        "CALL db.labels() YIELD label WITH label WHERE label IN ['CLASS', 'METHOD'] "
        "RETURN label", {}),
    "coalesce, split, substring": (
        f"MATCH {_CLASS} RETURN coalesce(c.cls, '-') AS a, split(c.file_path, '/')[0] AS b, "
        "substring(c.name, 0, 4) AS s", {}),
}  # fmt: skip
