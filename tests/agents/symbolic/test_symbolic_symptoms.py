"""What failing comparisons say: pairs of values, differing stretches, functions that fit."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.models.symbolic.candidates import Proposal
from agents.models.symbolic.examples import fitting
from agents.models.symbolic.source import Edit, Module
from agents.models.symbolic.symptoms import Pair, Unknown, read_symptoms


@pytest.mark.parametrize(
    ("message", "pair"),
    [
        ("AssertionError: None is not False", Pair(None, False)),
        ("AssertionError: assert 'a == b ' == 'a == b'", Pair("a == b ", "a == b")),
        ("assert 3 == 4", Pair(3, 4)),
        ("AssertionError: Lists differ: [1, 2] != [2]", Pair([1, 2], [2])),
        (
            "AssertionError: assert [['unicode-ra...56], ...] == [1, 2]",
            Pair(Unknown(list), [1, 2]),
        ),
        ("assert '<a href=\"/\">...p;s</a>' == 'x'", Pair(Unknown(str), "x")),
    ],
)
def test_pairs_of_values_are_read(message, pair):
    assert read_symptoms([message]).pairs[0] == pair


def test_longer_listings_below_a_message_are_read():
    details = ["  - Some&nbsp;s", "  + Some&amp;nbsp;s", "  ?      ++++", "At index 0 diff: 1 != 2"]
    wanted = {Pair("Some&amp;nbsp;s", "Some&nbsp;s"), Pair(1, 2)}
    assert set(read_symptoms([], details).pairs) == wanted


def test_other_failures_say_nothing():
    said = read_symptoms(["KeyError: 'x'", "ValueError: a != b is wrong", ""])
    assert said.pairs == ()
    assert read_symptoms(["Failed: DID NOT RAISE <class 'ValueError'>"]).silent


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_two_texts_are_read_back(actual, wanted):
    said = read_symptoms([f"AssertionError: assert {actual!r} == {wanted!r}"])
    if "..." in actual or "..." in wanted or " == " in actual + wanted:
        return
    assert Pair(actual, wanted) in said.pairs


@given(st.text(max_size=300))
def test_no_message_breaks_reading(message):
    for text in (message, f"assert {message}", f"AssertionError: {message} != {message}"):
        said = read_symptoms([text], message.split("\n"))
        assert said.functions == said.functions


def change(text: str, old: str, new: str) -> tuple[Module, Proposal]:
    module = Module.parse("m.py", text)
    assert module is not None
    at = text.index(old)
    edit = Edit("m.py", at, at + len(old), new)
    return module, Proposal((edit,), "t", 1.0, 1, "")


def test_a_conversion_to_the_wanted_kind_counts_more_than_another():
    said = read_symptoms(["AssertionError: None is not False"])
    right = said.factor(*change("x = found\n", "found", "bool(found)"))
    other = said.factor(*change("x = found\n", "found", "str(found)"))
    assert right > 1.0 > other
    assert said.factor(*change("x = found\n", "found", "lost")) == 1.0


def test_a_constant_with_the_wrong_text_counts_more():
    said = read_symptoms(["AssertionError: '30 some seconds' != '30 seconds'"])
    text = "T = {'s': '{0} some seconds', 'm': '{0} minutes'}\n"
    right = said.factor(*change(text, "'{0} some seconds'", "'{0} seconds'"))
    other = said.factor(*change(text, "'{0} minutes'", "'{0} minute'"))
    assert right > other == 1.0


@pytest.mark.parametrize(
    ("pairs", "form"),
    [
        ([("a  b", "a b"), ("c   d", "c d")], '" ".join({}.split())'),
        ([([1, 3, 2], [1, 2, 3])], "sorted({})"),
        ([("x//", "x")], "{}.rstrip('/')"),
        ([(0.123, 0.12)], "round({}, 2)"),
        ([("a&amp;b", "a&b")], "html.unescape({})"),
        ([({"a": None, "b": 1}, {"b": 1})],
         "{{key: value for key, value in {}.items() if value is not None}}"),
        ([("a{b", "a{b}")], "{} + '}}'"),
    ],
)  # fmt: skip
def test_functions_are_found_from_examples(pairs, form):
    assert form in [example.form for example in fitting(pairs)]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@given(values, values)
def test_values_of_any_kinds_are_compared(actual, wanted):
    for message in (
        f"assert {actual!r} == {wanted!r}",
        f"AssertionError: {actual!r} != {wanted!r}",
    ):
        said = read_symptoms([message])
        assert isinstance(said.functions, tuple)
        assert said.factor(*change("x = found\n", "found", "str(found)")) > 0


@given(st.text(max_size=20), st.text(max_size=20))
def test_what_is_found_fits(actual, wanted):
    import html
    import inspect
    import json
    import textwrap
    import urllib.parse

    names = {
        "html": html, "inspect": inspect, "json": json, "textwrap": textwrap, "urllib": urllib,
    }  # fmt: skip
    for example in fitting([(actual, wanted)]):
        source = example.form.format(f"({actual!r})")
        assert eval(compile(ast.parse(source, mode="eval"), "x", "eval"), names) == wanted


def test_two_examples_must_both_fit():
    assert [e.form for e in fitting([("a ", "a"), ("b", "c")])] == []
