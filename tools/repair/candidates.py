"""Candidate changes: what templates propose, ranked, checked and written as exact edits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from tools.repair.source import (
    Edit,
    Module,
    Snippet,
    overlapping,
    snippets,
    still_valid,
)

SIZE_WEIGHT = 0.012
"""How much each changed character costs, as a share of the score (smaller edits first)."""

LITERAL_FACTOR = 0.5
"""Factor of candidates that put a literal of the tests into the source: they may special-case."""

REPEAT_FACTOR = 0.93
"""Factor for each candidate of the same template at the same line that is ranked before it."""


@dataclass(frozen=True)
class Proposal:
    """What a template proposes.

    Attributes:
        edits: Replacements in one file, not overlapping.
        template: Name of the template.
        prior: How often such a change is the right one, relative to others.
        line: The line that it is about.
        note: What it does, in a few words.
        literal: Whether it uses a literal of the tests.
        probe: Whether it only shows if the place matters, and is never kept.
        family: Names an operation that may be needed at several places of a function at once.
    """

    edits: tuple[Edit, ...]
    template: str
    prior: float
    line: int
    note: str
    literal: bool = False
    probe: bool = False
    family: str = ""

    @property
    def path(self) -> str:
        """The file that it changes."""
        return self.edits[0].path

    def size(self) -> int:
        """How many characters it removes and adds."""
        return sum(edit.end - edit.start + len(edit.new) for edit in self.edits)


Scored = tuple[float, Proposal]
"""A proposal with its score."""


@dataclass(frozen=True)
class Candidate:
    """A proposal with its score and the edits as the tools take them."""

    proposal: Proposal
    score: float
    snippets: tuple[Snippet, ...]

    @property
    def key(self) -> str:
        """Identifies the change: equal for equal edits."""
        return key_of(self.snippets)

    @property
    def place(self) -> str:
        """Its file and line."""
        return f"{self.proposal.path}:{self.proposal.line}"

    @property
    def edits(self) -> tuple[Edit, ...]:
        """What it replaces."""
        return self.proposal.edits

    def touches(self, other: Candidate) -> bool:
        """Whether it changes a place that another one changes."""
        return any(
            edit.path == one.path and edit.start <= one.end and one.start <= edit.end
            for edit in self.edits
            for one in other.edits
        )

    @property
    def arguments(self) -> list[dict[str, str]]:
        """Its edits as `try_edits` takes them."""
        return [{"path": s.path, "old": s.old, "new": s.new} for s in self.snippets]


def key_of(snippets: Iterable[Snippet]) -> str:
    """Return a short digest of exact edits."""
    text = "\0".join(f"{s.path}\0{s.old}\0{s.new}" for s in snippets)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:20]


def value(proposal: Proposal, suspicion: float) -> float:
    """Return the score: suspiciousness times prior, less for larger edits."""
    changed = min(proposal.size(), 400)
    score = suspicion * proposal.prior / (1.0 + SIZE_WEIGHT * changed)
    return score * (LITERAL_FACTOR if proposal.literal else 1.0)


def ranked(proposals: Iterable[tuple[Proposal, float]], seed: int) -> list[Scored]:
    """Rank proposals, the best first, without repetitions.

    Args:
        proposals: With the suspiciousness of their line.
        seed: Decides between equal ones.
    """
    best: dict[tuple[Edit, ...], Scored] = {}
    for proposal, suspicion in proposals:
        score = value(proposal, suspicion)
        edits = tuple(sorted(proposal.edits, key=lambda e: (e.path, e.start)))
        if score > 0.0 and (edits not in best or best[edits][0] < score):
            best[edits] = (score, proposal)
    ordered = sorted(best.values(), key=lambda pair: (-pair[0], _tie(pair[1], seed)))
    seen: dict[tuple[str, int, str], int] = {}
    spread = []
    for score, proposal in ordered:
        place = (proposal.path, proposal.line, proposal.template)
        seen[place] = seen.get(place, 0) + 1
        spread.append((score * REPEAT_FACTOR ** (seen[place] - 1), proposal))
    return sorted(spread, key=lambda pair: (-pair[0], _tie(pair[1], seed)))


def _tie(proposal: Proposal, seed: int) -> str:
    text = f"{seed}|{proposal.path}|{proposal.line}|{proposal.template}|{proposal.edits!r}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def written(module: Module, proposal: Proposal, score: float) -> Candidate | None:
    """Write a proposal as exact edits.

    Returns:
        None where the result is no valid Python, changes nothing, or parts overlap.
    """
    edits = tuple(dict.fromkeys(proposal.edits))
    if overlapping(edits) or not still_valid(module, edits):
        return None
    done = snippets(module, edits)
    return Candidate(proposal, score, done) if done else None
