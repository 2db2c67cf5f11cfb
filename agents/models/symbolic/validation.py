"""Patch validation: plausible changes face all visible tests, and one of them is kept.

A change is plausible where it passes the failing tests (Qi et al., ISSTA 2015); most plausible
changes are wrong elsewhere, so what the visible tests say of them decides, then their rank.
"""

from __future__ import annotations

from collections import Counter
from functools import cached_property

from agents.models.symbolic.search import Search
from agents.models.symbolic.test_selection import others_failing
from tools.repair.candidates import Candidate, Proposal
from tools.repair.observations import Outcome
from tools.repair.templates.probes import FORCE

MAX_PLAUSIBLE = 4
"""Candidates in one validation."""

DOUBTFUL_FACTOR = 0.35
"""Factor, when choosing, of changes of conditions that the tests want to be constant."""

COUNTEREXAMPLES = 6
"""Tests that plausible changes broke and that the next candidates face at once."""


class Validation:
    """Which candidates are plausible, and which of them hold."""

    def __init__(self, search: Search) -> None:
        """Read a search."""
        self.search = search
        self.outcomes = search.knowledge.validations
        self.allowed = others_failing(search.knowledge)

    def holds(self, outcome: Outcome) -> bool:
        """Whether a change has stood the visible tests: only those may fail that failed before."""
        if outcome.verdict == "PASS":
            return True
        return outcome.verdict == "FAIL" and outcome.failed <= self.allowed

    # -- plausible changes -----------------------------------------------------------------

    @cached_property
    def _passing(self) -> list[Candidate]:
        keys = [key for key, one in self.search.tried.items() if one.verdict == "PASS"]
        found = [candidate for key in keys if (candidate := self.search.known(key)) is not None]
        return [candidate for candidate in found if not candidate.proposal.probe]

    @cached_property
    def plausible(self) -> list[Candidate]:
        """Candidates that pass all search tests, the preferred first."""
        found = [c for c in self._passing if moves_bound(c.proposal) or not self.forced(c)]
        return sorted(found, key=lambda c: -self._preference(c))

    def _preference(self, candidate: Candidate) -> float:
        return candidate.score * (DOUBTFUL_FACTOR if self.forced(candidate) else 1.0)

    def forced(self, candidate: Candidate) -> bool:
        """Whether a change is of a condition that the tests want to be always true, or false.

        What else stands there is then not shown by any test: `<` does as well as `!=`. Such
        changes are never kept (an anti-pattern of program repair, Tan et al., FSE 2016), but for
        those that only move a bound; these are doubtful.
        """
        return any(candidate.touches(probe) for probe in self._settled)

    @cached_property
    def _settled(self) -> list[Candidate]:
        """Probes that make a condition constant and break no test, as far as is known.

        A schema knows a few tests only: a probe that breaks one in a validation is out.
        """
        found = []
        for one in self.search.schema_results()[2]:
            if one.proposal.template != FORCE or not one.fixed or one.broken:
                continue
            probe = self.search.pool.write(one.score, one.proposal)
            outcome = self.outcomes.get(probe.key) if probe is not None else None
            if probe is not None and (outcome is None or self.holds(outcome)):
                found.append(probe)
        return found

    def waiting(self) -> list[Candidate]:
        """Return plausible changes that have not faced all visible tests yet.

        Where there is none but for conditions that may be constant, it is the probes that say so.
        """
        found = [c for c in self.plausible if c.key not in self.outcomes]
        if not found and not self.valid():
            asked = [c for c in self._passing if c.key not in self.outcomes]
            found = [p for p in self._settled if any(c.touches(p) for c in asked)]
            found = [p for p in found if p.key not in self.outcomes]
        return found[:MAX_PLAUSIBLE]

    def valid(self) -> list[Candidate]:
        """Return plausible changes that break no visible test, the preferred first."""
        known = [(self.outcomes[c.key], c) for c in self.plausible if c.key in self.outcomes]
        good = [(one.failed, c) for one, c in known if self.holds(one)]
        return [c for _, c in sorted(good, key=lambda one: (one[0], -self._preference(one[1])))]

    def counterexamples(self) -> list[str]:
        """Return tests that passed before and that plausible changes broke.

        The next candidates face them at once (counterexample-guided, as in Solar-Lezama's
        sketching, ASPLOS 2006): else each batch ends with the same mistake.
        """
        run = self.search.knowledge.spectrum_run
        bad = {failure.id for failure in run.failures} if run else set()
        broken = Counter(
            test
            for outcome in self.outcomes.values()
            if not self.holds(outcome)
            for test, _ in outcome.errors
            if "::" in test and test not in bad
        )
        return [test for test, _ in broken.most_common(COUNTEREXAMPLES)]

    # -- partial repairs -------------------------------------------------------------------

    @cached_property
    def partial(self) -> list[Candidate]:
        """Candidates that repair some of the search tests, the best first."""
        found = []
        for key, outcome in self.search.tried.items():
            gain = self.search.gain(outcome) if outcome.verdict == "FAIL" else 0
            candidate = self.search.known(key) if gain else None
            if candidate is not None and not candidate.proposal.probe:
                found.append((gain, candidate))
        found.sort(key=lambda one: (-one[0], -one[1].score))
        return [candidate for _, candidate in found]

    def valid_partial(self) -> Candidate | None:
        """Return the best validated candidate that repairs a part and breaks nothing."""
        run = self.search.knowledge.spectrum_run
        for candidate in self.partial:
            outcome = self.outcomes.get(candidate.key)
            if outcome and outcome.verdict == "FAIL" and run and outcome.failed < run.bad:
                return candidate
        return None


def moves_bound(proposal: Proposal) -> bool:
    """Whether a change only lets a comparison hold, or not hold, of equal values."""
    if proposal.template != "comparison":
        return False
    old, _, new = proposal.note.rpartition(": ")[2].partition(" -> ")
    return old.rstrip("=") == new.rstrip("=")
