"""Where a comment inside a line starts."""

import pytest

import iniform


def value(line):
    return iniform.loads(line)[""]["key"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("key = https://example.org/guide#install", "https://example.org/guide#install"),
        ("key = s3cr#t;pass", "s3cr#t;pass"),
        ("key = /usr/bin;/bin", "/usr/bin;/bin"),
        ("key = C#", "C#"),
        ("key = a#b # note", "a#b"),
        ("key = a;b ;note; more", "a;b"),
    ],
)
def test_marks_inside_words_are_text(line, expected):
    assert value(line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [("key = # none", ""), ("key = a # b", "a"), ("key = a\t;b", "a"), ('key = "a" # b', "a")],
)
def test_comments_are_still_cut_off(line, expected):
    assert value(line) == expected


def test_continuation_lines():
    text = "key = https://example.org/#top\n      https://example.org/#end  ; last one\n"
    assert iniform.loads(text)[""].listing("key") == [
        "https://example.org/#top",
        "https://example.org/#end",
    ]


def test_references_to_such_values():
    text = "site = https://example.org/app#/home\nlink = <${site}>  # shown in mails\n"
    assert iniform.loads(text)[""]["link"] == "<https://example.org/app#/home>"
