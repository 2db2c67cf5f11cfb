import ast

from repos.runners.registry import get_runner
from repos.runners.shown import shown_tests

PYTEST = get_runner("pytest")

SOURCE = '''
import pytest


def test_a():
    assert 1


@pytest.mark.parametrize("x", [1, 2])
def test_b(x):
    assert x


class TestC:
    def test_only(self):
        """Multi
        line."""
        assert 1


async def test_d():
    assert 1
'''
IDS = (
    "t.py::test_a",
    "t.py::test_b[1]",
    "t.py::test_b[2]",
    "t.py::TestC::test_only",
    "t.py::test_d",
)


def write(tmp_path, text=SOURCE):
    (tmp_path / "t.py").write_text(text)
    (tmp_path / "data.txt").write_text("d")
    return tmp_path


def test_half_is_shown_and_the_rest_is_not_in_the_files(tmp_path):
    folder = write(tmp_path)
    for seed in range(20):
        choice = shown_tests(folder, IDS, seed, PYTEST)
        functions = {i.partition("[")[0] for i in choice.shown}
        assert len(functions) == 2
        text = choice.files["t.py"].decode()
        ast.parse(text)
        for test in IDS:
            name = test.rpartition("::")[2].partition("[")[0]
            assert (f"def {name}(" in text) == (test in choice.shown)
        assert choice.files["data.txt"] == b"d"


def test_the_seed_decides_and_repeats(tmp_path):
    folder = write(tmp_path)
    choices = [shown_tests(folder, IDS, seed, PYTEST).shown for seed in range(20)]
    assert len(set(choices)) > 1
    assert choices == [shown_tests(folder, IDS, seed, PYTEST).shown for seed in range(20)]


def test_of_three_functions_one_is_shown(tmp_path):
    three = (IDS[0], *IDS[1:3], IDS[3])
    folder = write(tmp_path)
    shown = [shown_tests(folder, three, seed, PYTEST).shown for seed in range(20)]
    assert {len({i.partition("[")[0] for i in ids}) for ids in shown} == {1}


def test_a_single_test_is_shown(tmp_path):
    assert shown_tests(write(tmp_path), IDS[:1], 0, PYTEST).shown == IDS[:1]


def test_one_function_with_many_parameters_counts_as_one(tmp_path):
    assert shown_tests(write(tmp_path), IDS[1:3], 0, PYTEST).shown == IDS[1:3]


def test_what_cannot_be_cut_out_counts_as_shown(tmp_path):
    inherited = ("t.py::TestX::test_inherited", "t.py::test_a")
    assert "t.py::TestX::test_inherited" in shown_tests(write(tmp_path), inherited, 0, PYTEST).shown
