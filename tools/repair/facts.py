"""What failing tests tell: literals they use, exceptions they expect or meet, names they call."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tools.repair.fault_localisation import Words
from tools.repair.source import parse

_EXCEPTION = re.compile(r"\A(?:[a-z_]\w*\.)*(?P<name>[A-Z]\w*)(?::|\Z)")
MAX_LITERALS = 40


@dataclass(frozen=True)
class Facts:
    """What is known beside the source.

    Attributes:
        numbers: Number literals of the failing tests.
        expected: Exception names that the tests expect (`pytest.raises`).
        raised: Exception names that the failing tests met, without AssertionError.
        messages: The failures' messages.
        called: Names that the tests call.
        words: Identifiers of the statement.
    """

    numbers: tuple[float | int, ...] = ()
    expected: tuple[str, ...] = ()
    raised: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    called: frozenset[str] = frozenset()
    words: Words = field(default_factory=lambda: Words(frozenset(), frozenset()))


def exception_of(message: str) -> str | None:
    """Return the exception's bare name of a failure message such as "KeyError: 'x'"."""
    match = _EXCEPTION.match(message)
    return match["name"] if match else None


def function_source(lines: Mapping[int, str], name: str, near: int) -> str | None:
    """Return the source of a function from numbered lines, dedented.

    Args:
        lines: Lines of its file by number, perhaps not all of them.
        name: The function's name.
        near: A line inside it, or 0; of several functions the last one above it is meant.
    """
    head = re.compile(rf"\s*(?:async )?def {re.escape(name)}\b")
    starts = [number for number, line in lines.items() if head.match(line)]
    starts = [number for number in starts if not near or number <= near] or starts
    if not starts:
        return None
    first = max(starts)
    indent = len(lines[first]) - len(lines[first].lstrip())
    while first - 1 in lines and re.match(rf"\s{{{indent}}}@", lines[first - 1]):
        first -= 1
    block, number, opened = [], first, False
    while number in lines:
        line = lines[number]
        outside = line.strip() and len(line) - len(line.lstrip()) <= indent
        if opened and outside and line.strip()[0] not in ")]}":
            break
        block.append(line)
        opened = opened or bool(head.match(line))
        number += 1
    return textwrap.dedent("\n".join(block)) + "\n"


def gather(sources: Iterable[str], messages: Iterable[str], words: Words) -> Facts:
    """Collect the facts.

    Args:
        sources: Source text of the failing tests.
        messages: Their failures' messages.
        words: Identifiers of the statement.
    """
    numbers: dict[float | int, None] = {}
    expected: dict[str, None] = {}
    called: set[str] = set()
    for source in sources:
        tree = parse(source)
        for node in ast.walk(tree) if tree else ():
            if isinstance(node, ast.Constant):
                if isinstance(node.value, int | float) and not isinstance(node.value, bool):
                    numbers[node.value] = None
            elif isinstance(node, ast.Call):
                name = getattr(node.func, "attr", None) or getattr(node.func, "id", "")
                called.add(name)
                if name in ("raises", "assertRaises", "assertRaisesRegex") and node.args:
                    for one in ast.walk(node.args[0]):
                        found = getattr(one, "attr", None) or getattr(one, "id", None)
                        if isinstance(found, str) and found[:1].isupper():
                            expected[found] = None
    told = tuple(dict.fromkeys(messages))
    raised = dict.fromkeys(filter(None, map(exception_of, told)))
    raised.pop("AssertionError", None)
    raised.pop("Failed", None)
    return Facts(
        tuple(numbers)[:MAX_LITERALS],
        tuple(expected),
        tuple(raised),
        told,
        frozenset(called),
        words,
    )
