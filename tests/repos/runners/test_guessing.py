"""What an answer is worth: nothing where a generic answerer is right, more where none is."""

import pytest

from repos.runners.controls import Key
from repos.runners.python.blind.guessing import Known, literals, measure, statement_values


def value_key(kind, expected, answer=None):
    answer = expected if answer is None else answer
    return Key(kind, expected, ["v", answer, []])


TEXT = ["s", "qx-7713-zebra"]
KNOWN = Known(
    left=("one two", 41, ("a", 5)),
    told=tuple(statement_values("It says `kept` and 4711, not 'torn away'.\nA line of its own.")),
    exceptions=frozenset({"ValueError", "OddError"}),
    vocabulary=frozenset({"'vocabulary-word'", "'x'"}),
)

NOTHING = [
    (value_key("eq", ["i", "7"]), None, "generic"),
    (value_key("eq", ["b", True]), ["v", ["b", False], []], "base"),
    (value_key("eq", ["n"]), None, "generic"),
    (value_key("eq", ["i", "29"]), None, "echo"),
    (value_key("eq", ["s", "41"]), None, "echo"),
    (value_key("eq", ["s", "kept"]), None, "statement"),
    (value_key("eq", ["i", "1267"]), None, "statement"),
    (value_key("in", ["s", "two"], ["s", "three two one" * 5]), None, "echo"),
    (value_key("in", ["s", "torn"], ["s", "it is torn" * 9]), None, "statement"),
    (value_key("ge", ["i", "64"]), None, "generic"),
    (value_key("truth", ["b", True], ["?", ["Match"], True]), None, "generic"),
    (Key("same", TEXT, ["p", TEXT, TEXT]), None, "echo"),
    (Key("raises", ["k", ["OddError"], None], ["x", ["OddError"], "no"]), None, "exception"),
    (
        Key("raises", ["k", ["ValueError"], ["k", "own", 0]], ["x", ["ValueError"], "its own"]),
        None,
        "exception",
    ),
]


@pytest.mark.parametrize(("key", "base", "by"), NOTHING, ids=range(len(NOTHING)))
def test_what_a_generic_answerer_knows_is_worth_nothing(key, base, by):
    found = measure(key, base, KNOWN)
    assert (found.bits, found.by) == (0.0, by)


def test_what_nobody_can_know_is_worth_the_most():
    assert measure(value_key("eq", TEXT), None, KNOWN).bits == 16.0
    unseen = ["k", "a pattern that \\w+ foresees", 0]
    raised = Key("raises", ["k", ["ValueError"], unseen], ["x", ["ValueError"], "x" * 40])
    assert measure(raised, None, KNOWN).bits > 10.0


def test_what_is_near_to_something_known_is_worth_less():
    far = measure(value_key("eq", ["s", "one, two; three"]), None, KNOWN).bits
    edited = measure(value_key("eq", ["s", "one  two"]), None, KNOWN).bits
    listed = measure(value_key("eq", ["l", [["s", "one two"]]]), None, KNOWN).bits
    assert 0.0 < listed < edited < far
    base = ["v", ["s", "qx-7713-zebr"], []]
    assert measure(value_key("eq", TEXT), base, KNOWN).bits < 16.0
    assert measure(value_key("eq", TEXT), None, KNOWN, ["qx-7713-zebra"]).bits < 8.0


def test_what_stands_in_the_package_or_beside_is_worth_its_place_there():
    word = value_key("eq", ["s", "vocabulary-word"])
    assert measure(word, None, KNOWN).bits == 1.0
    beside = Known(beside=frozenset({"'vocabulary-word'", "'b'", "'c'", "'d'"}))
    assert measure(word, None, beside).bits == 2.0


def test_a_range_of_right_answers_is_worth_a_bit():
    assert measure(value_key("gt", ["i", "fffffffffffffffffffff"]), None, Known()).bits <= 1.0


def test_literals_are_all_values_that_an_expression_says():
    import ast

    found = literals(ast.parse("f([1, -2], {'a': b'c'}, x=3 + 4j)"))
    for value in ([1, -2], -2, {"a": b"c"}, 3 + 4j):
        assert value in found
