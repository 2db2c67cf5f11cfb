"""How hard tasks are for a model, measured by its runs, and which to train on therefore.

A task's difficulty is the share of attempts that did not resolve it. A group of attempts teaches
only where some succeed and some fail: the chance that two attempts at a task differ is 2p(1 - p)
for a chance p of success, so tasks are drawn in proportion to p(1 - p) ("learnability": A.
Rutherford et al., "No Regrets", 2024; T. Foster and J. Foerster, "Learning to Reason at the
Frontier of Learnability", 2025).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from agents.reports.reading import StoredRun
from agents.training.splits import held_back
from repos.errors import InputError, refuse_unknown

Order = Literal["easy", "hard", "learnable"]
ORDERS: tuple[Order, ...] = ("easy", "hard", "learnable")


@dataclass(frozen=True)
class Difficulty:
    """What runs say of one task.

    Attributes:
        task: Its id.
        attempts: Episodes with a verdict.
        resolved: How many of them resolved it.
    """

    task: str
    attempts: int = 0
    resolved: int = 0

    @property
    def chance(self) -> float:
        """Estimated chance that an attempt succeeds.

        The mean of the posterior of Jeffreys' prior: few attempts are no certainty, none are 0.5.
        """
        return (self.resolved + 0.5) / (self.attempts + 1)

    @property
    def difficulty(self) -> float:
        """Estimated chance that an attempt fails, in (0, 1)."""
        return 1.0 - self.chance

    @property
    def weight(self) -> float:
        """How often to draw it, relative to others; in (0, 0.25]."""
        return self.chance * (1.0 - self.chance)


@dataclass(frozen=True)
class Curriculum:
    """Tasks with their difficulties.

    Attributes:
        difficulties: One a task, in the order of the runs.
        held_back: Tasks of the validation and the test split: nothing may be learned from them.
        left_out: Episodes without a verdict that can be trusted.
    """

    difficulties: tuple[Difficulty, ...]
    held_back: int = 0
    left_out: int = 0

    def tasks(self, order: Order = "easy") -> list[str]:
        """Return the ids in an order, for the parameter `tasks` of an adapter.

        Args:
            order: "easy" begins with what is resolved most often, "hard" with what is resolved
                least often, "learnable" with what teaches most.

        Raises:
            InputError: No such order.
        """
        refuse_unknown("order", [order], ORDERS)
        keys = {
            "easy": lambda one: one.difficulty,
            "hard": lambda one: -one.difficulty,
            "learnable": lambda one: -one.weight,
        }
        return [one.task for one in sorted(self.difficulties, key=keys[order])]

    def sample(self, count: int, seed: int = 0) -> list[str]:
        """Draw ids in proportion to what they teach, with repetitions; the same seed, the same ids.

        Args:
            count: How many.
            seed: Of the draw.
        """
        weights = [one.weight for one in self.difficulties]
        names = [one.task for one in self.difficulties]
        return random.Random(seed).choices(names, weights, k=count)


def measure(runs: Sequence[StoredRun], *, plausible: bool = False) -> Curriculum:
    """Return how hard the tasks of some runs were.

    Args:
        runs: Runs of one suite at one assist level. Whose runs they are is the caller's choice: a
            task is as hard as it is for the model that played.
        plausible: Whether a plausible success counts as one.

    Raises:
        InputError: The runs are of several suites or levels, or hold no task to train on.
    """
    for name in ("suite_digest", "assist"):
        if len({getattr(run.settings, name) for run in runs}) > 1:
            what = "suites, or versions of one" if name == "suite_digest" else "assist levels"
            raise InputError(f"The runs are of several {what}: name those of one.")
    counts: dict[str, list[int]] = {}
    held: set[str] = set()
    left_out = 0
    for run in runs:
        kept = held_back(run)
        for episode in run.episodes:
            if episode.task in kept:
                held.add(episode.task)
                continue
            count = counts.setdefault(episode.task, [0, 0])
            record = episode.record
            valid = record is not None and episode.state == "done" and not run.settings.privileged
            if record is None or not valid or record.agent_error or record.tampered:
                left_out += 1
                continue
            count[0] += 1
            good = record.resolved or (plausible and record.plausible)
            count[1] += good and not record.false_resolved
    if not counts:
        raise InputError(
            "The runs hold no task to train on: play the training split (--split train)."
        )
    found = tuple(Difficulty(task, n, good) for task, (n, good) in counts.items())
    return Curriculum(found, len(held), left_out)
