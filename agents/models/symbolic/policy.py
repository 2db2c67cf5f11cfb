"""What to do next: one decision a turn, from what is known.

The order is the one of generate-and-validate repair: run the tests with coverage, read the
suspicious files, try candidates on the failing tests, try survivors on all tests, make the
best one's edit, run the tests again, submit. Under the planner each step waits for its phase.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from agents.models.symbolic import prose
from agents.models.symbolic.candidates import Candidate, key_of
from agents.models.symbolic.focus import counterexamples, neighbours
from agents.models.symbolic.formats import read_trials
from agents.models.symbolic.knowledge import MAX_FILES, MAX_LINES, Knowledge
from agents.models.symbolic.paths import file_of
from agents.models.symbolic.pool import Pool
from agents.models.symbolic.rehearsal import REHEARSE, bystanders
from agents.models.symbolic.scope import beyond, others_failing, outermost
from agents.models.symbolic.search import Search
from agents.models.symbolic.source import Snippet

NEEDED = ("run_tests", "view", "try_edits", "edit", "submit")
"""Tools without which it can't work."""

SUITE_SECONDS = 30.0
MIXED_SECONDS = 60.0
"""For the files of the failing tests, and as many of the others as end in that time."""

FILES_SECONDS = 180.0
CANDIDATE_SECONDS = 6.0
VALIDATION_SECONDS = 120.0
QUICK_VALIDATION_SECONDS = 45.0
"""Where the whole suite came to its end within its 30 s: what takes longer hangs."""

REHEARSAL_SECONDS = 120.0

MAX_RUNS = 3
VIEW_LINES = 500
MAX_TEST_VIEWS = 3
MAX_TEST_LINES = 1_500
"""Lines that are read of a test file which can't be imported."""

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
        self._search: Search | None = None

    @property
    def search(self) -> Search:
        """The search as it stands."""
        if self._search is None:
            budget = self._candidates
            scattered = len({file_of(f.id) for f in self.know.failures}) > MAX_TEST_FILES
            pool = self._pool()
            hopeless = prose.hopeless(self.know.facts.messages) and not pool.absent
            if scattered or hopeless:
                budget = max(1, budget // HOPELESS_SHARE)
            self._search = Search(pool, self.know, budget)
        return self._search

    def decide(self) -> Decision:
        """Return the decision."""
        missing = [name for name in NEEDED if name not in self.tools]
        if missing:
            return self._stop(f"I can't work without the tool(s) {', '.join(missing)}.")
        if self.phase == "plan":
            return Decision(prose.plan(self.know))
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
            return Decision(prose.understood(know))
        if self.phase == "localise":
            return Decision(prose.located(know))
        if self.phase == "edit":
            return Decision(prose.edited(know, len(self.search.tried)))
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
        seen = {failure.id for failure in know.failures} | {name for name, _ in know.broken}
        done = len(know.runs)
        if know.spectrum_run is not None and seen and (not named or seen >= set(named)):
            return None
        files = sorted({file_of(name) for name in named})
        if done == 0:
            arguments = {"tests": [], "coverage": True, "timeout_s": SUITE_SECONDS}
            return Decision(prose.first_run(named), (("run_tests", arguments),))
        if done < MAX_RUNS and named and not self._uncollected(files):
            if done > 1 and know.spectrum_run is not None and seen:
                return None
            wanted, seconds = files if done == 1 else list(named), FILES_SECONDS
            cut = done == 1 and not know.runs[0][1].complete
            if cut:
                # What comes first is sure to be seen; of the rest as much as there is time for.
                wanted, seconds = [*files, *outermost(set(files))], MIXED_SECONDS
                wanted = list(dict.fromkeys(wanted))
            arguments = {"tests": wanted, "coverage": True, "timeout_s": seconds}
            return Decision(prose.second_run(done, cut=cut), (("run_tests", arguments),))
        if know.spectrum_run is not None and seen:
            return None
        if self.phase is not None and self.phase != "understand":
            return self._stop(prose.NO_FAILURE)
        return Decision(prose.NO_FAILURE, () if self.phase else (("submit", {}),))

    def _uncollected(self, files: list[str]) -> bool:
        """Whether the last run could import none of the failing tests' files."""
        if not self.know.runs:
            return False
        errors = {f.id: " ".join([f.message, *f.details]) for f in self.know.runs[-1][1].failures}
        return all(prose.hopeless((errors.get(path, ""),)) for path in files)

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
            sought = self._sought()
            if sought and "search" in self.tools and not know.history.of("search"):
                pattern = rf"^\s*((class|def|async def) ({sought})\b|({sought})\s*(=|:.*=)\s)"
                calls.append(("search", {"pattern": pattern, "glob": "*.py"}))
                return Decision(prose.seeking(know), tuple(calls))
        for path in {file_of(name): None for name, f in know.broken if "::" not in f.id}:
            view = know.views.get(path)
            more = view is not None and view.last < min(view.count, MAX_TEST_LINES)
            if view is not None and more and (path, view.last + 1) not in asked:
                calls.append(("view", {"path": path, "start": view.last + 1}))
        room = MAX_LINES
        for path in know.wanted_files[:MAX_FILES]:
            view = know.views.get(path)
            if view is not None and len(view.lines) == view.count:
                room -= view.count
                continue
            if view is None:
                last = max((line for p, line in know._base if p == path), default=1)
                starts = list(range(1, last + 1, VIEW_LINES))
            else:
                starts = [view.last + 1] if view.last < view.count else []
                last = view.count
            if room - last < 0 and calls:
                break
            room -= last
            for start in starts:
                if (path, start) not in asked:
                    calls.append(("view", {"path": path, "start": start}))
        if not calls:
            return None
        return Decision(prose.views(know), tuple(calls))

    def _sought(self) -> str:
        """Return the names of what is missing, and of where, as alternatives of a pattern."""
        names: dict[str, None] = {}
        for one in self.know.missing:
            owner = one.owner.split(".")[-2:] if one.kind != "name" else []
            wanted = [*owner, one.name] if one.kind == "name" else owner
            names.update(dict.fromkeys(n for n in wanted if n.isidentifier()))
        return "|".join(n for n in list(names)[:12] if not n.startswith("__"))

    def _test_views(self) -> list[tuple[str, dict[str, Any]]]:
        places: dict[str, list[int]] = {}
        whole: dict[str, None] = {}
        for name, failure in self.know.broken[:MAX_TEST_VIEWS]:
            path = file_of(name)
            if "::" not in failure.id:
                whole[path] = None
                continue
            near = next((f.line for f in failure.frames if f.path == path), 0)
            if near:
                places.setdefault(path, []).append(near)
        views: list[tuple[str, dict[str, Any]]] = [
            ("view", {"path": path, "start": max(1, min(lines) - 40), "end": max(lines) + 15})
            for path, lines in places.items()
        ]
        if any(one.kind == "name" and not one.owner for one in self.know.missing):
            whole.update(dict.fromkeys(places))
        return views + [("view", {"path": path, "start": 1}) for path in whole]

    # -- edit ------------------------------------------------------------------------------

    def _edit(self) -> Decision | None:
        if self.know.history.applied:
            return None
        waiting = self.search.to_validate()
        if waiting:
            more = [test for one in waiting for test in beyond(self.know, one)]
            tests = [*self.know.all_tests, *dict.fromkeys(more)]
            return self._try(prose.validating(waiting), waiting, tests)
        chosen = self._choose()
        if chosen is not None and not self._look_further(chosen):
            return self._apply(chosen)
        size = self._batch if self.know.batches else max(1, self._batch // 2)
        batch = self.search.batch(size)
        if batch:
            text = prose.trying(self.know, batch, self.search)
            tests = [*self.know.search_tests, *neighbours(self.search, batch)]
            if any(c.proposal.template == REHEARSE for c in batch):
                near = [*counterexamples(self.search), *bystanders(self.know)]
                tests = [*self.know.search_tests, *dict.fromkeys(near)]
            return self._try(text, batch, tests, searching=True)
        if chosen is not None:
            return self._apply(chosen)
        return self._partial() or self._none_left()

    def _try(
        self, text: str, batch: list[Candidate], tests: list[str], *, searching: bool = False
    ) -> Decision:
        arguments: dict[str, Any] = {
            "candidates": [candidate.arguments for candidate in batch],
            "tests": tests,
            "timeout_s": self._patience() if searching else self._validation_seconds,
        }
        if any(c.proposal.template == REHEARSE for c in batch):
            arguments["timeout_s"] = max(arguments["timeout_s"], REHEARSAL_SECONDS)
        elif searching:
            arguments["stop_after"] = STOP_AFTER
        return Decision(text, (("try_edits", arguments),))

    @property
    def _validation_seconds(self) -> float:
        whole = self.know.spectrum_run is not None and not self.know.scope
        return QUICK_VALIDATION_SECONDS if whole else VALIDATION_SECONDS

    def _patience(self) -> float:
        """Return the time-out of a candidate: doubled where most ran into it, on a busy machine."""
        seconds = CANDIDATE_SECONDS
        for exchange in self.know.history.of("try_edits"):
            trials = read_trials(exchange.text).values()
            late = sum(trial.verdict == "TIMEOUT" for trial in trials)
            if 2 * late > len(trials):
                seconds = 2 * CANDIDATE_SECONDS
        return seconds

    def _rejected(self, candidate: Candidate) -> bool:
        """Whether its edit was made before: it failed, or the tests spoke against it."""
        made = {
            key_of([Snippet(*(str(e.arguments.get(k)) for k in ("path", "old", "new")))])
            for e in self.know.history.of("edit")
        }
        return key_of(candidate.snippets[:1]) in made

    def _choose(self) -> Candidate | None:
        return next((c for c in self.search.valid() if not self._rejected(c)), None)

    def _look_further(self, chosen: Candidate) -> bool:
        """Whether one more batch is worth it: the survivor is of a doubtful kind."""
        doubtful = chosen.proposal.destructive or chosen.proposal.literal
        doubtful = doubtful or self.search.forced(chosen)
        found_in = self._batch_of(chosen)
        return doubtful and self.search.left > 0 and self.know.batches <= found_in

    def _batch_of(self, candidate: Candidate) -> int:
        calls = filter(self.know.is_search, self.know.history.of("try_edits"))
        for number, exchange in enumerate(calls, 1):
            if candidate.arguments in exchange.arguments.get("candidates", ()):
                return number
        return 0

    def _apply(self, chosen: Candidate) -> Decision:
        calls = tuple(("edit", arguments) for arguments in chosen.arguments)
        return Decision(prose.applying(chosen, self.search.valid()), calls)

    def _partial(self) -> Decision | None:
        partial = [c for c in self.search.partial() if not self._rejected(c)][:3]
        waiting = [c for c in partial if c.key not in self.know.validations]
        if waiting:
            return self._try(prose.PARTIAL, waiting, self.know.all_tests)
        best = self.search.valid_partial()
        if best is None or self._rejected(best):
            return None
        return Decision(prose.apply_partial(best), tuple(("edit", a) for a in best.arguments))

    def _none_left(self) -> Decision | None:
        if self.phase == "edit":
            return None
        return self._stop(prose.gave_up(len(self.search.tried)))

    # -- test and reflect ------------------------------------------------------------------

    def _test(self) -> Decision | None:
        know = self.know
        if not know.history.applied:
            return None
        run = know.history.run_after
        if run is None:
            arguments = {"tests": know.scope, "timeout_s": FILES_SECONDS}
            return Decision(prose.CHECKING, (("run_tests", arguments),))
        if self._good(run):
            return Decision(prose.submitting(run.counts), (("submit", {}),))
        if self.phase is not None:
            return Decision(prose.failed(run.counts))
        return Decision(prose.failed(run.counts), tuple(("undo", {}) for _ in know.history.applied))

    def _good(self, run: Any) -> bool:
        before = self.know.spectrum_run
        most = before.bad - 1 if before is not None else run.bad
        if before is not None and not before.complete:
            most = others_failing(self.know)
        return run.complete and run.good > 0 and run.bad <= most

    def _reflect(self) -> Decision:
        know = self.know
        if know.history.applied:
            return Decision(prose.UNDOING, tuple(("undo", {}) for _ in know.history.applied))
        if know.history.of("edit") and (self._choose() or self.search.left > 0):
            return Decision(prose.next_edit(know))
        if know.batches and not know.history.of("edit") and self.search.batch(1):
            return Decision(prose.go_on(know, len(self.search.tried)))
        return Decision(prose.gave_up(len(self.search.tried)) + "\nVerdict: give up")
