"""All that belongs to one episode, and the copies of it: forks and snapshots."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from envs.calls import CallResult, CallRunner
from envs.checkpoint import Checkpoint, Keeper, put_back
from envs.initial_prompt import initial_prompt
from envs.protocol import Outcome
from envs.replay import PlayedStep, Replay
from repos.runners.registry import get_runner
from repos.sandbox.protocol import Snapshot
from repos.sandbox.workspace import Workspace
from repos.tasks.records import Task
from tools.context import ToolContext
from tools.history import history
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
        replay: Steps of an earlier play that are answered without running them; None where
            everything runs.
        reused: Whether the latest step was answered from an earlier play.
        resumed: What the files came from after a replay: "turn" (put back as its last step left
            them), "start" (its steps ran again); "" without one.
    """

    task: Task
    workspace: Workspace
    calls: CallRunner
    last: LastCall
    started: float = dataclasses.field(default_factory=time.monotonic)
    step: int = 0
    stop_reason: str | None = None
    outcome: Outcome | None = None
    replay: Replay | None = None
    reused: bool = False
    resumed: Literal["", "turn", "start"] = ""
    keeper: Keeper = dataclasses.field(default_factory=Keeper)

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

    def replayed(self, action: Mapping[str, str]) -> CallResult | None:
        """Return what an earlier play got for the same call; None where the call has to run."""
        step = self.replay.take(action) if self.replay is not None else None
        self.reused = step is not None
        if self.replay is None or step is None:
            self.go_live()
            return None
        self.started = time.monotonic() - step.elapsed
        if self.replay.over:
            self.go_live()
        return CallResult(step.text, ok=not step.error)

    def go_live(self) -> None:
        """End a replay: bring the workspace to where its last step left it.

        Raises:
            InfrastructureError: The sandbox failed.
            AgentError: A tool of one's own failed, where the steps had to run again.
        """
        replay, self.replay = self.replay, None
        if replay is None or replay.last is None:
            return
        begun = time.monotonic()
        undo = put_back(self.workspace, replay.last.after)
        if undo is not None:
            self.resumed = "turn"
            self.calls.context.resource("history", lambda: undo)
        else:
            self.resumed = "start"
            self.workspace.reset()
            for step in replay.given:
                self.calls.run({"name": step.name, "arguments": step.arguments})
        self.started += time.monotonic() - begun  # the earlier play has spent it already

    def played_step(self) -> PlayedStep:
        """Return the latest step with the files as they are after it, for a later play.

        Raises:
            InfrastructureError: The sandbox failed.
        """
        last, begun = self.last, time.monotonic()
        elapsed = begun - self.started
        if self.replay is not None:
            after = self._replayed_files(self.replay)
        else:
            after = self.keeper.checkpoint(self.workspace, history(self.calls.context).changes)
        self.started += time.monotonic() - begun  # the agent's time goes on without it
        return PlayedStep(
            name=last.tool,
            arguments=last.arguments,
            text=last.text,
            error=last.error,
            elapsed=elapsed,
            after=after,
            reused=self.reused,
        )

    def diff(self) -> bytes:
        """Return the agent's change so far, as scoring would take it."""
        if self.replay is not None:
            files = self._replayed_files(self.replay)
            if not files.missing:
                return files.diff.encode("utf-8")
        self.go_live()
        return self.workspace.diff()

    @staticmethod
    def _replayed_files(replay: Replay) -> Checkpoint:
        return replay.last.after if replay.last is not None else Checkpoint()

    def fork(self) -> EpisodeState:
        """Return an independent episode that goes on from this one, in a workspace of its own."""
        self.go_live()
        workspace = self.workspace.fork()
        # What is not named here is immutable, so both may hold it.
        return dataclasses.replace(
            self, workspace=workspace, calls=self._calls_in(workspace), keeper=Keeper()
        )

    def snapshot(self, rng: Mapping[str, Any]) -> EpisodeSnapshot:
        """Return this moment, with the state of the environment's random generator."""
        self.go_live()
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
        self.replay = None
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
