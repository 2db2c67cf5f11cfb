"""Many changes in one run of the tests: schemata really run, in a real workspace."""

from __future__ import annotations

import ast
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.models.symbolic import SymbolicModel
from agents.models.symbolic.history import read_history
from agents.models.symbolic.knowledge import Knowledge
from agents.models.symbolic.pool import make_pool
from agents.models.symbolic.schemata import build
from agents.models.symbolic.schemata.build import SCHEMA
from agents.models.symbolic.schemata.bundle import runtime_source
from agents.models.symbolic.schemata.results import read_results
from agents.models.symbolic.search import Search
from tools.repair.candidates import Proposal
from tools.repair.observations import Outcome, read_trials
from tools.repair.source import Edit, apply

PAGES = '''\
"""Pages of results."""


def window(page, size, count):
    """Return first and last item of a page, from 1."""
    first = (page - 1) * size + 1
    last = page * size
    if last > count + 1:
        last = count
    return first, last
'''
TESTS = """\
import unittest

import pytest
from pages import window


@pytest.mark.parametrize("page", [1, 2])
def test_window(page):
    assert window(page, 5, 10) == (5 * page - 4, 5 * page)


class TestLast(unittest.TestCase):
    def setUp(self):
        self.count = 9

    def test_last(self):
        self.assertEqual(window(2, 5, self.count), (6, 9))


def test_short():
    assert window(1, 5, 2) == (1, 2)
"""
BAD = ["tests/test_pages.py::TestLast::test_last"]
FILES = {"pages.py": PAGES, "tests/test_pages.py": TESTS}


@pytest.fixture(scope="module", autouse=True)
def quick():
    """So small a module needs less time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "SECONDS", 3.0)
        yield


def search_of(talk):
    know = Knowledge(read_history(talk.messages))
    return Search(make_pool(know, 0), know, 200)


@pytest.fixture(scope="module")
def tried(converse):
    """A conversation in which the schemata were tried, and the search behind them."""
    talk = converse(FILES, BAD)
    talk.call("run_tests", tests=[], coverage=True, format="json")
    talk.call("view", path="pages.py")
    search = search_of(talk)
    batch = search.batch(40)
    talk.call(
        "try_edits",
        candidates=[candidate.arguments for candidate in batch],
        tests=[*BAD, *search.knowledge.near_suspicious()],
        format="json",
    )
    return talk, batch


def test_one_run_tries_a_hundred_changes_and_tells_the_truth(tried):
    talk, batch = tried
    assert {c.proposal.template for c in batch} == {SCHEMA} and batch[0].proposal.probe
    outcome = read_trials(talk.messages[-1].content)[0]
    assert all(text.startswith("repogym.MutantReport") for _, text in outcome.errors)
    search = search_of(talk)
    mutants = search.pool.schemata[0][0].mutants
    count, results = read_results(mutants, outcome)
    assert count == len(mutants) > 100
    assert results and max(one.seen for one in results) == 3
    for one in [one for one in results if not one.proposal.probe][:5]:
        names = {}
        exec(compile(apply(PAGES, one.proposal.edits), "pages.py", "exec"), names)
        assert names["window"](2, 5, 9) == (6, 9)
        others = (names["window"](1, 5, 10), names["window"](2, 5, 10), names["window"](1, 5, 2))
        assert (others != ((1, 5), (6, 10), (1, 2))) == (one.broken > 0)


def test_what_repaired_and_broke_nothing_is_tried_first(tried):
    talk, _ = tried
    search = search_of(talk)
    waiting, dead, found = search.schema_results()
    assert dead and found
    # Conditional forms of what helped but broke tests come before anything else.
    assert all(candidate.proposal.template == SCHEMA for candidate in waiting)
    if waiting:
        talk.call(
            "try_edits",
            candidates=[candidate.arguments for candidate in waiting],
            tests=[*BAD, *search.knowledge.near_suspicious()],
            format="json",
        )
    search = search_of(talk)
    first = search.batch(40)
    _, _, found = search.schema_results()
    sure = {one.proposal.edits for one in found if not one.broken and not one.proposal.probe}
    assert first and {candidate.edits for candidate in first} <= sure


CUT = """\
def cut(text, most=None):
    end = len(text) if most is None else most
    return "".join(text[place] for place in range(end))
"""
CUT_TESTS = """\
from cut import cut


def test_long():
    assert cut("barley", 3) == "bar"


def test_short():
    assert cut("tea", 5) == "tea"
"""


def test_a_repair_is_found_and_kept_and_every_reply_follows_from_the_messages(converse):
    talk = converse(
        {"cut.py": CUT, "tests/test_cut.py": CUT_TESTS}, ["tests/test_cut.py::test_short"]
    )
    turns = talk.play(SymbolicModel(candidates=60))
    names = {}
    exec(compile(talk.source("cut.py"), "cut.py", "exec"), names)
    assert names["cut"]("tea", 5) == "tea" and names["cut"]("barley", 3) == "bar"
    for messages, reply in turns:
        assert SymbolicModel(candidates=60).complete(messages, talk.schemas) == reply


def test_the_runtime_stands_alone():
    text = runtime_source()
    tree = ast.parse(text)
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert not [node for node in imported if (node.module or "").startswith("agents")]
    space = {"__name__": "repogym"}
    exec(text, space)
    plan = {"functions": {}, "failing": [], "passing": [], "reporters": [], "seconds": 1.0}
    mutate = space["begin"](json.dumps({**plan, "mutants": []}))
    assert mutate("anywhere") is None


@given(st.text(max_size=80))
def test_any_report_can_be_read(text):
    mutants = ((1.0, Proposal((Edit("a.py", 0, 0, "x"),), "t", 1.0, 1, "n")),)
    for said in (text, f"repogym.MutantReport: 1 2 3 {text}", "repogym.MutantReport: 1 1 1 0010"):
        count, found = read_results(mutants, Outcome("FAIL", errors=(("t", said),)))
        assert count >= 0 and all(one.proposal is mutants[0][1] for one in found)
