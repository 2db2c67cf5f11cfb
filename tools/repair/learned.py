"""The learned order of candidate repairs: a weight for each of their numbers, from a file.

The weights that come with the package were trained on synthetic bugs by the command that stands in
their file (docs/repair-choice.md).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from repos.errors import InputError
from tools.repair.candidates import Scored
from tools.repair.choices import GENERATOR
from tools.repair.evidence import Evidence
from tools.repair.features import FEATURES, VERSION, candidate_features

Array = NDArray[np.float64]

WEIGHTS = Path(__file__).parent / "data" / "weights.json"
"""The weights that `symbolic` ranks by."""


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

    def save(self, path: Path, command: str, **facts: Any) -> None:
        """Write the weights with the command that they were trained by.

        Args:
            path: The file.
            command: Trains the same weights again.
            facts: What else the file is to say of the training, as JSON takes it.
        """
        weights = {name: round(float(w), 6) for name, w in zip(FEATURES, self.weights, strict=True)}
        record = {"generator": GENERATOR, "features": VERSION, "command": command, **facts}
        text = json.dumps({**record, "weights": weights}, indent=1)
        path.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read weights.

        Raises:
            InputError: They were trained for another generator of candidates, or other features.
        """
        record = json.loads(path.read_text(encoding="utf-8"))
        trained = (record.get("generator"), record.get("features"))
        weights = record.get("weights", {})
        if trained != (GENERATOR, VERSION) or set(weights) != set(FEATURES):
            raise InputError(
                f"{path} was trained for {trained[0]} with {trained[1]}, and candidates come from "
                f"{GENERATOR} with {VERSION}: train again "
                f"(benchmarks/learning_weights.py --save {path})."
            )
        return cls(np.array([weights[name] for name in FEATURES]))


@functools.cache
def shipped_policy() -> ChoicePolicy:
    """Return the policy that comes with the package."""
    return ChoicePolicy.load(WEIGHTS)


def reordered(evidence: Evidence, ranked: Sequence[Scored]) -> list[Scored]:
    """Return proposals in the learned order.

    The most promising proposal gets the highest of the scores, the next one the second, and so on,
    so that scores mean what they did to those who compare them. Probes, which are no repairs and
    of which nothing was learned, stay where they are.

    Args:
        evidence: What is known of the fault.
        ranked: Proposals with their scores by hand-made weights, the best first.
    """
    places = [number for number, (_, proposal) in enumerate(ranked) if not proposal.probe]
    features = candidate_features(evidence, ranked)[places]
    found = list(ranked)
    for place, number in zip(places, shipped_policy().order(features), strict=True):
        found[place] = (ranked[place][0], ranked[places[number]][1])
    return found
