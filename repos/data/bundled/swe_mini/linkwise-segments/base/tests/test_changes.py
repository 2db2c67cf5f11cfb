import pytest

from linkwise import Url, UrlError

URL = Url("https://example.org/docs/guide.html?lang=en&page=1#top")


def test_child():
    assert str(Url("http://x/a").child("b")) == "http://x/a/b"
    assert str(Url("http://x/a/").child("b", "c")) == "http://x/a/b/c"
    assert str(Url("http://x") / "b") == "http://x/b"
    assert str(URL / "part.2") == "https://example.org/docs/guide.html/part.2"
    with pytest.raises(UrlError):
        URL.child()


def test_child_may_end_with_a_slash():
    assert str(Url("http://x/a").child("b", "")) == "http://x/a/b/"


def test_path_so_far_stays_as_it_is():
    assert str(Url("http://x/a%2Fb%20c") / "d") == "http://x/a%2Fb%20c/d"


def test_parent():
    assert str(URL.parent) == "https://example.org/docs/"
    assert str(URL.parent.parent) == "https://example.org/"
    assert str(Url("http://x").parent) == "http://x/"
    assert str(URL.parent / "notes.txt") == "https://example.org/docs/notes.txt"


def test_with_segments():
    assert str(URL.with_segments(["a b", "c/d", "50%"])) == "https://example.org/a%20b/c%2Fd/50%25"


def test_with_query():
    url = URL.with_query(page=2, tag=["a", "b&c"])
    assert url.raw_query == "lang=en&page=2&tag=a&tag=b%26c"
    assert url.fragment == "top"
    assert str(Url("http://x/").with_query({"a": None})) == "http://x/"


def test_without_query():
    assert URL.without_query("lang").raw_query == "page=1"
    assert str(URL.without_query()) == "https://example.org/docs/guide.html#top"


def test_with_fragment():
    assert URL.with_fragment("a b?").raw_fragment == "a%20b?"
    assert "#" not in str(URL.with_fragment(None))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("HTTP://Example.ORG:80/%7Eann", "http://example.org/~ann"),
        ("https://x:8443", "https://x:8443/"),
        ("http://x/a/./b/../c", "http://x/a/c"),
        ("http://x/a%2fb%3A", "http://x/a%2Fb%3A"),
        ("http://U@X/?q=%c3%a9", "http://U@x/?q=%C3%A9"),
        ("../a", "a"),
    ],
)
def test_normalized(text, expected):
    assert str(Url(text).normalized()) == expected
