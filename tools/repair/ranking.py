"""All candidate changes for one state of the source, ranked by hand-made weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tools.repair.candidates import Proposal, Scored, ranked, value
from tools.repair.evidence import Evidence
from tools.repair.patch_generation import propose
from tools.repair.source import Module

MAX_TWINS = 4

Weighted = tuple[Proposal, float]
"""A proposal with the suspiciousness of its line."""


def ranked_proposals(evidence: Evidence, seed: int) -> list[Scored]:
    """Propose and rank all changes, the best first.

    Args:
        evidence: What is known of the fault.
        seed: Decides between equal ones.
    """
    proposals = list(propose(evidence.project, evidence.facts, evidence.suspicion))
    proposals += _twins(proposals, evidence.modules) + _families(proposals, evidence.modules)
    return ranked(proposals, seed)


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
