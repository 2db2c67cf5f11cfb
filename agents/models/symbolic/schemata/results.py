"""What schemata answered: the changes that repaired a test, read from the tests' messages."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agents.models.symbolic.schemata.runtime import BASE, DIGITS
from tools.repair.candidates import Proposal
from tools.repair.observations import Outcome

_REPORT = re.compile(r"\Arepogym\.MutantReport: (\d+) (\d+) (\d+) (.*)\Z")
_MUTANT = re.compile(rf"([{DIGITS}])([{DIGITS}])(\d)(\d)")


@dataclass(frozen=True)
class MutantResult:
    """A change that repaired a test in a schema.

    Attributes:
        score: As in the pool.
        proposal: The change.
        fixed: How many failing tests it repaired.
        broken: How many passing tests it broke.
        seen: How many passing tests were tried.
    """

    score: float
    proposal: Proposal
    fixed: int
    broken: int
    seen: int


def read_results(
    mutants: tuple[tuple[float, Proposal], ...], outcome: Outcome
) -> tuple[int, list[MutantResult]]:
    """Return how many mutants a schema tried, and those that repaired a test.

    Args:
        mutants: The changes of the schema with their scores, in its order.
        outcome: What became of the schema.
    """
    said = [match for _, text in outcome.errors if (match := _REPORT.match(text))]
    found: dict[int, MutantResult] = {}
    # The report that saw most passing tests knows most.
    for match in sorted(said, key=lambda m: int(m[3])):
        for first, second, fixed, broken in _MUTANT.findall(match[4]):
            number = BASE * DIGITS.index(first) + DIGITS.index(second)
            if number < len(mutants):
                score, proposal = mutants[number]
                counts = (int(fixed), int(broken), int(match[3]))
                found[number] = MutantResult(score, proposal, *counts)
    most = max((one.seen for one in found.values()), default=0)
    last = [one for one in found.values() if one.seen == most]
    # Where the last report had room for what breaks tests, it had named all that breaks none.
    results = last if any(one.broken for one in last) else list(found.values())
    asked = any(int(match[1]) for match in said)
    return max(int(match[2]) for match in said) if asked else 0, results


def order(result: MutantResult) -> tuple[bool, int, int, int, float]:
    """Sort results: those that break nothing and repair most before others."""
    return result.broken > 0, -result.fixed, -result.seen, result.broken, -result.score
