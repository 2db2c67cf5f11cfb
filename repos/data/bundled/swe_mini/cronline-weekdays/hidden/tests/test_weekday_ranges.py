"""Ranges of weekdays that end on Sunday."""

from datetime import datetime

import pytest

from cronline import CronError, Schedule
from cronline.fields import MONTH, WEEKDAY, read_field


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("5-7", (0, 5, 6)),
        ("fri-sun", (0, 5, 6)),
        ("Sat-7", (0, 6)),
        ("1-7", (0, 1, 2, 3, 4, 5, 6)),
    ],
)
def test_range_to_sunday(text, values):
    assert read_field(text, WEEKDAY).values == values


@pytest.mark.parametrize(("text", "values"), [("0-2", (0, 1, 2)), ("sun-mon", (0, 1)), ("7", (0,))])
def test_sunday_in_front(text, values):
    assert read_field(text, WEEKDAY).values == values


@pytest.mark.parametrize("text", ["fri-mon", "6-2"])
def test_other_backward_ranges_stay_errors(text):
    with pytest.raises(CronError):
        read_field(text, WEEKDAY)


def test_months_have_no_such_end():
    with pytest.raises(CronError):
        read_field("nov-jan", MONTH)


def test_weekend_schedule():
    schedule = Schedule("0 18 * * 5-7")
    times = schedule.upcoming(datetime(2024, 5, 2), 4)
    assert [time.strftime("%a") for time in times] == ["Fri", "Sat", "Sun", "Fri"]


def test_same_meaning():
    assert Schedule("0 0 * * mon-sun").next(datetime(2024, 5, 4)) == datetime(2024, 5, 5)
    assert Schedule("0 0 * * sat-sun") == Schedule("0 0 * * 0,6")
