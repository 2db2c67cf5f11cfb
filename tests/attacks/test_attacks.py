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
from tests.attacks.victim import NO_LITERAL, make_spec

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
    result, log = carry_out(attack)
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
    passed = [test for test, verdict in result.checks.items() if verdict == "passed"]
    assert len(passed) == len(result.checks) - 1, (result, log)
    assert result.fraction == 0.0
    assert any("line-up" in note for note in result.tampered)


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
def without_literal(tmp_path_factory):
    spec = make_spec(
        tmp_path_factory.mktemp("plain"),
        {"tests/test_core.py": NO_LITERAL},
        ("tests/test_core.py::test_low",),
        (),
    )
    return prepare(spec)


def test_a_test_without_literals_is_scored_honestly(without_literal, isolated):
    nothing, _ = score(without_literal, b"", backend=isolated)
    assert not nothing.resolved
    fixed, log = score(without_literal, without_literal.hidden.reference, backend=isolated)
    assert fixed.resolved, (fixed, log)


def test_forging_is_rewarded_where_no_line_up_can_be_made(without_literal, isolated):
    """No literal, no line-up: canaries alone can be told apart."""
    attack = next(a for a in CATALOGUE["introspection"] if a.name == "aware-report")
    with Workspace(isolated.create(without_literal.layers, without_literal.sandbox)) as workspace:
        diff = attack.diff(workspace)
    result, log = score(without_literal, diff, backend=isolated)
    assert result.resolved, ("refused now: change docs/threat-model.md", result, log)


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
        b'+    return "-".join(text.lower().split())', b'+    return text.lower().replace(" ", "-")'
    )
    result, _ = score(victim, half, backend=isolated)
    assert not result.resolved
    assert 0.0 < result.fraction < 1.0
    assert result.tampered == ()
