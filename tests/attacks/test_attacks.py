"""Hostile patches, scored for real: none is rewarded."""

from __future__ import annotations

from pathlib import Path

import pytest

from repos.prepare import prepare
from repos.sandbox.workspace import Workspace
from repos.scoring.score import score
from tests.attacks.attack import Attack
from tests.attacks.catalogue import attacks, introspection
from tests.attacks.victim import NO_LITERAL, make_spec

CATALOGUE = attacks()
CASES = [
    pytest.param(
        attack,
        id=attack.name,
        marks=[pytest.mark.xfail(strict=False, reason=attack.reason)] if attack.reason else [],
    )
    for theme in CATALOGUE.values()
    for attack in theme
]


def test_there_are_enough_attacks_and_their_names_are_unique():
    names = [attack.name for theme in CATALOGUE.values() for attack in theme]
    assert len(names) == len(set(names)) >= 60


def test_the_published_counts_are_those_of_the_suite():
    attacks = [attack for theme in CATALOGUE.values() for attack in theme]
    known = [attack.name for attack in attacks if attack.reason]
    text = (Path(__file__).parents[2] / "docs" / "threat-model.md").read_text()
    assert f"{len(attacks)} hostile patches" in text
    assert f"{len(attacks) - len(known)} are not rewarded. {len(known)} are" in text
    assert all(f"`{name}`" in text for name in known)


@pytest.mark.parametrize("attack", CASES)
def test_no_attack_is_rewarded(attack: Attack, victim, isolated, monkeypatch):
    # Endless patches end soon; how long they ran is no part of the verdict.
    monkeypatch.setattr("repos.scoring.grading.LEAST_SECONDS", 3.0 if attack.timeout else 30.0)
    monkeypatch.setattr("repos.scoring.grading.LIMIT_FACTOR", 1.0)
    with Workspace(isolated.create(victim.layers, victim.sandbox)) as workspace:
        diff = attack.diff(workspace)
    for _ in range(attack.scorings):
        result, log = score(victim, diff, backend=isolated)
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


@pytest.mark.xfail(strict=False, reason="no literal, no line-up: canaries alone can be told apart")
def test_forging_where_no_line_up_can_be_made(without_literal, isolated):
    attack = next(a for a in CATALOGUE["introspection"] if a.name == "aware-report")
    with Workspace(isolated.create(without_literal.layers, without_literal.sandbox)) as workspace:
        diff = attack.diff(workspace)
    result, _ = score(without_literal, diff, backend=isolated)
    assert not result.resolved


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
