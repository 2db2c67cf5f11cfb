"""The pool of candidate changes for one state of the source, ranked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

from agents.models.symbolic.knowledge import Knowledge
from agents.models.symbolic.schemata.build import (
    Schema,
    conditional_schemata,
    first_schemata,
    schema_candidate,
)
from agents.models.symbolic.schemata.results import MutantResult
from tools.repair.candidates import Candidate, Proposal, Scored, written
from tools.repair.learned import reordered
from tools.repair.ranking import ranked_proposals
from tools.repair.source import Edit


@dataclass
class Pool:
    """All proposals for one state of the source, ranked; shared by the turns of an episode."""

    knowledge: Knowledge
    ordered: list[Scored]
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
    def _by_edits(self) -> dict[tuple[Edit, ...], Scored]:
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
    return Pool(knowledge, reordered(knowledge, ranked_proposals(knowledge, seed)))
