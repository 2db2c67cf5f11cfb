"""What becomes of a candidate repair on the visible tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tools.records import Record
from tools.repair.evidence import Evidence
from tools.result import ToolError
from tools.trial_fork import Replacement, TrialFork

SECONDS = 10.0
"""Time for the tests of one candidate; one that hits it is tried once more by the runner."""


@dataclass(frozen=True)
class VisibleTests:
    """The tests that candidates face.

    Attributes:
        failing: Those to repair.
        passing: Passing ones that run the suspicious lines.
    """

    failing: tuple[str, ...]
    passing: tuple[str, ...]

    @classmethod
    def of(cls, evidence: Evidence) -> VisibleTests:
        """Return the tests of a fault."""
        failing = tuple(dict.fromkeys(failure.id for failure in evidence.failures))
        return cls(failing, tuple(evidence.near_suspicious()))


class Outcome(Record):
    """What a candidate came to.

    Attributes:
        fixed: Failing tests that pass with it.
        failing: All failing tests that it faced.
        broken: Passing tests that do not pass with it.
        passing: All passing tests that it faced.
    """

    fixed: int
    failing: int
    broken: int
    passing: int

    @property
    def solved(self) -> bool:
        """Whether all failing tests pass."""
        return 0 < self.failing == self.fixed

    @property
    def reward(self) -> float:
        """1 for a repair that breaks nothing, less for each test that it breaks, 0 for none."""
        return 1.0 - self.broken / max(1, self.passing) if self.solved else 0.0


def try_candidate(
    fork: TrialFork,
    edits: Sequence[Replacement],
    tests: VisibleTests,
    *,
    timeout_s: float = SECONDS,
) -> Outcome:
    """Make the edits on a clean copy and run the tests.

    Raises:
        InfrastructureError: The sandbox failed.
    """
    every = [*tests.failing, *tests.passing]
    try:
        outcomes = fork.run(edits, every, timeout_s=timeout_s).outcomes
    except ToolError:
        outcomes = {}
    good = {name for name, one in outcomes.items() if one.status == "passed"}
    return Outcome(
        fixed=sum(test in good for test in tests.failing),
        failing=len(tests.failing),
        broken=sum(test not in good for test in tests.passing),
        passing=len(tests.passing),
    )
