"""What rehearsals answered: the changes that repaired a test, read from the tests' messages."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.models.symbolic.candidates import Proposal, value
from agents.models.symbolic.formats import Trial
from agents.models.symbolic.inside import BASE, DIGITS
from agents.models.symbolic.inside_values import cost
from agents.models.symbolic.source import nodes, parse

if TYPE_CHECKING:
    from agents.models.symbolic.knowledge import Knowledge
    from agents.models.symbolic.rehearsal import Carrier, Place

SYNTHESISED = "synthesised"
"""Template name of expressions that were found while the tests ran."""

_HEARD = re.compile(r"\Arepogym\.Heard: (swap|value) (\d+) (\d+) (\d+)(.*)\Z")
_SWAP = re.compile(rf"([{DIGITS}]{{2}})(\d)(\d)")
_VALUE = re.compile(r"(\d+)\.(\d+)\.(\d+) (.+)\Z")


@dataclass(frozen=True)
class Hit:
    """A change that repaired a test in a rehearsal.

    Attributes:
        score: As in the pool.
        proposal: The change.
        fixed: How many failing tests it repaired.
        broken: How many passing tests it broke.
        seen: How many passing tests were tried.
    """

    score: float
    proposal: Proposal
    fixed: int
    broken: int
    seen: int


def hits(know: Knowledge, carrier: Carrier, trial: Trial) -> tuple[int, list[Hit]]:
    """Return how many changes a carrier tried, and those that repaired a test."""
    said = [match for _, text in trial.errors if (match := _HEARD.match(text))]
    if not said:
        return 0, []
    count = max(int(match[2]) for match in said)
    found: dict[object, Hit] = {}
    for match in sorted(said, key=lambda m: int(m[4])):
        seen = int(match[4])
        if match[1] == "swap":
            for one in re.findall(_SWAP, match[5]):
                number = BASE * DIGITS.index(one[0][0]) + DIGITS.index(one[0][1])
                if number < len(carrier.changes):
                    score, proposal = carrier.changes[number]
                    found[number] = Hit(score, proposal, int(one[1]), int(one[2]), seen)
            continue
        for text in match[5].split(" ; ")[1:]:
            one = _VALUE.match(text)
            if one and int(one[1]) < len(carrier.places):
                place, tests = carrier.places[int(one[1])], (int(one[2]), int(one[3]), seen)
                hit = _expression(know, place, one[4].strip(), *tests)
                if hit is not None:
                    found[one[1], one[4]] = hit
    most = max((hit.seen for hit in found.values()), default=0)
    last = [hit for hit in found.values() if hit.seen == most]
    # Where the last answer had room for what breaks tests, it had named all that breaks none.
    all_told = any(hit.broken for hit in last)
    tried = max(int(match[3]) for match in said)
    return (tried if count else 0), last if all_told else list(found.values())


def _expression(
    know: Knowledge, place: Place, text: str, fixed: int, broken: int, seen: int
) -> Hit | None:
    """Return what was heard of an expression; None where its text was cut short on the way."""
    from agents.models.symbolic.templates.site import Site

    parsed = parse(f"({text})")
    if parsed is None or len(parsed.body) != 1 or not isinstance(parsed.body[0], ast.Expr):
        return None
    tree = parsed.body[0].value
    module = know.modules[place.path]
    node = next(
        n
        for n in nodes(module.tree)
        if isinstance(n, ast.expr) and module.span(n) == (place.start, place.end)
    )
    site = Site(know.project, module, know.facts, {})
    atomic = isinstance(tree, ast.Name | ast.Attribute | ast.Subscript | ast.Call | ast.Constant)
    edit = site.put(node, text, loose=not atomic)
    prior = 0.8 / (1.0 + 0.5 * cost(text, site.text(node)))
    note = f"{site.flat(node)[:40]} -> {text}"
    proposal = Proposal((edit,), SYNTHESISED, prior, place.line, note)
    return Hit(value(proposal, place.score), proposal, fixed, broken, seen)


def promising(hit: Hit) -> bool:
    """Whether a hit is worth a trial as it is."""
    return hit.broken == 0 and not hit.proposal.probe


def order(hit: Hit) -> tuple[bool, int, int, int, float]:
    """Sort hits: those that break nothing and repair most before others."""
    return hit.broken > 0, -hit.fixed, -hit.seen, hit.broken, -hit.score
