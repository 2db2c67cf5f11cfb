"""The info of a step: flat values, each of one type from the reset to the end."""

from __future__ import annotations

from typing import Any

from envs.protocol import Outcome


def make_info(task: str, step: int, outcome: Outcome | None) -> dict[str, Any]:
    """Return the info of a step.

    Vector environments keep each key of all their infos in one array, whose type the first
    value decides; so a value never changes its type, and there is no None and no dict. NaN
    is none either: Gymnasium's checker compares infos, and NaN does not equal itself.

    Args:
        task: The task's id.
        step: Steps so far.
        outcome: What the episode came to; None before its end.

    Returns:
        `task`, `step`, `end` and `infra_error` ("" for none), `score_pending` (whether scoring
        still goes on), `scored` (whether there is a verdict) and its parts `score_resolved`,
        `score_plausible`, `score_false_resolved`, `score_applied`, `score_weak` (a success whose
        answers can be guessed) (bool), `score_fraction` (float), `score_tampered` and
        `score_scoring` (text: "full" or "fast"). Where `scored` is false these are False, 0.0 and
        "", and mean nothing.
    """
    score = outcome.score if outcome is not None else None
    flags = ("resolved", "plausible", "false_resolved", "applied", "weak")
    return {
        "task": task,
        "step": step,
        "end": outcome.end if outcome is not None else "",
        "infra_error": (outcome.infra_error or "") if outcome is not None else "",
        "score_pending": outcome is not None and outcome.pending,
        "scored": score is not None,
        **{f"score_{name}": bool(getattr(score, name, False)) for name in flags},
        "score_fraction": score.fraction if score is not None else 0.0,
        "score_scoring": score.scoring if score is not None else "",
        "score_tampered": "; ".join(score.tampered) if score is not None else "",
    }
