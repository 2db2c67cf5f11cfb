"""The end of an episode: its diff is scored in fresh workspaces."""

from __future__ import annotations

from envs.protocol import Outcome
from envs.state import EpisodeState
from repos.errors import InfrastructureError
from repos.sandbox.protocol import Backend
from repos.sandbox.workspace import PatchError
from repos.scoring.score import unapplied_score
from repos.scoring.verdicts import score_once
from repos.tasks.records import Task


def score_episode(
    state: EpisodeState, end: str, backend: Backend, *, fast: bool = False
) -> Outcome:
    """Score the diff as it stands, or look up what an equal one came to.

    Args:
        state: An episode that has come to its end.
        end: Why it ended.
        backend: Makes the sandboxes.
        fast: By blind answers alone; see `repos.scoring.score.score`.

    Returns:
        The outcome; an infrastructure failure is one without a score.
    """
    try:
        try:
            diff = state.workspace.diff()
        except PatchError as error:
            return Outcome(end, unapplied_score(state.task), str(error))
    except InfrastructureError as error:
        return Outcome(end, infra_error=str(error))
    return score_diff(state.task, diff, end, backend, fast=fast)


def score_diff(
    task: Task, diff: bytes, end: str, backend: Backend, *, fast: bool = False
) -> Outcome:
    """Score a diff, or look up what an equal one came to; see `score_episode`."""
    try:
        score, log = score_once(task, diff, backend=backend, fast=fast)
    except InfrastructureError as error:
        return Outcome(end, infra_error=str(error))
    return Outcome(end, score, log)
