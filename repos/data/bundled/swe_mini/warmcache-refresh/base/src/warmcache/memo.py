"""A memoising decorator on top of the cache."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from typing import Any

from .cache import Cache

_KEYWORDS = object()


def make_key(args: tuple[Any, ...], kwargs: dict[str, Any], *, typed: bool = False) -> Hashable:
    """A hashable key for one call.

    Keyword arguments count in any order. With `typed`, arguments that are
    equal but of different types make different keys.
    """
    key: tuple[Any, ...] = args
    named = sorted(kwargs.items())
    if named:
        key += (_KEYWORDS, *(part for pair in named for part in pair))
    if typed:
        key += tuple(type(value) for value in args)
        key += tuple(type(value) for _, value in named)
    return key


def memoize(
    maxsize: int | None = 128,
    ttl: float | None = None,
    *,
    typed: bool = False,
    cache: Cache | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Keep the results of a function in a cache.

    Exceptions are not kept. The decorated function has the attributes
    `cache`, `invalidate(*args, **kwargs)` and `__wrapped__`.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        store = cache if cache is not None else Cache(maxsize, ttl)

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            key = make_key(args, kwargs, typed=typed)
            return store.get_or_set(key, lambda: function(*args, **kwargs))

        def invalidate(*args: Any, **kwargs: Any) -> bool:
            return store.delete(make_key(args, kwargs, typed=typed))

        wrapper.cache = store  # type: ignore[attr-defined]
        wrapper.invalidate = invalidate  # type: ignore[attr-defined]
        return wrapper

    return decorate
