import pytest

from warmcache import DELETED, EVICTED, EXPIRED, REPLACED, Cache


def test_get_and_default():
    cache = Cache()
    cache["a"] = 1
    assert cache.get("a") == 1
    assert cache.get("b") is None
    assert cache.get("b", 7) == 7


def test_missing_key_raises():
    with pytest.raises(KeyError):
        Cache()["nope"]


def test_least_recently_used_leaves_first():
    cache = Cache(maxsize=2)
    cache["a"] = 1
    cache["b"] = 2
    cache.get("a")
    cache["c"] = 3
    assert list(cache) == ["a", "c"]


def test_peek_does_not_mark_as_used():
    cache = Cache(maxsize=2)
    cache["a"] = 1
    cache["b"] = 2
    assert cache.peek("a") == 1
    cache["c"] = 3
    assert list(cache) == ["b", "c"]
    assert cache.stats.lookups == 0


def test_replacing_keeps_size():
    cache = Cache(maxsize=2)
    cache["a"] = 1
    cache["a"] = 2
    assert len(cache) == 1
    assert cache["a"] == 2


def test_pop_and_delete():
    cache = Cache()
    cache["a"] = 1
    assert cache.pop("a") == 1
    assert cache.pop("a", None) is None
    with pytest.raises(KeyError):
        cache.pop("a")
    with pytest.raises(KeyError):
        del cache["a"]
    assert cache.delete("a") is False


def test_get_or_set_calls_once():
    calls = []
    cache = Cache()

    def make():
        calls.append(1)
        return "value"

    assert cache.get_or_set("k", make) == "value"
    assert cache.get_or_set("k", make) == "value"
    assert calls == [1]


def test_update_and_items():
    cache = Cache()
    cache.update([("a", 1), ("b", 2)])
    assert cache.items() == [("a", 1), ("b", 2)]


@pytest.mark.parametrize("maxsize", [0, -1])
def test_bad_maxsize(maxsize):
    with pytest.raises(ValueError):
        Cache(maxsize)


def test_unbounded():
    cache = Cache(maxsize=None)
    for number in range(500):
        cache[number] = number
    assert len(cache) == 500


def test_removal_reasons(clock):
    seen = []
    cache = Cache(2, ttl=10, clock=clock, on_remove=lambda *args: seen.append(args))
    cache["a"] = 1
    cache["a"] = 2
    cache["b"] = 3
    cache["c"] = 4
    cache.delete("b")
    clock.advance(10)
    assert len(cache) == 0
    assert seen == [
        ("a", 1, REPLACED),
        ("a", 2, EVICTED),
        ("b", 3, DELETED),
        ("c", 4, EXPIRED),
    ]


def test_clear_is_silent():
    seen = []
    cache = Cache(on_remove=lambda *args: seen.append(args))
    cache["a"] = 1
    cache.clear()
    assert len(cache) == 0
    assert seen == []


def test_stats():
    cache = Cache()
    cache["a"] = 1
    cache.get("a")
    cache.get("b")
    assert cache.stats.hit_rate == 0.5
    assert cache.stats.as_dict()["stores"] == 1
    cache.stats.reset()
    assert cache.stats.lookups == 0
