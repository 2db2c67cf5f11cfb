"""The search over candidate changes: what to try next, and which survivor to keep."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from agents.models.symbolic.candidates import (
    Candidate,
    Proposal,
    pair,
    ranked,
    value,
    written,
)
from agents.models.symbolic.feedback import Feedback
from agents.models.symbolic.focus import focused, spent
from agents.models.symbolic.formats import Trial
from agents.models.symbolic.knowledge import Knowledge

DESTRUCTIVE_FACTOR = 0.35
"""Factor, when choosing, of survivors that remove behaviour."""

UNPROMISING_SHARE = 0.6
"""Without any sign of success, this part of the budget is spent."""

FOCUS_SHARE = 0.6
"""Share of a batch that conditions at places where a probe helped may take."""

FOCUS_BUDGET = 0.4
"""Share of all candidates that such conditions may take."""

MAX_TWINS = 4
MAX_PARTIALS = 4
PAIR_WITH = 60
MAX_PAIRS = 30
"""Pairs of changes that are tried in an episode at most."""

MAX_SURVIVORS = 6


@dataclass
class Pool:
    """All proposals for one state of the source, ranked; shared by the turns of an episode."""

    knowledge: Knowledge
    ordered: list[tuple[float, Proposal]]
    by_key: dict[str, Candidate] = field(default_factory=dict)
    focus: dict[str, list[Proposal]] = field(default_factory=dict)
    _written: dict[int, Candidate | None] = field(default_factory=dict)
    _by_note: dict[tuple[str, int, str], tuple[float, Proposal]] = field(default_factory=dict)

    def alike(self, proposal: Proposal) -> tuple[float, Proposal] | None:
        """Return the ranked proposal that does what a conditional form does, with its score."""
        if not self._by_note:
            for score, one in self.ordered:
                if not one.probe:
                    self._by_note.setdefault((one.path, one.line, one.note), (score, one))
        return self._by_note.get((proposal.path, proposal.line, proposal.note))

    def write(self, score: float, proposal: Proposal) -> Candidate | None:
        """Write a proposal of the pool; None where the result is no valid program."""
        mark = id(proposal)
        if mark not in self._written:
            module = self.knowledge.modules[proposal.path]
            made = written(module, proposal, score)
            self._written[mark] = made
            if made is not None:
                self.by_key.setdefault(made.key, made)
        return self._written[mark]

    def join(self, first: Candidate, second: Candidate) -> Candidate | None:
        """Join two candidates of the pool."""
        made = pair(self.knowledge.modules, first, second)
        if made is not None:
            self.by_key.setdefault(made.key, made)
        return made


def make_pool(knowledge: Knowledge, seed: int) -> Pool:
    """Propose and rank all candidates for what is known before the first trial."""
    from agents.models.symbolic.templates import propose

    proposals = list(propose(knowledge.project, knowledge.facts, knowledge.suspicion))
    proposals += _twins(proposals, knowledge)
    return Pool(knowledge, ranked(proposals, seed))


def _twins(
    proposals: list[tuple[Proposal, float]], knowledge: Knowledge
) -> list[tuple[Proposal, float]]:
    """Join equal replacements at several places of a file: bugs are often copied.

    Such multi-place fixes of one kind are what Hercules (Saha et al., ICSE 2019) repairs.
    """
    groups: dict[tuple[str, str, str, str], list[tuple[Proposal, float]]] = {}
    for proposal, suspicion in proposals:
        if len(proposal.edits) != 1 or proposal.probe or proposal.destructive:
            continue
        if proposal.family:
            continue
        edit = proposal.edits[0]
        before = knowledge.modules[edit.path].text[edit.start : edit.end]
        if len(before) > 3:
            key = (proposal.path, proposal.template, before, edit.new)
            groups.setdefault(key, []).append((proposal, suspicion))
    found = []
    for members in groups.values():
        edits = {p.edits[0] for p, _ in members}
        if 2 <= len(edits) <= MAX_TWINS:
            best, suspicion = max(members, key=lambda pair: value(*pair))
            ordered = tuple(sorted(edits, key=lambda e: e.start))
            note = f"{best.note}, at {len(edits)} places"
            found.append((replace(best, edits=ordered, note=note), 0.8 * suspicion))
    return found + _families(proposals, knowledge)


def _families(
    proposals: list[tuple[Proposal, float]], knowledge: Knowledge
) -> list[tuple[Proposal, float]]:
    """Join the same operation at all its places in a function."""
    groups: dict[tuple[str, str, str], list[tuple[Proposal, float]]] = {}
    for proposal, suspicion in proposals:
        if proposal.family:
            function = knowledge.modules[proposal.path].function_at(proposal.line)
            name = function.name if function else ""
            key = (proposal.path, f"{name}:{function.lineno if function else 0}", proposal.family)
            groups.setdefault(key, []).append((proposal, suspicion))
    found = []
    for members in groups.values():
        edits = dict.fromkeys(edit for proposal, _ in members for edit in proposal.edits)
        if len(members) >= 2 and len(edits) <= 2 * MAX_TWINS:
            best, suspicion = max(members, key=lambda pair: value(*pair))
            note = f"{best.note}, at {len(members)} places of the function"
            # One operation done everywhere is no larger a change than done once.
            joined = replace(best, edits=tuple(edits), note=note, prior=1.3 * best.prior)
            found.append((joined, suspicion))
    return found


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

    def __post_init__(self) -> None:
        """Learn the candidates that were tried, where the pool was made anew."""
        for key in self.tried:
            self.known(key)

    @property
    def tried(self) -> Mapping[str, Trial]:
        """Trials on the search tests by key."""
        return self.knowledge.trials

    @property
    def left(self) -> int:
        """How many candidates may still be tried; fewer where nothing gives any hope."""
        budget = self.budget if self.promising else int(self.budget * UNPROMISING_SHARE)
        return max(0, max(1, budget) - len(self.tried))

    @property
    def promising(self) -> bool:
        """Whether some change, a probe included, repaired a failing test."""
        return any(self.helped(trial) > 0 for trial in self.tried.values())

    def known(self, key: str) -> Candidate | None:
        """Return the candidate of a key; writes the pool again where a replay needs it."""
        if key not in self.pool.by_key:
            for score, proposal in focused(self):
                self.pool.write(score, proposal)
                if key in self.pool.by_key:
                    break
        if key not in self.pool.by_key:
            for score, proposal in self.pool.ordered:
                self.pool.write(score, proposal)
                if key in self.pool.by_key:
                    break
        if key not in self.pool.by_key:
            self._pairs(PAIR_WITH * MAX_PARTIALS)
        return self.pool.by_key.get(key)

    def batch(self, size: int) -> list[Candidate]:
        """Return the candidates to try next, at most `size`, the most promising first."""
        size = min(size, self.left)
        if size <= 0:
            return []
        chosen: dict[str, Candidate] = {}
        joined = sum(len(c.others) > 0 for c in map(self.pool.by_key.get, self.tried) if c)
        for candidate in self._pairs(min(size // 4, MAX_PAIRS - joined)):
            chosen[candidate.key] = candidate
        room = min(size * FOCUS_SHARE, self.budget * FOCUS_BUDGET - spent(self).total())
        for score, proposal in focused(self):
            if len(chosen) >= room:
                break
            candidate = self.pool.write(score, proposal)
            if candidate is not None and candidate.key not in self.tried:
                chosen[candidate.key] = candidate
        factors = Feedback(self)
        order = sorted(
            ((score * factors.of(p), n) for n, (score, p) in enumerate(self.pool.ordered)),
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

    # -- partial successes -----------------------------------------------------------------

    def helped(self, trial: Trial) -> int:
        """Return how many of the search tests a change repairs, whatever it breaks."""
        if trial.verdict not in ("PASS", "FAIL"):
            return 0
        wanted = self.knowledge.search_tests
        if trial.good:
            return sum(test in trial.good for test in wanted)
        return trial.passed if trial.passed + trial.failed == len(wanted) else 0

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

    def _pairs(self, count: int) -> list[Candidate]:
        """Join partial successes with each other and with the best single candidates."""
        partial = [c for c in self.partial() if not c.others][:MAX_PARTIALS]
        made: dict[str, Candidate] = {}
        for first in partial:
            mates = [c for c in partial if c.key != first.key]
            for score, proposal in self.pool.ordered[:PAIR_WITH]:
                single = self.pool.write(score, proposal)
                if single is not None:
                    mates.append(single)
            for mate in mates:
                if len(made) >= count:
                    return list(made.values())
                joined = self.pool.join(first, mate) if mate.key != first.key else None
                if joined is not None and joined.key not in self.tried:
                    made.setdefault(joined.key, joined)
        return list(made.values())

    # -- survivors -------------------------------------------------------------------------

    def survivors(self) -> list[Candidate]:
        """Return candidates that pass all search tests, the preferred first; no probes."""
        keys = [key for key, trial in self.tried.items() if trial.verdict == "PASS"]
        found = [candidate for key in keys if (candidate := self.known(key)) is not None]
        found = [candidate for candidate in found if not candidate.proposal.probe]
        return sorted(found, key=lambda c: -preference(c))

    def to_validate(self) -> list[Candidate]:
        """Return survivors that have not faced all visible tests yet."""
        waiting = [c for c in self.survivors() if c.key not in self.knowledge.validations]
        return waiting[:MAX_SURVIVORS]

    def allowed(self) -> int:
        """How many visible tests may fail after a repair: those that it is not about."""
        run = self.knowledge.spectrum_run
        return max(0, (run.bad if run else 0) - len(self.knowledge.failures))

    def valid(self) -> list[Candidate]:
        """Return survivors that break no visible test, the preferred first."""
        good = []
        for candidate in self.survivors():
            trial = self.knowledge.validations.get(candidate.key)
            if trial is not None and self.holds(trial):
                good.append((trial.failed, candidate))
        return [c for _, c in sorted(good, key=lambda one: (one[0], -preference(one[1])))]

    def valid_partial(self) -> Candidate | None:
        """Return the best validated candidate that repairs a part and breaks nothing."""
        run = self.knowledge.spectrum_run
        for candidate in self.partial():
            trial = self.knowledge.validations.get(candidate.key)
            if trial and trial.verdict == "FAIL" and run and trial.failed < run.bad:
                return candidate
        return None


def preference(candidate: Candidate) -> float:
    """Return how much a survivor is preferred: plausible place, likely and small change.

    Among changes that satisfy the same tests, those that only remove behaviour or repeat a
    literal of a test are the likeliest to be wrong elsewhere.
    """
    proposals = (candidate.proposal, *candidate.others)
    factor = DESTRUCTIVE_FACTOR if any(p.destructive for p in proposals) else 1.0
    return candidate.score * factor / math.sqrt(1.0 + len(candidate.others))
