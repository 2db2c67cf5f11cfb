import pytest

from pinwheel import Index, Range, ResolutionError, Resolver


def test_each_alternative_speaks_for_itself():
    spec = Range.parse(">=1.0.0 <2.0.0 || >=3.0.0-rc.1")
    assert spec.matches("3.0.0-rc.2")
    assert not spec.matches("1.5.0-rc.1")
    assert not spec.matches("3.1.0-rc.1")


def test_both_bounds_may_name_prereleases():
    spec = Range.parse(">=1.0.0-rc.1 <=2.0.0-rc.1")
    assert spec.matches("1.0.0-rc.2")
    assert spec.matches("2.0.0-alpha")
    assert not spec.matches("1.5.0-alpha")


def test_same_minor_other_patch():
    spec = Range.parse(">=1.2.3-alpha")
    assert spec.matches("1.2.3-beta")
    assert not spec.matches("1.2.4-alpha")


def test_same_patch_other_minor():
    assert not Range.parse("^1.2.3-alpha").matches("1.3.3-alpha")


def test_zero_versions():
    spec = Range.parse("^0.2.0-rc.1")
    assert spec.matches("0.2.0-rc.1")
    assert not spec.matches("0.2.1-rc.1")
    assert not spec.matches("0.3.0-rc.1")
    assert spec.matches("0.2.1")


def test_hyphen_range():
    spec = Range.parse("1.0.0-beta - 2.0.0")
    assert spec.matches("1.0.0-rc.1")
    assert not spec.matches("1.7.0-rc.1")
    assert not spec.matches("2.0.0-rc.1")


def test_build_metadata_does_not_matter():
    assert Range.parse(">=1.2.0-beta.1").matches("1.2.0-beta.2+linux")


def test_preferring_an_unwanted_prerelease_has_no_effect():
    index = Index()
    for version in ("1.2.0", "1.3.0-dev"):
        index.add("core", version)
    chosen = Resolver(index).resolve({"core": ">=1.2.0-rc.1"}, prefer={"core": "1.3.0-dev"})
    assert str(chosen["core"]) == "1.2.0"


def test_nothing_left_is_an_error():
    index = Index()
    index.add("core", "2.0.0-alpha")
    with pytest.raises(ResolutionError):
        Resolver(index).resolve({"core": ">=1.2.0-rc.1"})
