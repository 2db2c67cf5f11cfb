"""The search over candidate changes: what to try next, and what the trials so far tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from agents.models.symbolic.knowledge import Knowledge
from agents.models.symbolic.pool import Pool
from agents.models.symbolic.schemata.build import Schema
from agents.models.symbolic.schemata.results import MutantResult, order, read_results
from tools.repair.candidates import Candidate
from tools.repair.observations import Outcome

UNPROMISING_SHARE = 0.85
"""Without any sign of success, this part of the budget is spent."""

MAX_LATE = 5
"""Candidates that may run into their time-out: where changes hang, each costs seconds."""

RESULT_SHARE = 0.6
"""Share of a batch that changes which repaired a test in a schema may take."""

MAX_ALIKE = 4
"""Changes of one line that are tried because they repaired a test in a schema."""

DEAD = 0.08
"""Factor of changes that repaired nothing in a schema."""


@dataclass
class Search:
    """The search as it stands after some trials.

    Attributes:
        pool: The candidates.
        knowledge: What is known now, trials included.
        budget: Candidates that may be tried in all.
    """

    pool: Pool
    knowledge: Knowledge
    budget: int

    @property
    def tried(self) -> Mapping[str, Outcome]:
        """What became of candidates on the search tests, by key."""
        return self.knowledge.trials

    @property
    def left(self) -> int:
        """How many candidates may still be tried; fewer where nothing gives any hope."""
        if sum(outcome.verdict == "TIMEOUT" for outcome in self.tried.values()) >= MAX_LATE:
            return 0
        hopeful = any(self.helped(outcome) for outcome in self.tried.values())
        budget = self.budget if hopeful else int(self.budget * UNPROMISING_SHARE)
        return max(0, max(1, budget) - len(self.tried))

    def known(self, key: str) -> Candidate | None:
        """Return the candidate of a key; writes the pool again where a replay needs it."""
        if key not in self.pool.by_key:
            for one in self.schema_results()[2]:
                self.pool.write(one.score, one.proposal)
        if key not in self.pool.by_key:
            for score, proposal in self.pool.ordered:
                self.pool.write(score, proposal)
                if key in self.pool.by_key:
                    break
        return self.pool.by_key.get(key)

    def batch(self, size: int) -> list[Candidate]:
        """Return the candidates to try next, at most `size`, the most promising first."""
        size = min(size, self.left)
        if size <= 0:
            return []
        waiting, dead, found = self.schema_results()
        if waiting:
            return waiting[:size]
        chosen, sure = self._repairing(found, size)
        if sure:
            return list(chosen.values())
        lines: Counter[tuple[str, int]] = Counter()
        kinds: Counter[str] = Counter(c.proposal.template for c in chosen.values())
        weighed = [
            (score * (DEAD if id(proposal) in dead else 1.0), number)
            for number, (score, proposal) in enumerate(self.pool.ordered)
        ]
        for _, number in sorted(weighed, key=lambda one: (-one[0], one[1])):
            if len(chosen) >= size:
                break
            score, proposal = self.pool.ordered[number]
            place = (proposal.path, proposal.line)
            # One line must not take a whole batch: localisation is often off by a few lines.
            if lines[place] >= max(3, size // 8) or kinds[proposal.template] >= max(4, size // 5):
                continue
            candidate = None if proposal.probe else self.pool.write(score, proposal)
            if candidate is None or candidate.key in self.tried or candidate.key in chosen:
                continue
            lines[place] += 1
            kinds[proposal.template] += 1
            chosen[candidate.key] = candidate
        return list(chosen.values())

    def _repairing(self, found: list[MutantResult], size: int) -> tuple[dict[str, Candidate], int]:
        """Return what repaired a test in a schema, and how many of it broke none."""
        chosen: dict[str, Candidate] = {}
        places: Counter[tuple[str, int]] = Counter()
        sure = 0
        for one in found:
            candidate = self.pool.write(one.score, one.proposal)
            place = (one.proposal.path, one.proposal.line)
            fits = len(chosen) < size * RESULT_SHARE and not (sure and one.broken)
            if candidate is None or one.proposal.probe or not fits or places[place] >= MAX_ALIKE:
                continue
            places[place] += 1
            if candidate.key not in self.tried:
                chosen[candidate.key] = candidate
                sure += one.broken == 0
        return chosen, sure

    def schema_results(self) -> tuple[list[Candidate], set[int], list[MutantResult]]:
        """Return which schemata are still to be tried, and what the others answered.

        Returns:
            Schemata that were not tried yet; the ids of proposals that repaired nothing; and
            the changes that did, in order.
        """
        dead: set[int] = set()
        waiting, found = self._read(self.pool.schemata, dead)
        if not waiting and found:
            waiting, more = self._read(self.pool.conditional(found), dead)
            found = found + more
        return waiting, dead, sorted(found, key=order)

    def _read(
        self, schemata: list[tuple[Schema, Candidate]], dead: set[int]
    ) -> tuple[list[Candidate], list[MutantResult]]:
        found: list[MutantResult] = []
        waiting = []
        for schema, candidate in schemata:
            outcome = self.tried.get(candidate.key)
            if outcome is None:
                waiting.append(candidate)
                continue
            count, results = read_results(schema.mutants, outcome)
            alive = {id(one.proposal) for one in results}
            dead |= {id(proposal) for _, proposal in schema.mutants[:count]} - alive
            found += [self.pool.same(one) for one in results]
        return waiting, found

    # -- partial successes -----------------------------------------------------------------

    def helped(self, outcome: Outcome) -> int:
        """Return how many of the search tests a change repairs, whatever it breaks."""
        wanted = self.knowledge.search_tests
        if outcome.verdict == "PASS":
            return len(wanted)
        return sum(test in outcome.good for test in wanted) if outcome.verdict == "FAIL" else 0

    def gain(self, outcome: Outcome) -> int:
        """Return how many of the search tests a change repairs; 0 where it breaks others."""
        helped = self.helped(outcome)
        return 0 if outcome.failed > len(self.knowledge.search_tests) - helped else helped
