"""Where a change helped but did too much: the candidates that make it conditional."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from agents.models.symbolic.candidates import Candidate, Proposal, value
from agents.models.symbolic.observation import OBSERVE, factors, heard, observer
from agents.models.symbolic.rehearsal import REHEARSE
from agents.models.symbolic.synthesis import GUARDED, conditioned

if TYPE_CHECKING:
    from agents.models.symbolic.search import Search

FOCUS_FACTOR = 2.0
"""Factor of conditions where a probe showed that there may be one."""

SPENT_FACTOR = 0.96
"""Factor for each condition that was tried at a place before."""

FIRST = 100.0
"""Factor of the change that only asks conditions: all others at its place wait for it."""

MAX_PLACES = 6
"""Changes that conditions are looked for at the same time."""

NEIGHBOURS = 6
"""Passing tests that ran a line, on which conditions there are tried too."""

MAX_NEIGHBOURS = 12


def opportunities(search: Search) -> Iterator[tuple[float, Candidate]]:
    """Yield changes that may be right under a condition, with the share of tests they repair.

    These are probes and removals that repair some of the search tests, and any change that
    repairs all of them but breaks others.
    """
    total = max(1, len(search.knowledge.search_tests))
    for key, trial in search.tried.items():
        candidate = search.pool.by_key.get(key)
        if candidate is None or candidate.others:
            continue
        helped = search.helped(trial)
        proposal = candidate.proposal
        if helped <= 0 or proposal.template in (GUARDED, OBSERVE, REHEARSE):
            continue
        if proposal.probe:
            yield helped / total, candidate
            continue
        broken = trial.verdict == "FAIL" and search.gain(trial) == 0
        validation = search.knowledge.validations.get(key)
        broken = broken or (validation is not None and not search.holds(validation))
        if broken and (helped == total or proposal.destructive):
            yield helped / total, candidate


def spent(search: Search) -> Counter[tuple[str, str]]:
    """Return how many conditions were tried at each place, which its text names."""
    known = (search.pool.by_key.get(key) for key in search.tried)
    return Counter(_text(c) for c in known if c is not None and c.proposal.template == GUARDED)


def _text(candidate: Candidate) -> tuple[str, str]:
    # Equal changes come from several proposals: only what all of them share may count.
    return candidate.snippets[0].path, candidate.snippets[0].old


def focused(search: Search) -> list[tuple[float, Proposal]]:
    """Return conditional forms of the opportunities, ranked.

    Before conditions are tried at a place, they are asked there once (`observation`).
    """
    places: dict[str, int] = {}
    found: list[tuple[float, float, Proposal]] = []
    tried = spent(search)
    ordered = sorted(opportunities(search), key=lambda one: -one[0] * one[1].score)
    for share, candidate in ordered:
        if len(places) >= MAX_PLACES and candidate.place not in places:
            continue
        places[candidate.place] = places.get(candidate.place, 0) + 1
        proposal = candidate.proposal
        suspicion = candidate.score / max(1e-9, value(proposal, 1.0))
        for made in forms(search, candidate):
            factor = FIRST if made.template == OBSERVE else FOCUS_FACTOR
            score = factor * share * value(made, suspicion)
            # Only the order follows from what was tried: scores stay, as replays need them.
            found.append((score * SPENT_FACTOR ** tried[_text(candidate)], score, made))
    found.sort(key=lambda one: -one[0])
    return [search.pool.same(score, made) for _, score, made in found]


def forms(search: Search, candidate: Candidate) -> list[Proposal]:
    """Return what to try for an opportunity: its observer first, then its conditional forms."""
    pool, know = search.pool, search.knowledge
    key = f"ask {candidate.key}"
    if key not in pool.focus:
        made = observer(know.project, know.facts, candidate.proposal)
        pool.focus[key] = [made] if made is not None else []
    for asking in pool.focus[key]:
        written = pool.write(1.0, asking)
        if written is None:
            continue
        if written.key not in search.tried:
            return [asking]
        answers = heard(search.tried[written.key])
        if answers:
            key = f"{candidate.key} {sorted(answers.items())}"
            if key not in pool.focus:
                seen = factors(
                    know.project, know.facts, candidate.proposal, answers, know.search_tests
                )
                pool.focus[key] = conditioned(know.project, know.facts, candidate.proposal, seen)
            return pool.focus[key]
    if candidate.key not in pool.focus:
        pool.focus[candidate.key] = conditioned(know.project, know.facts, candidate.proposal)
    return pool.focus[candidate.key]


def counterexamples(search: Search, rounds: int | None = None) -> list[str]:
    """Return tests that passed before and that survivors broke, the most telling first.

    The next candidates face them at once (counterexample-guided, as in Solar-Lezama's sketching,
    ASPLOS 2006): else each batch ends with survivors of the same mistake.

    Args:
        search: The search.
        rounds: How many validations count; None is all.
    """
    run = search.knowledge.spectrum_run
    bad = {failure.id for failure in run.failures} if run else set()
    broken = Counter(
        test
        for trials in search.knowledge.rounds[:rounds]
        for trial in trials.values()
        if not search.holds(trial)
        for test, _ in trial.errors
        if "::" in test and test not in bad
    )
    return [test for test, _ in broken.most_common(NEIGHBOURS)]


def neighbours(search: Search, batch: list[Candidate]) -> list[str]:
    """Return passing tests that a batch must keep passing.

    Those that survivors broke come first; for conditions, some that run the lines too.
    """
    found = dict.fromkeys(counterexamples(search))
    for proposal in (candidate.proposal for candidate in batch):
        if proposal.template in (GUARDED, OBSERVE):
            near = search.knowledge.passing_at(proposal.path, proposal.line, NEIGHBOURS)
            found.update(dict.fromkeys(near))
    return list(found)[:MAX_NEIGHBOURS]
