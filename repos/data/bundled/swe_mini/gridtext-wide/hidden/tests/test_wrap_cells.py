"""Wrapping counts terminal cells, whatever the characters."""

import pytest

from gridtext import Column, Table, display_width, wrap

RED, RESET = "\x1b[31m", "\x1b[0m"


def test_wide_words():
    assert wrap("東京 大阪 京都", 9) == ["東京 大阪", "京都"]
    assert wrap("東京 大阪 京都", 8) == ["東京", "大阪", "京都"]


def test_wide_and_narrow_words():
    assert wrap("ab 東京 cd", 7) == ["ab 東京", "cd"]


def test_coloured_words_take_no_more_room():
    text = f"{RED}one{RESET} {RED}two{RESET} three"
    assert wrap(text, 7) == [f"{RED}one{RESET} {RED}two{RESET}", "three"]


def test_combining_marks_take_no_room():
    word = "e\u0301te\u0301"
    assert wrap(f"{word} {word}", 7) == [f"{word} {word}"]


@pytest.mark.parametrize("width", [2, 3, 4, 5, 8, 13])
def test_no_line_is_too_wide(width):
    lines = wrap("日本語の テキスト and some ASCII 文字", width)
    assert max(display_width(line) for line in lines) <= width


def test_ascii_is_as_before():
    assert wrap("one two three", 8) == ["one two", "three"]


def test_table_with_wide_cells_keeps_its_borders_straight():
    table = Table(["id", Column("city", max_width=9)])
    table.add(1, "東京 大阪 京都")
    assert table.render("grid").splitlines()[3:5] == ["| 1  | 東京 大阪 |", "|    | 京都      |"]


def test_table_width_is_kept():
    table = Table(["a", "b"])
    table.add("東京 大阪 京都 奈良", "x")
    lines = table.render("grid", width=20).splitlines()
    assert {display_width(line) for line in lines} == {20}
