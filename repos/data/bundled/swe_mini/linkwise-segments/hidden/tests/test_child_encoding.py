"""What is passed to child() and / is plain text."""

import pytest

from linkwise import Url

FILES = Url("https://example.org/files")


@pytest.mark.parametrize(
    ("segment", "expected"),
    [
        ("annual report.pdf", "https://example.org/files/annual%20report.pdf"),
        ("50%.txt", "https://example.org/files/50%25.txt"),
        ("what?.txt", "https://example.org/files/what%3F.txt"),
        ("c#.md", "https://example.org/files/c%23.md"),
        ("a/b", "https://example.org/files/a%2Fb"),
        ("plain.txt", "https://example.org/files/plain.txt"),
        ("a:b@c;d=e,f", "https://example.org/files/a:b@c;d=e,f"),
    ],
)
def test_segment(segment, expected):
    assert str(FILES / segment) == expected


def test_several_segments():
    url = FILES.child("Q&A", "who? me", "x#1")
    assert str(url) == "https://example.org/files/Q&A/who%3F%20me/x%231"
    assert url.segments == ("files", "Q&A", "who? me", "x#1")


@pytest.mark.parametrize("name", ["a b", "%41", "?", "#", "x/y", "na\u00efve", "{id}", "plain"])
def test_the_name_comes_back(name):
    url = FILES.child(name)
    assert url.name == name
    assert url.raw_query == "" and url.raw_fragment == ""


def test_what_was_there_is_not_encoded_again():
    assert str(Url("https://example.org/a%20b") / "c d") == "https://example.org/a%20b/c%20d"
