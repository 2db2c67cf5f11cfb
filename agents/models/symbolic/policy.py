"""What to do next: one decision a turn, from what is known.

The order is the one of generate-and-validate repair: run the tests with coverage, read the
suspicious files, try candidates on the failing tests, try survivors on all tests, make the
best one's edit, run the tests again, submit. Under the planner each step waits for its phase.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from agents.models.symbolic import messages
from agents.models.symbolic.knowledge import Knowledge
from agents.models.symbolic.pool import Pool
from agents.models.symbolic.schemata.build import SCHEMA
from agents.models.symbolic.search import Search
from agents.models.symbolic.test_selection import (
    beyond_scope,
    others_failing,
)
from agents.models.symbolic.validation import Validation
from tools.repair.candidates import Candidate, key_of
from tools.repair.evidence import MAX_FILES, MAX_LINES
from tools.repair.observations import SuiteRun, read_trials
from tools.repair.paths import file_of, outermost
from tools.repair.source import Snippet

NEEDED = ("run_tests", "view", "try_edits", "edit", "submit")
"""Tools without which it can't work."""

SUITE_SECONDS = 20.0
MIXED_SECONDS = 20.0
"""For the files of the failing tests, and as many of the others as end in that time."""

FILES_SECONDS = 60.0
CANDIDATE_SECONDS = 6.0
VALIDATION_SECONDS = 60.0
QUICK_VALIDATION_SECONDS = 45.0
"""Where the whole suite came to its end within its 30 s: what takes longer hangs."""

SCHEMA_SECONDS = 120.0

MAX_RUNS = 3
VIEW_LINES = 500
MAX_TEST_VIEWS = 3

STOP_AFTER = 5
"""Passing candidates after which a batch ends: enough to choose among."""

HOPELESS_SHARE = 4
"""Where the failure says that something does not exist yet, this part of the budget is spent."""

MAX_TEST_FILES = 2
"""Failing tests of more files than these are about several things, more than a repair can do."""

_ORDER = ("understand", "plan", "localise", "edit", "test", "reflect")


@dataclass(frozen=True)
class Decision:
    """What to say and which tools to call; no calls end a phase."""

    text: str
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()


class Policy:
    """Decides one turn."""

    def __init__(
        self,
        knowledge: Knowledge,
        pool: Callable[[], Pool],
        tools: Sequence[str],
        *,
        candidates: int,
        batch: int,
    ) -> None:
        """Prepare.

        Args:
            knowledge: What the conversation tells.
            pool: Makes the candidates when they are first needed.
            tools: Names of the tools on offer.
            candidates: Candidates that may be tried.
            batch: Candidates in one call.
        """
        self.know = knowledge
        self.tools = tools
        self.phase = knowledge.history.phase
        self._pool = pool
        self._batch = batch
        self._candidates = candidates

    @cached_property
    def search(self) -> Search:
        """The search as it stands."""
        budget = self._candidates
        scattered = len({file_of(f.id) for f in self.know.failures}) > MAX_TEST_FILES
        if scattered or messages.hopeless([f.message for f in self.know.failures]):
            budget = max(1, budget // HOPELESS_SHARE)
        return Search(self._pool(), self.know, budget)

    @cached_property
    def validation(self) -> Validation:
        """What the trials so far tell of plausible changes."""
        return Validation(self.search)

    def decide(self) -> Decision:
        """Return the decision."""
        missing = [name for name in NEEDED if name not in self.tools]
        if missing:
            return self._stop(f"I can't work without the tool(s) {', '.join(missing)}.")
        if self.phase == "plan":
            return Decision(messages.plan(self.know))
        if self.phase == "reflect":
            return self._reflect()
        steps = (
            ("understand", self._understand),
            ("localise", self._localise),
            ("edit", self._edit),
            ("test", self._test),
        )
        for phase, step in steps:
            if not self._reached(phase):
                break
            decision = step()
            if decision is not None:
                return decision
        return self._conclusion()

    def _reached(self, phase: str) -> bool:
        """Whether work of a phase may be done now; without phases, always."""
        if self.phase is None or self.phase not in _ORDER:
            return True
        return _ORDER.index(phase) <= _ORDER.index(self.phase)

    def _conclusion(self) -> Decision:
        know = self.know
        if self.phase == "understand":
            return Decision(messages.understood(know))
        if self.phase == "localise":
            return Decision(messages.located(know))
        if self.phase == "edit":
            return Decision(messages.edited(know, len(self.search.tried)))
        return self._stop("Nothing is left to be done.")

    def _stop(self, why: str) -> Decision:
        """End honestly: in a phase by text, else by submitting what there is."""
        if self.phase == "test":
            return Decision(f"{why}\nVerdict: fail")
        if self.phase is not None:
            return Decision(why)
        return Decision(why, (("submit", {}),))

    # -- understand ------------------------------------------------------------------------

    def _understand(self) -> Decision | None:
        know = self.know
        named = know.history.failing
        seen = {failure.id for failure in know.failures}
        seen |= {name for name in named if file_of(name) in seen}
        done = len(know.runs)
        if know.spectrum_run is not None and seen and seen >= set(named):
            return None
        files = sorted({file_of(name) for name in named})
        if done == 0:
            return self._run(messages.first_run(named), [], SUITE_SECONDS)
        if done < MAX_RUNS and named:
            if done > 1 and know.spectrum_run is not None and seen:
                return None
            if done == 1 and not know.runs[0][1].complete:
                # What comes first is sure to be seen; of the rest as much as there is time for.
                wanted = list(dict.fromkeys([*files, *outermost(set(files))]))
                return self._run(messages.second_run(done, cut=True), wanted, MIXED_SECONDS)
            wanted = files if done == 1 else list(named)
            return self._run(messages.second_run(done, cut=False), wanted, FILES_SECONDS)
        if know.spectrum_run is not None and seen:
            return None
        if self.phase is not None and self.phase != "understand":
            return self._stop(messages.NO_FAILURE)
        return Decision(messages.NO_FAILURE, () if self.phase else (("submit", {}),))

    def _run(
        self, text: str, tests: list[str], seconds: float, *, coverage: bool = True
    ) -> Decision:
        arguments = {"tests": tests, "coverage": coverage, "timeout_s": seconds, "format": "json"}
        return Decision(text, (("run_tests", arguments),))

    # -- localise --------------------------------------------------------------------------

    def _localise(self) -> Decision | None:
        know = self.know
        calls: list[tuple[str, dict[str, Any]]] = []
        asked = {
            (str(e.arguments.get("path")), int(e.arguments.get("start") or 1))
            for e in know.history.of("view")
        }
        if not asked:
            calls += self._test_views()
        room = MAX_LINES
        for path in know.covered_files[:MAX_FILES]:
            view = know.views.get(path)
            if view is not None and len(view.lines) == view.count:
                room -= view.count
                continue
            if view is None:
                last = max((line for p, line in know.base if p == path), default=1)
                starts = list(range(1, last + 1, VIEW_LINES))
            else:
                starts = [view.last + 1] if view.last < view.count else []
                last = view.count
            if room - last < 0 and calls:
                break
            room -= last
            new = [start for start in starts if (path, start) not in asked]
            calls += [("view", {"path": path, "start": start}) for start in new]
        if not calls:
            return None
        return Decision(messages.views(know), tuple(calls))

    def _test_views(self) -> list[tuple[str, dict[str, Any]]]:
        places: dict[str, list[int]] = {}
        for failure in self.know.failures[:MAX_TEST_VIEWS]:
            path = file_of(failure.id)
            near = next((frame.line for frame in failure.frames if frame.path == path), 0)
            if near:
                places.setdefault(path, []).append(near)
        return [
            ("view", {"path": path, "start": max(1, min(lines) - 40), "end": max(lines) + 15})
            for path, lines in places.items()
        ]

    # -- edit ------------------------------------------------------------------------------

    def _edit(self) -> Decision | None:
        if self.know.history.applied:
            return None
        waiting = self.validation.waiting()
        if waiting:
            return self._validate(messages.validating(waiting), waiting)
        chosen = self._choose()
        if chosen is not None and not self._look_further(chosen):
            return self._apply(chosen)
        size = self._batch if self.know.batches else max(1, self._batch // 2)
        batch = self.search.batch(size)
        if batch:
            return self._explore(batch)
        if chosen is not None:
            return self._apply(chosen)
        return self._partial() or self._none_left()

    def _explore(self, batch: list[Candidate]) -> Decision:
        """Try candidates on the search tests, and on tests that plausible ones broke."""
        others = self.validation.counterexamples()
        arguments: dict[str, Any] = {"timeout_s": self._patience(), "stop_after": STOP_AFTER}
        if any(c.proposal.template == SCHEMA for c in batch):
            others += self.know.near_suspicious()
            arguments = {"timeout_s": SCHEMA_SECONDS}
        tests = list(dict.fromkeys([*self.know.search_tests, *others]))
        text = messages.trying(self.know, batch, self.search, self.validation)
        return self._try(text, batch, tests, **arguments)

    def _validate(self, text: str, waiting: list[Candidate]) -> Decision:
        """Let plausible candidates face all visible tests."""
        more = [test for one in waiting for test in beyond_scope(self.know, one)]
        tests = [*self.know.all_tests, *dict.fromkeys(more)]
        whole = self.know.spectrum_run is not None and not self.know.scope
        seconds = QUICK_VALIDATION_SECONDS if whole else VALIDATION_SECONDS
        return self._try(text, waiting, tests, timeout_s=seconds)

    def _try(
        self, text: str, batch: list[Candidate], tests: list[str], **arguments: Any
    ) -> Decision:
        candidates = [candidate.arguments for candidate in batch]
        call = {"candidates": candidates, "tests": tests, **arguments, "format": "json"}
        return Decision(text, (("try_edits", call),))

    def _patience(self) -> float:
        """Return the time-out of a candidate: doubled where most ran into it, on a busy machine."""
        for exchange in self.know.history.of("try_edits"):
            trials = read_trials(exchange.text)
            if 2 * sum(trial.verdict == "TIMEOUT" for trial in trials) > len(trials):
                return 2 * CANDIDATE_SECONDS
        return CANDIDATE_SECONDS

    def _rejected(self, candidate: Candidate) -> bool:
        """Whether its edit was made before: it failed, or the tests spoke against it."""
        made = {
            key_of([Snippet(*(str(e.arguments.get(k)) for k in ("path", "old", "new")))])
            for e in self.know.history.of("edit")
        }
        return key_of(candidate.snippets[:1]) in made

    def _choose(self) -> Candidate | None:
        return next((c for c in self.validation.valid() if not self._rejected(c)), None)

    def _look_further(self, chosen: Candidate) -> bool:
        """Whether one more batch is worth it: what was found is of a doubtful kind."""
        doubtful = chosen.proposal.literal or self.validation.forced(chosen)
        calls = filter(self.know.is_search, self.know.history.of("try_edits"))
        batches = [exchange.arguments.get("candidates", ()) for exchange in calls]
        found_in = next((n for n, b in enumerate(batches, 1) if chosen.arguments in b), 0)
        return doubtful and self.search.left > 0 and self.know.batches <= found_in

    def _apply(self, chosen: Candidate) -> Decision:
        calls = tuple(("edit", arguments) for arguments in chosen.arguments)
        return Decision(messages.applying(chosen, self.validation.valid()), calls)

    def _partial(self) -> Decision | None:
        partial = [c for c in self.validation.partial if not self._rejected(c)][:3]
        waiting = [c for c in partial if c.key not in self.know.validations]
        if waiting:
            return self._validate(messages.PARTIAL, waiting)
        best = self.validation.valid_partial()
        if best is None or self._rejected(best):
            return None
        text = messages.apply_partial(best)
        return Decision(text, tuple(("edit", arguments) for arguments in best.arguments))

    def _none_left(self) -> Decision | None:
        if self.phase == "edit":
            return None
        return self._stop(messages.gave_up(len(self.search.tried)))

    # -- test and reflect ------------------------------------------------------------------

    def _test(self) -> Decision | None:
        know = self.know
        if not know.history.applied:
            return None
        run = know.history.run_after
        if run is None:
            return self._run(messages.CHECKING, know.scope, FILES_SECONDS, coverage=False)
        if self._good(run):
            return Decision(messages.submitting(run.record.counts), (("submit", {}),))
        if self.phase is not None:
            return Decision(messages.failed(run.record.counts))
        return Decision(
            messages.failed(run.record.counts), tuple(("undo", {}) for _ in know.history.applied)
        )

    def _good(self, run: SuiteRun) -> bool:
        before = self.know.spectrum_run
        most = before.bad - 1 if before is not None else run.bad
        if before is not None and not before.complete:
            most = others_failing(self.know)
        return run.complete and run.good > 0 and run.bad <= most

    def _reflect(self) -> Decision:
        know = self.know
        if know.history.applied:
            return Decision(messages.UNDOING, tuple(("undo", {}) for _ in know.history.applied))
        if know.history.of("edit") and (self._choose() or self.search.left > 0):
            return Decision(messages.next_edit(know))
        if know.batches and not know.history.of("edit") and self.search.batch(1):
            return Decision(messages.go_on(know, len(self.search.tried)))
        return Decision(messages.gave_up(len(self.search.tried)) + "\nVerdict: give up")
