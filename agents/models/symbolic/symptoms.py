"""What the difference of an actual and a wanted value says about the change that is needed.

A failing comparison shows both values. Their kinds and their difference speak for some changes
and against most others: text that differs by its margins wants trimming, a list in another order
wants sorting, None in place of False wants a conversion. Such evidence ranks candidates, as the
similarity to the wanted output does in example-driven synthesis (Gulwani, POPL 2011); it never
makes one.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from agents.models.symbolic.candidates import Proposal
from agents.models.symbolic.examples import Example, fitting
from agents.models.symbolic.source import Module

MAX_TEXT = 4_000
MAX_PAIRS = 24
MAX_PIECES = 4
CONTEXT = 24
MIN_ALIKE = 0.3
"""Texts less alike than this say nothing piece by piece."""

_COMPARED = (
    re.compile(r"(?:AssertionError: )?assert (?P<a>.+?) (?P<op>==|is) (?P<e>.+)\Z", re.DOTALL),
    re.compile(
        r"AssertionError: (?:\w+ differ: )?(?P<a>.+?) (?P<op>!=|is not) (?P<e>.+)\Z", re.DOTALL
    ),
)
_AT_INDEX = re.compile(r"\A(?:At index \S+ diff|Differing items): (?P<a>.+?) != (?P<e>.+)\Z")
_STARTS = {"'": str, '"': str, "[": list, "(": tuple, "b'": bytes, 'b"': bytes}
_WRAPPED = re.compile(r"\A(?P<name>[A-Za-z_][\w.]*)\((?P<inner>.*)\)\Z", re.DOTALL)
_METHOD = re.compile(r"\A\.(?P<name>\w+)\(.*\)\Z", re.DOTALL)


@dataclass(frozen=True)
class Unknown:
    """A value of which only the kind is known; `kind` may be None too."""

    kind: type | None = None


@dataclass(frozen=True)
class Pair:
    """An actual value and the wanted one; either may be `Unknown`."""

    actual: Any
    wanted: Any

    @property
    def kinds(self) -> tuple[type | None, type | None]:
        """The types of both, None where unknown."""
        return _kind(self.actual), _kind(self.wanted)


@dataclass(frozen=True)
class Piece:
    """A stretch of text that stands where another one should, and what stands around it."""

    before: str
    after: str
    left: str = ""
    right: str = ""

    def applied(self, text: str) -> str | None:
        """Return a constant's text so changed that the stretch comes out right; None if it can't.

        A stretch that is missing is added to a constant that ends, or begins, where it belongs.
        """
        if self.before:
            return text.replace(self.before, self.after, 1) if self.before in text else None
        if self.left.endswith(text):
            return text + self.after
        return self.after + text if self.right.startswith(text) else None


@dataclass(frozen=True)
class Symptoms:
    """What failing comparisons show.

    Attributes:
        pairs: The compared values, and their parts where only parts differ.
        silent: Whether an exception was expected that did not come.
    """

    pairs: tuple[Pair, ...] = ()
    silent: bool = False

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """Stretches in which compared texts differ."""
        found: dict[Piece, None] = {}
        for pair in self.pairs:
            if isinstance(pair.actual, str) and isinstance(pair.wanted, str):
                found.update(dict.fromkeys(_pieces(pair.actual, pair.wanted)))
        return tuple(found)[:MAX_PAIRS]

    @cached_property
    def examples(self) -> list[tuple[Any, Any]]:
        """Pairs of values of built-in types that are known whole, without parts of others."""
        found: list[tuple[Any, Any]] = []
        for pair in self._known:
            part = any(_holds(a, pair.actual) and _holds(e, pair.wanted) for a, e in found)
            if not part and pair.actual != pair.wanted:
                found.append((pair.actual, pair.wanted))
        return found

    @cached_property
    def functions(self) -> tuple[Example, ...]:
        """Functions that turn each actual value into the wanted one."""
        return fitting(self.examples) or fitting([(p.actual, p.wanted) for p in self._leaves])

    @cached_property
    def _leaves(self) -> list[Pair]:
        """The differing parts that are no containers."""
        return [p for p in self._known if not isinstance(p.actual, list | tuple | dict | set)]

    @cached_property
    def calls(self) -> dict[str, float]:
        """Factors of functions and methods that a change puts around a value, by name."""
        found: dict[str, float] = {}
        for pair in self.pairs:
            for name, factor in _calls_for(pair):
                found[name] = max(found.get(name, 0.0), factor)
        return found

    def factor(self, module: Module, proposal: Proposal) -> float:
        """Return how much the symptoms speak for a change; 1 where they say nothing.

        Args:
            module: The file that it changes.
            proposal: The change.
        """
        if not self.pairs or len(proposal.edits) != 1:
            return 1.0
        edit = proposal.edits[0]
        old = module.text[edit.start : edit.end]
        added, taken = _call(old, edit.new), _call(edit.new, old)
        if added and self.calls:
            return self.calls.get(added, 0.6 if added in _CONVERSIONS else 1.0)
        if taken and any(pair.actual == _apply(taken, pair.wanted) for pair in self._known):
            return 3.0
        return self._text_factor(old, edit.new)

    @cached_property
    def _known(self) -> list[Pair]:
        parts = (Unknown,)
        known = [p for p in self.pairs if not isinstance(p.actual, parts)]
        return [p for p in known if not isinstance(p.wanted, parts)]

    def _text_factor(self, old: str, new: str) -> float:
        """Return a factor for changes of text that contain what differs."""
        best = 1.0
        for piece in self.pieces:
            gone = bool(piece.before.strip()) and _literal(piece.before) in old
            gone = gone and _literal(piece.before) not in new
            come = bool(piece.after.strip()) and _literal(piece.after) in new
            come = come and _literal(piece.after) not in old
            if gone and come:
                best = max(best, 4.0)
            elif (gone and not piece.after) or (come and not piece.before):
                best = max(best, 3.0)
            elif gone or come:
                best = max(best, 1.6)
        return best


def read_symptoms(messages: Iterable[str], details: Iterable[str] = ()) -> Symptoms:
    """Read failures.

    Args:
        messages: Exception type and message of each failing test.
        details: Lines of their tracebacks: they show more of long values.
    """
    pairs: dict[str, Pair] = {}
    silent = False
    for message in messages:
        silent = silent or "DID NOT RAISE" in message or " not raised" in message
        for pair in _compared(message[:MAX_TEXT]):
            _add(pairs, pair)
    for pair in _from_details(list(details)):
        _add(pairs, pair)
    return Symptoms(tuple(pairs.values())[:MAX_PAIRS], silent)


def _add(pairs: dict[str, Pair], pair: Pair, depth: int = 0) -> None:
    """Add a pair and, where only parts of two containers differ, those parts."""
    pairs.setdefault(repr(pair), pair)
    a, e = pair.actual, pair.wanted
    if depth > 3 or len(pairs) > MAX_PAIRS:
        return
    if isinstance(a, list | tuple) and isinstance(e, list | tuple) and len(a) == len(e):
        for left, right in zip(a, e, strict=True):
            if left != right or type(left) is not type(right):
                _add(pairs, Pair(left, right), depth + 1)
    elif isinstance(a, dict) and isinstance(e, dict):
        for key in a.keys() & e.keys():
            if a[key] != e[key]:
                _add(pairs, Pair(a[key], e[key]), depth + 1)


def _compared(message: str) -> Iterator[Pair]:
    first = message.split("\n")[0]
    for pattern in _COMPARED:
        for text in dict.fromkeys((message, first)):
            match = pattern.match(text)
            if match is None:
                continue
            sides = _split(text, match)
            if sides is not None:
                yield Pair(*sides)
                return


def _split(text: str, match: re.Match[str]) -> tuple[Any, Any] | None:
    """Return both values; the operator may also stand inside a literal."""
    operator = f" {match['op']} "
    start = match.start("a")
    best: tuple[Any, Any] | None = None
    at = text.find(operator, start)
    while at >= 0:
        left, right = _read(text[start:at]), _read(text[at + len(operator) :])
        sure = [not isinstance(side, Unknown) for side in (left, right)]
        if all(sure):
            return left, right
        if any(sure) or (best is None and (_kind(left) or _kind(right))):
            best = (left, right)
        at = text.find(operator, at + 1)
    return best


def _read(text: str) -> Any:
    """Return the value that a text spells, or `Unknown`."""
    text = text.strip()
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        value = Unknown()
    # pytest shortens long texts in the middle.
    if isinstance(value, str) and "..." in value[1:-1]:
        return Unknown(str)
    if not isinstance(value, Unknown):
        return value
    for start, kind in _STARTS.items():
        if text.startswith(start):
            return Unknown(kind)
    if text.startswith("{"):
        return Unknown(dict if ":" in text else set)
    return Unknown()


def _from_details(lines: list[str]) -> Iterator[Pair]:
    """Yield pairs of the longer listings below a message: single elements, and line diffs."""
    wanted: list[str] = []
    actual: list[str] = []
    for line in [*lines, ""]:
        match = _AT_INDEX.match(line.strip())
        if match:
            yield Pair(_read(match["a"]), _read(match["e"]))
        text = line.removeprefix("  ") if line.startswith(("  - ", "  + ", "  ? ")) else line
        if text.startswith("- "):
            wanted.append(text[2:])
        elif text.startswith("+ "):
            actual.append(text[2:])
        elif not text.startswith("?"):
            if wanted and len(wanted) == len(actual):
                yield from (Pair(a, e) for a, e in zip(actual, wanted, strict=True) if a != e)
            wanted, actual = [], []


def _pieces(actual: str, wanted: str) -> Iterator[Piece]:
    if max(len(actual), len(wanted)) > MAX_TEXT:
        return
    matcher = difflib.SequenceMatcher(None, actual, wanted, autojunk=False)
    if matcher.ratio() < MIN_ALIKE:
        return
    blocks = [op for op in matcher.get_opcodes() if op[0] != "equal"]
    if len(blocks) > MAX_PIECES:
        return
    for _, a, b, c, d in blocks:
        left, right = actual[max(0, a - CONTEXT) : a], actual[b : b + CONTEXT]
        yield Piece(actual[a:b], wanted[c:d], left, right)
        wider = _whole_words(actual, a, b, wanted, c, d)
        if wider is not None:
            yield wider


def _whole_words(actual: str, a: int, b: int, wanted: str, c: int, d: int) -> Piece | None:
    """Return a differing stretch extended to whole words: constants hold words, not letters."""
    while a > 0 and c > 0 and actual[a - 1] == wanted[c - 1] and _inside(actual[a - 1]):
        a, c = a - 1, c - 1
    while b < len(actual) and d < len(wanted) and actual[b] == wanted[d] and _inside(actual[b]):
        b, d = b + 1, d + 1
    left, right = actual[a:b], wanted[c:d]
    return Piece(left, right) if left.strip() and right.strip() else None


def _inside(character: str) -> bool:
    return character.isalnum() or character in "_-"


_TEXT_CALLS = ("strip", "lstrip", "rstrip", "lower", "upper", "casefold", "title", "capitalize")
_CONVERSIONS = frozenset(
    {"str", "int", "float", "bool", "list", "tuple", "set", "dict", "sorted", "reversed", "abs"}
    | {"len", "round", "repr", "bytes", *_TEXT_CALLS}
)


def _calls_for(pair: Pair) -> Iterator[tuple[str, float]]:
    """Yield calls that bring the actual value nearer to the wanted one, with factors."""
    a, e = pair.actual, pair.wanted
    have, want = pair.kinds
    if want is not None and have is not want:
        # None has no kind to convert from: what is missing then is seldom a conversion.
        yield want.__name__, 5.0 if have not in (None, type(None)) or want is bool else 1.5
        if want is list:
            yield "sorted", 2.5
        if want is int:
            yield "len", 1.5
            yield "round", 2.0
        if want is str:
            yield "repr", 1.2
            yield "decode", 2.5
        if want is bytes:
            yield "encode", 2.5
    if isinstance(a, Unknown) or isinstance(e, Unknown):
        return
    for name in _TEXT_CALLS if isinstance(a, str) and isinstance(e, str) else ():
        if _apply(name, a) == e:
            yield name, 6.0
        elif _apply(name, a) == _apply(name, e):
            yield name, 3.0
    if isinstance(a, int | float) and isinstance(e, int | float) and a != e:
        for name in ("abs", "round", "int"):
            if _apply(name, a) == e:
                yield name, 5.0
    if isinstance(a, list | tuple) and isinstance(e, list | tuple) and a != e:
        if sorted(map(repr, a)) == sorted(map(repr, e)):
            yield "sorted", 6.0
            yield "reversed", 5.0 if list(a)[::-1] == list(e) else 1.5
        elif {*map(repr, a)} == {*map(repr, e)}:
            yield "set", 3.0
            yield "fromkeys", 4.0


def _apply(name: str, value: Any) -> Any:
    """Return what a call of that name makes of a value; a new object where it can't."""
    functions = {"abs": abs, "round": round, "int": int, "str": str, "list": list, "tuple": tuple}
    try:
        if name in functions:
            return functions[name](value)
        if name in _TEXT_CALLS and isinstance(value, str):
            return getattr(value, name)()
    except (TypeError, ValueError, OverflowError):
        return object()
    return object()


def _holds(container: Any, part: Any) -> bool:
    """Whether a value is a part of another one."""
    if isinstance(container, dict):
        container = list(container.values())
    if not isinstance(container, list | tuple):
        return False
    return any(one is part or one == part or _holds(one, part) for one in container)


def _kind(value: Any) -> type | None:
    return value.kind if isinstance(value, Unknown) else type(value)


def _call(old: str, new: str) -> str:
    """Return the name of the call that `new` puts around `old`, or ""."""
    if not old or len(new) <= len(old):
        return ""
    match = _METHOD.match(new[len(old) :]) if new.startswith(old) else None
    if match:
        return match["name"]
    match = _WRAPPED.match(new)
    if match and match["inner"].strip() == old:
        return match["name"].rpartition(".")[2]
    return ""


def _literal(text: str) -> str:
    """Return a text as it stands inside a literal."""
    return repr(text)[1:-1]
