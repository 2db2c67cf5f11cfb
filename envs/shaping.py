"""Rewards on the way: potentials from visible tests, and prices of steps, as Gymnasium wrappers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium

from repos.errors import InputError

Potential = Callable[[gymnasium.Env], float]
"""A number for the present state of an environment; the same for equal states."""

SECONDS = 120.0
"""Time for the visible tests; those that have no result by then do not pass."""


def shaped(
    rewards: Sequence[float], potentials: Sequence[float], gamma: float = 1.0
) -> list[float]:
    """Return rewards with potential-based shaping, which keeps the order of all policies.

    To the reward of step t comes gamma * potential(t + 1) - potential(t) (A. Ng, D. Harada,
    S. Russell, "Policy Invariance Under Reward Transformations", ICML 1999). The potential of an
    end counts as 0: otherwise a policy could be paid for where it stops.

    Args:
        rewards: One a step.
        potentials: Of the states before each step, so as many as rewards.
        gamma: The discount that returns are computed with.
    """
    after = [*potentials[1:], 0.0]
    pairs = zip(rewards, potentials, after, strict=True)
    return [reward + gamma * then - now for reward, now, then in pairs]


def visible_share(env: gymnasium.Env) -> float:
    """Return which share of the visible failing tests passes now, from 0 to 1.

    They run in a fork: the agent's workspace stays as it is. 0 where none is visible.
    """
    return env.unwrapped.state.visible_share(SECONDS)  # type: ignore[attr-defined]


class PotentialReward(gymnasium.Wrapper):
    """Adds the change of a potential to each reward; see `shaped`.

    The sum of an episode's rewards differs from the unshaped one by the potential of its first
    state alone (with gamma 1), whatever the agent did. The potential is computed again only
    where files changed.
    """

    def __init__(
        self, env: gymnasium.Env, *, gamma: float = 1.0, potential: Potential = visible_share
    ) -> None:
        """Wrap an environment.

        Args:
            env: One of RepoGym's; at assist level `tests` for the potential from visible tests.
            gamma: The discount that the trainer computes returns with.
            potential: Of a state; looks at the environment and changes nothing.

        Raises:
            InputError: gamma does not lie in 0..1.
        """
        super().__init__(env)
        if not 0.0 <= gamma <= 1.0:
            raise InputError(f"gamma is {gamma}; it must lie in 0..1.")
        self.gamma = gamma
        self.potential = potential
        self.now = 0.0
        self._files: Any = None

    def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
        """Start an episode and take the potential of its first state."""
        observation, info = self.env.reset(**options)
        self._files = self._marks()
        self.now = self.potential(self.env)
        return observation, info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Step; the reward holds the change of the potential."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        then = 0.0
        if not (terminated or truncated):
            files = self._marks()
            then = self.now if files == self._files else self.potential(self.env)
            self._files = files
        shaping = self.gamma * then - self.now
        self.now = then
        return observation, float(reward) + shaping, terminated, truncated, info

    def _marks(self) -> Any:
        return self.env.unwrapped.state.workspace.mark().states  # type: ignore[attr-defined]


class StepPenalty(gymnasium.Wrapper):
    """Takes a price off each step, and a further one off each that could not be done."""

    def __init__(self, env: gymnasium.Env, *, step: float = 0.01, error: float = 0.0) -> None:
        """Wrap an environment.

        Args:
            env: One of RepoGym's.
            step: Price of any step.
            error: Further price of a call that could not be done.

        Raises:
            InputError: A price is negative.
        """
        super().__init__(env)
        if step < 0 or error < 0:
            raise InputError("Prices of steps are 0 or more.")
        self.price = step
        self.error_price = error

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Step; the reward is less by its price."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        price = self.price + (self.error_price if observation["error"] else 0.0)
        return observation, float(reward) - price, terminated, truncated, info
