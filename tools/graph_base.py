"""The graph of a task's base: built once for its content, cached, shared by all its episodes."""

from __future__ import annotations

import functools
import hashlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

from repos.cache import locked, publish
from repos.errors import InfrastructureError, InputError
from repos.sandbox.guest.git.repository import environment
from tools.graph_source import BASE, WorkspaceSource

if TYPE_CHECKING:
    from graphdb import CodeGraph
    from repos.sandbox.workspace import Workspace

MAX_BASES = 4
"""Base graphs that a process keeps in memory."""

MAX_SOURCE_BYTES = 48 << 20
"""How much of a base is indexed: about four times Django, half as much again as SymPy."""

_NOTE = "note.txt"
_BATCH_BYTES = 32 << 20
_GIT_SECONDS = 120.0


class GraphNotReadyError(Exception):
    """The base's graph is still being built; the same question may be asked again."""


def fork_base(workspace: Workspace, dataset: str, wait_s: float | None = None) -> CodeGraph:
    """Return a graph of the base that follows the workspace from its start.

    The store is the one that `REPOGYM_GRAPH_STORE` names ("kglite", "networkx" or a server's
    address), else the server of `NEO4J_URI`, else kglite.

    Args:
        workspace: Whose graph it is to be.
        dataset: What the base is called where a server keeps it.
        wait_s: How long to wait for it, in seconds; building goes on afterwards.

    Raises:
        GraphNotReadyError: It took longer.
        RepoGymError: The store is unknown or refuses: its database holds another task.
        InfrastructureError: The base can't be read.
    """
    return _bases.fork(workspace, dataset, _store(), wait_s)


def _store() -> str:
    store = os.environ.get("REPOGYM_GRAPH_STORE") or os.environ.get("NEO4J_URI") or "kglite"
    return os.environ.get("NEO4J_URI", "") or store if store == "neo4j" else store


class _Bases:
    """The base graphs of this process, the latest few, and those that are being built."""

    def __init__(self) -> None:
        self._graphs: dict[tuple[str, str], CodeGraph] = {}
        self._building: dict[tuple[str, str], tuple[Workspace, Future[CodeGraph]]] = {}
        self._guard = threading.Lock()

    def fork(
        self, workspace: Workspace, dataset: str, store: str, wait_s: float | None
    ) -> CodeGraph:
        commit = _base_commit(workspace)
        key = (commit, store)
        while True:
            with self._guard:
                graph = self._graphs.get(key)
                if graph is not None:
                    return graph.fork(WorkspaceSource(workspace), BASE)
                if key not in self._building:
                    made = functools.partial(
                        _made, workspace, commit, f"{dataset} ({commit[:12]})", store
                    )
                    self._building[key] = (workspace, _started(made))
                maker, building = self._building[key]
            try:
                graph = building.result(wait_s)
            except TimeoutError:
                if not building.done():
                    raise GraphNotReadyError from None
                raise
            except InfrastructureError:
                # Another episode's workspace, out of which it was read, may have been closed.
                if maker is workspace:
                    raise
                continue
            finally:
                self._finished(key, building)

    def _finished(self, key: tuple[str, str], building: Future[CodeGraph]) -> None:
        """Keep what was built; forget a building that failed."""
        if not building.done():
            return
        with self._guard:
            if self._building.get(key, (None, None))[1] is not building:
                return
            del self._building[key]
            if building.exception() is None:
                # Forks keep what they need of a graph that goes.
                while len(self._graphs) >= MAX_BASES:
                    self._graphs.pop(next(iter(self._graphs)))
                self._graphs[key] = building.result()

    def clear(self) -> None:
        with self._guard:
            self._graphs.clear()
            self._building.clear()


def _started(make: Callable[[], CodeGraph]) -> Future[CodeGraph]:
    """Run a function in a thread that does not keep the program from ending."""
    future: Future[CodeGraph] = Future()

    def run() -> None:
        try:
            future.set_result(make())
        except BaseException as error:  # whoever waits gets it
            future.set_exception(error)

    threading.Thread(target=run, name="code graph", daemon=True).start()
    return future


_bases = _Bases()


def forget_bases() -> None:
    """Let go of the base graphs in memory; those in the cache stay."""
    _bases.clear()


def _made(workspace: Workspace, commit: str, dataset: str, store: str) -> CodeGraph:
    from graphdb import CodeGraph, GraphError
    from graphdb.stores import open_store

    source = BaseSource(workspace)
    key = hashlib.sha256(f"{commit}|{MAX_SOURCE_BYTES}|{_code_version()}".encode()).hexdigest()[:24]

    def build(folder: Path) -> None:
        CodeGraph.build(source, folder).close()
        (folder / _NOTE).write_text(source.note, encoding="utf-8")

    def load() -> CodeGraph:
        folder = publish(f"graphs/{key}", build)
        graph = CodeGraph.load(folder, _NOTHING, BASE, store, dataset)
        if graph is None:  # the folder is damaged
            graph = CodeGraph.build(source, None, store, dataset)
            graph.source = _NOTHING
            note = source.note
        else:
            note = (folder / _NOTE).read_text(encoding="utf-8")
        graph.notes += (note,) if note else ()
        return graph

    try:
        open_store(store, dataset).close()  # a store that refuses is told before any work
        if store in ("kglite", "networkx"):
            return load()
        # Two processes that fill one database at once would mix their graphs.
        with locked(f"graph-server|{store}"):
            return load()
    except GraphError as error:
        raise InputError(
            f"The code graph has no store: {error}. REPOGYM_GRAPH_STORE and NEO4J_URI choose it."
        ) from error


@functools.cache
def _code_version() -> str:
    """Name what a kept graph depends on beside the files, so that a change builds anew."""
    import graphdb
    from graphdb.plugins import code_files

    digest = hashlib.sha256(str(sys.version_info[:2]).encode())
    for path in sorted([*Path(graphdb.__file__).parent.rglob("*.py"), *code_files()]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


class _Nothing:
    """The source of a base graph in memory, which never changes."""

    def list(self) -> list[str]:
        return []

    def read(self, path: str) -> bytes:
        raise FileNotFoundError(path)

    def changes(self, since: str) -> tuple[list[str], str]:
        return [], BASE


_NOTHING = _Nothing()


class BaseSource:
    """The files of the base, out of the harness's git folder, which no agent can write.

    Only files of a language that the graph knows are read, up to `MAX_SOURCE_BYTES` in all: code
    before tests, in the order of their paths.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._content: dict[str, bytes] = {}

    @property
    def note(self) -> str:
        """What whoever asks should know: that the bound left files out; "" where it did not."""
        files = len(self._all)
        left_out = files - len(self._blobs)
        if not left_out:
            return ""
        return (
            f"the graph of this repository is partial: {left_out:,} of its {files:,} source files "
            f"are not in it, since it holds at most {MAX_SOURCE_BYTES >> 20} MB of source "
            "(files that you edit are always in it)"
        )

    @functools.cached_property
    def _blobs(self) -> dict[str, tuple[str, int]]:
        """Those of all files that are indexed."""
        room = MAX_SOURCE_BYTES
        chosen: dict[str, tuple[str, int]] = {}
        for path in sorted(self._all, key=lambda path: (_is_test(path), path)):
            size = self._all[path][1]
            if size <= room:
                room -= size
                chosen[path] = self._all[path]
        return dict(sorted(chosen.items()))

    @functools.cached_property
    def _all(self) -> dict[str, tuple[str, int]]:
        """Id and size of each regular file's content, by path, sorted."""
        from graphdb.languages import language_of

        found: dict[str, tuple[str, int]] = {}
        raw = _git(self._workspace, "ls-tree", "-r", "-l", "-z", "--full-tree", "HEAD")
        for record in raw.split(b"\0"):
            facts, _, name = record.partition(b"\t")
            path = os.fsdecode(name)
            if facts.startswith(b"100") and language_of(path) is not None:
                _, _, ident, size = facts.decode().split()
                found[path] = (ident, int(size))
        return dict(sorted(found.items()))

    def list(self) -> list[str]:
        """The files of a known language that are indexed."""
        return list(self._blobs)

    def read(self, path: str) -> bytes:
        """Content of one file; its neighbours are fetched with it."""
        if path not in self._blobs:
            raise FileNotFoundError(path)
        if path not in self._content:
            self._content = dict(self._fetch(path))
        return self._content[path]

    def changes(self, since: str) -> tuple[list[str], str]:
        """Everything at first, nothing afterwards: a commit does not change."""
        return ([] if since == BASE else self.list()), BASE

    def _fetch(self, first: str) -> Iterator[tuple[str, bytes]]:
        paths: list[str] = []
        room = _BATCH_BYTES
        names = self.list()
        for path in names[names.index(first) :]:
            room -= self._blobs[path][1]
            if paths and room < 0:
                break
            paths.append(path)
        asked = "".join(f"{self._blobs[path][0]}\n" for path in paths).encode()
        raw, at = _git(self._workspace, "cat-file", "--batch", data=asked), 0
        for path in paths:
            begin = raw.index(b"\n", at) + 1
            at = begin + self._blobs[path][1]
            yield path, raw[begin:at]
            at += 1  # the newline after each content


def _is_test(path: str) -> bool:
    parts = path.split("/")
    return not {"test", "tests"}.isdisjoint(parts) or parts[-1].startswith("test_")


def _base_commit(workspace: Workspace) -> str:
    return _git(workspace, "rev-parse", "HEAD^{commit}").decode().strip()


def _git(workspace: Workspace, *command: str, data: bytes = b"") -> bytes:
    """Run git on the harness's folder, with nothing of the agent's in its way."""
    done = workspace.exec(
        ["git", f"--git-dir={workspace.base_git}", *command],
        cwd="/",
        env=environment("/nonexistent"),
        stdin=data,
        timeout_s=_GIT_SECONDS,
        max_output=1 << 30,
    )
    if done.exit_code or done.limit or done.stdout_dropped:
        why = done.limit or done.stderr.decode("utf-8", "replace").strip()[-300:]
        raise InfrastructureError(f"The base of the task can't be read by git: {why}")
    return done.stdout
