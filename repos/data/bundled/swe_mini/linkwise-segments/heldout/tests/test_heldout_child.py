import pytest

from linkwise import Url


@pytest.mark.parametrize(
    "name",
    ["100%", "%", "%zz", "%2F", "a%20b", "\u65e5\u672c", "\U0001f600", "<tag>", "back\\slash", "tab\there", "a|b", "^`", '"'],
)
def test_any_text_comes_back(name):
    for base in ("http://x", "http://x/", "http://x/a%2Fb", "http://x/a?q=1#f"):
        url = Url(base).child(name)
        assert url.name == name
        assert str(Url(str(url))) == str(url)


def test_escapes_are_utf8_in_upper_case():
    assert str(Url("http://x") / "\u00e9/") == "http://x/%C3%A9%2F"


def test_same_as_with_segments():
    names = ["a b", "50%", "x/y", "q?", "f#", "caf\u00e9", "Q&A+"]
    assert Url("http://x").child(*names) == Url("http://x").with_segments(names)


def test_one_by_one_is_the_same_as_at_once():
    names = ["a b", "50%", "x/y"]
    url = Url("http://x/base")
    for name in names:
        url = url / name
    assert url == Url("http://x/base").child(*names)
    assert url.segments == ("base", *names)


def test_characters_that_need_no_escape_get_none():
    assert str(Url("http://x") / "-._~!$&'()*+,;=:@") == "http://x/-._~!$&'()*+,;=:@"


def test_query_and_fragment_are_dropped_not_encoded():
    assert str(Url("http://x/a?b=c d".replace(" ", "+") + "#e") / "f g") == "http://x/a/f%20g"


def test_slashes_between_stay():
    assert str(Url("http://x/a/").child("b c", "")) == "http://x/a/b%20c/"


def test_parent_of_an_encoded_child():
    url = Url("http://x/a") / "b/c d"
    assert str(url.parent) == "http://x/a/"
    assert str(url.parent / "e?") == "http://x/a/e%3F"


def test_the_text_of_the_path_so_far_is_kept():
    assert str(Url("http://x/%7Eann//b%2fc:d") / "e f") == "http://x/%7Eann//b%2fc:d/e%20f"
