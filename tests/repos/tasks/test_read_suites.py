"""Suites of which every task was read."""

import pytest

from repos.mining.readings import kept_share, read_readings, readings_path
from repos.scoring.score import WEAK_BITS
from repos.tasks.suite import load_suite


@pytest.mark.parametrize("name", ["swe-lite", "swe-fresh", "swe-synth"])
def test_only_tasks_that_a_reader_keeps_are_in(name):
    suite = load_suite(name)
    readings = read_readings(readings_path(name))
    kept = {reading.task for reading in readings if reading.kept}
    assert {spec.id for spec in suite.specs} <= kept
    assert all(reading.kept or reading.note for reading in readings)
    share = kept_share(readings)
    assert share is not None
    assert 0 < share <= 1


def test_fresh_tasks_are_dated_show_an_example_and_hide_more():
    packages = {}
    for spec in load_suite("repogym/swe-fresh-v2").specs:
        assert spec.date >= "2026-06-01"
        assert "and should give: `" in spec.symptom
        failing = [e.fail_to_pass for e in spec.expected.values()]
        hidden = spec.labels["check hidden"]
        assert all(len(f) > 1 for f in failing) or "more assertions in it" in hidden
        packages.setdefault(spec.source.package, []).append(spec.id)
    assert max(map(len, packages.values())) <= 4


def test_lite_tasks_are_strong_and_few_a_package():
    packages = {}
    for spec in load_suite("swe-lite").specs:
        assert float(spec.labels["strength"].partition(" ")[0]) >= WEAK_BITS
        packages.setdefault(spec.source.package, []).append(spec.id)
    assert len(packages) >= 20
    assert max(map(len, packages.values())) <= 4


def test_synthetic_bugs_have_a_difficulty_and_a_split():
    for spec in load_suite("swe-synth").specs:
        assert spec.labels["difficulty"] in ("easy", "medium", "hard")
        assert spec.labels["split"] in ("train", "test")
