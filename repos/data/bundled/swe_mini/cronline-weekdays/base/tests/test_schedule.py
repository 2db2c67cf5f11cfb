from datetime import datetime

import pytest

from cronline import CronError, NoSuchTime, Schedule


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("* * * * *", datetime(2024, 1, 1, 0, 0), datetime(2024, 1, 1, 0, 1)),
        ("* * * * *", datetime(2024, 1, 1, 0, 0, 30), datetime(2024, 1, 1, 0, 1)),
        ("0 * * * *", datetime(2024, 1, 1, 0, 59), datetime(2024, 1, 1, 1, 0)),
        ("30 9 * * mon-fri", datetime(2024, 5, 3, 10, 0), datetime(2024, 5, 6, 9, 30)),
        ("0 0 31 * *", datetime(2024, 1, 31, 0, 0), datetime(2024, 3, 31)),
        ("0 0 29 2 *", datetime(2024, 3, 1), datetime(2028, 2, 29)),
        ("0 0 * * 7", datetime(2024, 5, 6), datetime(2024, 5, 12)),
        ("15,45 8-10 * * *", datetime(2024, 5, 6, 10, 45), datetime(2024, 5, 7, 8, 15)),
        ("0 12 13 * fri", datetime(2024, 5, 6), datetime(2024, 5, 10, 12)),
        ("0 12 */2 * fri", datetime(2024, 5, 6), datetime(2024, 5, 17, 12)),
        ("@yearly", datetime(2024, 5, 6), datetime(2025, 1, 1)),
    ],
)
def test_next(expression, after, expected):
    assert Schedule(expression).next(after) == expected


@pytest.mark.parametrize(
    ("expression", "before", "expected"),
    [
        ("30 9 * * mon-fri", datetime(2024, 5, 6, 9, 30), datetime(2024, 5, 3, 9, 30)),
        ("30 9 * * mon-fri", datetime(2024, 5, 6, 9, 30, 1), datetime(2024, 5, 6, 9, 30)),
        ("0 0 31 * *", datetime(2024, 3, 1), datetime(2024, 1, 31)),
        ("0 0 1 1 *", datetime(2024, 1, 1), datetime(2023, 1, 1)),
        ("59 23 * * *", datetime(2024, 1, 1), datetime(2023, 12, 31, 23, 59)),
    ],
)
def test_prev(expression, before, expected):
    assert Schedule(expression).prev(before) == expected


def test_never():
    with pytest.raises(NoSuchTime):
        Schedule("0 0 30 2 *").next(datetime(2024, 1, 1))


def test_matches():
    schedule = Schedule("30 9 * * mon-fri")
    assert schedule.matches(datetime(2024, 5, 6, 9, 30, 59))
    assert not schedule.matches(datetime(2024, 5, 5, 9, 30))


def test_upcoming_and_between():
    schedule = Schedule("0 6 * * mon,thu")
    times = schedule.upcoming(datetime(2024, 5, 1), 3)
    assert [time.day for time in times] == [2, 6, 9]
    assert list(schedule.between(datetime(2024, 5, 1), datetime(2024, 5, 9, 6))) == times[:2]


def test_equality():
    assert Schedule("0 0 * * 7") == Schedule("@weekly")
    assert Schedule("0 0 * * 1") != Schedule("@weekly")
    assert len({Schedule("@daily"), Schedule("@midnight")}) == 1


@pytest.mark.parametrize("text", ["", "* * * *", "* * * * * *", "@sometimes"])
def test_bad_expressions(text):
    with pytest.raises(CronError):
        Schedule(text)
