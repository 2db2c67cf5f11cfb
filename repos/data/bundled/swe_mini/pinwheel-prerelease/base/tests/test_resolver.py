import pytest

from pinwheel import Index, ResolutionError, Resolver, UnknownPackage


def index(*entries):
    result = Index()
    for name, version, *requires in entries:
        result.add(name, version, requires[0] if requires else None)
    return result


def resolve(idx, requirements, **options):
    return {name: str(v) for name, v in Resolver(idx).resolve(requirements, **options).items()}


def test_highest_version():
    idx = index(("a", "1.0.0"), ("a", "1.2.0"), ("a", "2.0.0"))
    assert resolve(idx, {"a": "^1.0.0"}) == {"a": "1.2.0"}


def test_transitive():
    idx = index(("a", "1.0.0", {"b": "^2.0.0"}), ("b", "2.5.0"), ("b", "3.0.0"))
    assert resolve(idx, {"a": "*"}) == {"a": "1.0.0", "b": "2.5.0"}


def test_backtracks():
    idx = index(
        ("a", "1.0.0", {"c": "^1.0.0"}),
        ("a", "1.1.0", {"c": "^2.0.0"}),
        ("b", "1.0.0", {"c": "^1.0.0"}),
        ("c", "1.0.0"),
        ("c", "2.0.0"),
    )
    assert resolve(idx, {"a": "*", "b": "*"}) == {"a": "1.0.0", "b": "1.0.0", "c": "1.0.0"}


def test_conflict_names_who_asked():
    idx = index(
        ("a", "1.0.0", {"c": "^1.0.0"}),
        ("b", "1.0.0", {"c": "^2.0.0"}),
        ("c", "1.0.0"),
        ("c", "2.0.0"),
    )
    with pytest.raises(ResolutionError, match="a 1.0.0 wants .*b 1.0.0 wants"):
        resolve(idx, {"a": "*", "b": "*"})


def test_cycle():
    idx = index(("a", "1.0.0", {"b": "*"}), ("b", "1.0.0", {"a": "^1.0.0"}))
    assert resolve(idx, {"a": "*"}) == {"a": "1.0.0", "b": "1.0.0"}


def test_prefer():
    idx = index(("a", "1.0.0"), ("a", "1.2.0"))
    assert resolve(idx, {"a": "*"}, prefer={"a": "1.0.0"}) == {"a": "1.0.0"}
    assert resolve(idx, {"a": "^1.1.0"}, prefer={"a": "1.0.0"}) == {"a": "1.2.0"}


def test_unknown():
    with pytest.raises(UnknownPackage):
        resolve(index(), {"a": "*"})


def test_prerelease_can_be_pinned():
    idx = index(("a", "1.0.0"), ("a", "2.0.0-rc.1"))
    assert resolve(idx, {"a": "*"}) == {"a": "1.0.0"}
    assert resolve(idx, {"a": "2.0.0-rc.1"}) == {"a": "2.0.0-rc.1"}
