"""The statistics of reports on examples worked by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.reports.comparison import find_parting
from agents.reports.statistics import bootstrap, mcnemar, pass_curve, resolved_by_cost, task_rates
from agents.runs.spec import EpisodeRecord, ModelUse


def record(task, sample, resolved, cost=0.0):
    return EpisodeRecord(task=task, sample=sample, resolved=resolved, use=ModelUse(cost_usd=cost))


def test_mcnemar_is_the_exact_binomial_test():
    # 1 against 6: 2 * (C(7,0) + C(7,1)) / 2^7 = 16 / 128.
    assert mcnemar(1, 6) == pytest.approx(0.125)
    assert mcnemar(6, 1) == pytest.approx(0.125)
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(3, 3) == 1.0
    assert mcnemar(0, 10) == pytest.approx(2 / 1024)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_a_probability(first, second):
    assert 0 < mcnemar(first, second) <= 1


def test_pass_at_k_counts_tasks_with_enough_samples():
    records = [record("a", i, i == 0) for i in range(3)] + [record("b", 0, False)]
    curve = pass_curve(records)
    # a: 1 of 3. pass@1 = (1/3 + 0) / 2, pass@2 = 1 - C(2,2)/C(3,2) = 2/3, pass@3 = 1.
    assert [(p.k, p.tasks) for p in curve] == [(1, 2), (2, 1), (3, 1)]
    assert [p.value for p in curve] == pytest.approx([1 / 6, 2 / 3, 1.0])
    assert all(p.low <= p.value <= p.high for p in curve)
    assert pass_curve([]) == []


def test_the_bootstrap_is_seeded_and_holds_the_mean():
    values = [1.0] * 30 + [0.0] * 10
    low, high = bootstrap(values)
    assert (low, high) == bootstrap(values)
    # The normal approximation gives 0.75 +- 0.134.
    assert low == pytest.approx(0.616, abs=0.03) and high == pytest.approx(0.884, abs=0.03)
    assert all(math.isnan(bound) for bound in bootstrap([]))
    assert bootstrap([1.0, 1.0]) == (1.0, 1.0)


def test_resolved_by_cost_rises_to_the_rate():
    records = [record("a", 0, True, 0.3), record("b", 0, False, 0.9), record("c", 0, True, 0.1)]
    points = resolved_by_cost(records, lambda r: r.use.cost_usd)
    assert points == [(0.0, 0.0), (0.1, 1 / 3), (0.3, 2 / 3), (0.9, 2 / 3)]


def test_task_rates_are_means_over_samples():
    assert task_rates([record("a", 0, True), record("a", 1, False)]) == {"a": 0.5}


def test_episodes_part_at_the_first_call_that_differs():
    assert find_parting(["a", "b"], ["a", "b"]).step == 0
    assert find_parting(["a", "b"], ["a", "c"]) == find_parting(["a", "b", "x"], ["a", "c"])
    parting = find_parting(["a"], ["a", "c"])
    assert (parting.step, parting.first, parting.second) == (2, "", "c")
