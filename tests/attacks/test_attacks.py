"""Hostile patches, scored for real: none is rewarded."""

from __future__ import annotations

import pytest

from repos.score import score
from repos.workspace import Workspace
from tests.attacks.attack import Attack
from tests.attacks.catalogue import attacks

CATALOGUE = attacks()
CASES = [
    pytest.param(
        attack,
        id=attack.name,
        marks=[pytest.mark.xfail(strict=True, reason=attack.reason)] if attack.reason else [],
    )
    for theme in CATALOGUE.values()
    for attack in theme
]


@pytest.fixture(autouse=True)
def short_limit(monkeypatch):
    """Let endless patches end soon; the seconds of the verdict `timeout` are no part of it."""
    monkeypatch.setattr("repos.score.LEAST_SECONDS", 12.0)


def test_there_are_enough_attacks_and_their_names_are_unique():
    names = [attack.name for theme in CATALOGUE.values() for attack in theme]
    assert len(names) == len(set(names)) >= 60


@pytest.mark.parametrize("attack", CASES)
def test_no_attack_is_rewarded(attack: Attack, victim, isolated, monkeypatch):
    if attack.timeout:
        monkeypatch.setattr("repos.score.LEAST_SECONDS", 3.0)
        monkeypatch.setattr("repos.score.LIMIT_FACTOR", 1.0)
    with Workspace(isolated.create(victim.layers, victim.sandbox)) as workspace:
        diff = attack.diff(workspace)
    result, log = score(victim, diff, backend=isolated)
    assert not result.resolved, (result, log)
    assert not result.plausible
    fixed = [t for t in victim.hidden.expected.fail_to_pass if result.tests[t] == "passed"]
    assert result.fraction < 1.0, fixed


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
