"""A policy learns what tells good candidates from others."""

import numpy as np
import pytest

from agents.training.repair_policy import Example, train
from repos.errors import InputError
from tools.repair.features import FEATURES


def task(rng, telling=3):
    features = rng.random((20, len(FEATURES)))
    rewards = np.zeros(20)
    rewards[int(np.argmax(features[:, telling]))] = 1.0
    return Example(features, rewards)


def test_it_learns_which_number_tells():
    rng = np.random.default_rng(0)
    policy, curve = train([task(rng) for _ in range(40)])
    assert curve[0] == pytest.approx(1 / 20)
    assert curve[-1] > 0.5
    assert int(np.argmax(policy.weights)) == 3
    unseen = [task(rng) for _ in range(40)]
    right = [one.rewards[policy.order(one.features)[0]] for one in unseen]
    assert np.mean(right) > 0.2  # by chance it is 0.05
    again, _ = train([task(np.random.default_rng(0)) for _ in range(1)])
    other, _ = train([task(np.random.default_rng(0)) for _ in range(1)])
    assert np.array_equal(again.weights, other.weights)


def test_tasks_without_a_reward_teach_nothing():
    rng = np.random.default_rng(0)
    useful, empty = task(rng), Example(rng.random((20, len(FEATURES))), np.zeros(20))
    assert np.array_equal(train([useful])[0].weights, train([empty, useful])[0].weights)
    with pytest.raises(InputError, match="nothing to learn from"):
        train([empty])
