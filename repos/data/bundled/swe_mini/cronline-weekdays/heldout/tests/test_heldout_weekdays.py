from datetime import datetime

import pytest

from cronline import CronError, Schedule
from cronline.fields import HOUR, MONTH, WEEKDAY, read_field


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1-7/2", (0, 1, 3, 5)),
        ("mon-sun/3", (0, 1, 4)),
        ("3-7/3", (3, 6)),
        ("0-7", (0, 1, 2, 3, 4, 5, 6)),
    ],
)
def test_steps_count_sunday_as_the_last_day(text, values):
    assert read_field(text, WEEKDAY).values == values


@pytest.mark.parametrize("text", ["sun-sun", "0-0", "7-7", "7-sun"])
def test_sunday_alone(text):
    assert read_field(text, WEEKDAY).values == (0,)


def test_within_a_list():
    assert read_field("2,6-7", WEEKDAY).values == (0, 2, 6)
    assert read_field("sat-sun,wed", WEEKDAY).values == (0, 3, 6)


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("5-8", WEEKDAY),
        ("8", WEEKDAY),
        ("sat-mon", WEEKDAY),
        ("22-0", HOUR),
        ("23-0", HOUR),
        ("dec-jan", MONTH),
    ],
)
def test_what_stays_an_error(text, spec):
    with pytest.raises(CronError) as caught:
        read_field(text, spec)
    assert caught.value.field == spec.name


def test_values_stay_within_the_field():
    schedule = Schedule("0 0 * * 6-7")
    assert all(0 <= value <= 6 for value in schedule.weekday.values)
    assert schedule.matches(datetime(2024, 5, 5))
    assert schedule.prev(datetime(2024, 5, 5)) == datetime(2024, 5, 4)


def test_whole_week_is_described_as_such():
    assert Schedule("0 9 * * 1-7").describe() == "at minute 0, hour 9"
    assert Schedule("0 9 * * mon-sun").weekday.covers_all


def test_either_day_field():
    schedule = Schedule("0 0 1 * sat-sun")
    assert schedule.next(datetime(2024, 4, 29)) == datetime(2024, 5, 1)
    assert schedule.next(datetime(2024, 5, 4)) == datetime(2024, 5, 5)
