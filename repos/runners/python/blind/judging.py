"""Whether answers are right: compared with the key outside of any sandbox."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from repos.runners.controls import Key
from repos.runners.python.blind.patterns import search_all
from repos.runners.python.blind.values import (
    Fields,
    MalformedError,
    Opaque,
    decode,
    is_opaque,
    size,
)

LARGER = 4
MORE = 2
"""How much larger than the reference's an answer may be that has to contain something."""

CONTAINING = frozenset({"in", "match", "raises"})
SHALLOW = frozenset({"truth", "is", "isnot"})
ROOM = 256
"""Nodes that any answer may have beyond four times the reference's: more could not be equal, and
values made to collide would keep the host busy."""


def judge(pairs: Sequence[tuple[Key, Any]]) -> list[bool]:
    """Return for each answer whether it is right.

    Args:
        pairs: A key, and what was sent.
    """
    results: list[bool] = []
    searches: list[tuple[str, int, str]] = []
    waiting: list[int] = []
    for number, (key, answer) in enumerate(pairs):
        try:
            told = _right(key, answer)
        except (MalformedError, ValueError, TypeError, ArithmeticError, RecursionError):
            told = False
        if isinstance(told, tuple):
            waiting.append(number)
            searches.append(told)
            told = False
        results.append(told)
    for number, found in zip(waiting, search_all(searches), strict=True):
        results[number] = found
    return results


def _right(key: Key, answer: Any) -> bool | tuple[str, int, str]:
    """Return whether an answer is right, or the search that decides it."""
    if not isinstance(answer, list) or not answer:
        return False
    if key.kind in CONTAINING and not _within(answer, key.answer):
        return False
    if key.kind in ("raises", "call"):
        return _raised(key, answer)
    if key.kind == "same":
        mark, one, other = answer
        if size(answer)[0] > LARGER * size(key.answer)[0] + ROOM:
            return False
        return mark == "p" and _equal(decode(one), decode(other))
    mark, encoded, names = answer
    if mark != "v" or not isinstance(names, list) or len(names) > LARGER * 24 + MORE:
        return False
    if key.kind == "isinstance":
        return any(name in names for name in key.expected[1])
    if key.kind in SHALLOW:
        return _check(key)(_surface(encoded))
    if size(encoded)[0] > LARGER * size(key.answer)[0] + ROOM:
        return False
    value = decode(encoded)
    if key.kind == "match":
        _, pattern, flags = key.expected
        return (pattern, flags, value) if isinstance(value, str) else False
    return _check(key)(value)


def _surface(encoded: Any) -> Any:
    """Return a value of which only truth and identity count: of a collection no more than one."""
    if isinstance(encoded, list) and len(encoded) == 2 and encoded[0] in ("l", "t", "e", "d"):
        return [None] if encoded[1] else []
    return decode(encoded)


def passes(key: Key, values: Sequence[Any]) -> int | None:
    """Return the first of some values that would be a right answer, by its place; None if none is.

    Args:
        key: What is right; of a question that sends a value.
        values: Plain values, as decoding makes them.
    """
    if key.kind == "match":
        _, pattern, flags = key.expected
        texts = [(at, v) for at, v in enumerate(values) if isinstance(v, str)]
        found = search_all([(pattern, flags, text) for _, text in texts])
        return next((at for (at, _), good in zip(texts, found, strict=True) if good), None)
    check = _check(key)
    for at, value in enumerate(values):
        try:
            if check(value):
                return at
        except (MalformedError, ValueError, TypeError, ArithmeticError, RecursionError):
            continue
    return None


def _check(key: Key) -> Callable[[Any], bool]:
    """Return what tells whether a plain value is right."""
    if key.kind == "isinstance":
        return lambda value: any(c.__name__ in key.expected[1] for c in type(value).__mro__)
    if key.kind == "approx":
        parts = [decode(part) for part in key.expected[1:]]
        return lambda value: _near(value, *parts)
    expected = decode(key.expected)
    if key.kind == "eq":
        # The test says that both are right: the value that it names, and the reference's own.
        other = decode(key.answer[1])
        return lambda value: _equal(value, expected) or _equal(value, other)
    compare = COMPARE[key.kind]
    return lambda value: compare(value, expected)


def _within(answer: list[Any], reference: Any) -> bool:
    """Whether an answer is not so large that it may contain everything."""
    bounds = [LARGER * n + MORE for n in size(reference)]
    return all(n <= bound for n, bound in zip(size(answer), bounds, strict=True))


def _equal(one: Any, other: Any) -> bool:
    return not is_opaque(one) and bool(one == other)


def _truth(value: Any) -> bool | None:
    if isinstance(value, Opaque):
        return value.truth
    return True if isinstance(value, Fields) else bool(value)


def _raised(key: Key, answer: list[Any]) -> bool | tuple[str, int, str]:
    if answer[0] != "x":
        return False
    _, names, text = answer
    _, classes, pattern = key.expected
    if not isinstance(names, list) or not isinstance(text, str):
        return False
    if not any(name in names for name in classes):
        return False
    return True if pattern is None else (pattern[1], pattern[2], text)


def _near(value: Any, expected: Any, rel: Any, absolute: Any, nan_ok: Any) -> bool:
    """Do what pytest.approx does."""
    if isinstance(expected, dict):
        return (
            isinstance(value, dict)
            and value.keys() == expected.keys()
            and all(_near(value[k], expected[k], rel, absolute, nan_ok) for k in expected)
        )
    if isinstance(expected, list | tuple):
        return (
            isinstance(value, list | tuple)
            and len(value) == len(expected)
            and all(
                _near(v, e, rel, absolute, nan_ok) for v, e in zip(value, expected, strict=True)
            )
        )
    if is_opaque(value) or isinstance(value, bool) != isinstance(expected, bool):
        return False
    if value == expected:
        return True
    if expected is None or isinstance(expected, str | bytes | bool):
        return False
    if expected != expected:
        return bool(nan_ok) and value != value
    tolerance = 1e-12 if absolute is None else absolute
    if rel is not None or absolute is None:
        tolerance = max(tolerance, (1e-6 if rel is None else rel) * abs(expected))
    return bool(abs(value - expected) <= tolerance)


def _almost(value: Any, expected: Any) -> bool:
    """Do what assertAlmostEqual does."""
    wanted, places, delta = expected
    if is_opaque(value) or value == wanted:
        return not is_opaque(value)
    gap = abs(value - wanted)
    return bool(gap <= delta if delta is not None else round(gap, places) == 0)


def _same_members(value: Any, expected: Any) -> bool:
    if is_opaque(value) or not isinstance(value, list | tuple | frozenset):
        return False
    left = list(value)
    for one in expected:
        if one not in left:
            return False
        left.remove(one)
    return not left


def _told(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], bool]:
    return lambda value, expected: not is_opaque(value) and bool(compare(value, expected))


def _contains(value: Any, expected: Any) -> bool:
    if isinstance(value, Opaque | Fields):
        return False
    if isinstance(value, range):  # anything but a whole number would be looked for one by one
        return type(expected) is int and expected in value
    return bool(expected in value)


COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "ne": lambda value, expected: bool(value != expected),
    "in": _contains,
    "notin": lambda value, expected: (
        not isinstance(value, Opaque) and not _contains(value, expected)
    ),
    "among": _told(lambda value, expected: value in expected),
    "notamong": lambda value, expected: value not in expected,
    "lt": _told(operator.lt),
    "le": _told(operator.le),
    "gt": _told(operator.gt),
    "ge": _told(operator.ge),
    "is": lambda value, expected: value is expected,
    "isnot": lambda value, expected: value is not expected,
    "truth": lambda value, expected: _truth(value) is expected,
    "almost": _almost,
    "count": _same_members,
}
