import pytest

from formulate import EvaluationError, Formula, Functions, NameProblem


def counting():
    calls = []
    functions = Functions.standard()

    def note(label, value=None):
        calls.append(label)
        return value

    functions.add("note", note, least=1, most=2)
    return functions, calls


@pytest.mark.parametrize(
    ("source", "value", "expected"),
    [
        ("if(note('c', true), note('y', 1), note('n', 2))", 1, ["c", "y"]),
        ("if(note('c', false), note('y', 1), note('n', 2))", 2, ["c", "n"]),
        ("if(note('c', false), note('y', 1))", None, ["c"]),
        ("note('l', false) and note('r', true)", False, ["l"]),
        ("note('l', true) and note('r', false)", False, ["l", "r"]),
        ("note('l', true) or note('r', true)", True, ["l"]),
        ("note('l', false) or note('r', true)", True, ["l", "r"]),
        ("coalesce(note('a'), note('b', 0), note('c', 1))", 0, ["a", "b"]),
        ("switch(note('s', 2), note('1', 1), note('a', 'x'), note('2', 2), note('b', 'y'), note('d'))",
         "y", ["s", "1", "2", "b"]),
        ("switch(note('s', 9), note('1', 1), note('a', 'x'), note('d', 'z'))", "z", ["s", "1", "d"]),
        ("max(note('a', 1), note('b', 2))", 2, ["a", "b"]),
    ],
)
def test_what_is_evaluated_and_how_often(source, value, expected):
    functions, calls = counting()
    assert Formula(source, functions=functions).evaluate() == value
    assert calls == expected


def test_nested_choices():
    source = "if(n == 0, 0, if(m == 0, 1 / n, coalesce(x, 1 / (n - n))))"
    formula = Formula(source)
    assert formula.evaluate({"n": 0}) == 0
    assert formula.evaluate({"n": 4, "m": 0}) == 0.25
    assert formula.evaluate({"n": 4, "m": 1, "x": 9}) == 9


def test_names_of_all_branches_are_still_reported():
    assert Formula("if(a, b, coalesce(c, d)) and e").names == {"a", "b", "c", "d", "e"}


@pytest.mark.parametrize("source", ["if(true, 1, nope(2))", "true or abs()", "coalesce(1, abs(1, 2))"])
def test_calls_in_unused_branches_are_still_checked(source):
    with pytest.raises(NameProblem):
        Formula(source)


def test_errors_of_a_chosen_branch_keep_their_text():
    with pytest.raises(EvaluationError, match="^division by zero$"):
        Formula("if(true, 1 / 0, 2)").evaluate()
    with pytest.raises(EvaluationError, match="neither true nor false"):
        Formula("if(1 / 1, 2, 3)").evaluate()


def test_own_function_named_like_a_standard_one_gets_values():
    functions = Functions.standard()
    functions.add("if", lambda *args: list(args), least=2, most=3)
    assert Formula("IF(1 + 1, 'a')", functions=functions).evaluate() == [2, "a"]


def test_operators_still_want_truths():
    for source in ("1 and false", "false or 1", "true and null", "'x' or true"):
        with pytest.raises(EvaluationError):
            Formula(source).evaluate()
