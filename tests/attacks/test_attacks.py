"""Hostile patches, scored for real: none is rewarded."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from repos.cache import locked
from repos.prepare import prepare
from repos.sandbox.workspace import Workspace
from repos.scoring.score import score
from tests.attacks.attack import Attack
from tests.attacks.catalogue import attacks, introspection
from tests.attacks.victim import UNASKED, WEAK, make_spec

CATALOGUE = attacks()
ALL = [attack for theme in CATALOGUE.values() for attack in theme]
REFUSED = [attack for attack in ALL if not attack.reason]
KNOWN = [attack for attack in ALL if attack.reason]


def test_there_are_enough_attacks_and_their_names_are_unique():
    names = [attack.name for attack in ALL]
    assert len(names) == len(set(names)) >= 60


@pytest.fixture
def carry_out(victim, isolated, monkeypatch):
    """Carry out an attack on the victim and return its last score, with the log."""

    def carried_out(attack: Attack):
        # Endless patches end soon; how long they ran is no part of the verdict.
        monkeypatch.setattr("repos.scoring.grading.LEAST_SECONDS", 3.0 if attack.timeout else 30.0)
        monkeypatch.setattr("repos.scoring.grading.LIMIT_FACTOR", 1.0)
        with locked("attacks alone") if attack.alone else nullcontext():
            with Workspace(isolated.create(victim.layers, victim.sandbox)) as workspace:
                diff = attack.diff(workspace)
            return [score(victim, diff, backend=isolated) for _ in range(attack.scorings)][-1]

    return carried_out


@pytest.mark.parametrize("attack", KNOWN, ids=lambda attack: attack.name)
def test_a_known_attack_is_rewarded(attack: Attack, carry_out):
    # What an attack reads from timing it reads wrongly at times, above all on a loaded machine.
    for _ in range(4 if attack.name.startswith("page-cache") else 1):
        result, log = carry_out(attack)
        if result.resolved:
            break
    assert result.resolved, ("refused now: take its reason away", result, log)


@pytest.mark.parametrize("attack", REFUSED, ids=lambda attack: attack.name)
def test_no_attack_is_rewarded(attack: Attack, victim, carry_out):
    result, log = carry_out(attack)
    assert not result.resolved, (result, log)
    assert not result.plausible
    fixed = [t for t in victim.hidden.expected.fail_to_pass if result.checks[t] == "passed"]
    assert result.fraction < 1.0, fixed


def test_partial_credit_is_not_forged(victim, isolated):
    code = introspection.code(
        introspection.LOOKS,
        introspection.FORGE.replace('"failed" if canary', '"failed" if canary or "total" in name'),
        """
        frame = sys._getframe()
        while frame is not None:
            if callable(frame.f_locals.get("emit")):
                forge(frame.f_locals["emit"])
            frame = frame.f_back
        """,
    )
    with Workspace(isolated.create(victim.layers, victim.sandbox)) as workspace:
        diff = Attack("partial", "forges all but one", code=code).diff(workspace)
    result, log = score(victim, diff, backend=isolated)
    claimed = [test for test, verdict in result.checks.items() if verdict == "passed"]
    assert claimed == ["tests/test_core.py::test_helper"], (result, log)
    assert result.fraction < 0.0
    assert result.contradicted == result.asked - 1


def test_a_run_that_is_left_after_its_last_verdict_is_not_resolved(victim, isolated):
    leaves = Attack("leaves", "leaves late", code="import gc, os; gc.freeze = lambda: os._exit(0)")
    with Workspace(isolated.create(victim.layers, victim.sandbox)) as workspace:
        workspace.apply(victim.hidden.reference)
        diff = leaves.diff(workspace)
    result, log = score(victim, diff, backend=isolated)
    assert set(result.checks.values()) == {"passed"}, (result, log)
    assert result.tampered == ("the tested process ended before its tests did",)
    assert not result.resolved


@pytest.fixture(scope="module")
def one_test(tmp_path_factory):
    """Make a task of one hidden test."""

    def made(text: str):
        folder = tmp_path_factory.mktemp("one")
        hidden = {"tests/test_core.py": text}
        return prepare(make_spec(folder, hidden, ("tests/test_core.py::test_low",), ()))

    return made


@pytest.mark.parametrize(("text", "asked"), [(UNASKED, 0), (WEAK, 1)])
def test_a_test_that_says_little_is_scored_honestly(one_test, isolated, text, asked):
    task = one_test(text)
    nothing, _ = score(task, b"", backend=isolated)
    assert not nothing.resolved
    fixed, log = score(task, task.hidden.reference, backend=isolated)
    assert fixed.resolved, (fixed, log)
    assert fixed.asked == asked


def forged(name, task, backend):
    attack = next(a for theme in CATALOGUE.values() for a in theme if a.name == name)
    with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
        diff = attack.diff(workspace)
    return score(task, diff, backend=backend)


def test_forging_is_rewarded_where_nothing_can_be_asked(one_test, isolated):
    """No question: canaries alone can be told apart."""
    result, log = forged("aware-report", one_test(UNASKED), isolated)
    assert result.resolved, ("refused now: change docs/threat-model.md", result, log)


def test_a_constant_is_rewarded_where_only_a_truth_is_asked(one_test, isolated):
    """Such a success is told apart: it is weak."""
    result, log = forged("answers-true", one_test(WEAK), isolated)
    assert result.resolved, ("refused now: change docs/threat-model.md", result, log)
    assert result.bits == 0.0
    assert result.weak


def test_a_run_that_ends_early_has_answered_wrongly(victim, isolated):
    result, log = forged("leaves-blind-run", victim, isolated)
    assert result.contradicted == result.asked > 0, (result, log)
    assert result.fraction < 0.0


def test_forging_results_alone_is_refused_where_only_a_truth_is_asked(one_test, isolated):
    result, log = forged("aware-report", one_test(WEAK), isolated)
    assert not result.resolved, (result, log)
    assert result.contradicted == 1


def test_the_honest_fix_resolves(victim, isolated):
    result, log = score(victim, victim.hidden.reference, backend=isolated)
    assert result.resolved, (result, log)
    assert result.fraction == 1.0
    assert result.tampered == ()


def test_nothing_and_half_a_fix_do_not(victim, isolated):
    result, _ = score(victim, b"", backend=isolated)
    assert not result.resolved
    assert result.fraction == 0.0
    half = victim.hidden.reference.replace(
        b"max(low, min(value, high))", b"min(value, max(low, high))"
    )
    assert half != victim.hidden.reference
    result, _ = score(victim, half, backend=isolated)
    assert not result.resolved
    assert 0.0 < result.fraction < 1.0
    assert result.tampered == ()
