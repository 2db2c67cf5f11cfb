"""The code graph of an episode: it starts from the base's and follows the workspace's edits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from repos.errors import InfrastructureError
from tools.context import ToolContext
from tools.result import ToolError

if TYPE_CHECKING:
    from graphdb import CodeGraph
    from repos.sandbox.workspace import Workspace

RESOURCE = "graph"

T = TypeVar("T")


class GraphResource:
    """The graph of one workspace; a fork starts equal and follows its own workspace."""

    def __init__(
        self, workspace: Workspace, dataset: str = "", wait_s: float | None = None
    ) -> None:
        """Make it; nothing is read before the first question.

        Args:
            workspace: Whose files it follows.
            dataset: What its base is called where a server keeps it (the task's id).
            wait_s: How long a question waits for the graph of the base, in seconds.
        """
        self._workspace = workspace
        self._dataset = dataset
        self._wait_s = wait_s
        self._graph: CodeGraph | None = None
        self._lock = threading.Lock()

    def ask(self, question: Callable[[CodeGraph], T]) -> T:
        """Ask the graph of the workspace as it is now; calls are answered one after the other.

        Raises:
            ToolError: The question is wrong; the message says how to mend it.
            RepoGymError: The store that was chosen can't be used.
            InfrastructureError: The sandbox or the graph's server is gone.
        """
        from graphdb import GraphError
        from graphdb.errors import StoreError
        from tools.graph_base import GraphNotReadyError, fork_base

        with self._lock:
            if self._graph is None:
                try:
                    self._graph = fork_base(self._workspace, self._dataset, self._wait_s)
                except GraphNotReadyError:
                    raise ToolError(
                        "The code graph of this repository is still being built: use other tools "
                        "for now, and ask again later."
                    ) from None
            try:
                self._graph.refresh()
                return question(self._graph)
            except StoreError as error:
                if self._graph.store.name == "neo4j":
                    raise InfrastructureError(f"The graph's server failed: {error}.") from error
                raise ToolError(f"{error}.") from error
            except GraphError as error:
                raise ToolError(f"{error}.") from error

    def fork(self, workspace: Workspace) -> GraphResource:
        """Return the twin for a fork of the workspace; it is made at its first question."""
        return GraphResource(workspace, self._dataset, self._wait_s)

    def close(self) -> None:
        """Give up the graph."""
        with self._lock:
            if self._graph is not None:
                self._graph.close()
                self._graph = None


def graph_of(ctx: ToolContext) -> GraphResource:
    """Return the episode's graph, made at its first use."""
    wait_s = ctx.limits.graph_s
    return ctx.resource(RESOURCE, lambda: GraphResource(ctx.workspace, ctx.task.id, wait_s))


def answer(ctx: ToolContext, question: Callable[[CodeGraph], str]) -> str:
    """Return the graph's answer to an everyday question, with what the asker should know.

    Raises:
        ToolError: The question is wrong.
    """

    def asked(graph: CodeGraph) -> str:
        return "\n".join([question(graph), *(f"note: {note}" for note in graph.notes)])

    return graph_of(ctx).ask(asked)
