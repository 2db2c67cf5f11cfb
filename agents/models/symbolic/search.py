"""The search over candidate changes: what to try next, and which survivor to keep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from agents.models.symbolic.absent.growth import grow, is_bare
from agents.models.symbolic.candidates import Candidate, Proposal
from agents.models.symbolic.choosing import DESTRUCTIVE_FACTOR, moves_bound, preference
from agents.models.symbolic.feedback import Feedback
from agents.models.symbolic.focus import counterexamples, focused, spent
from agents.models.symbolic.formats import Trial
from agents.models.symbolic.hearing import Hit, hits, order, promising
from agents.models.symbolic.joining import MAX_PAIRS, PAIR_WITH, joined
from agents.models.symbolic.knowledge import Knowledge
from agents.models.symbolic.pool import MAX_ORDINARY, Pool
from agents.models.symbolic.rehearsal import DEAD, Carrier
from agents.models.symbolic.scope import others_failing
from agents.models.symbolic.templates.probes import FORCE

UNPROMISING_SHARE = 0.6
"""Without any sign of success, this part of the budget is spent."""

REHEARSED_SHARE = 0.5
"""The same where the likeliest changes were rehearsed, and what is left is unlikely."""

MAX_LATE = 40
"""Candidates that may run into their time-out: where changes hang, each costs seconds."""

CONFIRMED_AFTER = (1, 3)
"""After so many validations what was found is rehearsed again, on the tests that failed there."""

FOCUS_SHARE = 0.6
"""Share of a batch that conditions at places where a probe helped may take."""

HIT_SHARE = 0.6
"""Share of a batch that changes which repaired a test in a rehearsal may take."""

MAX_ALIKE = 4
"""Changes of one line that are tried because they repaired a test in a rehearsal."""

FOCUS_BUDGET = 0.4
"""Share of all candidates that such conditions may take."""

MAX_SURVIVORS = 6

BATCH_CHARS = 50_000
"""Characters of definitions in a batch."""

GROWN_BATCH = 16
"""Candidates in a batch while there are new ones that go on from progress: each step tells."""

EARLY = 0.9
"""Rank of a parameter without any use, as a score."""

ABSENT_SHARE = 0.4
"""Share of a batch that definitions of what is missing take, where failures differ."""


@dataclass
class Search:
    """The search as it stands after some trials.

    Attributes:
        pool: The candidates.
        knowledge: What is known now, trials included.
        budget: Candidates that may be tried in all.
        growth: What goes on from definitions that moved a failure on, with scores.
    """

    pool: Pool
    knowledge: Knowledge
    budget: int
    growth: list[tuple[float, Proposal]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Learn the candidates that were tried, where the pool was made anew."""
        done = 0
        for key, trial in self.tried.items():
            candidate = self.known(key)
            made = grow(self, candidate, trial, done) if candidate is not None else []
            self.growth += made
            done += len(made) > 0
        self.growth.sort(key=lambda one: -one[0])

    @property
    def tried(self) -> Mapping[str, Trial]:
        """Trials on the search tests by key."""
        return self.knowledge.trials

    @property
    def left(self) -> int:
        """How many candidates may still be tried; fewer where nothing gives any hope."""
        if sum(trial.verdict == "TIMEOUT" for trial in self.tried.values()) >= MAX_LATE:
            return 0
        share = REHEARSED_SHARE if self._rehearsed()[1] else UNPROMISING_SHARE
        budget = self.budget if self.promising else int(self.budget * share)
        return max(0, max(1, budget) - len(self.tried))

    @property
    def promising(self) -> bool:
        """Whether some change, a probe included, repaired a failing test."""
        if self.growth:
            return True
        return any(self.helped(trial) > 0 for trial in self.tried.values())

    def known(self, key: str) -> Candidate | None:
        """Return the candidate of a key; writes the pool again where a replay needs it."""
        if key not in self.pool.by_key:
            for hit in self._rehearsed()[2]:
                self.pool.write(hit.score, hit.proposal)
        if key not in self.pool.by_key:
            for score, proposal in focused(self):
                self.pool.write(score, proposal)
                if key in self.pool.by_key:
                    break
        if key not in self.pool.by_key:
            for score, proposal in self.absent():
                self.pool.write(score, proposal)
                if key in self.pool.by_key:
                    break
        if key not in self.pool.by_key:
            for score, proposal in self.pool.ordered:
                self.pool.write(score, proposal)
                if key in self.pool.by_key:
                    break
        if key not in self.pool.by_key:
            # The changes that were joined then need not be the foremost ones now.
            joined(self, len(self.tried) * PAIR_WITH, len(self.tried))
        return self.pool.by_key.get(key)

    def absent(self) -> list[tuple[float, Proposal]]:
        """Return definitions of what is missing, with what goes on from them, the best first."""
        # A parameter without any use comes early: it tells what would fail next.
        return sorted(
            [*self.pool.absent, *self.growth],
            key=lambda one: -(EARLY if is_bare(one[1]) else one[0]),
        )

    def _new(self, score: float, proposal: Proposal) -> bool:
        """Whether a proposal can be written and was not tried yet."""
        candidate = self.pool.write(score, proposal)
        return candidate is not None and candidate.key not in self.tried

    def batch(self, size: int) -> list[Candidate]:
        """Return the candidates to try next, at most `size`, the most promising first."""
        size = min(size, self.left)
        if size <= 0:
            return []
        waiting, dead, found = self._rehearsed()
        if waiting:
            return waiting[:size]
        chosen: dict[str, Candidate] = {}
        count = sum(len(c.others) > 0 for c in map(self.pool.by_key.get, self.tried) if c)
        for candidate in joined(self, min(size // 4, MAX_PAIRS - count)):
            chosen[candidate.key] = candidate
        sure = 0
        room = len(chosen) + size * HIT_SHARE
        heard: Counter[tuple[str, int]] = Counter()
        for hit in found:
            candidate = self.pool.write(hit.score, hit.proposal)
            place = (hit.proposal.path, hit.proposal.line)
            fits = not hit.proposal.probe and len(chosen) < room and not (sure and hit.broken)
            if not fits or candidate is None or heard[place] >= MAX_ALIKE:
                continue
            heard[place] += 1
            if candidate.key not in self.tried:
                chosen[candidate.key] = candidate
                sure += hit.broken == 0
        if sure:
            return list(chosen.values())
        room = min(size * FOCUS_SHARE, self.budget * FOCUS_BUDGET - spent(self).total())
        for score, proposal in focused(self):
            if len(chosen) >= room:
                break
            candidate = self.pool.write(score, proposal)
            if candidate is not None and candidate.key not in self.tried:
                chosen[candidate.key] = candidate
        if any(self._new(score, one) for score, one in self.growth[:GROWN_BATCH]):
            size = min(size, GROWN_BATCH)
        share = 1.0 if len(self.pool.ordered) <= MAX_ORDINARY else ABSENT_SHARE
        room = BATCH_CHARS
        for score, proposal in self.absent():
            if len(chosen) >= size * share or room <= 0:
                break
            candidate = self.pool.write(score, proposal)
            if candidate is not None and candidate.key not in self.tried:
                chosen.setdefault(candidate.key, candidate)
                room -= candidate.length
        factors = Feedback(self)
        order = sorted(
            (
                (score * factors.of(p) * (DEAD if id(p) in dead else 1.0), n)
                for n, (score, p) in enumerate(self.pool.ordered)
            ),
            key=lambda one: (-one[0], one[1]),
        )
        lines: Counter[tuple[str, int]] = Counter()
        kinds: Counter[str] = Counter(c.proposal.template for c in chosen.values())
        for _, index in order:
            if len(chosen) >= size:
                break
            score, proposal = self.pool.ordered[index]
            place = (proposal.path, proposal.line)
            # One line must not take a whole batch: localisation is often off by a few lines.
            if lines[place] >= max(3, size // 8) or kinds[proposal.template] >= max(4, size // 5):
                continue
            candidate = self.pool.write(score, proposal)
            if candidate is None or candidate.key in self.tried or candidate.key in chosen:
                continue
            lines[place] += 1
            kinds[proposal.template] += 1
            chosen[candidate.key] = candidate
        return list(chosen.values())

    def _rehearsed(self) -> tuple[list[Candidate], set[int], list[Hit]]:
        """Return what is still to be rehearsed, and what was heard.

        Returns:
            Candidates that carry changes and were not tried yet; the ids of proposals that
            repaired nothing; and those that did, in order.
        """
        dead: set[int] = set()
        waiting, found = self._heard(self.pool.carried, dead)
        if not waiting and not any(map(promising, found)):
            waiting, more = self._heard(self.pool.further, dead)
            found = found + more
        if not waiting and found:
            waiting, more = self._heard(self.pool.conditional(found), dead)
            found = found + more
        for rounds in CONFIRMED_AFTER:
            tests = counterexamples(self, rounds)
            if waiting or not found or not tests or len(self.knowledge.rounds) < rounds:
                break
            told = [self._contradicted(hit, rounds) for hit in found]
            waiting, more = self._heard(self.pool.confirming(told, tests), dead)
            newer = {hit.proposal.edits for hit in more}
            found = [hit for hit in told if hit.proposal.edits not in newer] + more
        return waiting, dead, sorted(found, key=order)

    def _contradicted(self, hit: Hit, rounds: int) -> Hit:
        """Return a hit that counts as breaking where a validation says so."""
        candidate = self.pool.write(hit.score, hit.proposal)
        for trials in self.knowledge.rounds[:rounds]:
            trial = trials.get(candidate.key) if candidate is not None else None
            if trial is not None and not self.holds(trial):
                return replace(hit, broken=max(1, hit.broken))
        return hit

    def _heard(
        self, carried: list[tuple[Carrier, Candidate]], dead: set[int]
    ) -> tuple[list[Candidate], list[Hit]]:
        found: list[Hit] = []
        waiting = []
        for carrier, candidate in carried:
            trial = self.tried.get(candidate.key)
            if trial is None:
                waiting.append(candidate)
                continue
            key = (candidate.key, trial.errors)
            if key not in self.pool.hits:
                count, good = hits(self.knowledge, carrier, trial)
                same = [(hit, *self.pool.same(hit.score, hit.proposal)) for hit in good]
                good = [replace(hit, score=score, proposal=one) for hit, score, one in same]
                self.pool.hits[key] = (count, good)
            count, good = self.pool.hits[key]
            alive = {id(hit.proposal) for hit in good}
            dead |= {id(p) for _, p in carrier.changes[:count]} - alive
            found += good
        return waiting, found

    # -- partial successes -----------------------------------------------------------------

    def helped(self, trial: Trial) -> int:
        """Return how many of the search tests a change repairs, whatever it breaks."""
        if trial.verdict not in ("PASS", "FAIL"):
            return 0
        wanted = self.knowledge.search_tests
        if trial.good:
            return sum(test in trial.good for test in wanted)
        return trial.passed if trial.passed + trial.failed == len(wanted) else 0

    def repaired(self, candidate: Candidate) -> set[str]:
        """Return the search tests that a change repairs."""
        trial = self.tried[candidate.key]
        return {test for test in self.knowledge.search_tests if test in trial.good}

    def gain(self, trial: Trial) -> int:
        """Return how many of the search tests a change repairs; 0 where it breaks others."""
        helped = self.helped(trial)
        return 0 if trial.failed > len(self.knowledge.search_tests) - helped else helped

    def holds(self, validation: Trial) -> bool:
        """Whether a change has stood the visible tests."""
        if validation.verdict == "PASS":
            return True
        return validation.verdict == "FAIL" and validation.failed <= self.allowed()

    def partial(self) -> list[Candidate]:
        """Return candidates that repair some of the search tests, the best first."""
        gains = [(self.gain(t), key) for key, t in self.tried.items() if t.verdict == "FAIL"]
        keys = [(gain, key) for gain, key in gains if gain > 0 and key in self.pool.by_key]
        found = [(gain, self.pool.by_key[key]) for gain, key in keys]
        found = [(gain, c) for gain, c in found if not c.proposal.probe]
        found.sort(key=lambda one: (-one[0], -preference(one[1])))
        return [candidate for _, candidate in found]

    def further(self, trial: Trial) -> int:
        """Return how many of the search tests stop later than before: at a later assertion."""
        before = self.knowledge.stops
        return sum(line > before.get(test, line) for test, line in trial.stops)

    # -- survivors -------------------------------------------------------------------------

    def survivors(self) -> list[Candidate]:
        """Return candidates that pass all search tests, the preferred first; no probes."""
        found = [c for c in self._passing if moves_bound(c.proposal) or not self.forced(c)]
        return sorted(found, key=lambda c: -self.preference(c))

    @cached_property
    def _passing(self) -> list[Candidate]:
        keys = [key for key, trial in self.tried.items() if trial.verdict == "PASS"]
        found = [candidate for key in keys if (candidate := self.known(key)) is not None]
        return [c for c in found if not c.proposal.probe]

    def preference(self, candidate: Candidate) -> float:
        """Return how much a survivor is preferred, see `preference`; less where it is doubtful."""
        return preference(candidate) * (DESTRUCTIVE_FACTOR if self.forced(candidate) else 1.0)

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

        A rehearsal knows a few tests only: a probe that breaks one in a validation is out.
        """
        found = []
        for hit in self._rehearsed()[2]:
            if hit.proposal.template != FORCE or not hit.fixed or hit.broken:
                continue
            probe = self.pool.write(hit.score, hit.proposal)
            trial = self.knowledge.validations.get(probe.key) if probe is not None else None
            if probe is not None and (trial is None or self.holds(trial)):
                found.append(probe)
        return found

    def to_validate(self) -> list[Candidate]:
        """Return survivors that have not faced all visible tests yet.

        Where there is none but for conditions that may be constant, it is the probes that say so.
        """
        known = self.knowledge.validations
        waiting = [c for c in self.survivors() if c.key not in known]
        if not waiting and not self.valid():
            asked = [c for c in self._passing if c.key not in known]
            waiting = [p for p in self._settled if any(c.touches(p) for c in asked)]
            waiting = [p for p in waiting if p.key not in known]
        return waiting[:MAX_SURVIVORS]

    def allowed(self) -> int:
        """How many visible tests may fail after a repair: those that it is not about."""
        return others_failing(self.knowledge)

    def valid(self) -> list[Candidate]:
        """Return survivors that break no visible test, the preferred first."""
        good = []
        for candidate in self.survivors():
            trial = self.knowledge.validations.get(candidate.key)
            if trial is not None and self.holds(trial):
                good.append((trial.failed, candidate))
        return [c for _, c in sorted(good, key=lambda one: (one[0], -self.preference(one[1])))]

    def valid_partial(self) -> Candidate | None:
        """Return the best validated candidate that repairs a part and breaks nothing."""
        run = self.knowledge.spectrum_run
        for candidate in self.partial():
            trial = self.knowledge.validations.get(candidate.key)
            if trial and trial.verdict == "FAIL" and run and trial.failed < run.bad:
                return candidate
        return None
