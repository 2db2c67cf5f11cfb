import pytest

from formulate import EvaluationError, Formula, Functions, NameProblem


def run(source, **values):
    return Formula(source).evaluate(values)


def test_names():
    assert Formula("a + order.total * min(b, true)").names == {"a", "b", "order.total"}


def test_dotted_names():
    assert run("order.total * 2", order={"total": 4}) == 8
    assert Formula("a.b").evaluate({"a.b": 3}) == 3


@pytest.mark.parametrize("source", ["missing", "order.missing", "order.total.more"])
def test_unknown_names(source):
    with pytest.raises(NameProblem):
        run(source, order={"total": 4})


@pytest.mark.parametrize("source", ["nope(1)", "abs()", "abs(1, 2)", "if(true)", "round(1, 2, 3)", "min()"])
def test_calls_are_checked_early(source):
    with pytest.raises(NameProblem):
        Formula(source)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("abs(-3)", 3),
        ("min(3, 1, 2) + max(4, 5)", 6),
        ("sum()", 0),
        ("round(2.5)", 3),
        ("round(-1.005, 2)", -1.01),
        ("floor(2.7) + ceil(2.1)", 5),
        ("sqrt(16)", 4),
        ("len(trim('  a   b '))", 3),
        ("UPPER('ab') & lower('CD')", "ABcd"),
        ("contains('haystack', 'st')", True),
        ("text(1.0) & text(null)", "1null"),
        ("number(' 12 ') + number('1.5')", 13.5),
    ],
)
def test_standard_functions(source, value):
    assert run(source) == value


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("if(1 < 2, 'yes', 'no')", "yes"),
        ("if(1 > 2, 'yes', 'no')", "no"),
        ("if(1 > 2, 'yes')", None),
        ("coalesce(null, 3, 4)", 3),
        ("coalesce(null, null)", None),
        ("switch(2, 1, 'one', 2, 'two', 'many')", "two"),
        ("switch(9, 1, 'one', 2, 'two', 'many')", "many"),
        ("switch(9, 1, 'one', 2, 'two')", None),
    ],
)
def test_choices(source, value):
    assert run(source) == value


@pytest.mark.parametrize("source", ["if(1, 2, 3)", "sqrt(-1)", "len(3)", "number('x')"])
def test_wrong_values(source):
    with pytest.raises(EvaluationError):
        run(source)


def test_own_functions():
    functions = Functions.standard()
    functions.add("Rate", {"EUR": 1.0, "USD": 1.1}.__getitem__, least=1)
    formula = Formula("10 * rate(currency)", functions=functions)
    assert formula.evaluate({"currency": "USD"}) == 11.0
    with pytest.raises(EvaluationError, match="rate"):
        formula.evaluate({"currency": "XXX"})
    assert "rate" in list(functions)
    assert "rate" not in list(Functions.standard())


def test_own_function_gets_values():
    seen = []
    functions = Functions.standard()
    functions.add("log", lambda *args: seen.append(args), least=0, most=None)
    Formula("log(1 + 1, 'a', if(true, 5, 6))", functions=functions).evaluate()
    assert seen == [(2, "a", 5)]
