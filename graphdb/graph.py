"""A repository's graph that follows its source: build, refresh, fork, query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from graphdb import persist
from graphdb.delta import Delta
from graphdb.errors import StoreError
from graphdb.index import MAX_FILE_BYTES, Index, LeftOut
from graphdb.languages import language_of
from graphdb.source import PartialSource, Source
from graphdb.stores import QueryResult, Store, open_store
from graphdb.stores.base import DEFAULT_LIMITS, Limits


class Report(NamedTuple):
    """What a build or refresh did.

    Attributes:
        files: Files in the graph.
        indexed: Files that were read and resolved, or only resolved, anew.
        left_out: Files of a known language that are not in the graph, and why.
        broken: Files that parse only in part, with the first such line.
    """

    files: int
    indexed: int
    left_out: list[LeftOut]
    broken: list[tuple[str, int]]


class CodeGraph:
    """The graph of one source of files; make one by :meth:`build`.

    Attributes:
        report: What the last build or refresh did.
        notes: What whoever asks should know, e.g. that another store answers than the one chosen.
    """

    def __init__(self, source: Source, index: Index, store: Store | None, kind: str) -> None:
        self.source = source
        self.index = index
        self.report = self._reported(0)
        self.notes: tuple[str, ...] = ()
        self._store = store
        self._kind = kind
        self._token = ""

    @classmethod
    def build(
        cls,
        source: Source,
        folder: Path | None = None,
        store: str = "kglite",
        dataset: str = "",
        max_file_bytes: int = MAX_FILE_BYTES,
    ) -> CodeGraph:
        """Index a source, or what changed in it since `folder` was written.

        Args:
            source: The files.
            folder: Where to keep the index and the embedded store; None keeps nothing. It may be
                deleted at any time. Who shares it between processes passes a finished copy.
            store: ``kglite``, ``networkx``, ``neo4j`` or the address of a server.
            dataset: Name of what is indexed; a server's database holds the graph of one dataset.
            max_file_bytes: Larger files are left out.

        Raises:
            StoreError: The store can't be opened.
        """
        open_store(store, dataset).close()  # a wrong name is told before any work
        index, saved = (persist.read(folder, max_file_bytes) if folder else None) or (None, "")
        index = index or Index(max_file_bytes=max_file_bytes)
        paths, token = source.changes("")
        wanted = {path for path in paths if language_of(path) is not None}
        delta = index.update(source, [*sorted(wanted), *sorted(index.entries.keys() - wanted)])
        graph = cls(source, index, None, store)
        graph._token = token
        graph.report = graph._reported(len(delta.files))
        if folder is not None and (delta.files or not saved):
            saved = persist.write(folder, index)
        graph._store = graph._fill(folder, saved, dataset)
        return graph

    @classmethod
    def load(
        cls,
        folder: Path,
        source: Source,
        token: str,
        store: str = "kglite",
        dataset: str = "",
        max_file_bytes: int = MAX_FILE_BYTES,
    ) -> CodeGraph | None:
        """Read a finished graph that `build` kept, without reading any file of the source.

        Args:
            folder: What `build` wrote; it is only read.
            source: Where the files come from now.
            token: The state of the source that the graph in `folder` describes.
            store: As for `build`.
            dataset: As for `build`.
            max_file_bytes: As for `build`.

        Returns:
            The graph as it was kept, or None where the folder holds none that can be used.
        """
        found = persist.read(folder, max_file_bytes)
        if found is None:
            return None
        index, stamp = found
        graph = cls(source, index, None, store)
        graph._store = graph._fill(folder, stamp, dataset)
        graph._token = token
        return graph

    def _reported(self, indexed: int) -> Report:
        left_out = self.index.left_out
        if isinstance(self.source, PartialSource):
            named = self.source.not_listed.items()
            # of links, those that would be in the graph: files of a known language, and folders
            left_out += [
                LeftOut(path, reason)
                for path, reason in sorted(named)
                if path.endswith("/") or language_of(path) or "." not in path.rpartition("/")[2]
            ]
        return Report(len(self.index.entries), indexed, left_out, self.index.broken)

    def _fill(self, folder: Path | None, stamp: str, dataset: str) -> Store:
        if self._kind == "kglite" and folder is not None:
            return persist.kglite_store(folder, stamp, self.index)
        store = open_store(self._kind, dataset)
        if store.name == "neo4j":
            from graphdb.stores.neo4j_store import Neo4jStore

            assert isinstance(store, Neo4jStore)
            stamp = stamp or persist.stamp(self.index)
            if store.stamp() != stamp:
                store.load(self.index.nodes(), self.index.edges())
                store.set_stamp(stamp)
            return store
        store.load(self.index.nodes(), self.index.edges())
        return store

    @property
    def store(self) -> Store:
        """The store that holds the graph as of the last refresh.

        Raises:
            StoreError: The graph is closed.
        """
        if self._store is None:
            raise StoreError("this graph is closed")
        return self._store

    def refresh(self) -> Delta:
        """Ask the source what changed, and index that."""
        paths, self._token = self.source.changes(self._token)
        return self.update(paths)

    def update(self, paths: Iterable[str]) -> Delta:
        """Index files that were edited, added or removed, and what depends on them."""
        delta = self.index.update(self.source, paths)
        if delta:
            if self.store.name == "neo4j":
                self._leave_server()
            else:
                self.store.apply(delta)
        self.report = self._reported(len(delta.files))
        return delta

    def _leave_server(self) -> None:
        """A server holds base graphs only: a changed one is answered by an embedded store."""
        self.store.close()
        store = open_store("kglite")
        store.load(self.index.nodes(), self.index.edges())
        self._store = store
        self.notes = (
            "the files have changed since the server's graph was made; "
            "the embedded store (kglite) answers",
        )

    def fork(self, source: Source, token: str = "") -> CodeGraph:
        """The graph of a copy of the source; it starts equal and follows its own source.

        Args:
            source: The copy.
            token: Its state as :meth:`graphdb.source.Source.changes` names it, if known; without
                one, the first refresh compares the content of all files that the source names.
        """
        store = self.store
        # a fork of a server's graph reads the same database until its own files change
        shared = getattr(store, "reconnected", None)
        store = shared() if shared is not None else store.fork()
        other = CodeGraph(source, self.index.fork(), store, self._kind)
        other._token = token
        other.notes = self.notes
        return other

    def query(
        self,
        cypher: str,
        parameters: Mapping[str, Any] | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> QueryResult:
        """Answer a read-only Cypher query on the graph as of the last refresh.

        Raises:
            QueryError: The query is wrong, would write, or hit a limit.
            StoreError: The store has no Cypher, or was lost.
        """
        result = self.store.query(cypher, parameters, limits)
        return result._replace(notes=(*self.notes, *result.notes))

    def close(self) -> None:
        """Give up the store."""
        if self._store is not None:
            self._store.close()
            self._store = None
