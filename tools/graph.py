"""The code graph of an episode: built once for each base, following the workspace's edits."""

from __future__ import annotations

import hashlib
import io
import itertools
import os
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from repos.cache import publish
from repos.errors import InfrastructureError
from repos.workspace import Mark, Workspace
from tools.context import ToolContext
from tools.result import ToolError

if TYPE_CHECKING:
    from graphdb import CodeGraph

RESOURCE = "graph"
BASE = "base"
MAX_TREE = 1 << 30
_ARCHIVE = "/tmp/.repogym-base.tar"

T = TypeVar("T")


class _TreeSource:
    """The base tree, out of the harness's git folder inside the sandbox."""

    def __init__(self, workspace: Workspace) -> None:
        command = f"git --git-dir={workspace.base_git} archive --format=tar HEAD > {_ARCHIVE}"
        done = workspace.exec(["sh", "-c", command], timeout_s=120)
        if done.exit_code:
            raise InfrastructureError(f"The base tree can't be read: {done.text[-300:]}")
        raw = workspace.read(_ARCHIVE, max_bytes=MAX_TREE)
        workspace.remove(_ARCHIVE)
        self._files: dict[str, bytes] = {}
        with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isfile() else None
                if file is not None:
                    self._files[member.name] = file.read()

    def list(self) -> list[str]:
        """All regular files."""
        return sorted(self._files)

    def read(self, path: str) -> bytes:
        """Content of one file."""
        try:
            return self._files[path]
        except KeyError:
            raise FileNotFoundError(path) from None

    def changes(self, since: str) -> tuple[list[str], str]:
        """Everything at first, nothing afterwards: a commit does not change."""
        return ([] if since == BASE else self.list()), BASE


class _WorkspaceSource:
    """The files of a workspace as they are now."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._marks: dict[str, Mark | None] = {BASE: None}
        self._numbers = itertools.count(1)

    def list(self) -> list[str]:
        """All regular files."""
        return [e.path for e in self._workspace.list("", recursive=True) if e.kind == "file"]

    def read(self, path: str) -> bytes:
        """Content of one file."""
        return self._workspace.read(path)

    def changes(self, since: str) -> tuple[list[str], str]:
        """Paths that differ from the state `since`, and the state now."""
        mark = self._workspace.mark()
        if since in self._marks:
            changed = [p for p in self._workspace.changes(self._marks[since]) if _indexed(p)]
        else:
            changed = self.list()
        token = str(next(self._numbers))
        self._marks = {BASE: None, token: mark}
        return changed, token


def _indexed(path: str) -> bool:
    return not path.startswith(".git/")


class GraphResource:
    """The graph of one workspace; a fork starts equal and follows its own workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._graph: CodeGraph | None = None
        self._lock = threading.RLock()

    def refreshed(self) -> CodeGraph:
        """Return the graph of the workspace as it is now.

        Raises:
            InfrastructureError: The sandbox is gone.
        """
        with self._lock:
            if self._graph is None:
                source = _WorkspaceSource(self._workspace)
                self._graph = _base_graph(self._workspace).fork(source, BASE)
            self._graph.refresh()
            return self._graph

    def ask(self, question: Callable[[CodeGraph], T]) -> T:
        """Ask the graph; calls are answered one after the other.

        Raises:
            ToolError: The question is wrong; the message says how to mend it.
        """
        from graphdb import GraphError

        with self._lock:
            try:
                return question(self.refreshed())
            except GraphError as error:
                raise ToolError(str(error)) from error

    def fork(self, workspace: Workspace) -> GraphResource:
        """Return the twin for a fork of the workspace; it is made at its first question."""
        return GraphResource(workspace)

    def close(self) -> None:
        """Give up the graph."""
        with self._lock:
            if self._graph is not None:
                self._graph.close()
                self._graph = None


_bases: dict[str, CodeGraph] = {}
_bases_lock = threading.Lock()
MAX_BASES = 4


def _base_graph(workspace: Workspace) -> CodeGraph:
    """Return the graph of the base, built once and cached by its content.

    Where `NEO4J_URI` is set, or `REPOGYM_GRAPH_STORE` names a store, that store holds it.
    """
    from graphdb import CodeGraph

    head = workspace.exec(["git", f"--git-dir={workspace.base_git}", "rev-parse", "HEAD"])
    commit = head.stdout.decode().strip()
    if head.exit_code or not commit:
        raise InfrastructureError(f"The base commit can't be read: {head.text[-300:]}")
    store = os.environ.get("REPOGYM_GRAPH_STORE") or os.environ.get("NEO4J_URI") or "kglite"
    key = hashlib.sha256(f"{commit}|{_code_version()}".encode()).hexdigest()[:24]
    with _bases_lock:
        found = _bases.get(f"{key}|{store}")
        if found is not None:
            return found

        def build(folder: Path) -> None:
            CodeGraph.build(_TreeSource(workspace), folder).close()

        folder = publish(f"graphs/{key}", build)
        graph = CodeGraph.load(folder, _WorkspaceSource(workspace), BASE, store, dataset=commit)
        if graph is None:
            graph = CodeGraph.build(_TreeSource(workspace), None, store, dataset=commit)
        while len(_bases) >= MAX_BASES:
            _bases.pop(next(iter(_bases)))  # forks of it keep what they need
        _bases[f"{key}|{store}"] = graph
        return graph


def _code_version() -> str:
    """Name what a kept graph depends on beside the files, so that a change builds anew."""
    import sys

    import graphdb

    digest = hashlib.sha256(str(sys.version_info[:2]).encode())
    for path in sorted(Path(graphdb.__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def graph_of(ctx: ToolContext) -> GraphResource:
    """Return the episode's graph, made at its first use."""
    return ctx.resource(RESOURCE, lambda: GraphResource(ctx.workspace))
