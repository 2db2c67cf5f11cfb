"""How hard an answer is to guess: generic answerers play against the questions of a task.

They know what a patch can know: the base's own answers, what is left of the rewritten test, the
statement, the names and literals of the package. What one of them answers rightly is worth
nothing; of other questions the number of bits is an upper bound of what a guesser must find out.
"""

from __future__ import annotations

import ast
import builtins
import difflib
import itertools
import math
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from repos.runners.controls import Key, Place, Probe, Sheet
from repos.runners.python.blind.judging import passes
from repos.runners.python.blind.questions import tests_in
from repos.runners.python.blind.values import Fields, MalformedError, Opaque, decode
from repos.syntax import literal, parse

MOST_BITS = 16.0
GUESSES = 1 << 14
"""Composed guesses that are tried for a question."""

TOKEN = re.compile(r"[A-Za-z]+|\d+|\s+|.", re.DOTALL)
LENIENT = frozenset({"ne", "notin", "notamong", "lt", "le", "gt", "ge", "isnot", "isinstance"})
CONTAINED = frozenset({"in", "match", "raises"})
GENERIC: tuple[Any, ...] = (
    *(None, True, False, *range(-2, 17), 0.0, 1.0, -1.0, 2**31, 2**63, float("inf")),
    *("", " ", "\n", b"", [], (), {}, frozenset(), [None], [""], [[]], "None", "0", "1"),
)


LITERAL = (ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.UnaryOp, ast.BinOp)


@dataclass(frozen=True)
class Known:
    """What an answerer knows of one test function.

    Attributes:
        left: Literals of what is left of the function.
        siblings: What the base answers to other questions of the function.
        told: Words, lines, numbers and quoted texts of the statement.
        exceptions: Names of the exceptions of the package and of Python.
        vocabulary: Literals of the package, as `repr` writes them.
        beside: Literals of what is left of all test files, as `repr` writes them.
    """

    left: tuple[Any, ...] = ()
    siblings: tuple[Any, ...] = ()
    told: tuple[Any, ...] = ()
    exceptions: frozenset[str] = frozenset()
    vocabulary: frozenset[str] = field(default=frozenset(), repr=False)
    beside: frozenset[str] = field(default=frozenset(), repr=False)


@dataclass(frozen=True)
class Guessed:
    """What a question is worth.

    Attributes:
        bits: 0 where a generic answerer is right.
        by: Which one: "base", "generic", "echo", "statement", "everything", "exception"; "".
    """

    bits: float
    by: str = ""


ENOUGH = 32.0
"""Bits of a function after which no further question of it is looked at."""


def strength(
    probes: Sequence[Probe], sheet: Sheet, base: Path, statement: str
) -> dict[Place, float]:
    """Return how many bits a guesser must find out for each function; see `Controls.strength`."""
    left = _left(sheet)
    told = tuple(statement_values(statement))
    exceptions, vocabulary = _package(base)
    beside = frozenset(repr(value) for values in left.values() for value in values)
    siblings: dict[Place, list[Any]] = {}
    for probe in probes:
        if isinstance(probe.base, list) and probe.base[:1] == ["v"]:
            try:
                siblings.setdefault(probe.place, []).append(decode(probe.base[1]))
            except MalformedError:
                continue
    bits: dict[Place, float] = {probe.place: 0.0 for probe in probes}
    counted: list[Any] = []
    seen: set[tuple[Place, str, str]] = set()
    for probe in probes:
        same = (probe.place, probe.key.kind, repr(probe.key.expected))
        if same in seen or bits[probe.place] >= ENOUGH:
            continue
        seen.add(same)
        around = tuple(siblings.get(probe.place, ()))
        mine = left.get(probe.place, ())
        known = Known(mine, around, told, exceptions, vocabulary, beside)
        found = measure(probe.key, probe.base, known, counted)
        bits[probe.place] += found.bits
        if found.bits and probe.key.kind not in ("raises", "call", "match", "isinstance", "approx"):
            counted.append(decode(probe.key.expected))
    return bits


def _left(sheet: Sheet) -> dict[Place, tuple[Any, ...]]:
    """Return the literals that are left in each function, by its genuine name."""
    found: dict[Place, tuple[Any, ...]] = {}
    for path, source in sheet.files.items():
        for name, node, _ in tests_in(parse(source)):
            owner, dot, last = name.rpartition(".")
            place = (path, owner + dot + sheet.names.get(last, last))
            numbers = set(sheet.questions)
            values = [v for v in literals(node) if not (type(v) is int and v in numbers)]
            found[place] = tuple(values)
    return found


def _package(base: Path) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of a repository's classes, and its literals."""
    classes = {name for name in dir(builtins) if isinstance(getattr(builtins, name), type)}
    found: set[str] = set()
    for path in base.rglob("*.py"):
        if ".git" in path.parts:
            continue
        try:
            tree = parse(path.read_bytes())
        except (SyntaxError, ValueError, OSError, RecursionError):
            continue
        classes |= {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
        found |= {text for value in literals(tree) if len(text := repr(value)) < 500}
    return frozenset(classes), frozenset(found)


def measure(key: Key, base: Any, known: Known, counted: Sequence[Any] = ()) -> Guessed:
    """Return what one question is worth.

    Args:
        key: What is right.
        base: What the base answered, as it was sent; None where it did not answer.
        known: What an answerer knows.
        counted: Right answers of questions that were counted before: near to guess from.
    """
    if key.kind == "same":
        return Guessed(0.0, "echo")  # both values are in the sandbox: any constant is right
    try:
        if key.kind in ("raises", "call"):
            return _exception(key, base, known, counted)
        return _value(key, base, known, counted)
    except (MalformedError, RecursionError):
        return Guessed(0.0, "generic")


def literals(tree: ast.AST) -> list[Any]:
    """Return the values of all literal expressions of a tree."""
    found = []
    for node in ast.walk(tree):
        if isinstance(
            node, ast.Constant | ast.List | ast.Tuple | ast.Dict | ast.UnaryOp | ast.BinOp
        ):
            try:
                found.append(ast.literal_eval(node))
            except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                continue
    return found


def statement_values(text: str) -> list[Any]:
    """Return what a statement says: its lines, words, numbers, quoted texts and their values."""
    quoted = [x for found in re.findall(r"`([^`]+)`|\"([^\"]+)\"|'([^']+)'", text) for x in found]
    words: list[Any] = [q for q in quoted if q]
    words += [line.strip() for line in text.splitlines() if line.strip()]
    words += TOKEN.findall(text) + [int(n) for n in re.findall(r"\d{1,40}", text)]
    for word in [w for w in words if isinstance(w, str) and len(w) < 2000]:
        try:
            words.append(literal(word))
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            continue
    return words


def _value(key: Key, base: Any, known: Known, counted: Sequence[Any]) -> Guessed:
    reference = decode(key.answer[1])
    mine = [decode(base[1])] if isinstance(base, list) and base[:1] == ["v"] else []
    left = [*known.left, *map(str, known.left)]
    left += [repr(x) for x in known.left if isinstance(x, str)]
    bound = 4 * len(_text(reference)) + 2
    everything = " ".join(str(x) for x in itertools.chain(left, known.told))[:bound]
    inverse = [not x for x in mine if isinstance(x, bool)]
    players: tuple[tuple[str, Iterable[Any]], ...] = (
        ("base", [*mine, *inverse]),
        ("generic", GENERIC),
        ("echo", left),
        ("statement", known.told),
        ("everything", [everything]),
    )
    for name, answers in players:
        if passes(key, list(answers)) is not None:
            return Guessed(0.0, name)
    if isinstance(reference, Opaque):
        return Guessed(0.0, "generic")
    target = _target(key, reference)
    near = [*counted, *mine, *known.siblings[:25], *known.left[:60], *GENERIC, *known.told]
    words = _vocabulary(near)
    bits = _length(target, near, words)
    rank = passes(key, list(itertools.islice(_compositions(near, mine, words), GUESSES)))
    if rank is not None:
        bits = min(bits, math.log2(rank + 1))
    for literals_known in (known.vocabulary, known.beside):
        if repr(target) in literals_known:
            bits = min(bits, math.log2(len(literals_known)))
    return Guessed(_within(bits, key.kind))


def _exception(key: Key, base: Any, known: Known, counted: Sequence[Any]) -> Guessed:
    _, classes, pattern = key.expected
    named = any(name.rpartition(".")[2] in known.exceptions for name in classes)
    said = base[2] if isinstance(base, list) and base[:1] == ["x"] else ""
    sources = [x for x in (*known.left, *known.told, "", said) if isinstance(x, str)]
    bound = 4 * len(key.answer[2] if key.answer[:1] == ["x"] else "") + 2
    texts = [*sources, " ".join(sources)[:bound]]
    if pattern is not None:
        search = Key("match", pattern, ["v", ["s", key.answer[2]], []])
        if named and passes(search, texts) is not None:
            return Guessed(0.0, "exception")
    elif named:
        return Guessed(0.0, "exception")
    target = (pattern[1] if pattern else "") + ("" if named else " ".join(classes))
    near = [*counted, *texts]
    return Guessed(_within(_length(target, near, _vocabulary(near)), key.kind))


def _target(key: Key, reference: Any) -> Any:
    """Return what has to be found out: the value, or what it has to contain."""
    if key.kind == "match":
        return key.expected[1]
    return decode(key.expected) if key.kind == "in" else reference


def _within(bits: float, kind: str) -> float:
    if kind in CONTAINED:
        bits -= math.log2(5)  # four times as much may be said
    if kind in LENIENT:
        bits = min(bits, 1.0)
    return max(0.0, min(MOST_BITS, bits))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)


def _vocabulary(near: Iterable[Any]) -> set[str]:
    return set(TOKEN.findall(" ".join(_text(x) for x in near)))


def _token(token: str, words: Collection[str]) -> float:
    """Return the bits of a token: letters, digits, signs, or one of the words that are near."""
    if token.isdigit():
        bits = 3.3 * len(token)
    elif token.isalpha():
        bits = 2.0 * len(token) + 1
    else:
        bits = 1.0 if token.isspace() else 4.0
    return min(bits, 1 + math.log2(1 + len(words))) if token in words else bits


def _length(value: Any, near: Sequence[Any], words: Collection[str], depth: int = 0) -> float:
    """Return the bits of the shortest description that is found: alone, or as an edit."""
    if isinstance(value, bool) or value is None:
        return 1.0
    tokens = TOKEN.findall(_text(value))[:400]
    best = sum(_token(t, words) for t in dict.fromkeys(tokens))
    best += 1.5 * (len(tokens) - len(set(tokens)))
    best = min(best, _by_parts(value, near, words, depth))
    if isinstance(value, int):
        best = min(best, math.log2(abs(value) + 1) + 1)
    some = near[:110]
    for other in some:
        if type(other) is not type(value) and not isinstance(value, str):
            continue
        old = TOKEN.findall(_text(other))[:400]
        cost = math.log2(1 + len(some))
        matcher = difflib.SequenceMatcher(None, old, tokens, False)
        for kind, _, _, start, end in matcher.get_opcodes():
            if kind != "equal":
                cost += 1 + math.log2(len(old) + 1)
                cost += sum(_token(t, words) for t in tokens[start:end])
        best = min(best, cost)
    return best


def _by_parts(value: Any, near: Sequence[Any], words: Collection[str], depth: int) -> float:
    if isinstance(value, dict):
        parts = [part for pair in value.items() for part in pair]
    elif isinstance(value, list | tuple | frozenset):
        parts = list(value)
    elif isinstance(value, Fields):
        parts = [part for _, part in value.fields]
    else:
        return math.inf
    if not parts or len(parts) > 60 or depth > 3:
        return math.inf
    total = 3 + math.log2(len(parts))
    for part in {repr(p): p for p in parts}.values():
        alike = [n for n in near if type(n) is type(part)]
        known = math.log2(1 + len(alike)) if part in alike else math.inf
        total += min(known, _length(part, near, words, depth + 1))
    return total


def _edits(text: str, words: Sequence[str]) -> Iterator[str]:
    tokens = TOKEN.findall(text)
    yield from (text.strip(), text + "\n", text.lower(), text.upper(), text.title())
    yield from (text[:-1], text[1:], " ".join(tokens), text.rstrip("\n"))
    for start in range(len(tokens)):
        for end in range(start + 1, min(len(tokens), start + 6) + 1):
            yield "".join(tokens[:start] + tokens[end:])
        yield "".join(tokens[:start])
    for drop in (0, 1):
        for at in range(min(len(tokens), 60) + 1):
            for word in words:
                yield "".join([*tokens[:at], word, *tokens[at + drop :]])


def _compositions(
    near: Sequence[Any], mine: Sequence[Any], words: Collection[str]
) -> Iterator[Any]:
    """Yield what a player of near literals would try, likely ones first."""
    values = list({(type(x), repr(x)): x for x in near}.values())
    texts = [x for x in values if isinstance(x, str) and len(x) < 300][:60]
    numbers = [x for x in values if type(x) in (int, float) and abs(x) < 2**64][:60]
    some = sorted(w for w in words if len(w) < 30)[:150]
    yield from values
    for x in values:
        yield from ([x], (x,), str(x), repr(x))
        if isinstance(x, str | bytes | list | tuple | dict | frozenset):
            yield len(x)
    for text in texts:
        yield from (text.lower(), text.upper(), text.strip(), text.title(), text.split())
        yield from (text.splitlines(), list(text), text.encode("utf-8", "replace"))
    for one in numbers:
        for two in numbers:
            yield from (one + two, one - two, one * two, [one, two], (one, two))
    for one in texts:
        for two in texts:
            yield from (one + two, f"{one} {two}", [one, two], (one, two), {one: two})
    for value in mine:
        if isinstance(value, str):
            yield from _edits(value, some)
        if isinstance(value, bytes):
            edited = _edits(value.decode("latin-1"), some)
            yield from (text.encode("latin-1", "replace") for text in edited)
        if isinstance(value, list | tuple):
            kind = type(value)
            for at in range(min(len(value), 40)):
                yield kind([*value[:at], *value[at + 1 :]])
                yield from (kind([*value[:at], n, *value[at + 1 :]]) for n in values)
    for text in texts:
        yield from _edits(text, some)
