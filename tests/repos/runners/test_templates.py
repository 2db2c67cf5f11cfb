"""A template that is filled in says what a file says that is rewritten with the same names."""

import random
from pathlib import Path

import pytest

from repos.runners.python.blind.rewrite import rewrite
from repos.runners.python.templates import BASE, MARK, template
from repos.runners.registry import get_runner

FILES = sorted(Path(__file__).parent.glob("test_[abcw]*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_names_and_numbers_are_filled_in(path):
    source = path.read_bytes()
    names = {name for name, _ in template(source, frozenset()).kinds}
    assert not names
    wanted = frozenset(rewrite(source, None, module="_", key=False).kinds)
    assert wanted
    given: dict[object, object] = {}

    def rename(name):
        return given.setdefault(name.rpartition(".")[2], f"test_n{len(given)}")

    def number(name, at):
        return given.setdefault((name, at), 1000 + len(given))

    direct = rewrite(source, wanted, module="_m", key=False, rename=rename, number=number)
    filled = template(source, wanted).filled("_m", rename, number)
    assert filled == direct.source
    assert dict(template(source, wanted).kinds) == direct.kinds
    assert MARK.encode() not in filled
    assert b"%d" % BASE not in filled


def test_no_two_blind_runs_have_the_same_names():
    controls = get_runner("pytest").controls
    source = FILES[0].read_bytes()
    places = [("t.py", name) for name in rewrite(source, None, module="_", key=False).kinds]
    sheets = [
        controls.take_out({"t.py": source}, places, key=False, rng=random.Random(seed))
        for seed in (1, 2)
    ]
    one, other = sheets
    assert not set(one.names) & set(other.names)
    assert not set(one.questions) & set(other.questions)
    assert sorted(one.names.values()) == sorted(other.names.values())
    assert one.kinds == other.kinds
    assert one.module != other.module
    for sheet in sheets:
        text = sheet.files["t.py"].decode()
        assert all(name in text for name in sheet.names)
        assert all(str(number) in text for number in sheet.questions)
