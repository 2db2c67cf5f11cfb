import pytest

from warmcache import Cache


def test_entry_expires(clock):
    cache = Cache(ttl=5, clock=clock)
    cache["a"] = 1
    clock.advance(4.9)
    assert cache.get("a") == 1
    clock.advance(0.1)
    assert cache.get("a") is None
    assert "a" not in cache


def test_own_ttl_beats_default(clock):
    cache = Cache(ttl=5, clock=clock)
    cache.set("short", 1, ttl=1)
    cache.set("forever", 2, ttl=None)
    clock.advance(2)
    assert "short" not in cache
    clock.advance(100)
    assert cache["forever"] == 2


def test_purge_counts(clock):
    cache = Cache(clock=clock)
    cache.set("a", 1, ttl=1)
    cache.set("b", 2, ttl=2)
    cache.set("c", 3)
    clock.advance(1.5)
    assert cache.purge() == 1
    clock.advance(1)
    assert cache.purge() == 1
    assert list(cache) == ["c"]


def test_storing_sweeps_expired_entries(clock):
    cache = Cache(maxsize=2, clock=clock)
    cache.set("old", 1, ttl=1)
    cache.set("keep", 2)
    clock.advance(2)
    cache.set("new", 3)
    assert list(cache) == ["keep", "new"]
    assert cache.stats.removals["evicted"] == 0


def test_len_ignores_expired(clock):
    cache = Cache(clock=clock, ttl=3)
    cache["a"] = 1
    clock.advance(3)
    assert len(cache) == 0
    assert cache.items() == []


def test_touch(clock):
    cache = Cache(clock=clock)
    cache.set("a", 1, ttl=3)
    assert cache.touch("a", ttl=8) is True
    assert cache.remaining("a") == 8
    assert cache.touch("b") is False


def test_touch_does_not_revive(clock):
    cache = Cache(clock=clock)
    cache.set("a", 1, ttl=3)
    clock.advance(3)
    assert cache.touch("a", ttl=8) is False


def test_remaining(clock):
    cache = Cache(clock=clock)
    cache.set("a", 1, ttl=10)
    cache.set("b", 1)
    clock.advance(4)
    assert cache.remaining("a") == 6
    assert cache.remaining("b") is None
    with pytest.raises(KeyError):
        cache.remaining("c")


def test_shorter_ttl_wins_when_set_again(clock):
    cache = Cache(clock=clock)
    cache.set("a", 1, ttl=10)
    cache.set("a", 2, ttl=2)
    clock.advance(3)
    assert cache.purge() == 1
    assert "a" not in cache
    clock.advance(10)
    assert cache.purge() == 0


@pytest.mark.parametrize("ttl", [0, -1])
def test_bad_ttl(ttl):
    with pytest.raises(ValueError):
        Cache(ttl=ttl)
    with pytest.raises(ValueError):
        Cache().set("a", 1, ttl=ttl)


def test_many_reschedules_do_not_grow_the_queue(clock):
    cache = Cache(ttl=100, clock=clock)
    for number in range(1000):
        cache["a"] = number
    assert len(cache._deadlines) < 200
