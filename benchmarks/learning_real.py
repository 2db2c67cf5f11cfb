"""Real tasks for the figures of `learning.py`: those whose right edit is among the candidates.

A candidate is right if it gives every source file the syntax tree that the reference patch gives
it. A reference that changes several places has none: only the others are looked at closer.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

from envs.repair_choice import RepairChoiceEnv, Situation  # noqa: E402
from repos.environments.choosing import available  # noqa: E402
from repos.errors import InfrastructureError, InputError  # noqa: E402
from repos.prepare import prepare  # noqa: E402
from repos.sandbox.select import get_backend  # noqa: E402
from repos.sandbox.workspace import Workspace  # noqa: E402
from repos.scoring.patches import sections  # noqa: E402
from tools.repair.learned import Array  # noqa: E402
from tools.repair.paths import is_test_file  # noqa: E402
from tools.trial_fork import make_edits  # noqa: E402


@dataclass
class RealCase:
    """A real task whose right edit is among its candidates."""

    package: str
    situation: Situation
    right: tuple[int, ...]
    features: Array
    orders: dict[str, list[int]] = field(default_factory=dict)
    solved: dict[str, list[bool]] = field(default_factory=dict)


class RealTasks:
    """The tasks of a suite, with candidates as `repogym/repair-choice-v1` gives them."""

    def __init__(self, suite: str, candidates: int) -> None:
        """Make the environment; nothing is prepared yet."""
        self.env = RepairChoiceEnv(suite, candidates=candidates)
        self._backend = get_backend("auto")

    def cases(self) -> tuple[list[RealCase], int]:
        """Return the cases, and how many tasks were looked at."""
        found, seen = [], 0
        for spec in available(self.env.specs):
            try:
                seen += 1
                if not _may_be_one_edit(prepare(spec).hidden.reference):
                    continue
                situation = self.env.situation_of(spec.id)
                right = self._right(situation) if situation is not None else ()
            except (InfrastructureError, InputError) as error:
                print(f"{spec.id}: {error}", file=sys.stderr)
                continue
            if situation is not None and right:
                name = spec.id.rpartition("/")[2].rpartition("-")[0]
                rows = situation.features[: len(situation.candidates)].astype(np.float64)
                found.append(RealCase(name, situation, right, rows))
                print(f"{spec.id}: candidate {right[0]} is right", file=sys.stderr)
        return found, seen

    def resolves(self, case: RealCase, number: int) -> bool:
        """Return whether a candidate passes the visible and the hidden tests."""
        if number in case.right:
            return True
        if not self.env.outcome_of(case.situation, number).solved:
            return False
        score = self.env.score_of(case.situation, number).score
        return score is not None and (score.resolved or score.plausible)

    def close(self) -> None:
        """End every process."""
        self.env.close()
        self._backend.close()

    def _right(self, situation: Situation) -> tuple[int, ...]:
        task = situation.task
        reference = task.hidden.reference
        paths = sorted(_sources(reference))
        if not any({one.proposal.path} == set(paths) for one in situation.candidates):
            return ()
        sandbox = self._backend.create(task.layers, task.sandbox)
        with Workspace(sandbox) as workspace:
            with workspace.fork() as repaired:
                repaired.apply(reference)
                wanted = _trees(repaired, paths)
            right = []
            for number, candidate in enumerate(situation.candidates):
                if {candidate.proposal.path} != set(paths):
                    continue
                with workspace.fork() as fork:
                    make_edits(fork, candidate.snippets, {})
                    if _trees(fork, paths) == wanted:
                        right.append(number)
        return tuple(right)


def _sources(reference: bytes) -> dict[str, bytes]:
    """Return the parts of a patch that change source files, by path."""
    return {
        path: text
        for paths, text in sections(reference)
        for path in paths
        if path.endswith(".py") and not is_test_file(path)
    }


def _may_be_one_edit(reference: bytes) -> bool:
    """Whether a patch changes one place of one source file, as a candidate does."""
    texts = [*_sources(reference).values()]
    return len(texts) == 1 and texts[0].count(b"\n@@ ") == 1


def _trees(workspace: Workspace, paths: Sequence[str]) -> list[str]:
    """Return the syntax trees of files, without where their parts stand."""
    trees = []
    for path in paths:
        try:
            trees.append(ast.dump(ast.parse(workspace.read(path))))
        except (OSError, SyntaxError, ValueError) as error:
            trees.append(type(error).__name__)
    return trees
