from warmcache import Cache, memoize
from warmcache.memo import make_key


def test_memoize_counts_calls():
    calls = []

    @memoize()
    def add(a, b=0):
        calls.append((a, b))
        return a + b

    assert add(1, b=2) == add(1, b=2) == 3
    assert calls == [(1, 2)]
    assert add.cache.stats.hits == 1
    assert add.__name__ == "add"


def test_keyword_order_does_not_matter():
    assert make_key((), {"a": 1, "b": 2}) == make_key((), {"b": 2, "a": 1})


def test_keywords_are_not_positions():
    assert make_key(("a", 1), {}) != make_key((), {"a": 1})


def test_typed():
    assert make_key((1,), {}, typed=True) != make_key((1.0,), {}, typed=True)
    assert make_key((1,), {}) == make_key((1.0,), {})


def test_invalidate():
    calls = []

    @memoize()
    def double(x):
        calls.append(x)
        return 2 * x

    double(4)
    assert double.invalidate(4) is True
    assert double.invalidate(4) is False
    double(4)
    assert calls == [4, 4]


def test_shared_cache_and_ttl(clock):
    cache = Cache(ttl=5, clock=clock)
    calls = []

    @memoize(cache=cache)
    def one(x):
        calls.append(x)
        return x

    one(1)
    clock.advance(6)
    one(1)
    assert calls == [1, 1]
    assert one.cache is cache


def test_exceptions_are_not_kept():
    calls = []

    @memoize()
    def fail():
        calls.append(1)
        raise RuntimeError("no")

    for _ in range(2):
        try:
            fail()
        except RuntimeError:
            pass
    assert len(calls) == 2
