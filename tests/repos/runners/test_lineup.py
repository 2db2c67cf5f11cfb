import ast
import collections
import random
import subprocess
import sys

import pytest

from repos.runners.python.canaries import function_of
from repos.runners.python.lineup import line_up

SOURCE = b'''"""Tests of an imaginary function."""

import unittest

import pytest

HELP = 3


def f(x):
    return x


def test_number():
    x = 1
    assert f(40 + x) == 41


def test_text():
    assert "v1.2" == f("v1.2")


def test_word(tmp_path):
    expected = ["alpha", "beta"]
    assert f(["alpha", "beta"]) == expected


@pytest.mark.parametrize("x, wanted", [(1, 1.5), (2, 2.5)], ids=["a", "b"])
def test_rows(x, wanted):
    assert f(x + 0.5) == wanted


def test_branch():
    if f(1):
        assert f(2) == 2


def test_truth():
    assert f(True)


def test_other():
    assert f(7) == 7


class TestCase(unittest.TestCase):
    def test_method(self):
        self.assertEqual(f(-5), -5)
'''

IDS = tuple(
    f"t.py::{name}"
    for name in (
        "test_number",
        "test_text",
        "test_word",
        "test_rows[a]",
        "test_rows[b]",
        "test_branch",
        "test_truth",
        "TestCase::test_method",
    )
)


def made(seed=0, ids=IDS, **more):
    result = line_up({"t.py": SOURCE}, ids, rng=random.Random(seed), **more)
    assert result is not None
    return result


def run(folder, text):
    (folder / "test_t.py").write_bytes(text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rA", "test_t.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    found = {}
    for line in done.stdout.splitlines():
        word, _, rest = line.partition(" ")
        if word in ("PASSED", "FAILED", "ERROR"):
            name = function_of(rest.split(" - ")[0]).replace("test_t.py", "t.py")
            found.setdefault(name, set()).add(word)
    return found


@pytest.mark.parametrize("seed", range(3))
def test_exactly_the_genuine_members_pass(seed, tmp_path):
    lined = made(seed)
    found = run(tmp_path, lined.files["t.py"])
    assert set(found) == {*lined.genuine, *lined.decoys}
    assert {test for test, words in found.items() if words == {"PASSED"}} == set(lined.genuine)
    assert len(lined.genuine) == 6  # all but the bare truth
    assert len(lined.decoys) >= 3 * len(lined.genuine)


def members(lined):
    """Return the functions by their text without name and the values that differ."""
    tree = ast.parse(lined.files["t.py"])
    groups = collections.defaultdict(list)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            shape = ast.parse(ast.unparse(node)).body[0]
            shape.name = "_"
            constants = [n for n in ast.walk(shape) if isinstance(n, ast.Constant)]
            values = [n.value for n in constants]
            for n in constants:
                n.value = "?"
            groups[ast.unparse(shape)].append((node.name, values))
    return groups


def test_the_members_of_a_group_differ_in_one_value_alone():
    groups = members(made(1))
    assert len(groups) == 6
    for group in groups.values():
        columns = list(zip(*(values for _, values in group), strict=True))
        varying = [c for c in columns if len(set(map(repr, c))) > 1]
        assert len(varying) == 1
        assert len(set(map(repr, varying[0]))) == len(group)


def test_nothing_else_of_the_tests_is_left():
    text = made(2).files["t.py"].decode()
    for name in ("test_number", "test_text", "test_other", "test_branch", "test_method"):
        assert f"def {name}(" not in text
    assert "HELP = 3" in text
    assert "def f(x)" in text


def test_the_true_value_stands_at_no_special_place():
    ranks = collections.Counter()
    for seed in range(120):
        lined = made(seed, ids=("t.py::test_number",))
        (group,) = members(lined).values()
        order = sorted(group, key=lambda member: [v for v in member[1] if v != "?"][-1])
        place = [f"t.py::{name}" in lined.genuine for name, _ in order].index(True)
        ranks[place * 4 // len(order)] += 1
    assert set(ranks) == {0, 1, 2, 3}
    assert max(ranks.values()) < 3 * min(ranks.values())


def test_every_line_up_is_another_one():
    assert made(1).files != made(2).files
    assert made(1).files == made(1).files


def test_slow_tests_get_fewer_decoys():
    slow = made(seconds=dict.fromkeys(IDS, 1.0))
    assert len(slow.decoys) < len(made().decoys) / 3
    assert len(slow.genuine) == 6


def test_without_a_literal_there_is_no_line_up():
    assert line_up({"t.py": SOURCE}, ("t.py::test_truth",), rng=random.Random(0)) is None
    assert line_up({"t.py": b"def ("}, IDS, rng=random.Random(0)) is None
    assert line_up({}, IDS, rng=random.Random(0)) is None
