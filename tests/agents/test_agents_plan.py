"""Plans as models write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.plan import Plan, Step


def texts(plan):
    return [step.text for step in plan.steps]


@pytest.mark.parametrize(
    ("written", "steps"),
    [
        ("1. Look\n2. Change\n3. Test", ["Look", "Change", "Test"]),
        ("The plan:\n\n1) Look\n\n2) Change\nthe code\n", ["Look", "Change"]),
        ("1. Old\n2. Older\n\nNow rather:\n1. New", ["New"]),
        ("- [ ] Look\n- [x] Change", ["Look", "Change"]),
        ("1. [x] Look\n2. [ ] Change", ["Look", "Change"]),
        ("1. Look\n   - at this\n   - and that\n2. Change", ["Look", "Change"]),
        ("No list at all.", []),
        ("", []),
    ],
)
def test_lists_are_read(written, steps):
    assert texts(Plan.read(written)) == steps


def test_marks_are_read_and_kept():
    plan = Plan.read("1. [x] Look\n2. [ ] Change\n3. Test")
    assert [step.done for step in plan.steps] == [True, False, False]
    plan = plan.marked("Changed it.\nDone: 2, 9")
    assert [step.done for step in plan.steps] == [True, True, False]
    assert str(plan) == "1. [x] Look\n2. [x] Change\n3. [ ] Test"
    assert plan.marked("I am done with 3.") == plan


def test_words_without_a_list_are_one_step():
    assert texts(Plan.in_words("Change\nthe   parser.")) == ["Change the parser."]
    assert Plan.in_words(" \n").steps == ()


WORDS = st.text(alphabet="abc xyz.", min_size=1, max_size=20).map(str.strip).filter(bool)


@given(st.lists(st.builds(Step, WORDS, st.booleans()), max_size=20))
def test_what_is_shown_is_read_back(steps):
    plan = Plan(tuple(steps))
    assert Plan.read(f"Revised:\n{plan}\nNext: edit") == plan


@given(st.text())
def test_no_text_breaks_the_reader(text):
    plan = Plan.read(text)
    assert plan.marked(text).steps == plan.marked(text).marked(text).steps
