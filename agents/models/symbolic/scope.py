"""What a repair has to pass, and what may fail all the same."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from agents.models.symbolic.candidates import Candidate
from agents.models.symbolic.paths import file_of, folder_of_tests

if TYPE_CHECKING:
    from agents.models.symbolic.knowledge import Knowledge

MAX_BEYOND = 150
"""Passing tests of other files that a survivor faces, where the whole suite takes too long."""


def all_tests(know: Knowledge) -> list[str]:
    """Return what survivors have to pass, as `try_edits` takes it: files or folders."""
    if know.scope:
        return know.scope
    run = know.spectrum_run
    names = [*(run.covers if run else ()), *know.history.failing]
    files = {file_of(name) for name in names if name != "(collection)"}
    return outermost(files) or sorted(know.history.failing)


def outermost(files: set[str]) -> list[str]:
    """Return the outermost test folders of files; files that lie in none as they are."""
    folders = {path: posixpath.dirname(path) for path in files}
    return sorted({folder_of_tests(folders[path]) if folders[path] else path for path in files})


def others_failing(know: Knowledge) -> int:
    """Return how many tests of the scope fail that the repair is not about."""
    run = know.spectrum_run
    if run is None:
        return 0
    if run.complete:
        return max(0, run.bad - len(know.failures))
    inside = [failure for failure in run.failures if file_of(failure.id) in know.scope]
    return max(0, len(inside) - len(know.failures))


def beyond(know: Knowledge, candidate: Candidate) -> list[str]:
    """Return passing tests outside of the scope that ran what a candidate changes.

    They are known where the run of the whole suite was cut short; it is too long for survivors.
    """
    run = know.spectrum_run
    if run is None or run.complete:
        return []
    found: dict[str, None] = {}
    for proposal in (candidate.proposal, *candidate.others):
        for edit in proposal.edits:
            line = know.modules[edit.path].line_of(edit.start)
            found.update(dict.fromkeys(know.passing_at(edit.path, line, MAX_BEYOND)))
    return [test for test in found if file_of(test) not in know.scope][:MAX_BEYOND]
