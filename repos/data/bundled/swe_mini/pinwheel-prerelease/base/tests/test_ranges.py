import pytest

from pinwheel import InvalidRange, Range


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("1.2.3", ["1.2.3", "1.2.3+x"], ["1.2.4", "1.2.2"]),
        ("^1.2.3", ["1.2.3", "1.9.0"], ["1.2.2", "2.0.0"]),
        ("^0.2.3", ["0.2.3", "0.2.9"], ["0.3.0", "1.0.0"]),
        ("^0.0.3", ["0.0.3"], ["0.0.4", "0.1.0"]),
        ("^0.0", ["0.0.0", "0.0.9"], ["0.1.0"]),
        ("^0", ["0.0.1", "0.9.0"], ["1.0.0"]),
        ("~1.2.3", ["1.2.3", "1.2.9"], ["1.3.0"]),
        ("~1", ["1.0.0", "1.9.0"], ["2.0.0"]),
        ("1.x", ["1.0.0", "1.9.9"], ["2.0.0", "0.9.0"]),
        ("1.2.*", ["1.2.0", "1.2.7"], ["1.3.0"]),
        ("*", ["0.0.0", "99.0.0"], []),
        ("", ["0.0.0", "99.0.0"], []),
        (">1.2", ["1.3.0"], ["1.2.0", "1.2.9"]),
        ("<=1.2", ["1.2.9", "0.1.0"], ["1.3.0"]),
        (">= 1.2.0 < 1.4.0", ["1.2.0", "1.3.9"], ["1.4.0", "1.1.9"]),
        ("1.2.3 - 2.3", ["1.2.3", "2.3.9"], ["2.4.0", "1.2.2"]),
        ("^1.0.0 || ^3.0.0", ["1.1.0", "3.2.0"], ["2.0.0"]),
    ],
)
def test_matches(text, inside, outside):
    spec = Range.parse(text)
    assert [version for version in inside if not spec.matches(version)] == []
    assert [version for version in outside if spec.matches(version)] == []


@pytest.mark.parametrize("text", ["^1.2.0", "*", ">=1.0.0", "1.x", "<9.0.0"])
def test_prereleases_need_to_be_asked_for(text):
    assert not Range.parse(text).matches("1.3.0-beta.1")


@pytest.mark.parametrize("text", ["^1.3.0-alpha", ">=1.3.0-beta.0", "~1.3.0-beta.1", "1.3.0-beta.1"])
def test_prereleases_that_were_asked_for(text):
    assert Range.parse(text).matches("1.3.0-beta.1")
    assert not Range.parse(text).matches("1.3.0-0")


def test_releases_after_a_prerelease_bound():
    assert Range.parse("^1.3.0-alpha").matches("1.3.0")
    assert Range.parse("^1.3.0-alpha").matches("1.8.2")


@pytest.mark.parametrize("text", ["latest", "1.2.3.4", ">>1", "^"])
def test_invalid(text):
    with pytest.raises(InvalidRange):
        Range.parse(text)


def test_select():
    versions = ["1.0.0", "2.0.0", "1.4.0"]
    assert [str(v) for v in Range.parse("^1.0.0").select(versions)] == ["1.4.0", "1.0.0"]
