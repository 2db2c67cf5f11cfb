import pytest

import iniform
from iniform import SyntaxProblem


def value(line):
    return iniform.loads(line)[""]["key"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("key = a##b", "a##b"),
        ("key = x#1 y;2", "x#1 y;2"),
        ("key = x#1 y;2 #3 ;4", "x#1 y;2"),
        ("key = &amp;", "&amp;"),
        ("key: #;#", ""),
        ("key =#", ""),
        ("key=;", ""),
        ("key = a #", "a"),
        ("key = a ;", "a"),
        ("key = a  \t  # b", "a"),
        ("key = a\u00a0# b", "a"),
    ],
)
def test_values(line, expected):
    assert value(line) == expected


def test_continuation_that_starts_with_a_word_and_a_mark():
    assert iniform.loads("key = one\n  two;three #four\n")[""]["key"] == "one\ntwo;three"


def test_indented_comment_lines_are_skipped():
    assert iniform.loads("key = one\n  ;two\n  #three\n  four\n")[""]["key"] == "one\nfour"


def test_text_behind_a_header_is_an_error_even_with_a_mark():
    with pytest.raises(SyntaxProblem):
        iniform.loads("[a]x#y")


def test_comment_behind_a_header_needs_no_blank():
    assert list(iniform.loads("[a]# note\nx = 1\n[b] ; note\ny = 1\n")) == ["a", "b"]


def test_round_trip_of_marks():
    config = iniform.loads("key = a#b;c\n")
    assert iniform.loads(iniform.dumps(config))[""].raw["key"] == "a#b;c"


def test_typed_access_behind_comments():
    section = iniform.loads("port = 8080 # http\nflag = yes ;really\ncolors = red#1, blue;2 # all\n")[""]
    assert section.integer("port") == 8080
    assert section.boolean("flag") is True
    assert section.listing("colors") == ["red#1", "blue;2"]
