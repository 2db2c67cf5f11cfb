"""All candidate changes for one state of the source, ranked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from agents.models.symbolic.absent import proposals as definitions
from agents.models.symbolic.candidates import (
    Candidate,
    Proposal,
    pair,
    ranked,
    spread_over,
    value,
    written,
)
from agents.models.symbolic.hearing import Hit
from agents.models.symbolic.knowledge import Knowledge
from agents.models.symbolic.rehearsal import (
    Carrier,
    carried,
    carriers,
    conditional,
    confirming,
    further,
)
from agents.models.symbolic.source import Edit, Module

MAX_TWINS = 4

MAX_FURTHER = 8_000
"""Proposals that are rehearsed, in two rounds, at most."""

MAX_ORDINARY = 40
"""Changes of what is there that are tried where all failures say that something is missing."""


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
    _joined: dict[tuple[str, str], Candidate | None] = field(default_factory=dict)

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

    def confirming(self, found: list[Hit], tests: Sequence[str]) -> list[tuple[Carrier, Candidate]]:
        """Return those that try what was found on tests that survivors broke."""
        key = (*tests, *((id(h.proposal), h.fixed, h.broken) for h in found))
        if key not in self.second:
            made = confirming(self.knowledge, found, tests)
            self.second[key] = [self._carried(c) for c in made]
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
        both = (first.key, second.key)
        if both not in self._joined:
            made = self._joined[both] = pair(self.knowledge.modules, first, second)
            if made is not None:
                self.by_key.setdefault(made.key, made)
        return self._joined[both]


def make_pool(knowledge: Knowledge, seed: int) -> Pool:
    """Propose and rank all candidates for what is known before the first trial."""
    from agents.models.symbolic.templates import propose

    proposals = list(propose(knowledge.project, knowledge.facts, knowledge.suspicion))
    proposals += twins(proposals, knowledge.modules)
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


def twins(
    proposals: list[tuple[Proposal, float]], modules: Mapping[str, Module]
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
        before = modules[edit.path].text[edit.start : edit.end]
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
    return found + _families(proposals, modules)


def _families(
    proposals: list[tuple[Proposal, float]], modules: Mapping[str, Module]
) -> list[tuple[Proposal, float]]:
    """Join the same operation at all its places in a function."""
    groups: dict[tuple[str, str, str], list[tuple[Proposal, float]]] = {}
    for proposal, suspicion in proposals:
        if proposal.family:
            function = modules[proposal.path].function_at(proposal.line)
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
