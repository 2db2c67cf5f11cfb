"""Learned weights order candidate repairs, and their file says what they are for."""

import json
from collections import Counter

import numpy as np
import pytest

from repos.errors import InputError
from repos.tasks.suite import load_suite
from tools.records import TestRun
from tools.repair.features import FEATURES, candidate_features
from tools.repair.learned import WEIGHTS, ChoicePolicy, reordered, shipped_policy
from tools.repair.observing import Observation
from tools.repair.ranking import ranked_proposals

SHOP = """\
def total(prices, limit):
    found = 0
    for price in prices:
        if price < limit:
            found += price
    return found
"""
TEST = "tests/test_shop.py::test_total"


@pytest.fixture
def evidence():
    run = TestRun.model_validate(
        {
            "counts": {"failed": 1},
            "tests": [{"id": TEST, "status": "failed", "message": "assert 3 == 5"}],
            "coverage": {
                "spectrum": {"shop.py": [{"first": 1, "last": 6, "failed": 1, "passed": 0}]},
                "tests": {TEST: {"shop.py": "1-6"}},
            },
        }
    )
    text = "def test_total():\n    assert total([3, 2], 3) == 5\n"
    files = {"shop.py": SHOP, "tests/test_shop.py": text}
    seen = Observation(statement="total() is wrong.", named=(TEST,), run=run, files=files)
    return seen.evidence()


def test_the_learned_order_is_that_of_the_weights(evidence):
    ranked = ranked_proposals(evidence, 0)
    found = reordered(evidence, ranked)
    assert [score for score, _ in found] == [score for score, _ in ranked]
    assert Counter(one for _, one in found) == Counter(one for _, one in ranked)
    kept = [(place, one) for place, (_, one) in enumerate(ranked) if one.probe]
    assert kept == [(place, one) for place, (_, one) in enumerate(found) if one.probe]
    assert kept
    rows = dict(zip((one for _, one in ranked), candidate_features(evidence, ranked), strict=True))
    real = [one for _, one in found if not one.probe]
    values = shipped_policy().scores(np.array([rows[one] for one in real]))
    assert all(values[:-1] >= values[1:])
    assert real != [one for _, one in ranked if not one.probe]


def test_the_shipped_weights_were_learned_from_training_packages_alone():
    record = json.loads(WEIGHTS.read_text())
    assert record["command"].startswith("python benchmarks/learning_weights.py")
    suite = load_suite("swe-releases")
    training = {
        spec.id.rpartition("/")[2].rpartition("-")[0]
        for spec in suite.specs
        if suite.split(spec) == "train"
    }
    assert record["cases"]
    assert set(record["cases"]) <= training


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"generator": "another-1"}, "trained for another-1 with repair-features-1"),
        ({"features": "other-2"}, "with other-2, and candidates come from"),
        ({"features": None}, "train again"),
        ({"weights": {"suspicion": 1.0}}, "train again"),
    ],
)
def test_a_file_of_weights_names_its_generator_and_features(tmp_path, changed, said):
    policy = ChoicePolicy(np.arange(len(FEATURES), dtype=float))
    path = tmp_path / "weights.json"
    policy.save(path, "python train.py", seed=3)
    assert np.array_equal(ChoicePolicy.load(path).weights, policy.weights)
    record = json.loads(path.read_text())
    assert (record["command"], record["seed"]) == ("python train.py", 3)
    path.write_text(json.dumps({**record, **changed}))
    with pytest.raises(InputError, match=said):
        ChoicePolicy.load(path)
