"""Which tests a plausible change faces, and how many of them may fail all the same."""

from __future__ import annotations

from agents.models.symbolic.knowledge import Knowledge
from tools.repair.candidates import Candidate
from tools.repair.paths import file_of

MAX_BEYOND = 150
"""Passing tests of other files that it faces, where the whole suite takes too long."""


def others_failing(know: Knowledge) -> int:
    """Return how many tests of the scope fail that the repair is not about."""
    run = know.spectrum_run
    if run is None:
        return 0
    if run.complete:
        return max(0, run.bad - len(know.failures))
    inside = [failure for failure in run.failures if file_of(failure.id) in know.scope]
    return max(0, len(inside) - len(know.failures))


def beyond_scope(know: Knowledge, candidate: Candidate) -> list[str]:
    """Return passing tests outside of the scope that ran what a candidate changes.

    They are known where the run of the whole suite was cut short; it is too long for a candidate.
    """
    run = know.spectrum_run
    if run is None or run.complete:
        return []
    found: dict[str, None] = {}
    for edit in candidate.edits:
        line = know.modules[edit.path].line_of(edit.start)
        found.update(dict.fromkeys(know.passing_at(edit.path, line, MAX_BEYOND)))
    return [test for test in found if file_of(test) not in know.scope][:MAX_BEYOND]
