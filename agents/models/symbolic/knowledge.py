"""What follows from a conversation: test results, file texts, suspicion, tried candidates.

Everything is a function of the messages, so that a replayed or forked conversation goes on
in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from agents.models.symbolic.history import Exchange, History
from tools.repair.candidates import key_of
from tools.repair.evidence import Evidence
from tools.repair.observations import (
    Outcome,
    View,
    read_run,
    read_trials,
    read_view,
)
from tools.repair.paths import file_of, outermost
from tools.repair.source import Snippet
from tools.report import COLLECTION


class Knowledge(Evidence):
    """What is known after a conversation.

    Attributes:
        history: The conversation.
        runs: All test runs before the first edit, in order.
    """

    def __init__(self, history: History) -> None:
        """Read a conversation."""
        self.history = history
        before = [exchange for exchange in history.before_edit if exchange.name == "run_tests"]
        self.runs = [(exchange, read_run(exchange.text)) for exchange in before]
        usable = [run for _, run in self.runs if run.spectrum]
        run = usable[-1] if usable else None
        super().__init__(history.statement, history.failing, run, _views(history))

    # -- tests -----------------------------------------------------------------------------

    @cached_property
    def scope(self) -> list[str]:
        """The tests of the run that candidates must not make worse; [] is the whole suite.

        Where that run was cut short, these are the files of the failing tests.
        """
        for exchange, run in reversed(self.runs):
            if run is self.spectrum_run and run.complete:
                return list(exchange.arguments.get("tests", []))
            if run is self.spectrum_run:
                return sorted({file_of(failure.id) for failure in self.failures})
        return []

    @cached_property
    def all_tests(self) -> list[str]:
        """What plausible changes have to pass, as `try_edits` takes it: files or folders."""
        if self.scope:
            return self.scope
        run = self.spectrum_run
        names = [*(run.covers if run else ()), *self.history.failing]
        files = {file_of(name) for name in names if name != COLLECTION}
        return outermost(files) or sorted(self.history.failing)

    # -- candidates ------------------------------------------------------------------------

    @cached_property
    def trials(self) -> dict[str, Outcome]:
        """What became of each candidate on the search tests, by its key."""
        return self._tried([e for e in self.history.of("try_edits") if self.is_search(e)])

    @cached_property
    def validations(self) -> dict[str, Outcome]:
        """What became of candidates on all visible tests, by their key."""
        if self.all_tests == self.search_tests:
            return self.trials
        return self._tried([e for e in self.history.of("try_edits") if not self.is_search(e)])

    def _tried(self, calls: Sequence[Exchange]) -> dict[str, Outcome]:
        found: dict[str, Outcome] = {}
        for exchange in calls:
            outcomes = read_trials(exchange.text)
            passed = any(outcome.verdict == "PASS" for outcome in outcomes)
            for number, edits in enumerate(exchange.arguments.get("candidates", ())):
                known = outcomes[number] if number < len(outcomes) else Outcome("UNKNOWN")
                if passed and known.verdict == "SKIPPED":
                    continue  # Enough others passed: its turn may come.
                found[key_of(_snippets(edits))] = known
        return found

    @property
    def batches(self) -> int:
        """How many batches of candidates were tried on the search tests."""
        return sum(map(self.is_search, self.history.of("try_edits")))

    def is_search(self, exchange: Exchange) -> bool:
        """Whether a `try_edits` was about the search tests, perhaps with others behind them."""
        tests = exchange.arguments.get("tests") or []
        return tests[: len(self.search_tests)] == self.search_tests


def _views(history: History) -> dict[str, View]:
    """Return what was viewed of each file before the first edit, parts joined."""
    found: dict[str, View] = {}
    for exchange in history.before_edit:
        view = read_view(exchange.text) if exchange.name == "view" else None
        if view is None:
            continue
        old = found.get(view.path)
        lines = {**(old.lines if old else {}), **view.lines}
        last = max(view.last, old.last if old else 0)
        found[view.path] = View(view.path, lines, view.count, last, view.final_newline)
    return found


def _snippets(edits: Sequence[dict[str, Any]]) -> list[Snippet]:
    return [Snippet(str(e.get("path")), str(e.get("old")), str(e.get("new"))) for e in edits]
