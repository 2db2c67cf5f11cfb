"""Localisation: Ochiai on a known spectrum, boosts, and what a failing line depends on."""

from __future__ import annotations

import math

import pytest

from tools.records import Frame
from tools.repair.fault_localisation import base_scores, boosted, ochiai, words_of
from tools.repair.source import Module

SOURCE = """\
LIMIT = 3


def check(value, limit=LIMIT):
    text = str(value)
    size = len(text)
    if size > limit:
        raise ValueError(text)
    return text


def other(value):
    return value
"""


def parsed():
    module = Module.parse("m.py", SOURCE)
    assert module is not None
    return module


@pytest.mark.parametrize(
    ("failed", "passed", "total", "expected"),
    [
        (0, 5, 2, 0.0),
        (2, 0, 2, 1.0),
        (1, 0, 2, math.sqrt(0.5)),
        (2, 6, 2, 0.5),
        (1, 1, 0, 0.0),
    ],
)
def test_ochiai_of_known_counts(failed, passed, total, expected):
    assert ochiai(failed, passed, total) == pytest.approx(expected)


def test_lines_that_only_failing_tests_run_come_first():
    covers = {"t::bad": {"m.py": frozenset({5, 6, 7, 8})}, "t::good": {"m.py": frozenset({13})}}
    passed = {"m.py": {5: 3, 6: 3, 7: 3, 8: 0}}
    scores = base_scores(covers, ["t::bad"], passed)
    assert scores == {("m.py", 5): 0.5, ("m.py", 6): 0.5, ("m.py", 7): 0.5, ("m.py", 8): 1.0}


def test_a_raise_blames_its_condition_and_the_data_it_reads():
    module = parsed()
    base = {("m.py", line): 0.5 for line in (5, 6, 7, 8)}
    scores = boosted(base, {"m.py": module}, [[Frame(path="m.py", line=8)]], words_of(""))
    ordered = sorted(range(5, 9), key=lambda line: -scores["m.py", line])
    assert ordered == [7, 6, 5, 8] or ordered[:2] == [7, 6]
    assert scores["m.py", 7] > scores["m.py", 8]
    assert ("m.py", 13) not in scores


def test_headers_and_constants_get_a_share_of_their_users():
    module = parsed()
    scores = boosted({("m.py", 7): 1.0}, {"m.py": module}, [], words_of(""))
    assert 0 < scores["m.py", 4] < scores["m.py", 7]
    named = boosted({("m.py", 7): 1.0}, {"m.py": module}, [], words_of("`check` is wrong"))
    assert named["m.py", 7] > scores["m.py", 7]
