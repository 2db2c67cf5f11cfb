"""An entry that was given a new life span keeps it."""

from warmcache import EXPIRED, REPLACED, Cache


def test_set_again_then_store_another_key(clock):
    cache = Cache(clock=clock)
    cache.set("job", "first", ttl=5)
    clock.advance(3)
    cache.set("job", "second", ttl=30)
    clock.advance(4)
    cache.set("other", 1, ttl=5)
    assert cache.get("job") == "second"


def test_default_ttl_is_counted_from_the_last_set(clock):
    cache = Cache(ttl=10, clock=clock)
    for _ in range(5):
        cache["beat"] = "alive"
        clock.advance(6)
        assert len(cache) == 1
    assert list(cache) == ["beat"]


def test_touch_survives_a_sweep(clock):
    cache = Cache(clock=clock)
    cache.set("session", "abc", ttl=5)
    assert cache.touch("session", ttl=60)
    clock.advance(10)
    assert cache.purge() == 0
    assert cache.remaining("session") == 50


def test_a_replaced_entry_is_not_reported_as_expired(clock):
    seen = []
    cache = Cache(clock=clock, on_remove=lambda key, value, reason: seen.append((value, reason)))
    cache.set("a", 1, ttl=5)
    cache.set("a", 2, ttl=50)
    clock.advance(20)
    cache.purge()
    assert seen == [(1, REPLACED)]
    clock.advance(40)
    cache.purge()
    assert seen == [(1, REPLACED), (2, EXPIRED)]


def test_expires_in_the_end(clock):
    cache = Cache(clock=clock)
    cache.set("a", 1, ttl=5)
    cache.set("a", 2, ttl=8)
    clock.advance(8)
    assert cache.purge() == 1
    assert "a" not in cache


def test_untouched_neighbour_still_expires(clock):
    cache = Cache(clock=clock)
    cache.set("a", 1, ttl=5)
    cache.set("b", 1, ttl=5)
    cache.touch("a", ttl=20)
    clock.advance(6)
    assert cache.purge() == 1
    assert list(cache) == ["a"]
