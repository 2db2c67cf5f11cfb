"""A small policy for `repogym/repair-choice-v1`: weights of a candidate's numbers, learned.

The chance of a candidate is a softmax over a weighted sum of its `FEATURES`. Training follows the
exact gradient of the log of the expected reward of one try, which is what REINFORCE (R. Williams,
1992) estimates from samples, so it needs the reward of every candidate.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from repos.errors import InputError
from tools.repair.choices import GENERATOR
from tools.repair.features import FEATURES

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Example:
    """One task for training: a row of features for each candidate, and the reward of each."""

    features: Array
    rewards: Array


@dataclass(frozen=True)
class ChoicePolicy:
    """Weights of the features, by `tools.repair.features.FEATURES`."""

    weights: Array

    def scores(self, features: NDArray[np.floating]) -> Array:
        """Return a number for each candidate; the highest is the most promising."""
        return np.asarray(features, dtype=np.float64) @ self.weights

    def order(self, features: NDArray[np.floating]) -> list[int]:
        """Return the candidates, the most promising first; of equal ones the earlier."""
        return [int(n) for n in np.argsort(-self.scores(features), kind="stable")]

    def save(self, path: Path, command: str) -> None:
        """Write the weights with the command that they were trained by."""
        weights = dict(zip(FEATURES, map(float, self.weights), strict=True))
        record = {"generator": GENERATOR, "command": command, "weights": weights}
        path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read weights.

        Raises:
            InputError: They were trained for another generator of candidates.
        """
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["generator"] != GENERATOR or set(record["weights"]) != set(FEATURES):
            raise InputError(
                f"{path} was trained for {record['generator']}, and candidates come from "
                f"{GENERATOR}: train again (benchmarks/learning.py)."
            )
        return cls(np.array([record["weights"][name] for name in FEATURES]))


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
