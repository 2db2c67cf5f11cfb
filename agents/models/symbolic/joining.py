"""Changes that are tried together: those that get a test further, and what may go beside them.

A test often asks for several things. A change after which it stops at a later assertion, or
fails by a value that one known function puts right, is half a repair; the other half is looked
for in view of what fails then.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agents.models.symbolic.candidates import Candidate, Proposal, value
from agents.models.symbolic.choosing import preference
from agents.models.symbolic.feedback import SOLVED_FACTOR, open_lines
from agents.models.symbolic.formats import Trial
from agents.models.symbolic.symptoms import read_symptoms

if TYPE_CHECKING:
    from agents.models.symbolic.search import Search

MAX_PARTIALS = 4
PAIR_WITH = 60
MAX_PAIRS = 60
"""Joined changes that are tried in an episode at most."""

MAX_JOINED = 3
"""Changes that are joined at most."""

MATES_OF = 1_500
"""Proposals of the highest rank that are weighed anew beside a change that got further."""


def nearer(search: Search, trial: Trial) -> int:
    """Return how many search tests fail by a value now that one known function puts right."""
    known = search.knowledge.facts.symptoms.functions
    return sum(
        message != search.knowledge.baseline.get(test, message)
        and bool(set(read_symptoms([message]).functions) - set(known))
        for test, message in trial.errors
    )


def advanced(search: Search) -> list[Candidate]:
    """Return candidates after which a test passes or gets further, the best first.

    A change that repairs the first of several things a test asks for is half a repair.
    """
    found: list[tuple[int, int, float, Candidate]] = []
    for key, trial in search.tried.items():
        candidate = search.pool.by_key.get(key)
        if candidate is None or candidate.proposal.probe or trial.verdict != "FAIL":
            continue
        gain, steps = search.gain(trial), search.further(trial) or nearer(search, trial)
        if gain > 0 or (steps > 0 and search.helped(trial) == 0):
            found.append((gain, steps, preference(candidate), candidate))
    found.sort(key=lambda one: one[:3], reverse=True)
    return [one[-1] for one in found]


def _mates(search: Search, first: Candidate) -> list[tuple[float, Proposal]]:
    """Return what may go together with a change, ranked by what still fails beside it."""
    if first.key not in search.pool.mates:
        from agents.models.symbolic.templates import propose

        messages = [message for _, message in search.tried[first.key].errors]
        symptoms = read_symptoms(messages)
        modules = search.knowledge.modules
        left = set(search.knowledge.search_tests) - search.repaired(first)
        needed = open_lines(search, left)

        def weight(p: Proposal) -> float:
            settled = needed is not None and (p.path, p.line) not in needed
            return symptoms.factor(modules[p.path], p) * (SOLVED_FACTOR if settled else 1.0)

        asked = propose(
            search.knowledge.project,
            replace(search.knowledge.facts, symptoms=symptoms),
            search.knowledge.suspicion,
            only=frozenset({"fitting", "difference"}),
        )
        singles = [*search.pool.ordered[:MATES_OF], *((value(p, s), p) for p, s in asked)]
        ranked = [
            (score * weight(p), number, p)
            for number, (score, p) in enumerate(singles)
            if not p.probe
        ]
        ranked.sort(key=lambda one: (-one[0], one[1]))
        search.pool.mates[first.key] = [(score, p) for score, _, p in ranked[:PAIR_WITH]]
    return search.pool.mates[first.key]


def joined(search: Search, count: int, width: int = MAX_PARTIALS) -> list[Candidate]:
    """Join the `width` best changes that got a test further with what may go beside them."""
    partial = [c for c in advanced(search) if len(c.others) + 1 < MAX_JOINED][:width]
    queues = []
    for first in partial:
        mates = [c for c in partial if c.key != first.key]
        singles = (search.pool.write(score, p) for score, p in _mates(search, first))
        queues.append((first, [*mates, *(one for one in singles if one is not None)]))
    made: dict[str, Candidate] = {}
    # In turns, so that one misleading change does not take all of the room.
    for place in range(max((len(mates) for _, mates in queues), default=0)):
        for first, mates in queues:
            if len(made) >= count:
                return list(made.values())
            mate = mates[place] if place < len(mates) else first
            both = search.pool.join(first, mate) if mate.key != first.key else None
            if both is not None and both.key not in search.tried:
                made.setdefault(both.key, both)
    return list(made.values())
