"""The pool of candidate changes for one state of the source, ranked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from agents.models.symbolic.candidates import Candidate, Proposal, ranked, value, written
from agents.models.symbolic.knowledge import Knowledge
from agents.models.symbolic.patch_generation import propose
from agents.models.symbolic.schemata.build import (
    Schema,
    conditional_schemata,
    first_schemata,
    schema_candidate,
)
from agents.models.symbolic.schemata.results import MutantResult
from agents.models.symbolic.source import Edit, Module

MAX_TWINS = 4

Weighted = tuple[Proposal, float]
"""A proposal with the suspiciousness of its line."""


@dataclass
class Pool:
    """All proposals for one state of the source, ranked; shared by the turns of an episode."""

    knowledge: Knowledge
    ordered: list[tuple[float, Proposal]]
    by_key: dict[str, Candidate] = field(default_factory=dict)
    _conditional: dict[object, list[tuple[Schema, Candidate]]] = field(default_factory=dict)
    _written: dict[int, Candidate | None] = field(default_factory=dict)

    @cached_property
    def schemata(self) -> list[tuple[Schema, Candidate]]:
        """The candidates that try many changes in one run of the tests."""
        return [self._write(schema) for schema in first_schemata(self.knowledge, self.ordered)]

    def conditional(self, found: list[MutantResult]) -> list[tuple[Schema, Candidate]]:
        """Return those that try the conditional forms of what was found."""
        key = tuple((id(one.proposal), one.fixed, one.broken) for one in found)
        if key not in self._conditional:
            made = conditional_schemata(self.knowledge, found)
            self._conditional[key] = [self._write(schema) for schema in made]
        return self._conditional[key]

    @cached_property
    def _by_edits(self) -> dict[tuple[Edit, ...], tuple[float, Proposal]]:
        return {proposal.edits: (score, proposal) for score, proposal in self.ordered}

    def same(self, result: MutantResult) -> MutantResult:
        """Return a result with the template's own proposal of the change, where one has made it.

        What is known of a change must not follow from who wrote it first: replays differ in that.
        """
        if id(result.proposal) in self._own:
            return result
        score, proposal = self._by_edits.get(result.proposal.edits, (result.score, result.proposal))
        return replace(result, score=score, proposal=proposal)

    @cached_property
    def _own(self) -> set[int]:
        return {id(proposal) for _, proposal in self.ordered}

    def _write(self, schema: Schema) -> tuple[Schema, Candidate]:
        candidate = schema_candidate(self.knowledge.modules, schema.proposal)
        self.by_key[candidate.key] = candidate
        return schema, candidate

    def write(self, score: float, proposal: Proposal) -> Candidate | None:
        """Write a proposal of the pool; None where the result is no valid program."""
        mark = id(proposal)
        if mark not in self._written:
            made = written(self.knowledge.modules[proposal.path], proposal, score)
            self._written[mark] = made
            if made is not None:
                self.by_key.setdefault(made.key, made)
        return self._written[mark]


def make_pool(knowledge: Knowledge, seed: int) -> Pool:
    """Propose and rank all candidates for what is known before the first trial."""
    proposals = list(propose(knowledge.project, knowledge.facts, knowledge.suspicion))
    proposals += _twins(proposals, knowledge.modules) + _families(proposals, knowledge.modules)
    return Pool(knowledge, ranked(proposals, seed))


def _twins(proposals: list[Weighted], modules: Mapping[str, Module]) -> list[Weighted]:
    """Join equal replacements at several places of a file: bugs are often copied.

    Such multi-place fixes of one kind are what Hercules (Saha et al., ICSE 2019) repairs.
    """
    groups: dict[tuple[str, str, str, str], list[Weighted]] = {}
    for proposal, suspicion in proposals:
        if len(proposal.edits) != 1 or proposal.probe or proposal.family:
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
    return found


def _families(proposals: list[Weighted], modules: Mapping[str, Module]) -> list[Weighted]:
    """Join the same operation at all its places in a function."""
    groups: dict[tuple[str, str, str], list[Weighted]] = {}
    for proposal, suspicion in proposals:
        if proposal.family:
            function = modules[proposal.path].function_at(proposal.line)
            name = f"{function.name}:{function.lineno}" if function else ""
            key = (proposal.path, name, proposal.family)
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
