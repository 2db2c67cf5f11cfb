"""All that belongs to one episode, and the copies of it: forks and snapshots."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from envs.calls import CallRunner
from envs.initial_prompt import initial_prompt
from envs.protocol import Outcome
from repos.runners.registry import get_runner
from repos.sandbox.protocol import Snapshot
from repos.sandbox.workspace import Workspace
from repos.tasks.records import Task
from tools.context import ToolContext
from tools.registry import ToolSet


@dataclass(frozen=True)
class LastCall:
    """The latest tool call and what it answered; before the first one, the problem."""

    text: str
    tool: str = ""
    arguments: str = ""
    error: int = 0


@dataclass(frozen=True)
class EpisodeSnapshot:
    """A moment of an episode to go back to; made by `RepoEnv.snapshot`."""

    files: Snapshot
    context: ToolContext
    step: int
    last: LastCall
    outcome: Outcome | None
    rng: Mapping[str, Any]


@dataclass
class EpisodeState:
    """One episode of an environment.

    Attributes:
        task: What is played.
        workspace: The repository in its sandbox; closed with the state.
        calls: Runs the tool calls, with the tools' own resources.
        last: The latest call.
        started: When it began, on the monotonic clock.
        step: Steps so far.
        stop_reason: Why the next step ends the episode, whatever it does; None lets it go on.
        outcome: What it came to; None before its end.
    """

    task: Task
    workspace: Workspace
    calls: CallRunner
    last: LastCall
    started: float = dataclasses.field(default_factory=time.monotonic)
    step: int = 0
    stop_reason: str | None = None
    outcome: Outcome | None = None

    @classmethod
    def begin(
        cls, task: Task, workspace: Workspace, toolset: ToolSet, max_text: int
    ) -> EpisodeState:
        """Return the start of an episode in a fresh workspace."""
        context = ToolContext(workspace, task.public, get_runner(task.public.runner))
        prompt = initial_prompt(task.public, toolset.tools)[:max_text]
        return cls(task, workspace, CallRunner(toolset, context), LastCall(prompt))

    def restart(self, max_text: int) -> EpisodeState:
        """Return a new episode of the same task in the same workspace, its changes undone."""
        self.calls.context.close()
        self.workspace.reset()
        return self.begin(self.task, self.workspace, self.calls.toolset, max_text)

    def fork(self) -> EpisodeState:
        """Return an independent episode that goes on from this one, in a workspace of its own."""
        workspace = self.workspace.fork()
        # What is not named here is immutable, so both may hold it.
        return dataclasses.replace(self, workspace=workspace, calls=self._calls_in(workspace))

    def snapshot(self, rng: Mapping[str, Any]) -> EpisodeSnapshot:
        """Return this moment, with the state of the environment's random generator."""
        return EpisodeSnapshot(
            files=self.workspace.snapshot(),
            context=self.calls.context.fork(self.workspace),
            step=self.step,
            last=self.last,
            outcome=self.outcome,
            rng=rng,
        )

    def restore(self, moment: EpisodeSnapshot) -> None:
        """Go back to a moment of this episode; may be done any number of times."""
        self.workspace.restore(moment.files)
        self.calls.context.close()
        self.calls = CallRunner(self.calls.toolset, moment.context.fork(self.workspace))
        self.step, self.last, self.outcome = moment.step, moment.last, moment.outcome
        self.stop_reason = None

    def visible_share(self, timeout_s: float) -> float:
        """Return which share of the visible failing tests passes now; they run in a fork.

        Args:
            timeout_s: Time for all of them; those without a result do not pass.
        """
        wanted = self.task.public.visible_tests
        if not wanted:
            return 0.0
        runner = get_runner(self.task.public.runner)
        with self.workspace.fork() as fork:
            outcomes = runner.run(fork, wanted, timeout_s=timeout_s).outcomes
        passed = sum(t in outcomes and outcomes[t].status == "passed" for t in wanted)
        return passed / len(wanted)

    def close(self) -> None:
        """End every process and leave nothing behind."""
        self.calls.context.close()
        self.workspace.close()

    def _calls_in(self, workspace: Workspace) -> CallRunner:
        return CallRunner(self.calls.toolset, self.calls.context.fork(workspace))
