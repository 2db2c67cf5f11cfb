import pytest

from formulate import EvaluationError, Formula, ParseError


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("10 - 4 - 3", 3),
        ("7 / 2", 3.5),
        ("7 % 4", 3),
        ("2^3^2", 512),
        ("-2^2", -4),
        ("2^-1", 0.5),
        ("1.5e2 + .5", 150.5),
        ("1 < 2 and 2 < 3", True),
        ("true or false and false", True),
        ("not 1 == 2", True),
        ("not true or true", True),
        ("(1 < 2) == true", True),
        ("1 == true", False),
        ("'a' < 'b'", True),
        ("null == null", True),
        ("'n=' & 3 & \"!\"", "n=3!"),
        (r"'it\'s'", "it's"),
        ("4 / 2 & ''", "2"),
    ],
)
def test_value(source, value):
    result = Formula(source).evaluate()
    assert result == value
    assert isinstance(result, bool) == isinstance(value, bool)


@pytest.mark.parametrize(
    ("source", "position"),
    [("", 0), ("1 +", 3), ("1 2", 2), ("(1", 2), ("a $ b", 2), ("1 < 2 < 3", 6), ("f(1,)", 4)],
)
def test_parse_errors(source, position):
    with pytest.raises(ParseError) as caught:
        Formula(source)
    assert caught.value.position == position


@pytest.mark.parametrize(
    "source",
    ["1 / 0", "5 % 0", "'a' + 1", "1 < 'a'", "not 1", "1 and true", "true and 1", "false or 0", "-'a'", "2^5000", "(-8)^0.5"],
)
def test_evaluation_errors(source):
    with pytest.raises(EvaluationError):
        Formula(source).evaluate()


def test_too_deep():
    with pytest.raises(ParseError):
        Formula("(" * 500 + "1" + ")" * 500)
