"""The environment: one episode is one agent working on one task."""

from __future__ import annotations

import copy
import inspect
import itertools
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Self, get_args

import gymnasium
from gymnasium import spaces

from envs.calls import CallResult
from envs.infos import make_info
from envs.lease import BackendLease
from envs.limits import wrapped_limit
from envs.pending import PendingScores, Result, score_later
from envs.protocol import Budget, Outcome
from envs.replay import PlayedStep, Replay
from envs.rewards import Reward, compute_reward, get_reward
from envs.scoring import score_episode
from envs.spaces import ToolCalls, Unicode, fork_generator, fork_space, is_call
from envs.state import EpisodeSnapshot, EpisodeState, LastCall
from repos.environments.choosing import available
from repos.errors import InfrastructureError, InputError, refuse_unknown
from repos.prepare import prepare
from repos.sandbox.workspace import Workspace
from repos.scoring.score import Score
from repos.tasks.records import AssistLevel, PublicTask, Task, TaskSpec
from repos.tasks.suite import Suite, load_suite
from tools.registry import DEFAULT_TOOLS, KERNEL_TOOLS, ToolSet

MAX_TEXT = 1 << 20
MAX_STEPS = 10_000
TOO_LONG = f"A name or arguments longer than {MAX_TEXT} characters can't be a call: send less."


class RepoEnv(gymnasium.Env[dict[str, Any], dict[str, str]]):
    """An agent works on a repository with tools; hidden tests score its diff.

    Action: `{"name": str, "arguments": str}`, the arguments being raw JSON text. Observation:
    `text` (what the tool answered; at the start the problem), `tool` (its name), `error`
    (1 where the call could not be done) and `step`. The reward is 0.0 until the end.

    `info` has the same keys with the same types from the reset to the end, as vector
    environments need it: `task`, `step`, `end` ("" before the end, then "submitted", "steps",
    "time" or the reason given to `stop`), `infra_error` ("" where nothing failed) and parts of
    the score (`envs.infos`). The whole score is `env.unwrapped.score`.
    """

    metadata = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012 - Gymnasium's own form

    def __init__(
        self,
        suite: str = "swe-mini",
        *,
        task: str | None = None,
        environment: str = "",
        assist: AssistLevel = "none",
        sandbox: str = "auto",
        allow_unsafe: bool = False,
        tools: str | Sequence[str] | None = None,
        reward: str | Reward = "resolved",
        scoring: Literal["full", "async", "fast"] = "full",
        max_steps: int = 100,
        max_seconds: float | None = None,
        assist_seed: int = 0,
        privileged: bool = False,
        render_mode: str | None = None,
        **unknown: Any,
    ) -> None:
        """Make the environment; nothing is prepared or started before the first reset.

        Args:
            suite: As for `repos.tasks.suite.load_suite`.
            task: Id of the task; None draws one at each reset.
            environment: Id of the task's environment to play; "" takes the best one here.
            assist: "none" (the statement alone), "files" or "tests".
            sandbox: Name of the back end; "auto" picks an isolated one.
            allow_unsafe: Whether a back end without isolation may be used.
            tools: Names of the tools; None is the default set, "+package.module:function"
                adds to it.
            reward: Name, `package.module:function`, or a function of a `Score`.
            scoring: "full": the last step waits for the verdict. "async": it returns reward 0
                and `info["score_pending"]`, and `result` gives verdict and reward later.
                "fast", for training only: blind answers alone decide; the score says so.
            max_steps: Steps after which the diff is scored as it stands.
            max_seconds: Wall time of an episode, in seconds, after which the same happens.
            assist_seed: Chooses the failing tests that level "tests" shows.
            privileged: Whether `reference` and `apply_reference` work (oracle agents).
            render_mode: "ansi" or None.
            unknown: Takes any other argument, to refuse it in one sentence.

        Raises:
            InputError: A name or value that does not fit, in one sentence.
        """
        refuse_unknown("argument of make", unknown, OPTIONS)
        if assist not in get_args(AssistLevel):
            raise InputError(f"Unknown assist level {assist!r}: use none, files or tests.")
        if scoring not in SCORING:
            raise InputError(f"Unknown scoring {scoring!r}: use full, async or fast.")
        if not 1 <= max_steps <= MAX_STEPS:
            raise InputError(f"max_steps is {max_steps}; it must lie in 1..{MAX_STEPS}.")
        if max_seconds is not None and not max_seconds >= 0:
            raise InputError(f"max_seconds is {max_seconds}; it must be 0 or more.")
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise InputError(f"Unknown render mode {render_mode!r}: use 'ansi' or None.")
        self.suite: Suite = load_suite(suite)
        self.wanted = self.suite.spec(task).id if task is not None else None
        self.environment = environment
        self.assist: AssistLevel = assist
        self.assist_seed = assist_seed
        self.reward = get_reward(reward)
        self.scoring = scoring
        kernels = any(spec.runner == "kernel" for spec in self.suite.specs)
        usual = (*DEFAULT_TOOLS, *KERNEL_TOOLS) if kernels else DEFAULT_TOOLS
        self.toolset = ToolSet(tools if tools is not None else usual)
        self.max_steps = max_steps
        self.max_seconds = max_seconds
        self.privileged = privileged
        self.render_mode = render_mode
        self.action_space = ToolCalls(self.toolset.schemas, MAX_TEXT)
        self.observation_space = spaces.Dict(
            {
                "text": Unicode(MAX_TEXT),
                "tool": Unicode(256),
                "error": spaces.Discrete(2),
                "step": spaces.Discrete(MAX_STEPS + 1),
            }
        )
        self._lease = BackendLease(sandbox, allow_unsafe=allow_unsafe)
        self._pending = PendingScores()
        self._limit = max_steps
        self._state: EpisodeState | None = None

    # -- what an agent may use -------------------------------------------------------------

    @property
    def task(self) -> PublicTask:
        """The public part of the task at hand."""
        return self._episode().task.public

    @property
    def tools(self) -> list[dict[str, Any]]:
        """Schemas of the tools in OpenAI function form."""
        return self.toolset.schemas

    @property
    def budget(self) -> Budget:
        """What is left of this episode."""
        state = self._episode()
        left = None
        if self.max_seconds is not None:
            left = max(0.0, self.max_seconds - (time.monotonic() - state.started))
        return Budget(self._limit - state.step, left)

    @property
    def outcome(self) -> Outcome | None:
        """What the episode came to; None before its end."""
        return self._episode().outcome

    @property
    def score(self) -> Score | None:
        """The verdict; None before the end and where the infrastructure failed."""
        outcome = self._episode().outcome
        return outcome.score if outcome is not None else None

    def result(self, timeout_s: float | None = None) -> Result:
        """Wait for the oldest pending verdict and take it; see `envs.pending.PendingScores`."""
        return self._pending.result(timeout_s)

    def results(self) -> list[Result]:
        """Wait for all pending verdicts and take them."""
        return [self.result() for _ in range(len(self._pending))]

    @property
    def reference(self) -> bytes:
        """The reference patch.

        Raises:
            InputError: The environment was made without `privileged=True`.
        """
        if not self.privileged:
            raise InputError("The reference patch needs an environment with privileged=True.")
        return self._episode().task.hidden.reference

    def apply_reference(self) -> None:
        """Apply the reference patch to the workspace (needs `privileged=True`)."""
        self.state.workspace.apply(self.reference)

    def diff(self) -> bytes:
        """Return the agent's change so far, as scoring would take it."""
        return self._episode().diff()

    def played_step(self) -> PlayedStep:
        """Return the latest step with the files as they are after it, for `resume_from`."""
        return self._episode().played_step()

    def resume_from(self, steps: Iterable[PlayedStep]) -> None:
        """Answer the first steps, as long as the calls are equal, from an earlier play.

        Nothing runs for them; the files are put back before the first call that does.
        """
        self._episode().replay = Replay(steps)

    @property
    def resumed(self) -> str:
        """Where a replay went on: "turn", "start" (its steps ran again); "" without one."""
        return self._episode().resumed

    def stop(self, reason: str) -> None:
        """Make the next step end the episode with `info["end"]` = `reason`, whatever it does."""
        self._episode().stop_reason = reason

    def run_ahead(self, actions: Sequence[Mapping[str, str]]) -> int:
        """Run the read-only calls at the front of `actions` at the same time.

        The next steps take their results, so that they give what single steps would.

        Returns:
            How many ran; 0 where a step may as well run its call itself.
        """
        state = self._episode()
        if state.outcome is not None or state.stop_reason is not None or state.replay is not None:
            return 0
        fitting = [*itertools.takewhile(self.action_space.contains, actions)]
        return state.calls.run_ahead(fitting[: self.budget.steps])

    # -- Gymnasium -------------------------------------------------------------------------

    def prepare(self, task: str) -> None:
        """Prepare a task, which lasts, so that a reset to it starts at once.

        Raises:
            InputError: No such task, or none that is available here.
            InfrastructureError: The task can't be prepared.
        """
        self._prepared(self.suite.spec(task))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode.

        Args:
            seed: Seeds the choice of the task (where none was named).
            options: `{"task": id}` plays that task.

        Raises:
            InputError: No such task, or none that is available here.
            InfrastructureError: The task can't be prepared, or no sandbox starts.
        """
        refuse_unknown("reset option", options or {}, ("task",))
        super().reset(seed=seed)
        name = (options or {}).get("task", self.wanted)
        self._limit = min(self.max_steps, wrapped_limit(self))
        spec = self.suite.spec(name) if name is not None else self._draw()
        state = self._restarted(spec)
        if state is None:
            self._close_episode()
            state = self._begin(spec)
        self._state = state
        return self._observation(state), self._info(state)

    def step(
        self, action: dict[str, str]
    ) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Run one tool call; at a bound, or on `submit`, score the diff.

        Raises:
            gymnasium.error.ResetNeeded: The episode is over.
            gymnasium.error.InvalidAction: Not a dict of two strings.
            AgentError: A tool of one's own failed, or the reward function did; in the second
                case the episode is over and `outcome` holds its score.
        """
        if self._state is None or self._state.outcome is not None:
            raise gymnasium.error.ResetNeeded("The episode is over: call reset().")
        state = self._state
        if not is_call(action):
            raise gymnasium.error.InvalidAction(
                f'An action is {{"name": str, "arguments": str}}, got {action!r:.200}.'
            )
        state.step += 1
        if state.stop_reason is not None:
            end, truncated = state.stop_reason, True
            result = CallResult(f"Stopped: {end}.")
        elif (again := state.replayed(action)) is not None:
            result, end, truncated = again, None, False
        elif not self.action_space.contains(action):
            result = CallResult(TOO_LONG, ok=False)
            end, truncated = None, False
        else:
            result = state.calls.run(action)
            end, truncated = result.end, False
        if end is None and state.step >= self._limit:
            end, truncated = "steps", True
        if end is None and self.max_seconds is not None and self.budget.seconds == 0.0:
            end, truncated = "time", True
        state.last = LastCall(
            text=result.text[:MAX_TEXT],
            tool=action["name"][:256].encode("utf-8", "replace").decode(),
            arguments=action["arguments"],
            error=int(not result.ok),
        )
        reward = 0.0
        if end is not None:
            reward = self._finish(state, end, result.infra_error)
        done = end is not None
        terminated, truncated = done and not truncated, done and truncated
        return self._observation(state), reward, terminated, truncated, self._info(state)

    def render(self) -> str | None:
        """Return the last call and its answer as text (render mode "ansi")."""
        if self.render_mode != "ansi" or self._state is None:
            return None
        last = self._state.last
        call = f"> {last.tool} {last.arguments}\n" if last.tool else ""
        return f"[step {self._state.step}] {call}{last.text}"

    def close(self) -> None:
        """End every process and leave nothing behind."""
        self._close_episode()
        self._lease.close()
        super().close()

    # -- branching -------------------------------------------------------------------------

    def snapshot(self) -> EpisodeSnapshot:
        """Return the state of the whole episode, to come back to with `restore`."""
        return self._episode().snapshot(copy.deepcopy(self.np_random.bit_generator.state))

    def restore(self, moment: EpisodeSnapshot) -> None:
        """Go back to a moment of this episode; may be done any number of times."""
        self._episode().restore(moment)
        self.np_random.bit_generator.state = dict(copy.deepcopy(moment.rng))

    def fork(self) -> Self:
        """Return an environment that goes on from this state; `envs.fork` keeps wrappers too."""
        state = self._episode().fork()
        # The options are never changed, so that both may hold them; the rest is told here.
        twin = copy.copy(self)
        twin._state = state
        twin._lease = self._lease.share()
        twin._pending = PendingScores()
        twin._np_random = fork_generator(self.np_random)
        twin.action_space = fork_space(self.action_space)
        twin.observation_space = fork_space(self.observation_space)
        return twin

    # -- inside ----------------------------------------------------------------------------

    def _draw(self) -> TaskSpec:
        here = available(self.suite.specs, self.environment)
        if not here:
            raise InputError(
                f"No task of {self.suite.name} has an environment that is installed here: "
                "`repogym tasks prepare` says what is missing."
            )
        return here[int(self.np_random.integers(len(here)))]

    def _prepared(self, spec: TaskSpec) -> Task:
        return prepare(
            spec,
            suite=self.suite.name,
            assist=self.assist,
            seed=self.assist_seed,
            environment=self.environment,
        )

    def _begin(self, spec: TaskSpec) -> EpisodeState:
        task = self._prepared(spec)
        workspace = Workspace(self._lease.backend.create(task.layers, task.sandbox))
        return EpisodeState.begin(task, workspace, self.toolset, MAX_TEXT)

    def _finish(self, state: EpisodeState, end: str, infra_error: str | None) -> float:
        state.go_live()
        if infra_error is not None:
            state.outcome = Outcome(end, infra_error=infra_error)
        elif self.scoring == "async":
            state.outcome = score_later(state, end, self._lease, self.reward, self._pending)
            return 0.0
        else:
            fast = self.scoring == "fast"
            state.outcome = score_episode(state, end, self._lease.backend, fast=fast)
        score = state.outcome.score
        return compute_reward(self.reward, score) if score is not None else 0.0

    @property
    def state(self) -> EpisodeState:
        """The episode at hand, for wrappers that look into it."""
        state = self._episode()
        state.go_live()
        return state

    def _episode(self) -> EpisodeState:
        if self._state is None:
            raise gymnasium.error.ResetNeeded("No episode yet: call reset() first.")
        return self._state

    def _restarted(self, spec: TaskSpec) -> EpisodeState | None:
        """Begin the same task in the sandbox that is there; None where it is not, or is lost."""
        if self._state is None or self._state.task.spec != spec:
            return None
        try:
            return self._state.restart(MAX_TEXT)
        except InfrastructureError:
            return None

    def _close_episode(self) -> None:
        if self._state is not None:
            self._state.close()
            self._state = None

    @staticmethod
    def _observation(state: EpisodeState) -> dict[str, Any]:
        last = state.last
        return {"text": last.text, "tool": last.tool, "error": last.error, "step": state.step}

    @staticmethod
    def _info(state: EpisodeState) -> dict[str, Any]:
        return make_info(state.task.id, state.step, state.outcome)


SCORING = ("full", "async", "fast")
OPTIONS = tuple(
    name
    for name, parameter in inspect.signature(RepoEnv).parameters.items()
    if parameter.kind is not parameter.VAR_KEYWORD
)
"""Names of the arguments of `RepoEnv`, and so of `make`."""
