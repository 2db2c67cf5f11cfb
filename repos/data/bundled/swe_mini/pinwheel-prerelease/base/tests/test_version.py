import pytest

from pinwheel import InvalidVersion, Version

ORDER = [
    "0.9.9",
    "1.0.0-1",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.1",
    "1.10.0",
]


def test_precedence():
    versions = [Version.parse(text) for text in ORDER]
    assert sorted(reversed(versions)) == versions


@pytest.mark.parametrize("text", ORDER + ["1.2.3+build.5", "1.2.3-rc.1+sha.5114f85"])
def test_round_trip(text):
    assert str(Version.parse(text)) == text


def test_build_is_ignored():
    assert Version.parse("1.0.0+a") == Version.parse("1.0.0+b")
    assert len({Version.parse("1.0.0+a"), Version.parse("1.0.0+b")}) == 1


def test_leading_v():
    assert Version.parse("v1.2.3") == Version(1, 2, 3)


@pytest.mark.parametrize("text", ["1", "1.2", "01.2.3", "1.2.3-01", "1.2.3-", "a.b.c", ""])
def test_invalid(text):
    with pytest.raises(InvalidVersion):
        Version.parse(text)


def test_bump():
    version = Version.parse("1.2.3-rc.1")
    assert str(version.bump("minor")) == "1.3.0"
    assert str(version.bump("major")) == "2.0.0"
    with pytest.raises(ValueError):
        version.bump("build")
