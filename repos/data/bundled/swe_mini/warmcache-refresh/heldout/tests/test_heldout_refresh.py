from warmcache import Cache, memoize


def test_deleted_and_stored_again(clock):
    cache = Cache(clock=clock)
    cache.set("a", 1, ttl=5)
    cache.delete("a")
    cache.set("a", 2, ttl=50)
    clock.advance(6)
    assert cache.items() == [("a", 2)]


def test_evicted_and_stored_again(clock):
    cache = Cache(maxsize=1, clock=clock)
    cache.set("a", 1, ttl=5)
    cache.set("b", 1, ttl=5)
    cache.set("a", 2, ttl=50)
    clock.advance(6)
    assert cache.items() == [("a", 2)]


def test_made_permanent_by_set(clock):
    cache = Cache(clock=clock)
    cache.set("a", 1, ttl=5)
    cache.set("a", 2, ttl=None)
    clock.advance(6)
    assert len(cache) == 1
    assert cache.remaining("a") is None


def test_made_permanent_by_touch(clock):
    cache = Cache(clock=clock)
    cache.set("a", 1, ttl=5)
    cache.touch("a", ttl=None)
    clock.advance(500)
    assert cache.purge() == 0
    assert cache["a"] == 1


def test_shortened_then_lengthened(clock):
    cache = Cache(clock=clock)
    cache.set("a", 1, ttl=10)
    cache.touch("a", ttl=2)
    cache.touch("a", ttl=30)
    clock.advance(12)
    assert list(cache) == ["a"]
    clock.advance(18)
    assert list(cache) == []


def test_shortened_by_touch(clock):
    cache = Cache(clock=clock)
    cache.set("a", 1, ttl=10)
    cache.touch("a", ttl=2)
    clock.advance(2)
    assert cache.purge() == 1
    assert cache.stats.removals["expired"] == 1


def test_stale_schedules_do_not_pile_up(clock):
    cache = Cache(ttl=5, clock=clock)
    for number in range(2000):
        cache.set(number % 3, number)
        clock.advance(0.01)
    assert len(cache) == 3
    assert len(cache._deadlines) < 200


def test_memoized_result_that_is_refreshed(clock):
    cache = Cache(ttl=10, clock=clock)
    calls = []

    @memoize(cache=cache)
    def load(name):
        calls.append(name)
        return len(calls)

    load("x")
    clock.advance(6)
    load.invalidate("x")
    assert load("x") == 2
    clock.advance(6)
    load("y")
    assert load("x") == 2
    assert calls == ["x", "x", "y"]
