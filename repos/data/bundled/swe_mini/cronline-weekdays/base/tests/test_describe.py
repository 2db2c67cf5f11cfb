import pytest

from cronline import Schedule


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("* * * * *", "every minute"),
        ("30 9 * * mon-fri", "at minute 30, hour 9, on Monday to Friday"),
        ("0 0 * * 7", "at minute 0, hour 0, on Sunday"),
        ("0 0 1 jan *", "at minute 0, hour 0, on day 1, in January"),
        ("0 0 13 * fri", "at minute 0, hour 0, on day 13 or on Friday"),
        ("0,30 * * 6,7,8 *", "at minute 0 and 30, in June to August"),
    ],
)
def test_describe(expression, text):
    assert Schedule(expression).describe() == text
