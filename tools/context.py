"""What a tool works with: the workspace, the task, the runner, bounds and named resources."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self, TypeVar, cast

if TYPE_CHECKING:
    from repos.runners.protocol import Runner
    from repos.sandbox.workspace import Workspace
    from repos.tasks.records import PublicTask


@dataclass(frozen=True)
class Limits:
    """Bounds of single tool calls.

    Attributes:
        max_chars: Characters of an observation; the middle of a longer one is left out.
        view_lines: Lines that `view` shows at once.
        command_s: Longest time-out that `bash` accepts, in seconds.
        tests_s: Longest time-out of one test run, in seconds.
        try_edits_s: Wall time of one `try_edits`, in seconds.
        candidates: Candidates that one `try_edits` accepts.
        parallel: Test runs of `try_edits` at the same time.
        graph_s: How long a question waits for the graph of the base to be built, in seconds.
    """

    max_chars: int = 30_000
    view_lines: int = 500
    command_s: float = 600.0
    tests_s: float = 600.0
    try_edits_s: float = 1_800.0
    candidates: int = 400
    parallel: int = 2
    graph_s: float = 120.0


class Resource(Protocol):
    """State that tools keep between calls (undo stack, language server, code graph)."""

    def fork(self, workspace: Workspace) -> Self:
        """Return an independent twin for a fork of the workspace.

        Processes are not forked: the twin starts its own when it is first used.
        """
        ...

    def close(self) -> None:
        """Free what it holds; may be called twice."""
        ...


R = TypeVar("R", bound=Resource)


class ToolContext:
    """Everything that a tool may use.

    Attributes:
        workspace: The repository in its sandbox.
        task: What the agent may see of the task.
        runner: Runs the task's tests.
        limits: Bounds of single calls.
    """

    def __init__(
        self,
        workspace: Workspace,
        task: PublicTask,
        runner: Runner,
        limits: Limits | None = None,
    ) -> None:
        self.workspace = workspace
        self.task = task
        self.runner = runner
        self.limits = limits or Limits()
        self._resources: dict[str, Resource] = {}
        self._lock = threading.RLock()

    def resource(self, name: str, make: Callable[[], R]) -> R:
        """Return the resource of that name, made at its first use; any thread may call.

        Args:
            name: Its name, the same wherever it is used.
            make: Makes it; called at most once for each context and its forks.
        """
        with self._lock:
            if name not in self._resources:
                self._resources[name] = make()
            return cast(R, self._resources[name])

    def fork(self, workspace: Workspace) -> ToolContext:
        """Return the context of a forked workspace, with twins of all resources.

        Args:
            workspace: A fork of this context's workspace.
        """
        twin = ToolContext(workspace, self.task, self.runner, self.limits)
        with self._lock:
            for name, resource in self._resources.items():
                twin._resources[name] = resource.fork(workspace)
        return twin

    def close(self) -> None:
        """Close all resources; the workspace stays open, its maker closes it."""
        with self._lock:
            resources = list(self._resources.values())
            self._resources.clear()
        for resource in resources:
            resource.close()
