"""What failing tests tell: literals they use, exceptions they expect or meet, names they call."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from agents.models.symbolic.formats import Failure
from agents.models.symbolic.source import parse
from agents.models.symbolic.spectrum import Words
from agents.models.symbolic.symptoms import Symptoms, read_symptoms

_EXCEPTION = re.compile(r"\A(?:[a-z_]\w*\.)*(?P<name>[A-Z]\w*)(?::|\Z)")
_QUOTED = re.compile(r"'([^'\n]{1,60})'|\"([^\"\n]{1,60})\"")
MAX_LITERALS = 40


@dataclass(frozen=True)
class Facts:
    """What is known beside the source.

    Attributes:
        strings: String literals of the failing tests and quoted ones of the statement.
        numbers: Number literals of the failing tests.
        expected: Exception names that the tests expect (`pytest.raises`).
        raised: Exception names that the failing tests met, without AssertionError.
        messages: The failures' messages.
        keywords: Keyword arguments that the tests use.
        called: Names that the tests call.
        words: Identifiers of the statement.
        symptoms: What failing comparisons show.
    """

    strings: tuple[str, ...] = ()
    numbers: tuple[float | int, ...] = ()
    expected: tuple[str, ...] = ()
    raised: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    keywords: frozenset[str] = frozenset()
    called: frozenset[str] = frozenset()
    words: Words = field(default_factory=lambda: Words(frozenset(), frozenset()))
    symptoms: Symptoms = field(default_factory=Symptoms)


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


def gather(sources: Iterable[str], failures: Sequence[Failure], words: Words, prose: str) -> Facts:
    """Collect the facts.

    Args:
        sources: Source text of the failing tests.
        failures: The failing tests.
        words: Identifiers of the statement.
        prose: The statement.
    """
    strings: dict[str, None] = {}
    numbers: dict[float | int, None] = {}
    expected: dict[str, None] = {}
    keywords: set[str] = set()
    called: set[str] = set()
    for source in sources:
        tree = parse(source)
        for node in ast.walk(tree) if tree else ():
            if isinstance(node, ast.Constant):
                if isinstance(node.value, str) and 0 < len(node.value) <= 60:
                    strings[node.value] = None
                elif isinstance(node.value, int | float) and not isinstance(node.value, bool):
                    numbers[node.value] = None
            elif isinstance(node, ast.Call):
                keywords.update(k.arg for k in node.keywords if k.arg)
                name = getattr(node.func, "attr", None) or getattr(node.func, "id", "")
                called.add(name)
                if name in ("raises", "assertRaises", "assertRaisesRegex") and node.args:
                    for one in ast.walk(node.args[0]):
                        found = getattr(one, "attr", None) or getattr(one, "id", None)
                        if isinstance(found, str) and found[:1].isupper():
                            expected[found] = None
    for match in re.finditer(r"`([^`\n]{1,60})`", prose):
        for quoted in _QUOTED.findall(match[1]):
            strings.setdefault(quoted[0] or quoted[1])
    messages = tuple(dict.fromkeys(failure.message for failure in failures))
    raised = dict.fromkeys(filter(None, map(exception_of, messages)))
    raised.pop("AssertionError", None)
    raised.pop("Failed", None)
    return Facts(
        tuple(strings)[:MAX_LITERALS],
        tuple(numbers)[:MAX_LITERALS],
        tuple(expected),
        tuple(raised),
        messages,
        frozenset(keywords),
        frozenset(called),
        words,
        read_symptoms(messages, (line for failure in failures for line in failure.details)),
    )
