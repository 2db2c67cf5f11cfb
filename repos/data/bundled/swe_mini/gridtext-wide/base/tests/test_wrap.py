import pytest

from gridtext import wrap


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("", 5, [""]),
        ("one two", 7, ["one two"]),
        ("one two", 6, ["one", "two"]),
        ("a b c d", 3, ["a b", "c d"]),
        ("  a   b ", 9, ["a b"]),
        ("one\n\ntwo", 9, ["one", "", "two"]),
        ("abcdefgh", 3, ["abc", "def", "gh"]),
        ("x abcdefgh y", 3, ["x", "abc", "def", "gh", "y"]),
    ],
)
def test_wrap(text, width, lines):
    assert wrap(text, width) == lines


def test_bad_width():
    with pytest.raises(ValueError):
        wrap("x", 0)
