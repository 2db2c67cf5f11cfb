"""Changes that get a test further are joined with what may go beside them.

The tools' answers are made here, in the tools' own format, by really running each candidate.
"""

from __future__ import annotations

import ast
import traceback

import pytest

from agents.models.symbolic.choosing import moves_bound
from agents.models.symbolic.focus import counterexamples
from agents.models.symbolic.formats import read_trials
from agents.models.symbolic.history import Exchange, History
from agents.models.symbolic.joining import advanced, joined
from agents.models.symbolic.knowledge import Knowledge
from agents.models.symbolic.pool import make_pool
from agents.models.symbolic.search import Search

SOURCE = """\
def label(name, limit):
    text = name
    if len(text) > limit:
        text = text[:limit]
    return text
"""
TEST = "tests/test_label.py::test_label"
CHECK = """\
def test_label(label):
    assert label("tea", 5) == "tea"
    assert label(" rye ", 5) == "rye"
    assert label("barley", 3) == "bar."
"""


def stop(text: str) -> tuple[int, str]:
    """Return the line at which the test stops on a source text, and the message; 0 if it passes."""
    names: dict = {}
    try:
        exec(compile(text, "label.py", "exec"), names)
        exec(compile(CHECK, TEST.partition("::")[0], "exec"), names)
        names["test_label"](names["label"])
    except AssertionError as error:
        line = traceback.extract_tb(error.__traceback__)[-1].lineno or 0
        call = CHECK.split("\n")[line - 1].strip().removeprefix("assert ")
        left, _, right = call.partition(" == ")
        wanted = ast.literal_eval(right)
        return line, f"AssertionError: assert {eval(left, names)!r} == {wanted!r}"
    except Exception as error:
        return 0, f"{type(error).__name__}: {error}"
    return 0, ""


def first_exchanges() -> list[Exchange]:
    line, message = stop(SOURCE)
    rows = SOURCE.rstrip("\n").split("\n")
    run = [
        "SUMMARY 1 failed",
        f"FAILED {TEST}",
        f"  {message}",
        f"    tests/test_label.py:{line}: assert",
        "COVERAGE",
        "SPECTRUM label.py",
        "  2-5 failed=1 passed=0",
        f"COVERS {TEST}",
        "  label.py: 2-5",
    ]
    shown = [f"{number}\t{row}" for number, row in enumerate(rows, 1)]
    view = [f"label.py: lines 1-{len(rows)} of {len(rows)}", *shown]
    return [
        Exchange("1", "run_tests", {"tests": [], "coverage": True}, "\n".join(run)),
        Exchange("2", "view", {"path": "label.py"}, "\n".join(view)),
    ]


def trial(candidates: list) -> Exchange:
    lines = ["TESTS 1", f"T1 {TEST}"]
    for number, candidate in enumerate(candidates, 1):
        text = SOURCE
        for snippet in candidate.snippets:
            text = text.replace(snippet.old, snippet.new)
        line, message = stop(text)
        verdict = "FAIL passed=0 failed=1 F" if message else "PASS passed=1 failed=0 ."
        lines.append(f"CANDIDATE {number} {verdict}")
        if message:
            lines.append(f"  FAILED {TEST}: {message}" + (f" (line {line})" if line else ""))
    arguments = {"candidates": [c.arguments for c in candidates], "tests": [TEST]}
    return Exchange("3", "try_edits", arguments, "\n".join([*lines, "PASSING none"]))


def search_after(*exchanges: Exchange, statement: str = "") -> Search:
    failing = (TEST,)
    know = Knowledge(History(statement, failing, (*first_exchanges(), *exchanges)))
    return Search(make_pool(know, 0), know, 240)


@pytest.fixture(scope="module")
def half() -> tuple[Exchange, str]:
    """The trial of one change that repairs the first half of what the test asks for."""
    search = search_after()
    for score, proposal in search.pool.ordered:
        if "strip" in proposal.edits[0].new:
            candidate = search.pool.write(score, proposal)
            if candidate is not None:
                made = trial([candidate])
                if "(line 4)" in made.text:
                    return made, candidate.key
    raise AssertionError("no change repairs the first half")


def test_a_change_after_which_the_test_stops_later_is_half_a_repair(half):
    exchange, key = half
    search = search_after(exchange)
    assert search.knowledge.stops == {TEST: 3}
    assert [candidate.key for candidate in advanced(search)] == [key]


def test_what_is_joined_to_it_follows_from_what_still_fails(half):
    exchange, _ = half
    search = search_after(exchange)
    pairs = joined(search, 10)
    assert len(pairs) == 10
    assert all(len(pair.others) == 1 for pair in pairs)
    repaired = [pair for pair in joined(search, 60) if not stop_of(pair)[1]]
    assert repaired, "adding the stop that the message shows is among the first of the mates"


def stop_of(candidate) -> tuple[int, str]:
    text = SOURCE
    for snippet in candidate.snippets:
        assert text.count(snippet.old) == 1
        text = text.replace(snippet.old, snippet.new)
    return stop(text)


def test_a_pool_that_is_made_anew_knows_joined_changes(half):
    exchange, _ = half
    pair = joined(search_after(exchange), 5)[-1]
    again = search_after(exchange, trial([pair]))
    known = again.known(pair.key)
    assert known is not None and known.others


def test_stops_are_read_from_an_answer():
    lines = ["TESTS 1", f"T1 {TEST}", "CANDIDATE 1 FAIL passed=0 failed=1 F"]
    text = "\n".join([*lines, f"  FAILED {TEST}: assert 1 == 2 (line 7)"])
    said = read_trials(text)[1]
    assert said.stops == ((TEST, 7),)
    assert said.errors == ((TEST, "assert 1 == 2"),)


def test_tests_that_survivors_broke_are_faced_first():
    search = search_after()
    score, proposal = search.pool.ordered[0]
    candidate = search.pool.write(score, proposal)
    assert candidate is not None
    other = "tests/test_label.py::test_other"
    answer = f"TESTS 2\nCANDIDATE 1 FAIL passed=1 failed=1\n  FAILED {other}: assert 0 (line 2)"
    arguments = {"candidates": [candidate.arguments], "tests": ["tests"]}
    after = search_after(Exchange("4", "try_edits", arguments, answer))
    assert counterexamples(after) == [other]


def test_moving_a_bound_is_told_from_turning_a_comparison_over():
    search = search_after()
    notes = {
        proposal.note.rpartition(": ")[2]: moves_bound(proposal)
        for _, proposal in search.pool.ordered
        if proposal.template == "comparison"
    }
    assert notes["> -> >="] is True
    assert notes["> -> <"] is False
    assert not any(moves_bound(p) for _, p in search.pool.ordered if p.template != "comparison")
