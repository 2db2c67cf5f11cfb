"""A short list of candidate repairs for a choice: named, versioned and frozen.

The same evidence gives the same list for ever: what a policy has learned of one version of the
generator says nothing of another. Whoever changes what templates propose, how they are ranked,
or the bounds below, raises the number in `GENERATOR`; a test holds the digest of the lists.
"""

from __future__ import annotations

from collections import Counter

from tools.repair.candidates import Candidate, written
from tools.repair.evidence import Evidence
from tools.repair.ranking import ranked_proposals

GENERATOR = "repair-templates-1"
"""Name and version of the generator."""

LINE_SHARE = 12
"""No line has more than this part of the list: localisation is often off by a few lines."""

TEMPLATE_SHARE = 6
"""No template has more than this part of the list."""


def choices(evidence: Evidence, count: int) -> list[Candidate]:
    """Return candidate repairs, ranked by hand-made scores.

    Args:
        evidence: What is known of the fault.
        count: How many at most.
    """
    lines: Counter[tuple[str, int]] = Counter()
    templates: Counter[str] = Counter()
    found: dict[str, Candidate] = {}
    for score, proposal in ranked_proposals(evidence, 0):
        if len(found) >= count:
            break
        place = (proposal.path, proposal.line)
        full = lines[place] >= max(3, count // LINE_SHARE)
        full = full or templates[proposal.template] >= max(4, count // TEMPLATE_SHARE)
        if proposal.probe or full:
            continue
        candidate = written(evidence.modules[proposal.path], proposal, score)
        if candidate is None or candidate.key in found:
            continue
        lines[place] += 1
        templates[proposal.template] += 1
        found[candidate.key] = candidate
    return list(found.values())
