"""Trains a small policy for `repogym/repair-choice-v1`: weights of a candidate's numbers.

The chance of a candidate is a softmax over a weighted sum of its `FEATURES`. Training follows the
exact gradient of the log of the expected reward of one try, which is what REINFORCE (R. Williams,
1992) estimates from samples, so it needs the reward of every candidate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from repos.errors import InputError
from tools.repair.learned import Array, ChoicePolicy


@dataclass(frozen=True)
class Example:
    """One task for training: a row of features for each candidate, and the reward of each."""

    features: Array
    rewards: Array


def train(
    examples: Sequence[Example], *, steps: int = 300, rate: float = 0.05, decay: float = 0.01
) -> tuple[ChoicePolicy, list[float]]:
    """Train a policy; the same examples give the same weights.

    Args:
        examples: Tasks of which at least one candidate has a reward; others teach nothing and
            are left out.
        steps: Steps of Adam (Kingma and Ba, 2015) over all examples.
        rate: Its step size.
        decay: Weight of the squared weights, against fitting too closely.

    Returns:
        The policy, and the mean expected reward before each step.

    Raises:
        InputError: No example has a reward.
    """
    useful = [one for one in examples if one.rewards.max(initial=0.0) > 0.0]
    if not useful:
        raise InputError("There is nothing to learn from: no candidate of any task has a reward.")
    weights = np.zeros(useful[0].features.shape[1])
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    curve = []
    for step in range(1, steps + 1):
        gradient = -decay * weights
        expected = []
        for one in useful:
            chances = _softmax(one.features @ weights)
            value = float(chances @ one.rewards)
            expected.append(value)
            gain = chances * one.rewards / max(value, 1e-12) - chances
            gradient = gradient + gain @ one.features / len(useful)
        curve.append(float(np.mean(expected)))
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        mean, spread = first / (1 - 0.9**step), second / (1 - 0.999**step)
        weights = weights + rate * mean / (np.sqrt(spread) + 1e-8)
    return ChoicePolicy(weights), curve


def _softmax(scores: Array) -> Array:
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()
