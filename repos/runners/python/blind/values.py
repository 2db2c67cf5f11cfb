"""Answers as data: decoding what a sandbox sent, with bounds, into plain values.

The forms are those of `inside/repogym_answers.py`. Nothing here calls anything that an answer
names: classes are names, numbers have a bounded number of digits.
"""

from __future__ import annotations

import datetime
import decimal
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

MAX_NODES = 5000
MAX_DEPTH = 26
MAX_TEXT = 1 << 18
MAX_DIGITS = 4096
EXPONENT = 10_000


class MalformedError(ValueError):
    """An answer that no sender of ours makes."""


@dataclass(frozen=True)
class Opaque:
    """An object that has no encoding: the names of its classes, and whether it is true.

    Two of them are equal only where they are one: nothing can be told of them.
    """

    names: tuple[str, ...] = ()
    truth: bool | None = None

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__


@dataclass(frozen=True, eq=False)
class Fields:
    """An object by its fields: of a dataclass, an attrs class, or a member of an enumeration.

    Two are equal where those fields are that both have, if these are half of them at least: a
    right patch may give a class of the package other fields than the reference does.
    """

    name: str
    fields: tuple[tuple[str, Any], ...]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Fields) or self.name != other.name:
            return False
        mine, theirs = dict(self.fields), dict(other.fields)
        common = mine.keys() & theirs.keys()
        if 2 * len(common) < max(len(mine), len(theirs)):
            return False
        return all(mine[name] == theirs[name] for name in common)

    def __hash__(self) -> int:
        return hash(self.name)


@dataclass
class _Budget:
    nodes: int = MAX_NODES
    text: int = MAX_TEXT


def decode(encoded: Any) -> Any:
    """Return the value of an encoding.

    Raises:
        MalformedError: It is none, or larger than any sender makes it.
    """
    try:
        return _decode(encoded, _Budget(), 0)
    except MalformedError:
        raise
    except (ValueError, TypeError, ArithmeticError, IndexError, AttributeError) as error:
        raise MalformedError(str(error)[:200]) from error


def size(encoded: Any) -> tuple[int, int]:
    """Return how many nodes an encoding has and how many characters of text."""
    nodes = text = 0
    todo = [encoded]
    while todo:
        one = todo.pop()
        nodes += 1
        if isinstance(one, list):
            todo += one
        elif isinstance(one, str):
            text += len(one)
    return nodes, text


def is_opaque(value: Any) -> bool:
    """Whether a decoded value holds something of which nothing can be told."""
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, Opaque):
            return True
        if isinstance(one, list | tuple | frozenset):
            todo += one
        elif isinstance(one, dict):
            todo += [*one, *one.values()]
        elif isinstance(one, Fields):
            todo += [v for _, v in one.fields]
    return False


def _decode(form: Any, left: _Budget, depth: int) -> Any:
    left.nodes -= 1
    if left.nodes < 0 or depth > MAX_DEPTH or not isinstance(form, list) or not form:
        raise MalformedError("too large, or no encoding")
    mark, *parts = form
    if mark in ("l", "t", "e"):
        (values,) = parts
        found = [_decode(v, left, depth + 1) for v in _listed(values)]
        if mark == "e":
            return frozenset(found)
        return found if mark == "l" else tuple(found)
    if mark == "d":
        (pairs,) = parts
        made = {}
        for pair in _listed(pairs):
            key, value = _listed(pair)
            made[_decode(key, left, depth + 1)] = _decode(value, left, depth + 1)
        return made
    if mark == "o":
        name, fields = parts
        named = []
        for pair in _listed(fields):
            field, value = _listed(pair)
            named.append((_text(field, left), _decode(value, left, depth + 1)))
        return Fields(_text(name, left), tuple(named))
    if mark == "m":
        name, member, value = parts
        fields = (("name", _text(member, left)), ("value", _decode(value, left, depth + 1)))
        return Fields(_text(name, left), fields)
    if mark == "?":
        names, truth = parts
        if truth is not None and not isinstance(truth, bool):
            raise MalformedError("no truth")
        return Opaque(tuple(_text(name, left) for name in _listed(names)), truth)
    return _scalar(mark, parts, left)


def _scalar(mark: Any, parts: list[Any], left: _Budget) -> Any:
    if mark == "n" and not parts:
        return None
    if mark == "b" and isinstance(parts[0], bool):
        return parts[0]
    if mark == "T":
        return datetime.timedelta(*[_integer(part) for part in parts])
    if mark == "w":
        return _zoned(datetime.datetime.fromisoformat(_text(parts[0], left)), parts[1])
    if mark == "z":
        return _zoned(datetime.time.fromisoformat(_text(parts[0], left)), parts[1])
    texts = [_text(part, left) for part in parts]
    if mark == "s":
        (text,) = texts
        return text
    if mark == "u":
        return bytes.fromhex(texts[0]).decode("utf-8", "surrogatepass")
    if mark == "i":
        if not re.fullmatch(r"-?[0-9a-f]+", texts[0]) or len(texts[0]) > MAX_DIGITS:
            raise MalformedError("no integer")
        return int(texts[0], 16)
    if mark == "f":
        return float.fromhex(texts[0])
    if mark == "c":
        return complex(float.fromhex(texts[0]), float.fromhex(texts[1]))
    if mark == "y":
        return bytes.fromhex(texts[0])
    if mark == "D":
        return _decimal(texts[0])
    if mark == "F":
        above, below = (_digits(text) for text in texts[0].split("/"))
        return Fraction(above, below)
    if mark == "U":
        return UUID(hex=texts[0])
    if mark == "P":
        return PurePosixPath(texts[0])
    if mark == "r":
        return range(*[_digits(text) for text in texts])
    if mark == "a":
        return datetime.date.fromisoformat(texts[0])
    raise MalformedError("unknown form")


def _listed(value: Any) -> Sequence[Any]:
    if not isinstance(value, list):
        raise MalformedError("no list")
    return value


def _text(value: Any, left: _Budget) -> str:
    if not isinstance(value, str):
        raise MalformedError("no text")
    left.text -= len(value)
    if left.text < 0:
        raise MalformedError("too much text")
    return value


def _integer(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > 1 << 40:
        raise MalformedError("no integer")
    return value


def _digits(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]+", text) or len(text) > MAX_DIGITS:
        raise MalformedError("no integer")
    return int(text)


def _decimal(text: str) -> decimal.Decimal:
    if len(text) > MAX_DIGITS:
        raise MalformedError("too many digits")
    value = decimal.Decimal(text)
    if value.is_snan() or (value.is_finite() and abs(value.adjusted()) > EXPONENT):
        raise MalformedError("no decimal that can be compared")
    return value


def _zoned(moment: Any, seconds: Any) -> Any:
    if seconds is None:
        return moment
    if not isinstance(seconds, int | float):
        raise MalformedError("no offset")
    return moment.replace(tzinfo=datetime.timezone(datetime.timedelta(seconds=seconds)))
