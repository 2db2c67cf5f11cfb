import pytest

from linkwise import Query, Url, UrlError


def test_all_parts():
    url = Url("HTTPS://ann:pw@Example.org:8443/a%20b/c.txt?x=1&y=%C3%A9+z#to%20p")
    assert (url.scheme, url.user, url.host, url.port) == ("https", "ann", "example.org", 8443)
    assert url.segments == ("a b", "c.txt")
    assert (url.name, url.suffix) == ("c.txt", ".txt")
    assert dict(url.query) == {"x": "1", "y": "\u00e9 z"}
    assert url.fragment == "to p"
    assert url.raw_path == "/a%20b/c.txt"


def test_defaults():
    url = Url("http://example.org")
    assert (url.port, url.segments, url.name, url.user) == (80, (), "", None)
    assert Url("mailto:a@b").port is None
    assert not Url("../x").is_absolute


def test_ipv6():
    url = Url("http://[2001:DB8::1]:81/")
    assert (url.host, url.port) == ("2001:db8::1", 81)


@pytest.mark.parametrize(
    "text", ["http://a b/", "http://x/\n", "http://[::1/", "http://x:99999/", "http://x:8a/", "a<b"]
)
def test_malformed(text):
    with pytest.raises(UrlError):
        Url(text)


@pytest.mark.parametrize(("path", "segments"), [("/", ()), ("", ()), ("/a/", ("a", "")), ("/a//b", ("a", "", "b"))])
def test_segments(path, segments):
    assert Url("http://x" + path).segments == segments


def test_query():
    query = Query.parse("a=1&b=&a=2&c")
    assert query.all("a") == ["1", "2"]
    assert query["c"] == ""
    assert list(query) == ["a", "b", "c"]
    assert len(query) == 3
    assert str(Query.of({"a b": "x&y", "n": [1, None, True]})) == "a%20b=x%26y&n=1&n=true"


def test_objects():
    assert Url("http://x/") == Url("http://x/")
    assert len({Url("http://x/"), Url("http://x/")}) == 1
    assert repr(Url("http://x/")) == "Url('http://x/')"
