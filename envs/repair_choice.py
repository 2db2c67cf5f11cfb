"""Program repair in plain spaces: choose among candidate edits, each tried on the visible tests.

For trainers of plain reinforcement learning (Stable-Baselines3, RLlib, CleanRL): a step costs
one run of a few tests, and nothing at all where the same candidate was tried before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.infos import make_info
from envs.lease import BackendLease
from envs.protocol import Outcome as EpisodeOutcome
from envs.scoring import score_diff
from repos.cache import platform_key
from repos.environments.choosing import available
from repos.errors import InputError, refuse_unknown
from repos.prepare import prepare
from repos.runners.registry import get_runner
from repos.sandbox.workspace import Workspace
from repos.tasks.records import Task, TaskSpec
from repos.tasks.suite import load_suite
from tools.repair.candidates import Candidate
from tools.repair.choices import GENERATOR, choices
from tools.repair.features import FEATURES, STATE, candidate_features, state_features
from tools.repair.observing import Observation, observe
from tools.repair.store import TrialStore
from tools.repair.trying import Outcome, VisibleTests, try_candidate
from tools.trial_fork import TrialFork, make_edits

MAX_CANDIDATES = 8192
OPTIONS = (
    "suite tasks candidates tries assist_seed scoring sandbox allow_unsafe render_mode".split()
)


@dataclass(eq=False)
class Situation:
    """One task as the environment sees it.

    Attributes:
        task: The prepared task, at assist level `tests`.
        candidates: What may be chosen, the best first by hand-made weights.
        features: A row of `FEATURES` each.
        state: `STATE` at the start.
        tests: What candidates face.
        key: Digest of all that the outcome of a candidate depends on.
    """

    task: Task
    candidates: list[Candidate]
    features: NDArray[np.float32]
    state: NDArray[np.float32]
    tests: VisibleTests
    key: str


class RepairChoiceEnv(gymnasium.Env[dict[str, Any], np.int64]):
    """Chooses among candidate repairs of a task, `tries` times at most.

    Action: the number of a candidate, `Discrete(K)`. Observation: `candidates`, `Box(K, F)`,
    rows of zeros where there are fewer than K, and `state`, `Box(S)`; all numbers lie in [0, 1]
    (`tools.repair.features` names them). `action_masks()` and `info["action_mask"]` say which
    candidates are there and were not tried; any other action uses up a try and changes nothing.

    An episode is `terminated` when a candidate makes the visible failing tests pass; its reward
    is then 1 less the share of visible passing tests that it breaks, and 0 everywhere else.
    Hidden tests never decide the reward; with `scoring=True` the last step's info holds their
    verdict on the candidate that was found.
    """

    metadata = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012 - Gymnasium's own form

    def __init__(
        self,
        suite: str = "swe-mini",
        *,
        tasks: Sequence[str] | None = None,
        candidates: int = 64,
        tries: int = 5,
        assist_seed: int = 0,
        scoring: bool = False,
        sandbox: str = "auto",
        allow_unsafe: bool = False,
        render_mode: str | None = None,
        **unknown: Any,
    ) -> None:
        """Make the environment; nothing is prepared or started before the first reset.

        Args:
            suite: As for `repos.tasks.suite.load_suite`.
            tasks: Ids of the tasks to draw from; None is all of the suite.
            candidates: K, the length of the list of candidates.
            tries: Candidates that an episode may try.
            assist_seed: Chooses the failing tests that are visible.
            scoring: Whether the end of an episode is scored by the hidden tests.
            sandbox: Name of the back end; "auto" picks an isolated one.
            allow_unsafe: Whether a back end without isolation may be used.
            render_mode: "ansi" or None.
            unknown: Takes any other argument, to refuse it in one sentence.

        Raises:
            InputError: A name or value that does not fit, in one sentence.
        """
        refuse_unknown("argument of make", unknown, OPTIONS)
        if not 1 <= candidates <= MAX_CANDIDATES:
            raise InputError(f"candidates is {candidates}; it must lie in 1..{MAX_CANDIDATES}.")
        if tries < 1:
            raise InputError(f"tries is {tries}; it must be 1 or more.")
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise InputError(f"Unknown render mode {render_mode!r}: use 'ansi' or None.")
        loaded = load_suite(suite)
        self.suite = loaded.name
        wanted = [loaded.spec(task) for task in tasks] if tasks is not None else loaded.specs
        self.specs = [spec for spec in wanted if spec.runner in ("pytest", "unittest")]
        if not self.specs:
            raise InputError(f"{suite} has no task with Python tests to choose repairs for.")
        self.count = candidates
        self.tries = tries
        self.assist_seed = assist_seed
        self.scoring = scoring
        self.render_mode = render_mode
        self.action_space = spaces.Discrete(candidates)
        self.observation_space = spaces.Dict(
            {
                "candidates": spaces.Box(0.0, 1.0, (candidates, len(FEATURES)), np.float32),
                "state": spaces.Box(0.0, 1.0, (len(STATE),), np.float32),
            }
        )
        self.skipped: set[str] = set()
        """Tasks that were drawn and have no candidate."""
        self.executions = {"run": 0, "cached": 0}
        """How many candidates were run, and how many were looked up."""
        self._lease = BackendLease(sandbox, allow_unsafe=allow_unsafe)
        self._situations: dict[str, Situation | None] = {}
        self._now: Situation | None = None
        self._fork: TrialFork | None = None
        self._tried: dict[int, Outcome] = {}
        self._steps = 0
        self._found: int | None = None
        self._outcome: EpisodeOutcome | None = None

    @cached_property
    def store(self) -> TrialStore:
        """Where outcomes are kept."""
        return TrialStore()

    @property
    def cached_share(self) -> float:
        """The share of candidates whose outcome was looked up; 0.0 before the first one."""
        return self.executions["cached"] / max(1, sum(self.executions.values()))

    @property
    def situation(self) -> Situation:
        """The task at hand with its candidates."""
        if self._now is None:
            raise gymnasium.error.ResetNeeded("No episode yet: call reset() first.")
        return self._now

    # -- Gymnasium -------------------------------------------------------------------------

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode.

        Args:
            seed: Seeds the choice of the task.
            options: `{"task": id}` plays that task.

        Raises:
            InputError: No such task, or none that has a candidate.
            InfrastructureError: The task can't be prepared, or no sandbox starts.
        """
        refuse_unknown("reset option", options or {}, ("task",))
        super().reset(seed=seed)
        name = (options or {}).get("task")
        found = self._named(name) if name is not None else self._draw()
        if found is not self._now:
            self._close_fork()
        self._now = found
        self._tried, self._steps, self._found, self._outcome = {}, 0, None, None
        return self._observation(), self._info()

    def step(
        self, action: np.int64 | int
    ) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Try a candidate.

        Raises:
            gymnasium.error.ResetNeeded: The episode is over.
            gymnasium.error.InvalidAction: No number of a candidate.
            InfrastructureError: The sandbox failed.
        """
        situation = self.situation
        if self._outcome is not None:
            raise gymnasium.error.ResetNeeded("The episode is over: call reset().")
        if not self.action_space.contains(action):
            raise gymnasium.error.InvalidAction(f"An action lies in 0..{self.count - 1}.")
        number, reward = int(action), 0.0
        self._steps += 1
        if self.action_masks()[number]:
            outcome = self.outcome_of(situation, number)
            self._tried[number] = outcome
            reward = outcome.reward
            self._found = number if outcome.solved else None
        terminated = self._found is not None
        truncated = not terminated and self._steps >= self.tries
        if terminated or truncated:
            self._outcome = self._ended("found" if terminated else "tries")
        return self._observation(), reward, terminated, truncated, self._info()

    def action_masks(self) -> NDArray[np.bool_]:
        """Return which candidates are there and were not tried."""
        mask = np.zeros(self.count, dtype=np.bool_)
        mask[: len(self.situation.candidates)] = True
        mask[list(self._tried)] = False
        return mask

    def render(self) -> str | None:
        """Return what was tried, as text (render mode "ansi")."""
        if self.render_mode != "ansi" or self._now is None:
            return None
        lines = [f"{self._now.task.id}: {len(self._now.candidates)} candidates"]
        for number, outcome in self._tried.items():
            one = self._now.candidates[number]
            fixed = f"{outcome.fixed} of {outcome.failing} fixed, {outcome.broken} broken"
            lines.append(f"{number} {one.place} {one.proposal.note}: {fixed}")
        return "\n".join(lines)

    def close(self) -> None:
        """End every process."""
        self._close_fork()
        self._lease.close()
        super().close()

    # -- for figures and other policies ----------------------------------------------------

    def situation_of(self, task: str) -> Situation | None:
        """Return a task with its candidates; None where it has none."""
        if task not in self._situations:
            spec = next((one for one in self.specs if one.id == task), None)
            if spec is None:
                raise InputError(f"{task!r} is no task of this environment.")
            self._situations[task] = self._observed(spec)
        return self._situations[task]

    def outcome_of(self, situation: Situation, number: int) -> Outcome:
        """Return what becomes of a candidate on the visible tests: run once, then looked up.

        Raises:
            InfrastructureError: The sandbox failed.
        """
        candidate = situation.candidates[number]
        key = f"{situation.key}-{candidate.key}"
        kept = self.store.get(key)
        self.executions["cached" if kept is not None else "run"] += 1
        if kept is not None:
            return Outcome.model_validate_json(kept)
        if situation is not self._now or self._fork is None:
            self._close_fork()
            with self._workspace(situation.task) as workspace:
                runner = get_runner(situation.task.public.runner)
                self._fork = TrialFork(workspace, runner)
            self._now = situation
        outcome = try_candidate(self._fork, candidate.snippets, situation.tests)
        self.store.put(key, outcome.to_json(1 << 20))
        return outcome

    def score_of(self, situation: Situation, number: int, end: str = "found") -> EpisodeOutcome:
        """Score a candidate by the hidden tests; an infrastructure failure has no score."""
        with self._workspace(situation.task) as workspace:
            make_edits(workspace, situation.candidates[number].snippets, {})
            diff = workspace.diff()
        return score_diff(situation.task, diff, end, self._lease.backend)

    # -- inside ----------------------------------------------------------------------------

    def _named(self, name: str) -> Situation:
        found = self.situation_of(name)
        if found is None:
            raise InputError(f"{name} has no candidate repair: play another task.")
        return found

    def _draw(self) -> Situation:
        """Return a task that has candidates; those without are skipped and counted."""
        left = [spec.id for spec in available(self.specs)]
        while left:
            name = left.pop(int(self.np_random.integers(len(left))))
            found = self.situation_of(name)
            if found is not None:
                return found
            self.skipped.add(name)
        raise InputError(f"No task of {self.suite} that is available here has a candidate repair.")

    def _observed(self, spec: TaskSpec) -> Situation | None:
        task = prepare(spec, suite=self.suite, assist="tests", seed=self.assist_seed)
        key = self._key(task)
        kept = self.store.get(key)
        if kept is None:
            with self._workspace(task) as workspace:
                runner = get_runner(task.public.runner)
                public = task.public
                seen = observe(workspace, runner, public.statement, public.visible_tests)
            self.store.put(key, seen.model_dump_json())
        else:
            seen = Observation.model_validate_json(kept)
        evidence = seen.evidence()
        found = choices(evidence, self.count)
        if not found:
            return None
        rows = np.zeros((self.count, len(FEATURES)), dtype=np.float32)
        rows[: len(found)] = candidate_features(
            evidence, [(one.score, one.proposal) for one in found]
        )
        state = state_features(evidence, len(found) / self.count)
        return Situation(task, found, rows, state, VisibleTests.of(evidence), key)

    def _key(self, task: Task) -> str:
        """Return a digest of all that the outcome of a candidate depends on."""
        facts = [
            GENERATOR,
            task.spec.digest(),
            task.public.environment,
            sorted(task.public.visible_tests),
            self._lease.backend.name,
            repr(task.sandbox),
            platform_key(),
        ]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]

    def _workspace(self, task: Task) -> Workspace:
        return Workspace(self._lease.backend.create(task.layers, task.sandbox))

    def _close_fork(self) -> None:
        if self._fork is not None:
            self._fork.close()
            self._fork = None

    def _ended(self, end: str) -> EpisodeOutcome:
        if not self.scoring:
            return EpisodeOutcome(end)
        if self._found is None:
            return score_diff(self.situation.task, b"", end, self._lease.backend)
        return self.score_of(self.situation, self._found, end)

    def _observation(self) -> dict[str, Any]:
        state = self.situation.state.copy()
        state[STATE.index("tried")] = min(1.0, self._steps / self.tries)
        return {"candidates": self.situation.features.copy(), "state": state}

    def _info(self) -> dict[str, Any]:
        return {
            **make_info(self.situation.task.id, self._steps, self._outcome),
            "action_mask": self.action_masks().astype(np.int8),
        }
