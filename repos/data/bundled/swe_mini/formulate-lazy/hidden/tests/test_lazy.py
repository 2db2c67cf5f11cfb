"""What isn't chosen isn't computed."""

import pytest

from formulate import EvaluationError, Formula, Functions, NameProblem


def run(source, **values):
    return Formula(source).evaluate(values)


AVERAGE = "if(count == 0, 0, total / count)"


@pytest.mark.parametrize(("count", "expected"), [(0, 0), (4, 2.5)])
def test_guarded_division(count, expected):
    assert run(AVERAGE, count=count, total=10) == expected


def test_the_other_side():
    assert run("if(n > 0, 10 / n, -1)", n=0) == -1


def test_and_stops_at_false():
    assert run("n != 0 and 10 / n > 2", n=0) is False
    assert run("n != 0 and 10 / n > 2", n=4) is True


def test_or_stops_at_true():
    assert run("n == 0 or 10 / n > 2", n=0) is True
    assert run("n == 0 or 10 / n > 2", n=100) is False


def test_coalesce_stops_at_the_first_value():
    assert run("coalesce(discount, 1 / 0)", discount=5) == 5


def test_switch_computes_one_result():
    source = "switch(mode, 'share', total / count, 'all', total, sqrt(0 - 1))"
    assert run(source, mode="all", total=8, count=0) == 8
    assert run(source, mode="share", total=8, count=2) == 4


def test_needed_arguments_still_fail():
    with pytest.raises(EvaluationError):
        run(AVERAGE, count=1, total="x")
    with pytest.raises(EvaluationError):
        run("coalesce(null, 1 / 0)")
    with pytest.raises(EvaluationError):
        run("true and 1 / 0 > 1")


def test_own_functions_are_called_only_when_chosen():
    calls = []
    functions = Functions.standard()
    functions.add("fetch", lambda key: calls.append(key) or 7, least=1)
    formula = Formula("if(cached, 1, fetch('a'))", functions=functions)
    assert formula.evaluate({"cached": True}) == 1
    assert calls == []
    assert formula.evaluate({"cached": False}) == 7
    assert calls == ["a"]


def test_missing_name_in_a_branch_that_is_not_taken():
    assert run("if(true, 1, unknown)") == 1
    with pytest.raises(NameProblem):
        run("if(false, 1, unknown)")
