"""How the results so far change the order of what was not tried yet.

Each trial tells about its place: a change that gives another assertion failure shows that the
place matters, and changes that make no difference at all show that it hardly does. The rest of
the budget then goes elsewhere, as in the multi-armed bandits of search-based repair.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from agents.models.symbolic.candidates import Proposal
from agents.models.symbolic.rehearsal import REHEARSE
from agents.models.symbolic.source import Edit
from agents.models.symbolic.templates.probes import FORCE

if TYPE_CHECKING:
    from agents.models.symbolic.search import Search

PROBE_FACTOR = 3.0
"""Factor of changes of a condition that a probe showed to decide the failure."""

INFLUENCE_FACTOR = 1.3
"""Factor of lines where a change gave another assertion failure than before."""

TRIED_FACTOR = 0.95
"""Factor for each change that was tried at a line before."""

IDLE_FACTOR = 0.85
"""Factor for each change at a line where none has made a difference."""

FUNCTION_FACTOR = 0.985
"""Factor for each change in a function where none has repaired a test."""

SOLVED_FACTOR = 0.25
"""Factor of lines that none of the tests runs for which nothing helps yet."""

Place = tuple[str, int]


class Feedback:
    """Factors of what was not tried yet."""

    def __init__(self, search: Search) -> None:
        """Read the trials of a search."""
        self._decisive: list[Edit] = []
        self._modules = search.knowledge.modules
        tries: Counter[Place] = Counter()
        moved: set[Place] = set()
        inside: Counter[Place] = Counter()
        helped: set[Place] = set()
        baseline = search.knowledge.baseline
        for key, trial in search.tried.items():
            candidate = search.pool.by_key.get(key)
            if candidate is None:
                continue
            proposal = candidate.proposal
            if proposal.template == REHEARSE:
                continue
            place = (proposal.path, proposal.line)
            tries[place] += 1
            inside[self._function(proposal)] += 1
            if search.helped(trial):
                moved.add(place)
                helped.add(self._function(proposal))
                if proposal.template == FORCE:
                    self._decisive.extend(proposal.edits)
            if search.further(trial) or any(
                message != baseline.get(test, message) and _asserts(message)
                for test, message in trial.errors
            ):
                moved.add(place)
        solved = {test for c in search.partial() for test in search.repaired(c)}
        self._open = open_lines(search, set(search.knowledge.search_tests) - solved)
        self._lines = {
            place: INFLUENCE_FACTOR * TRIED_FACTOR**count if place in moved else IDLE_FACTOR**count
            for place, count in tries.items()
        }
        self._functions = {
            place: 1.0 if place in helped else FUNCTION_FACTOR**count
            for place, count in inside.items()
        }

    def of(self, proposal: Proposal) -> float:
        """Return the factor of a proposal."""
        factor = self._lines.get((proposal.path, proposal.line), 1.0)
        if self._open is not None and (proposal.path, proposal.line) not in self._open:
            factor *= SOLVED_FACTOR
        if any(_touches(edit, proposal) for edit in self._decisive):
            return PROBE_FACTOR * max(1.0, factor)
        return factor * self._functions.get(self._function(proposal), 1.0)

    def _function(self, proposal: Proposal) -> Place:
        return self._modules[proposal.path].place_of(proposal.line)


def open_lines(search: Search, tests: set[str]) -> set[Place] | None:
    """Return the suspicious lines that matter to some of the failing tests.

    Lines that run at import only have no tests; they count as everybody's.

    Args:
        search: The search.
        tests: Failing tests.

    Returns:
        None where these are all, or none, of the tests that are searched for: no line is less
        important then.
    """
    run = search.knowledge.spectrum_run
    others = set(search.knowledge.search_tests) - tests
    if run is None or not tests or not others:
        return None
    settled: set[Place] = set()
    for test in others:
        for path, lines in run.covers.get(test, {}).items():
            settled.update((path, line) for line in lines)
    needed: set[Place] = set()
    for test in tests:
        for path, lines in run.covers.get(test, {}).items():
            needed.update((path, line) for line in lines)
    return {place for place in search.knowledge.suspicion if place not in settled - needed}


def _touches(edit: Edit, proposal: Proposal) -> bool:
    return any(
        e.path == edit.path and e.start <= edit.end and edit.start <= e.end for e in proposal.edits
    )


def _asserts(message: str) -> bool:
    return message.startswith(("assert", "AssertionError", "Failed"))
