import pytest

from cronline import CronError
from cronline.fields import DAY, HOUR, MINUTE, MONTH, WEEKDAY, read_field


@pytest.mark.parametrize(
    ("text", "spec", "values"),
    [
        ("5", MINUTE, (5,)),
        ("1,3,2", HOUR, (1, 2, 3)),
        ("*/20", MINUTE, (0, 20, 40)),
        ("10-14", HOUR, (10, 11, 12, 13, 14)),
        ("10-20/5", MINUTE, (10, 15, 20)),
        ("50/3", MINUTE, (50, 53, 56, 59)),
        ("*/10", DAY, (1, 11, 21, 31)),
        ("jan,MAR", MONTH, (1, 3)),
        ("oct-dec", MONTH, (10, 11, 12)),
        ("7", WEEKDAY, (0,)),
        ("0,7", WEEKDAY, (0,)),
        ("mon-fri", WEEKDAY, (1, 2, 3, 4, 5)),
        ("sun", WEEKDAY, (0,)),
        ("sun-tue", WEEKDAY, (0, 1, 2)),
        ("2-2", WEEKDAY, (2,)),
    ],
)
def test_values(text, spec, values):
    assert read_field(text, spec).values == values


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("60", MINUTE),
        ("24", HOUR),
        ("0", DAY),
        ("13", MONTH),
        ("8", WEEKDAY),
        ("5-8", WEEKDAY),
        ("x", MINUTE),
        ("", MINUTE),
        ("1,,2", MINUTE),
        ("20-10", MINUTE),
        ("dec-jan", MONTH),
        ("fri-mon", WEEKDAY),
        ("*/0", MINUTE),
        ("*/x", MINUTE),
        ("-5", MINUTE),
    ],
)
def test_errors_name_the_field(text, spec):
    with pytest.raises(CronError) as caught:
        read_field(text, spec)
    assert caught.value.field == spec.name


def test_restricted():
    assert read_field("1-31", DAY).restricted
    assert not read_field("*/2", DAY).restricted
