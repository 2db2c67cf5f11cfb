"""Constants of modules and classes are exchanged while a test runs, and put back."""

from __future__ import annotations

import sys
import types

import pytest

from agents.models.symbolic.candidates import Proposal
from agents.models.symbolic.inside import Rehearsal
from agents.models.symbolic.module_constants import constant_of
from agents.models.symbolic.source import Edit, Module

LISTS = '''\
"""Lists of words."""

import re

MARKS = ",;"
SPLIT = re.compile("[" + MARKS + "]")
OPENED = open(__file__).read()
UNUSED = 3


class Limits:
    most = 2

    def cut(self, words):
        return words[: self.most]


def words(text):
    return Limits().cut([word for word in SPLIT.split(text) if word])


def text(*given):
    return OPENED[:0].join(given)
'''


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    """The module, parsed and imported, and another one that imports its pattern."""
    (tmp_path / "lists.py").write_text(LISTS)
    module = Module.parse("lists.py", LISTS)
    assert module is not None
    made = types.ModuleType("repogym_lists")
    made.__file__ = str(tmp_path / "lists.py")
    exec(compile(LISTS, made.__file__, "exec"), made.__dict__)
    other = types.ModuleType("repogym_other")
    other.__dict__["SPLIT"] = made.__dict__["SPLIT"]
    monkeypatch.setitem(sys.modules, "repogym_lists", made)
    monkeypatch.setitem(sys.modules, "repogym_other", other)
    return module, made, other


def change(module, old, new):
    at = module.text.index(old)
    line = module.line_of(at)
    return Proposal((Edit(module.path, at, at + len(old), new),), "t", 1.0, line, "n")


def exchanged(module, made, proposal, again):
    """Return whether `again` passes with a change, as the candidate does it in a test."""
    constant = constant_of(module, proposal)
    marks = {f.name: made.__dict__.get(f.name) or made.Limits.cut for f in constant.users}
    about = constant.about(module, list(marks))
    plan = {"constants": {constant.mark: about}, "functions": {}, "failing": [], "passing": []}
    rehearsal = Rehearsal(plan)
    rehearsal.functions, rehearsal.limit = marks, 5.0
    start = module.span(constant.statement)[0]
    edits = [[e.start - start, e.end - start, e.new] for e in proposal.edits]
    return rehearsal.variant(constant.mark, edits, again)


def test_a_constant_and_what_is_made_from_it(loaded):
    module, made, other = loaded
    before = made.SPLIT

    def again():
        assert made.words("a b") == ["a", "b"]
        assert other.SPLIT is made.SPLIT

    proposal = change(module, '",;"', '",; "')
    constant = constant_of(module, proposal)
    assert (constant.name, [name for name, _ in constant.after]) == ("MARKS", ["SPLIT"])
    assert [function.name for function in constant.users] == ["words"]
    assert exchanged(module, made, proposal, again) is True
    assert exchanged(module, made, change(module, '",;"', '",:"'), again) is False
    assert exchanged(module, made, change(module, '",;"', '",["'), again) is False
    assert exchanged(module, made, change(module, '",;"', '"z-a"'), again) is None  # no pattern
    assert made.SPLIT is other.SPLIT is before and made.MARKS == ",;"


def test_a_constant_of_a_class(loaded):
    module, made, _ = loaded

    def again():
        assert made.words("a,b,c") == ["a", "b", "c"]

    assert exchanged(module, made, change(module, "2", "3"), again) is True
    assert made.Limits.most == 2


@pytest.mark.parametrize("old", ["open(__file__)", "3\n\n", "words[:", "re\n"])
def test_what_is_none(loaded, old):
    """Project or system code would run, nothing reads it, or it is no constant at all."""
    module, _, _ = loaded
    assert constant_of(module, change(module, old, "x")) is None
