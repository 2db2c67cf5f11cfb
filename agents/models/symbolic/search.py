"""The search over candidate changes: what to try next, and which survivor to keep."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from agents.models.symbolic.absent import proposals as definitions
from agents.models.symbolic.absent.growth import grow, is_bare
from agents.models.symbolic.candidates import (
    Candidate,
    Proposal,
    pair,
    ranked,
    spread_over,
    value,
    written,
)
from agents.models.symbolic.feedback import SOLVED_FACTOR, Feedback, open_lines
from agents.models.symbolic.focus import focused, spent
from agents.models.symbolic.formats import Trial
from agents.models.symbolic.knowledge import Knowledge
from agents.models.symbolic.rehearsal import (
    DEAD,
    SYNTHESISED,
    Carrier,
    Hit,
    carried,
    carriers,
    conditional,
    further,
    hits,
    order,
    promising,
)
from agents.models.symbolic.source import Edit
from agents.models.symbolic.symptoms import read_symptoms
from agents.models.symbolic.templates.probes import FORCE

DESTRUCTIVE_FACTOR = 0.35
"""Factor, when choosing, of survivors that remove behaviour."""

UNPROMISING_SHARE = 0.6
"""Without any sign of success, this part of the budget is spent."""

FOCUS_SHARE = 0.6
"""Share of a batch that conditions at places where a probe helped may take."""

HIT_SHARE = 0.6
"""Share of a batch that changes which repaired a test in a rehearsal may take."""

MAX_ALIKE = 4
"""Changes of one line that are tried because they repaired a test in a rehearsal."""

FOCUS_BUDGET = 0.4
"""Share of all candidates that such conditions may take."""

MAX_TWINS = 4
MAX_PARTIALS = 4
PAIR_WITH = 60
MAX_PAIRS = 60
"""Joined changes that are tried in an episode at most."""

MAX_JOINED = 3
"""Changes that are joined at most."""

MATES_OF = 1_500
"""Proposals of the highest rank that are weighed anew beside a change that got further."""

MAX_FURTHER = 8_000
"""Proposals that are rehearsed, in two rounds, at most."""

MAX_SURVIVORS = 6

MAX_ORDINARY = 40
"""Changes of what is there that are tried where all failures say that something is missing."""

BATCH_CHARS = 50_000
"""Characters of definitions in a batch."""

GROWN_BATCH = 16
"""Candidates in a batch while there are new ones that go on from progress: each step tells."""

EARLY = 0.9
"""Rank of a parameter without any use, as a score."""

ABSENT_SHARE = 0.4
"""Share of a batch that definitions of what is missing take, where failures differ."""


@dataclass
class Pool:
    """All proposals for one state of the source, ranked; shared by the turns of an episode."""

    knowledge: Knowledge
    ordered: list[tuple[float, Proposal]]
    by_key: dict[str, Candidate] = field(default_factory=dict)
    focus: dict[str, list[Proposal]] = field(default_factory=dict)
    mates: dict[str, list[tuple[float, Proposal]]] = field(default_factory=dict)
    hits: dict[tuple[str, object], tuple[int, list[Hit]]] = field(default_factory=dict)
    second: dict[object, list[tuple[Carrier, Candidate]]] = field(default_factory=dict)
    absent: list[tuple[float, Proposal]] = field(default_factory=list)
    grown: dict[str, list[tuple[float, Proposal]]] = field(default_factory=dict)
    _written: dict[int, Candidate | None] = field(default_factory=dict)

    @cached_property
    def carried(self) -> list[tuple[Carrier, Candidate]]:
        """The candidates that try many changes in one run of the tests."""
        return [self._carried(c) for c in carriers(self.knowledge, self.ordered)]

    @cached_property
    def further(self) -> list[tuple[Carrier, Candidate]]:
        """Those of less likely changes, for where the first ones repair nothing."""
        done = {id(proposal) for carrier, _ in self.carried for _, proposal in carrier.changes}
        rest = [one for one in self.ordered[:MAX_FURTHER] if id(one[1]) not in done]
        return [self._carried(c) for c in further(self.knowledge, rest)]

    def conditional(self, found: list[Hit]) -> list[tuple[Carrier, Candidate]]:
        """Return those that try the conditional forms of what was found."""
        key = tuple((id(h.proposal), h.fixed, h.broken) for h in found)
        if key not in self.second:
            self.second[key] = [self._carried(c) for c in conditional(self.knowledge, found)]
        return self.second[key]

    @cached_property
    def _by_edits(self) -> dict[tuple[Edit, ...], tuple[float, Proposal]]:
        return {proposal.edits: (score, proposal) for score, proposal in self.ordered}

    def same(self, score: float, proposal: Proposal) -> tuple[float, Proposal]:
        """Return the template's own proposal of a change where one has proposed it too.

        What is known of a change must not follow from who wrote it first: replays differ in that.
        """
        return self._by_edits.get(proposal.edits, (score, proposal))

    def _carried(self, carrier: Carrier) -> tuple[Carrier, Candidate]:
        candidate = carried(self.knowledge.modules, carrier.proposal)
        self.by_key[candidate.key] = candidate
        return carrier, candidate

    def write(self, score: float, proposal: Proposal) -> Candidate | None:
        """Write a proposal of the pool; None where the result is no valid program."""
        mark = id(proposal)
        if mark not in self._written:
            modules = self.knowledge.modules
            if any(edit.path != proposal.path for edit in proposal.edits):
                made = spread_over(modules, proposal, score)
            else:
                made = written(modules[proposal.path], proposal, score)
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
    absent = definitions(knowledge.scene, knowledge.missing)
    ordered = ranked(_weighed(proposals, knowledge), seed)
    if absent and knowledge.asked_for >= {test for test, _ in knowledge.broken}:
        # All failures are about what is missing: changes of what is there hardly help.
        ordered = ordered[:MAX_ORDINARY]
    return Pool(knowledge, ordered, absent=absent)


def _weighed(
    proposals: list[tuple[Proposal, float]], knowledge: Knowledge
) -> Iterator[tuple[Proposal, float]]:
    """Yield proposals with what the failures' values say about them."""
    symptoms = knowledge.facts.symptoms
    for proposal, suspicion in proposals:
        module = knowledge.modules[proposal.path]
        yield proposal, suspicion * symptoms.factor(module, proposal)


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
        budget = self.budget if self.promising else int(self.budget * UNPROMISING_SHARE)
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
            self._pairs(len(self.tried) * PAIR_WITH, len(self.tried))
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
        joined = sum(len(c.others) > 0 for c in map(self.pool.by_key.get, self.tried) if c)
        for candidate in self._pairs(min(size // 4, MAX_PAIRS - joined)):
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
                room -= length(candidate)
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
        return waiting, dead, sorted(found, key=order)

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

    def nearer(self, trial: Trial) -> int:
        """Return how many search tests fail by a value now that one known function puts right."""
        known = self.knowledge.facts.symptoms.functions
        return sum(
            message != self.knowledge.baseline.get(test, message)
            and bool(set(read_symptoms([message]).functions) - set(known))
            for test, message in trial.errors
        )

    def advanced(self) -> list[Candidate]:
        """Return candidates after which a test passes or gets further, the best first.

        A change that repairs the first of several things a test asks for is half a repair.
        """
        found: list[tuple[int, int, float, Candidate]] = []
        for key, trial in self.tried.items():
            candidate = self.pool.by_key.get(key)
            if candidate is None or candidate.proposal.probe or trial.verdict != "FAIL":
                continue
            gain, further = self.gain(trial), self.further(trial) or self.nearer(trial)
            if gain > 0 or (further > 0 and self.helped(trial) == 0):
                found.append((gain, further, preference(candidate), candidate))
        found.sort(key=lambda one: one[:3], reverse=True)
        return [one[-1] for one in found]

    def _mates(self, first: Candidate) -> list[tuple[float, Proposal]]:
        """Return what may go together with a change, ranked by what still fails beside it."""
        if first.key not in self.pool.mates:
            from agents.models.symbolic.templates import propose

            messages = [message for _, message in self.tried[first.key].errors]
            symptoms = read_symptoms(messages)
            modules = self.knowledge.modules
            left = set(self.knowledge.search_tests) - self.repaired(first)
            needed = open_lines(self, left)

            def weight(p: Proposal) -> float:
                settled = needed is not None and (p.path, p.line) not in needed
                return symptoms.factor(modules[p.path], p) * (SOLVED_FACTOR if settled else 1.0)

            asked = propose(
                self.knowledge.project,
                replace(self.knowledge.facts, symptoms=symptoms),
                self.knowledge.suspicion,
                only=frozenset({"fitting", "difference"}),
            )
            singles = [*self.pool.ordered[:MATES_OF], *((value(p, s), p) for p, s in asked)]
            ranked = [
                (score * weight(p), number, p)
                for number, (score, p) in enumerate(singles)
                if not p.probe
            ]
            ranked.sort(key=lambda one: (-one[0], one[1]))
            self.pool.mates[first.key] = [(score, p) for score, _, p in ranked[:PAIR_WITH]]
        return self.pool.mates[first.key]

    def _pairs(self, count: int, width: int = MAX_PARTIALS) -> list[Candidate]:
        """Join the `width` best changes that got a test further with what may go beside them."""
        partial = [c for c in self.advanced() if len(c.others) + 1 < MAX_JOINED][:width]
        queues = []
        for first in partial:
            mates = [c for c in partial if c.key != first.key]
            singles = (self.pool.write(score, p) for score, p in self._mates(first))
            queues.append((first, [*mates, *(one for one in singles if one is not None)]))
        made: dict[str, Candidate] = {}
        # In turns, so that one misleading change does not take all of the room.
        for place in range(max((len(mates) for _, mates in queues), default=0)):
            for first, mates in queues:
                if len(made) >= count:
                    return list(made.values())
                mate = mates[place] if place < len(mates) else first
                joined = self.pool.join(first, mate) if mate.key != first.key else None
                if joined is not None and joined.key not in self.tried:
                    made.setdefault(joined.key, joined)
        return list(made.values())

    # -- survivors -------------------------------------------------------------------------

    def survivors(self) -> list[Candidate]:
        """Return candidates that pass all search tests, the preferred first; no probes."""
        keys = [key for key, trial in self.tried.items() if trial.verdict == "PASS"]
        found = [candidate for key in keys if (candidate := self.known(key)) is not None]
        found = [c for c in found if not c.proposal.probe]
        found = [c for c in found if not (blunt(c.proposal) and self.forced(c))]
        return sorted(found, key=lambda c: -self.preference(c))

    def preference(self, candidate: Candidate) -> float:
        """Return how much a survivor is preferred, see `preference`; less where it is doubtful."""
        return preference(candidate) * (DESTRUCTIVE_FACTOR if self.forced(candidate) else 1.0)

    def forced(self, candidate: Candidate) -> bool:
        """Whether a change is of a condition that the tests want to be always true, or false.

        What else stands there is then not shown by any test: `<` does as well as `!=`. Changes
        that turn such a condition over are never kept (an anti-pattern of program repair, Tan et
        al., FSE 2016); those that refine it are doubtful.
        """
        return any(
            edit.path == other.path and edit.start <= other.end and other.start <= edit.end
            for proposal in (candidate.proposal, *candidate.others)
            for edit in proposal.edits
            for other in self._settled
        )

    @cached_property
    def _settled(self) -> list[Edit]:
        """Conditions that may as well be constant, as far as all tests of a rehearsal show."""
        hits = self._rehearsed()[2]
        return [
            edit
            for hit in hits
            if hit.proposal.template == FORCE and hit.fixed and not hit.broken
            for edit in hit.proposal.edits
        ]

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
        return [c for _, c in sorted(good, key=lambda one: (one[0], -self.preference(one[1])))]

    def valid_partial(self) -> Candidate | None:
        """Return the best validated candidate that repairs a part and breaks nothing."""
        run = self.knowledge.spectrum_run
        for candidate in self.partial():
            trial = self.knowledge.validations.get(candidate.key)
            if trial and trial.verdict == "FAIL" and run and trial.failed < run.bad:
                return candidate
        return None


_BLUNT = frozenset({"negation", "negate-part", "branches", SYNTHESISED})


def blunt(proposal: Proposal) -> bool:
    """Whether a change turns a condition over, rather than moving its bound or refining it."""
    if proposal.template != "comparison":
        return proposal.template in _BLUNT
    old, _, new = proposal.note.rpartition(": ")[2].partition(" -> ")
    return old.rstrip("=") != new.rstrip("=")


def length(candidate: Candidate) -> int:
    """Return the characters that a candidate takes in a conversation."""
    return sum(len(one.old) + len(one.new) for one in candidate.snippets)


def preference(candidate: Candidate) -> float:
    """Return how much a survivor is preferred: plausible place, likely and small change.

    Among changes that satisfy the same tests, those that only remove behaviour or repeat a
    literal of a test are the likeliest to be wrong elsewhere.
    """
    proposals = (candidate.proposal, *candidate.others)
    factor = DESTRUCTIVE_FACTOR if any(p.destructive for p in proposals) else 1.0
    return candidate.score * factor / math.sqrt(1.0 + len(candidate.others))
