"""The graph in a Neo4j server, or another that speaks Bolt, through the ``neo4j`` driver.

A server holds base graphs only, one a database: a graph that follows an edited workspace is
answered by an embedded store (:class:`graphdb.graph.CodeGraph` sees to that). A node labelled
``GRAPH`` in the database names what it holds, so that two tasks never mix.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from queue import Empty, Queue
from threading import Thread
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

from graphdb import cypher as language
from graphdb.delta import Delta
from graphdb.errors import QueryError, QueryLimitError, StoreError
from graphdb.schema import LABELS, Edge, Node
from graphdb.stores.base import DEFAULT_LIMITS, Limits, QueryResult
from graphdb.stores.cypher_store import (
    CypherStore,
    node_value,
    plain,
    relationship_value,
    result,
)

#: Seconds that one statement of the store's own may take.
_OWN_SECONDS = 120.0
_META = "GRAPH"

T = TypeVar("T")


class Neo4jStore(CypherStore):
    """A database of a server; see :class:`graphdb.stores.base.Store`.

    Args:
        connect: Makes a ``neo4j.Driver``.
        database: Its name; None for the server's default.
        dataset: What the graph is of.
        address: As shown in messages, without a password.
    """

    name = "neo4j"
    batch = 2_000

    def __init__(
        self, connect: Callable[[], Any], database: str | None, dataset: str, address: str
    ) -> None:
        self._connect = connect
        self._driver = connect()
        self._database = database
        self._dataset = dataset
        self._address = address

    @classmethod
    def connect(cls, address: str, dataset: str = "") -> Neo4jStore:
        """Open ``neo4j://[user:password@]host:port[/database]``.

        User and password may also come from NEO4J_USER and NEO4J_PASSWORD, the database from
        NEO4J_DATABASE.

        Raises:
            StoreError: The driver is missing, the server does not answer or refuses, or its
                database holds the graph of something else.
        """
        try:
            import neo4j
        except ImportError:
            raise StoreError(
                "the store 'neo4j' needs the driver: install the extra 'neo4j' of this package"
            ) from None
        parts = urlsplit(address)
        bare = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], "", "", ""))
        user = unquote(parts.username or "") or os.environ.get("NEO4J_USER", "neo4j")
        password = unquote(parts.password or "") or os.environ.get("NEO4J_PASSWORD", "")
        database = parts.path.strip("/") or os.environ.get("NEO4J_DATABASE") or None

        # the driver logs lost connections; the error we raise says the same
        logging.getLogger("neo4j").addHandler(logging.NullHandler())

        def make() -> Any:
            return neo4j.GraphDatabase.driver(
                bare,
                auth=(user, password) if password else None,
                connection_timeout=10,
                max_transaction_retry_time=5,
                notifications_min_severity="OFF",
            )

        try:
            store = cls(make, database, dataset, bare)
        except (neo4j.exceptions.DriverError, ValueError) as error:
            raise StoreError(f"the address {bare!r} is no server's: {error}") from None
        try:
            with store._trouble():
                store._driver.verify_connectivity()
                store._check_dataset()
        except StoreError:
            store.close()
            raise
        return store

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        """Turns the driver's errors about the server, not the query, into one sentence."""
        import neo4j.exceptions as wrong

        try:
            yield
        except TimeoutError:
            raise  # ours, from _bounded; it is an OSError too
        except (wrong.ServiceUnavailable, wrong.SessionExpired, wrong.ReadServiceUnavailable):
            raise StoreError(
                f"the graph server at {self._address} does not answer; start it, or use the "
                "store 'kglite'"
            ) from None
        except wrong.AuthError:
            raise StoreError(
                f"the graph server at {self._address} refuses the login; "
                "set NEO4J_USER and NEO4J_PASSWORD"
            ) from None
        except OSError as error:
            raise StoreError(
                f"the graph server at {self._address} can't be reached: {error}"
            ) from None

    def _run(self, statement: str, /, **parameters: Any) -> list[dict[str, Any]]:
        import neo4j

        def work() -> list[dict[str, Any]]:
            with self._driver.session(database=self._database) as session:
                query = neo4j.Query(statement, timeout=_OWN_SECONDS)  # type: ignore[arg-type]
                return [dict(record) for record in session.run(query, parameters)]

        with self._trouble():
            try:
                return self._bounded(work, _OWN_SECONDS)
            except TimeoutError:
                raise StoreError(
                    f"the graph server at {self._address} did not answer for {_OWN_SECONDS:g} s"
                ) from None

    def _bounded(self, work: Callable[[], T], seconds: float) -> T:
        """Run `work` for at most some seconds.

        Not every server minds a transaction's time-out, and the driver waits for an answer as long
        as the connection lives. So the work runs in a thread of its own; when its time is over,
        the thread and its driver are left alone and a new driver takes over.

        Raises:
            TimeoutError: The time is over.
        """
        answer: Queue[tuple[T | None, BaseException | None]] = Queue()

        def run() -> None:
            try:
                answer.put((work(), None))
            except BaseException as error:  # handed to the asker, whatever it is
                answer.put((None, error))

        Thread(target=run, daemon=True, name="graph query").start()
        try:
            result, error = answer.get(timeout=seconds)
        except Empty:
            self._driver = self._connect()
            raise TimeoutError from None
        if error is not None:
            raise error
        return result  # type: ignore[return-value]

    def _meta(self) -> dict[str, Any]:
        rows = self._run(f"MATCH (g:{_META}) RETURN g.dataset AS dataset, g.stamp AS stamp")
        return rows[0] if rows else {}

    def _check_dataset(self) -> None:
        held = self._meta().get("dataset")
        if held is not None and self._dataset and held != self._dataset:
            where = f"database {self._database!r}" if self._database else "default database"
            raise StoreError(
                f"the {where} of {self._address} holds the graph of {held!r}, not of "
                f"{self._dataset!r}; a database holds one: name another database after the "
                "address, or use the store 'kglite'"
            )

    def stamp(self) -> str:
        """What :meth:`set_stamp` was given; empty where the load was never finished."""
        return self._meta().get("stamp") or ""

    def set_stamp(self, stamp: str) -> None:
        """Mark the loaded graph as whole."""
        self._run(f"MATCH (g:{_META}) SET g.stamp = $stamp", stamp=stamp)

    def load(self, nodes: Iterable[Node], edges: Iterable[Edge]) -> None:
        """Replace everything in the database."""
        for label in (*LABELS, _META):
            while self._run(
                f"MATCH (n:{label}) WITH n LIMIT 5000 DETACH DELETE n RETURN count(*) AS c"
            )[0]["c"]:
                pass
        self._run(f"CREATE (g:{_META} {{dataset: $dataset, stamp: ''}})", dataset=self._dataset)
        self._indexes()
        self._create(nodes, edges)

    def _indexes(self) -> None:
        for label in LABELS:
            for name in ("id", "name"):
                self._run(
                    f"CREATE INDEX {label.lower()}_{name} IF NOT EXISTS "
                    f"FOR (n:{label}) ON (n.{name})"
                )

    def apply(self, delta: Delta) -> None:
        """A server's graph is not changed in place.

        Raises:
            StoreError: Always.
        """
        raise StoreError("a server holds base graphs only; load the changed graph instead")

    def fork(self) -> Neo4jStore:
        """A server's graph can't be forked.

        Raises:
            StoreError: Always.
        """
        raise StoreError("a server holds base graphs only; fork an embedded store instead")

    def reconnected(self) -> Neo4jStore:
        """The same database over connections of its own, so that each can be closed alone."""
        return Neo4jStore(self._connect, self._database, self._dataset, self._address)

    def query(
        self,
        cypher: str,
        parameters: Mapping[str, Any] | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> QueryResult:
        """Answer a read-only Cypher query; rows beyond the limit are never fetched."""
        import neo4j

        checked = language.check(cypher)

        def work() -> tuple[list[str], list[list[Any]]]:
            with self._driver.session(
                database=self._database,
                default_access_mode=neo4j.READ_ACCESS,
                fetch_size=limits.rows + 1,
            ) as session:
                query = neo4j.Query(checked.text, timeout=limits.seconds)  # type: ignore[arg-type]
                found = session.run(query, dict(parameters or {}))
                rows: list[list[Any]] = []
                for record in found:
                    rows.append([plain(value, _entity) for value in record.values()])
                    if len(rows) > limits.rows:
                        break
                return list(found.keys()), rows

        try:
            with self._trouble():
                columns, rows = self._bounded(work, limits.seconds + 1)
        except TimeoutError:
            raise QueryLimitError(language.timeout_text(limits)) from None
        except neo4j.exceptions.Neo4jError as error:
            raise _explained(error, cypher, limits) from None
        except neo4j.exceptions.DriverError as error:
            raise QueryError(language.explain(str(error), cypher)) from None
        return result(columns, rows, checked, limits)

    def close(self) -> None:
        """Close the connections."""
        self._driver.close()


def _explained(error: Any, cypher: str, limits: Limits) -> QueryError:
    code, text = error.code or "", error.message or str(error)
    if "Timeout" in code or "TimedOut" in code or "Terminated" in code:
        return QueryLimitError(language.timeout_text(limits))
    at = language.position_in(text)
    return QueryError(language.explain(text, cypher, at), at)


def _entity(value: Any) -> Any:
    import neo4j.graph

    if isinstance(value, neo4j.graph.Node):
        return node_value(value.labels, value)
    if isinstance(value, neo4j.graph.Relationship):
        return relationship_value(value.type, value)
    if isinstance(value, neo4j.graph.Path):
        return [_entity(item) for item in value.nodes]
    return None
