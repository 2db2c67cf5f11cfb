import pytest

from gridtext import display_width, truncate
from gridtext.width import pad, split_at


@pytest.mark.parametrize(
    ("text", "width"),
    [("", 0), ("abc", 3), ("日本", 4), ("e\u0301", 1), ("\x1b[31mred\x1b[0m", 3), ("ｆ", 2), ("é", 1)],
)
def test_display_width(text, width):
    assert display_width(text) == width


@pytest.mark.parametrize(
    ("text", "width", "parts"),
    [
        ("abcdef", 4, ("abcd", "ef")),
        ("日本語", 4, ("日本", "語")),
        ("日本語", 3, ("日", "本語")),
        ("日本", 1, ("日", "本")),
        ("e\u0301x", 1, ("e\u0301", "x")),
        ("abc", 9, ("abc", "")),
    ],
)
def test_split_at(text, width, parts):
    assert split_at(text, width) == parts


@pytest.mark.parametrize(
    ("text", "expected"),
    [("abcdef", "abc\u2026"), ("abcd", "abcd"), ("日本語", "日\u2026"), ("\x1b[1mabcdef", "\x1b[1mabc\u2026\x1b[0m")],
)
def test_truncate(text, expected):
    assert truncate(text, 4) == expected


def test_truncate_needs_room_for_the_mark():
    with pytest.raises(ValueError):
        truncate("abc", 2, "...")


@pytest.mark.parametrize(
    ("align", "expected"), [("left", "日   "), ("right", "   日"), ("center", " 日  ")]
)
def test_pad(align, expected):
    assert pad("日", 5, align) == expected


def test_bad_align():
    with pytest.raises(ValueError):
        pad("x", 3, "middle")
