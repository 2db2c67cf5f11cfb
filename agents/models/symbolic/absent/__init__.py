"""Repair of what does not exist yet: the failing tests name something that is not there.

A definition is made from what the program has already: names of other files, the most similar
sibling with the words of its name exchanged (Barr et al., "The Plastic Surgery Hypothesis",
FSE 2014), fields and functions of equal name, and parameters that take the place of what was
fixed. A definition that only moves the failure on is a partial success, from which `growth`
goes on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from agents.models.symbolic.absent.missing import Missing, read
from agents.models.symbolic.absent.places import Scene
from agents.models.symbolic.candidates import Proposal
from agents.models.symbolic.source import Edit

__all__ = ["Missing", "Scene", "proposals", "read"]

SIZE_WEIGHT = 0.0008
"""How much each character of a definition costs, as a share of its score."""

REPEAT = 0.985
"""Factor for each proposal of the same form that is ranked before it."""


def proposals(scene: Scene, missing: Iterable[Missing]) -> list[tuple[float, Proposal]]:
    """Return definitions of what is missing, the best first.

    Args:
        scene: The files and tests.
        missing: What the failures name.
    """
    from agents.models.symbolic.absent.members import member
    from agents.models.symbolic.absent.names import module_name
    from agents.models.symbolic.absent.parameters import keyword, positional, required
    from agents.models.symbolic.absent.special import special

    makers = {
        "name": module_name,
        "member": member,
        "keyword": keyword,
        "positional": positional,
        "required": required,
        "special": special,
    }
    best: dict[object, tuple[float, Proposal]] = {}
    for one in missing:
        for raw in makers[one.kind](scene, one):
            proposal = replace(raw, edits=_merged(raw.edits))
            score = proposal.prior / (1.0 + SIZE_WEIGHT * min(proposal.size(), 1000))
            key = tuple(sorted(proposal.edits, key=lambda e: (e.path, e.start, e.new)))
            if key not in best or best[key][0] < score:
                best[key] = (score, proposal)
    ordered = sorted(best.values(), key=lambda one: (-one[0], one[1].line, one[1].note))
    seen: dict[str, int] = {}
    spread = []
    for score, proposal in ordered:
        count = seen.get(proposal.template, 0)
        seen[proposal.template] = count + 1
        spread.append((score * REPEAT**count, proposal))
    return sorted(spread, key=lambda one: (-one[0], one[1].line, one[1].note))


def _merged(edits: tuple[Edit, ...]) -> tuple[Edit, ...]:
    """Join insertions at one place, in their order, and leave out repeated edits."""
    found: dict[tuple[str, int, int], str] = {}
    for edit in dict.fromkeys(edits):
        place = (edit.path, edit.start, edit.end)
        again = place in found and edit.start != edit.end
        found[place] = edit.new if again else found.get(place, "") + edit.new
    return tuple(Edit(*place, new) for place, new in found.items())
