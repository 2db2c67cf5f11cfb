"""Numbers that describe candidate repairs and failing tests, each in [0, 1].

Nothing here knows what became of a candidate: the numbers follow from the source, the failing
tests, coverage and the statement alone. Whoever changes what they mean raises `VERSION`.
"""

from __future__ import annotations

import ast
import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tools.repair.candidates import Proposal, Scored
from tools.repair.evidence import Evidence
from tools.repair.source import FunctionNode, Module, nodes

VERSION = "repair-features-1"
"""Name and version of the numbers."""

TEMPLATES = (
    "comparison bound same-field further-part drop-part junction negate-part negation truth "
    "none-part none-or-empty operator operands one-operand off-by-one round-up clamp number "
    "test-number flag none-value default function helper helper-each instead wrapped leave only-if "
    "or-else or-default fallback"
).split()
"""Names of the templates that have a feature of their own."""

STATEMENTS: dict[str, tuple[type[ast.stmt], ...]] = {
    "branch": (ast.If, ast.While),
    "loop": (ast.For, ast.AsyncFor),
    "return": (ast.Return,),
    "assign": (ast.Assign, ast.AnnAssign, ast.AugAssign),
    "expression": (ast.Expr,),
    "raise": (ast.Raise, ast.Assert),
    "definition": (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
}

TOKENS = (
    "not and or is in None True False == != < <= > >= + - * / // % 0 1 [ ( . : return raise if "
    "continue len self"
).split()
"""Tokens whose coming and going have features of their own."""

EXCEPTIONS = (
    "AssertionError TypeError AttributeError KeyError IndexError ValueError NameError Failed"
).split()

_NUMBERS = (
    "suspicion ochiai failing-share passing-share prior score rank size places literal raised "
    "traceback line-words function-words new-words failure-words function-called depth position "
    "new-names known-names vendored"
).split()

FEATURES: tuple[str, ...] = (
    *_NUMBERS,
    *(f"template:{name}" for name in [*TEMPLATES, "other"]),
    *(f"statement:{name}" for name in STATEMENTS),
    *(f"removed:{token}" for token in TOKENS),
    *(f"added:{token}" for token in TOKENS),
)
"""Names of a candidate's numbers."""

STATE: tuple[str, ...] = (
    *("failing", "passing", "functions", "frames", "words", "candidates", "tried"),
    *(f"exception:{name}" for name in [*EXCEPTIONS, "other"]),
)
"""Names of the numbers of the failing tests and of the episode."""

_TOKEN = re.compile(r"\w+|[<>=!]=|//|\*\*|[^\s\w]")
_NAME = re.compile(r"[A-Za-z_]\w+")


def candidate_features(evidence: Evidence, ranked: Sequence[Scored]) -> NDArray[np.float32]:
    """Return a row of `FEATURES` for each candidate; the best by hand-made scores stand first."""
    reader = _Reader(evidence, ranked)
    rows = [reader.row(rank, *one) for rank, one in enumerate(ranked)]
    return np.asarray(rows, dtype=np.float32).reshape(len(ranked), len(FEATURES))


def state_features(evidence: Evidence, filled: float) -> NDArray[np.float32]:
    """Return `STATE` for an episode.

    Args:
        evidence: What is known of the fault.
        filled: Share of the list's places that hold a candidate.
    """
    run = evidence.spectrum_run
    failures = evidence.failures
    kinds = {_exception(failure.message) for failure in failures}
    numbers = [
        _log(len(failures), 20),
        _log(run.good if run else 0, 1000),
        _log(len({failure.id.partition("[")[0] for failure in failures}), 20),
        _log(max((len(failure.frames) for failure in failures), default=0), 20),
        _log(len(evidence.words.code), 50),
        min(1.0, filled),
        0.0,  # the share of tries that are used; who plays keeps it
    ]
    shares = [float(name in kinds) for name in [*EXCEPTIONS, "other"]]
    return np.asarray([*numbers, *shares], dtype=np.float32)


class _Reader:
    """Reads the numbers of candidates of one fault."""

    def __init__(self, evidence: Evidence, ranked: Sequence[Scored]) -> None:
        self.evidence = evidence
        self.highest = max(evidence.suspicion.values(), default=1.0) or 1.0
        self.best = max((score for score, _ in ranked), default=1.0) or 1.0
        self.count = max(1, len(ranked))
        traced = [failure.frames for failure in evidence.failures]
        self.frames = {(f.path, f.line) for frames in traced for f in frames}
        own = [[f for f in frames if f.path in evidence.modules] for frames in traced]
        self.raised = {(frames[-1].path, frames[-1].line) for frames in own if frames}
        run = evidence.spectrum_run
        self.spectrum = run.spectrum if run else {}
        self.good = max(1, run.good if run else 0)
        self.covers = [
            run.covers[failure.id]
            for failure in evidence.failures
            if run and failure.id in run.covers
        ]
        said = " ".join(failure.message for failure in evidence.failures)
        self.said = {word.lower() for word in _NAME.findall(said)}
        self.code = {word.lower() for word in evidence.words.code}
        self.plain = self.code | set(evidence.words.plain)
        self._statements: dict[str, list[tuple[int, int, ast.stmt]]] = {}
        self._names: dict[tuple[str, int], frozenset[str]] = {}

    def row(self, rank: int, score: float, proposal: Proposal) -> list[float]:
        """Return the numbers of one candidate."""
        module = self.evidence.modules[proposal.path]
        place = (proposal.path, proposal.line)
        function = module.function_at(proposal.line)
        name = function.name.strip("_").lower() if function else ""
        statement = self._statement(module, min(edit.start for edit in proposal.edits))
        old = " ".join(module.text[edit.start : edit.end] for edit in proposal.edits)
        new = " ".join(edit.new for edit in proposal.edits)
        before, after = Counter(_TOKEN.findall(old)), Counter(_TOKEN.findall(new))
        added, removed = after - before, before - after
        names = {token for token in added if _NAME.fullmatch(token)}
        line = module.lines[proposal.line - 1] if proposal.line <= len(module.lines) else ""
        here = self._names_of(module, function)
        ran = [files for files in self.covers if proposal.line in files.get(proposal.path, ())]
        first = function.lineno if function else 1
        last = (function.end_lineno or first) if function else len(module.lines)
        template = proposal.template if proposal.template in TEMPLATES else "other"
        numbers = [
            self.evidence.suspicion.get(place, 0.0) / self.highest,
            self.evidence.base.get(place, 0.0),
            len(ran) / max(1, len(self.covers)),
            _log(self.spectrum.get(proposal.path, {}).get(proposal.line, 0), self.good),
            proposal.prior / 2,
            score / self.best,
            rank / self.count,
            _log(proposal.size(), 400),
            _log(len(proposal.edits) - 1, 8),
            float(proposal.literal),
            float(place in self.raised),
            float(place in self.frames),
            _share(_NAME.findall(line), self.code),
            _share(name.split("_"), self.plain),
            _share(names, self.plain),
            _share([*names, *_NAME.findall(line)], self.said),
            float(bool(function) and function.name in self.evidence.facts.called),
            _log(len(module.ancestors(statement)) if statement else 0, 12),
            (proposal.line - first) / max(1, last - first),
            _log(len(names), 8),
            len(names & here) / max(1, len(names)),
            float("vendor" in proposal.path),
        ]
        values = [
            *numbers,
            *(float(one == template) for one in [*TEMPLATES, "other"]),
            *(float(isinstance(statement, kinds)) for kinds in STATEMENTS.values()),
            *(float(token in removed) for token in TOKENS),
            *(float(token in added) for token in TOKENS),
        ]
        return [min(1.0, max(0.0, value)) for value in values]

    def _names_of(self, module: Module, function: FunctionNode | None) -> frozenset[str]:
        """Return the names in a function, or in the module where there is none."""
        key = (module.path, function.lineno if function else 0)
        if key not in self._names:
            text = module.segment(function) if function else module.text[:20_000]
            self._names[key] = frozenset(_NAME.findall(text))
        return self._names[key]

    def _statement(self, module: Module, offset: int) -> ast.stmt | None:
        """Return the innermost statement that holds a character."""
        if module.path not in self._statements:
            found = [n for n in nodes(module.tree) if isinstance(n, ast.stmt)]
            self._statements[module.path] = [(*module.span(node), node) for node in found]
        inside = [
            (start, node)
            for start, end, node in self._statements[module.path]
            if start <= offset <= end
        ]
        return max(inside, key=lambda one: one[0])[1] if inside else None


def _exception(message: str) -> str:
    name = re.match(r"(?:\w+\.)*(\w+)", message)
    return name[1] if name and name[1] in EXCEPTIONS else "other"


def _log(value: float, most: float) -> float:
    """Return a count on a logarithmic scale: 0 for 0, 1 for `most` and more."""
    return min(1.0, math.log1p(max(0.0, value)) / math.log1p(max(1.0, most)))


def _share(words: Sequence[str] | set[str], known: set[str]) -> float:
    kept = [word.lower() for word in words if len(word) > 1]
    return sum(word in known for word in kept) / len(kept) if kept else 0.0
