"""A range admits pre-releases of the versions it names, and of no others."""

import pytest

from pinwheel import Index, Range, Resolver


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("^1.2.0-beta.1", "2.0.0-alpha"),
        ("^1.2.0-beta.1", "1.3.0-alpha"),
        ("~1.2.0-rc.1", "1.2.1-rc.1"),
        (">=1.2.0-beta.1", "3.0.0-rc.1"),
        ("<=2.0.0-rc.1", "1.0.0-rc.1"),
    ],
)
def test_other_versions_prereleases_stay_out(text, version):
    assert not Range.parse(text).matches(version)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("^1.2.0-beta.1", "1.2.0-beta.1"),
        ("^1.2.0-beta.1", "1.2.0-rc.3"),
        ("^1.2.0-beta.1", "1.2.0"),
        ("^1.2.0-beta.1", "1.9.0"),
        ("<=2.0.0-rc.1", "2.0.0-beta"),
        (">=1.2.0 <2.0.0-rc.1", "2.0.0-beta"),
    ],
)
def test_own_prereleases_stay_in(text, version):
    assert Range.parse(text).matches(version)


def test_select_skips_them():
    versions = ["1.2.0-beta.1", "1.2.0", "1.2.1-dev", "1.3.0", "2.0.0-alpha"]
    picked = Range.parse("^1.2.0-beta.1").select(versions)
    assert [str(version) for version in picked] == ["1.3.0", "1.2.0", "1.2.0-beta.1"]


def test_resolver_does_not_pick_the_next_major_prerelease():
    index = Index()
    index.add("app", "1.0.0", {"core": "^1.2.0-beta.1"})
    for version in ("1.2.0-beta.1", "1.2.0-beta.2", "2.0.0-alpha"):
        index.add("core", version)
    chosen = Resolver(index).resolve({"app": "*"})
    assert str(chosen["core"]) == "1.2.0-beta.2"
