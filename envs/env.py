"""The environment: one episode is one agent working on one task."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import gymnasium
import numpy as np
from gymnasium import spaces

from envs.initial_prompt import opening
from envs.lease import BackendLease
from envs.rewards import Reward, get_reward, rewarded
from envs.spaces import ToolCalls, Unicode
from repos.errors import InfrastructureError, RepoGymError
from repos.prepare import prepare
from repos.runners.registry import get_runner
from repos.sandbox.protocol import Backend, Snapshot
from repos.sandbox.select import get_backend
from repos.sandbox.workspace import PatchError, Workspace
from repos.scoring.score import Score, score_with_retries, unapplied_score
from repos.tasks.records import AssistLevel, PublicTask, Task
from repos.tasks.suite import Suite, load_suite
from tools.context import ToolContext
from tools.registry import DEFAULT_TOOLS, ToolSet
from tools.result import Submitted

MAX_TEXT = 1 << 20
MAX_STEPS = 10_000


@dataclass(frozen=True)
class Budget:
    """What is left of an episode: steps, and seconds (None is without bound)."""

    steps: int
    seconds: float | None


@dataclass(frozen=True)
class EpisodeState:
    """A state of an episode to go back to; made by `RepoEnv.snapshot`."""

    files: Snapshot
    context: ToolContext
    step: int
    ended: str | None
    last: dict[str, Any]
    rng: Mapping[str, Any]


class RepoEnv(gymnasium.Env[dict[str, Any], dict[str, str]]):
    """An agent works on a repository with tools; hidden tests score its diff.

    Action: `{"name": str, "arguments": str}`, the arguments being raw JSON text. Observation:
    `text` (what the tool answered; at the start the problem), `tool` (its name), `error`
    (1 where the call could not be done) and `step`. The reward is 0.0 until the end.

    `info` holds `task`, `step`, `end` (None, "submitted", "steps", "time" or the reason given
    to `stop`), `score` (a dict, None before the end or without a verdict) and `infra_error`.
    """

    metadata = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012 - Gymnasium's own form

    def __init__(
        self,
        suite: str = "swe-mini",
        *,
        task: str | None = None,
        assist: AssistLevel = "none",
        sandbox: str = "auto",
        allow_unsafe: bool = False,
        tools: Sequence[str] | None = None,
        reward: str | Reward = "resolved",
        max_steps: int = 100,
        max_seconds: float | None = None,
        assist_seed: int = 0,
        privileged: bool = False,
        render_mode: str | None = None,
    ) -> None:
        """Make the environment; nothing is prepared or started before the first reset.

        Args:
            suite: Name of a suite, or a manifest's path.
            task: Id of the task; None draws one at each reset.
            assist: "none" (the statement alone), "files" or "tests".
            sandbox: Name of the back end; "auto" picks an isolated one.
            allow_unsafe: Whether a back end without isolation may be used.
            tools: Names of the tools; None is the default set.
            reward: Name, `package.module:function`, or a function of a `Score`.
            max_steps: Steps after which the diff is scored as it stands.
            max_seconds: Wall time of an episode, in seconds, after which the same happens.
            assist_seed: Chooses the failing tests that level "tests" shows.
            privileged: Whether `reference` and `apply_reference` work (oracle agents).
            render_mode: "ansi" or None.

        Raises:
            RepoGymError: A name or value that does not fit, in one sentence.
        """
        if assist not in ("none", "files", "tests"):
            raise RepoGymError(f"Unknown assist level {assist!r}: use none, files or tests.")
        if not 1 <= max_steps <= MAX_STEPS:
            raise RepoGymError(f"max_steps is {max_steps}; it must lie in 1..{MAX_STEPS}.")
        if max_seconds is not None and not max_seconds >= 0:
            raise RepoGymError(f"max_seconds is {max_seconds}; it must be 0 or more.")
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise RepoGymError(f"Unknown render mode {render_mode!r}: use 'ansi' or None.")
        self.suite: Suite = load_suite(suite)
        self.wanted = self.suite.spec(task).id if task is not None else None
        self.assist: AssistLevel = assist
        self.assist_seed = assist_seed
        self.reward = get_reward(reward)
        self.toolset = ToolSet(tools if tools is not None else DEFAULT_TOOLS)
        self.max_steps = max_steps
        self.max_seconds = max_seconds
        self.privileged = privileged
        self.render_mode = render_mode
        self._backend_name, self._allow_unsafe = sandbox, allow_unsafe
        self._lease: BackendLease | None = None
        self._task: Task | None = None
        self._workspace: Workspace | None = None
        self._context: ToolContext | None = None
        self._step, self._started, self._ended = 0, 0.0, None
        self._stop_reason: str | None = None
        self._last: dict[str, Any] = {}
        self.action_space = ToolCalls(self.toolset.schemas, MAX_TEXT)
        self.observation_space = spaces.Dict(
            {
                "text": Unicode(MAX_TEXT),
                "tool": Unicode(256),
                "error": spaces.Discrete(2),
                "step": spaces.Discrete(MAX_STEPS + 1),
            }
        )

    # -- what an agent may use -------------------------------------------------------------

    @property
    def task(self) -> PublicTask:
        """The public part of the task at hand."""
        return self._loaded().public

    @property
    def tools(self) -> list[dict[str, Any]]:
        """Schemas of the tools in OpenAI function form."""
        return self.toolset.schemas

    @property
    def budget(self) -> Budget:
        """What is left of this episode."""
        left = None
        if self.max_seconds is not None:
            left = max(0.0, self.max_seconds - (time.monotonic() - self._started))
        return Budget(self.max_steps - self._step, left)

    @property
    def reference(self) -> bytes:
        """The reference patch.

        Raises:
            RepoGymError: The environment was made without `privileged=True`.
        """
        if not self.privileged:
            raise RepoGymError("The reference patch needs an environment with privileged=True.")
        return self._loaded().hidden.reference

    def apply_reference(self) -> None:
        """Apply the reference patch to the workspace (needs `privileged=True`)."""
        self._opened().apply(self.reference)

    def diff(self) -> bytes:
        """Return the agent's change so far, as scoring would take it."""
        return self._opened().diff()

    def stop(self, reason: str) -> None:
        """Make the next step end the episode with `info["end"]` = `reason`, whatever it does."""
        self._stop_reason = reason

    # -- Gymnasium -------------------------------------------------------------------------

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode.

        Args:
            seed: Seeds the choice of the task (where none was named).
            options: `{"task": id}` plays that task.

        Raises:
            RepoGymError: No such task, or none that is available here.
            InfrastructureError: The task can't be prepared, or no sandbox starts.
        """
        super().reset(seed=seed)
        name = (options or {}).get("task", self.wanted)
        spec = self.suite.spec(name) if name is not None else self._draw()
        if self._task is not None and self._task.spec == spec and self._workspace is not None:
            if self._context is not None:
                self._context.close()
            self._workspace.reset()
        else:
            self._close_workspace()
            self._task = prepare(
                spec, suite=self.suite.name, assist=self.assist, seed=self.assist_seed
            )
            sandbox = self._start().create(self._task.layers, self._task.sandbox)
            self._workspace = Workspace(sandbox)
        self._context = ToolContext(
            self._workspace, self._task.public, get_runner(self._task.public.runner)
        )
        self._step, self._ended, self._stop_reason = 0, None, None
        self._started = time.monotonic()
        self._last = {
            "tool": "",
            "arguments": "",
            "text": opening(self._task.public)[:MAX_TEXT],
            "error": 0,
        }
        return self._observation(), self._info(None, None)

    def step(
        self, action: dict[str, str]
    ) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Run one tool call; at a bound, or on `submit`, score the diff.

        Raises:
            gymnasium.error.ResetNeeded: The episode is over.
            gymnasium.error.InvalidAction: Not a dict of two strings.
            RewardError: The reward function failed.
        """
        if self._context is None or self._ended is not None:
            raise gymnasium.error.ResetNeeded("The episode is over: call reset().")
        if not self.action_space.contains(action):
            raise gymnasium.error.InvalidAction(
                f'An action is {{"name": str, "arguments": str}}, got {action!r:.200}.'
            )
        self._step += 1
        end, truncated, infra = None, False, None
        text, ok = "", True
        if self._stop_reason is not None:
            end, truncated, text = self._stop_reason, True, f"Stopped: {self._stop_reason}."
        else:
            try:
                result = self.toolset.call(self._context, action["name"], action["arguments"])
                text, ok = result.text, result.ok
            except Submitted:
                end, text = "submitted", "Submitted."
            except InfrastructureError as error:
                end, text, infra = "infrastructure", "The sandbox failed.", str(error)
        if end is None and self._step >= self.max_steps:
            end, truncated = "steps", True
        if end is None and self.max_seconds is not None and self.budget.seconds == 0.0:
            end, truncated = "time", True
        name = action["name"][:256]
        self._last = {
            "tool": name,
            "arguments": action["arguments"],
            "text": text[:MAX_TEXT],
            "error": int(not ok),
        }
        if end is None:
            return self._observation(), 0.0, False, False, self._info(None, None)
        self._ended = end
        score: Score | None = None
        if infra is None:
            try:
                score, self.scoring_log = self._score()
            except InfrastructureError as error:
                infra = str(error)
        reward = rewarded(self.reward, score) if score is not None else 0.0
        return self._observation(), reward, not truncated, truncated, self._info(score, infra)

    def render(self) -> str | None:
        """Return the last call and its answer as text (render mode "ansi")."""
        if self.render_mode != "ansi":
            return None
        last = self._last
        call = f"> {last['tool']} {last['arguments']}\n" if last.get("tool") else ""
        return f"[step {self._step}] {call}{last.get('text', '')}"

    def close(self) -> None:
        """End every process and leave nothing behind."""
        self._close_workspace()
        if self._lease is not None:
            self._lease.close()
            self._lease = None
        super().close()

    # -- branching -------------------------------------------------------------------------

    def snapshot(self) -> EpisodeState:
        """Return the state of the whole episode, to come back to with `restore`."""
        workspace, context = self._opened(), self._context
        assert context is not None
        return EpisodeState(
            files=workspace.snapshot(),
            context=context.fork(workspace),
            step=self._step,
            ended=self._ended,
            last=dict(self._last),
            rng=copy.deepcopy(self.np_random.bit_generator.state),
        )

    def restore(self, state: EpisodeState) -> None:
        """Go back to a state of this episode; may be done any number of times."""
        workspace = self._opened()
        workspace.restore(state.files)
        if self._context is not None:
            self._context.close()
        self._context = state.context.fork(workspace)
        self._step, self._ended, self._last = state.step, state.ended, dict(state.last)
        self._stop_reason = None
        self.np_random.bit_generator.state = dict(copy.deepcopy(state.rng))

    def fork(self) -> Self:
        """Return an environment that goes on from this state; `envs.fork` keeps wrappers too."""
        workspace, context = self._opened(), self._context
        assert context is not None
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin._workspace = workspace.fork()
        twin._context = context.fork(twin._workspace)
        twin._lease = self._lease.share() if self._lease is not None else None
        twin._last = dict(self._last)
        twin._np_random = copy.deepcopy(self.np_random)
        twin.action_space = copy.deepcopy(self.action_space)
        twin.observation_space = copy.deepcopy(self.observation_space)
        return twin

    # -- inside ----------------------------------------------------------------------------

    scoring_log: str = ""
    _np_random: np.random.Generator | None

    def _start(self) -> Backend:
        if self._lease is None:
            backend = get_backend(self._backend_name, allow_unsafe=self._allow_unsafe)
            self._lease = BackendLease(backend)
        return self._lease.backend

    def _score(self) -> tuple[Score, str]:
        try:
            diff = self.diff()
        except PatchError as error:
            return unapplied_score(self._loaded()), str(error)
        return score_with_retries(self._loaded(), diff, backend=self._start())

    def _draw(self):
        from repos.environments import minor_version

        here = self.suite.available(minor_version())
        if not here:
            raise RepoGymError(f"No task of {self.suite.name} is available on this Python.")
        return here[int(self.np_random.integers(len(here)))]

    def _loaded(self) -> Task:
        if self._task is None:
            raise gymnasium.error.ResetNeeded("No task yet: call reset() first.")
        return self._task

    def _opened(self) -> Workspace:
        if self._workspace is None:
            raise gymnasium.error.ResetNeeded("No workspace yet: call reset() first.")
        return self._workspace

    def _close_workspace(self) -> None:
        if self._context is not None:
            self._context.close()
            self._context = None
        if self._workspace is not None:
            self._workspace.close()
            self._workspace = None

    def _observation(self) -> dict[str, Any]:
        last = self._last
        return {
            "text": last["text"],
            "tool": last["tool"],
            "error": last["error"],
            "step": self._step,
        }

    def _info(self, score: Score | None, infra: str | None) -> dict[str, Any]:
        return {
            "task": self._loaded().id,
            "step": self._step,
            "end": self._ended,
            "score": score.model_dump(mode="json") if score is not None else None,
            "infra_error": infra,
        }
