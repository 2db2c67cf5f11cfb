import ast
import random
import subprocess
import sys

import pytest

from repos.runners.python.canaries import plant

SOURCE = b"""import unittest
import pytest
from dataclasses import dataclass


class Anything:
    def __eq__(self, other):
        return True


VALUE = Anything()


def test_equal():
    assert VALUE == 3


def test_loop():
    for x in []:
        assert x == 1


def test_returns_early():
    return


@pytest.mark.parametrize("x", [1, 2])
def test_many(x):
    assert x == x


class TestCase(unittest.TestCase):
    def test_method(self):
        self.assertEqual(1 + 1, 2)


@pytest.mark.skip
def test_skipped():
    assert 1 == 1
"""
IDS = tuple(
    f"t.py::{n}"
    for n in (
        "test_equal",
        "test_loop",
        "test_returns_early",
        "test_many[1]",
        "test_many[2]",
        "TestCase::test_method",
        "test_skipped",
    )
)


def run(folder):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rA", "t.py"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    outcomes = {}
    for line in done.stdout.splitlines():
        word, _, rest = line.partition(" ")
        if word in ("PASSED", "FAILED", "ERROR"):
            outcomes[rest.split(" - ")[0]] = word
    return outcomes


def test_all_plain_canaries_fail_and_real_tests_stay(tmp_path):
    made = plant("t.py", SOURCE, IDS, equality=False, most=9, rng=random.Random(1))
    (tmp_path / "t.py").write_bytes(made.source)
    outcomes = run(tmp_path)
    assert len(made.functions) == 5
    for canary in made.functions:
        ran = {v for k, v in outcomes.items() if k.partition("[")[0] == canary}
        assert ran == {"FAILED"}
    assert all(outcomes[i] == "PASSED" for i in IDS if "skipped" not in i)


def test_an_object_that_equals_everything_is_found_by_the_equality_canary(tmp_path):
    made = plant("t.py", SOURCE, IDS[:1], most=9, rng=random.Random(2))
    (tmp_path / "t.py").write_bytes(made.source)
    outcomes = run(tmp_path)
    assert len(made.functions) == 2
    assert sorted(outcomes[c] for c in made.functions) == ["FAILED", "PASSED"]


def test_equality_canaries_leave_alone_what_may_never_be_reached():
    made = plant("t.py", SOURCE, IDS[1:3], most=9, rng=random.Random(3))
    assert len(made.functions) == 2  # the plain ones only


def test_names_differ_each_time_and_the_file_parses():
    names = {plant("t.py", SOURCE, IDS).functions for _ in range(5)}
    assert len(names) == 5
    ast.parse(plant("t.py", SOURCE, IDS).source)


def test_a_file_that_does_not_parse_is_left_alone():
    assert plant("t.py", b"def (", ("t.py::x",)).source == b"def ("


@pytest.mark.parametrize("most", [1, 2])
def test_no_more_canaries_of_a_kind_than_asked_for(most):
    both = plant("t.py", SOURCE, IDS, most=most, rng=random.Random(4))
    plain = plant("t.py", SOURCE, IDS, equality=False, most=most, rng=random.Random(4))
    assert len(plain.functions) == most
    assert len(both.functions) == 2 * most
