"""Which of several changes that satisfy the tests is kept."""

from __future__ import annotations

import math

from agents.models.symbolic.candidates import Candidate, Proposal

DESTRUCTIVE_FACTOR = 0.35
"""Factor, when choosing, of survivors that remove behaviour."""


def moves_bound(proposal: Proposal) -> bool:
    """Whether a change only lets a comparison hold, or not hold, of equal values."""
    if proposal.template != "comparison":
        return False
    old, _, new = proposal.note.rpartition(": ")[2].partition(" -> ")
    return old.rstrip("=") == new.rstrip("=")


def preference(candidate: Candidate) -> float:
    """Return how much a survivor is preferred: plausible place, likely and small change.

    Among changes that satisfy the same tests, those that only remove behaviour or repeat a
    literal of a test are the likeliest to be wrong elsewhere.
    """
    proposals = (candidate.proposal, *candidate.others)
    factor = DESTRUCTIVE_FACTOR if any(p.destructive for p in proposals) else 1.0
    return candidate.score * factor / math.sqrt(1.0 + len(candidate.others))
