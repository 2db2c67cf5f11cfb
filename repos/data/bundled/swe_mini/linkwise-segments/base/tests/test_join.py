import pytest

from linkwise import Url, UrlError

BASE = Url("http://a/b/c/d;p?q")


# RFC 3986, 5.4
@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("g:h", "g:h"),
        ("g", "http://a/b/c/g"),
        ("./g", "http://a/b/c/g"),
        ("g/", "http://a/b/c/g/"),
        ("/g", "http://a/g"),
        ("//g", "http://g"),
        ("?y", "http://a/b/c/d;p?y"),
        ("g?y", "http://a/b/c/g?y"),
        ("#s", "http://a/b/c/d;p?q#s"),
        ("g#s", "http://a/b/c/g#s"),
        ("", "http://a/b/c/d;p?q"),
        (".", "http://a/b/c/"),
        ("..", "http://a/b/"),
        ("../g", "http://a/b/g"),
        ("../../g", "http://a/g"),
        ("../../../g", "http://a/g"),
        ("/./g", "http://a/g"),
        ("g;x=1/../y", "http://a/b/c/y"),
    ],
)
def test_rfc_examples(reference, expected):
    assert str(BASE.join(reference)) == expected


def test_empty_base_path():
    assert str(Url("http://a").join("g")) == "http://a/g"


def test_references_are_not_encoded_again():
    assert str(BASE.join("x%20y?z=%26")) == "http://a/b/c/x%20y?z=%26"


def test_relative_base():
    with pytest.raises(UrlError):
        Url("a/b").join("c")
