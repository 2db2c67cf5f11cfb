import pytest

from gridtext import Column, Table, display_width, wrap

BOLD, RESET = "\x1b[1m", "\x1b[0m"


def test_first_word_of_a_new_line_counts_its_cells():
    assert wrap("abcd 東京 ef 大阪", 7) == ["abcd", "東京 ef", "大阪"]
    assert wrap("日本 日本 x", 6) == ["日本", "日本 x"]


def test_rest_of_a_cut_word_counts_its_cells():
    assert wrap("日本語日 ab c", 6) == ["日本語", "日 ab", "c"]


@pytest.mark.parametrize("words", range(1, 8))
def test_lines_are_filled_as_far_as_they_go(words):
    text = " ".join(["字"] * words)
    assert wrap(text, 8) == [" ".join(["字"] * min(3, words - i)) for i in range(0, words, 3)]


def test_fully_coloured_line_is_one_line():
    text = " ".join(f"{BOLD}{word}{RESET}" for word in ("a", "b", "c", "d"))
    assert wrap(text, 7) == [text]


def test_mixed_escapes_and_wide_characters():
    text = f"{BOLD}東京{RESET} tokyo {BOLD}大阪{RESET} osaka"
    assert wrap(text, 10) == [f"{BOLD}東京{RESET} tokyo", f"{BOLD}大阪{RESET} osaka"]


def test_words_and_order_are_kept():
    text = "日本語 の テキスト and ASCII e\u0301t\u00e9 文字"
    for width in range(9, 30):
        assert " ".join(wrap(text, width)) == text


def test_column_of_coloured_words_does_not_wrap_early():
    table = Table([Column("state", max_width=11)])
    table.add(f"{BOLD}very{RESET} {BOLD}good{RESET}")
    assert len(table.render().splitlines()) == 3


def test_every_border_lines_up():
    table = Table(["キー", Column("説明", max_width=12)])
    table.add("一", "短い 文 です and more 文字 here")
    table.add("two", "plain words only in this one")
    for border in ("grid", "rounded"):
        widths = {display_width(line) for line in table.render(border).splitlines()}
        assert len(widths) == 1
