"""Functions that turn an actual value into the wanted one: programming by example.

A failing comparison is an input-output example. Of a fixed set of small functions (FlashFill,
Gulwani, POPL 2011, has a larger language) those are kept that turn every actual value that is
known into the wanted one; a template puts them around values of the suspicious code.
"""

from __future__ import annotations

import html
import inspect
import itertools
import json
import textwrap
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

MAX_FUNCTIONS = 6
MAX_AFFIX = 12
"""Characters at most that a function adds or takes away: more would be the test's own text."""


@dataclass(frozen=True)
class Example:
    """A function that fits all examples.

    Attributes:
        form: Its source, `{}` standing for the argument.
        module: The standard library's module that it needs, or "".
        prior: How likely it is meant, from 0 to 1.
        literal: Whether it holds text of the examples.
    """

    form: str
    module: str = ""
    prior: float = 0.5
    literal: bool = False


_Entry = tuple[Example, Callable[[Any], Any]]

_TEXT: tuple[_Entry, ...] = (
    (Example("{}.strip()", prior=0.8), str.strip),
    (Example("{}.lstrip()", prior=0.8), str.lstrip),
    (Example("{}.rstrip()", prior=0.8), str.rstrip),
    (Example("{}.lower()", prior=0.8), str.lower),
    (Example("{}.upper()", prior=0.8), str.upper),
    (Example("{}.title()"), str.title),
    (Example("{}.capitalize()"), str.capitalize),
    (Example("{}.casefold()"), str.casefold),
    (Example("{}.expandtabs()"), str.expandtabs),
    (Example('" ".join({}.split())'), lambda value: " ".join(value.split())),
    (Example("{}[::-1]"), lambda value: value[::-1]),
    (Example("repr({})"), repr),
    (Example("html.escape({})", "html", 0.8), html.escape),
    (Example("html.escape({}, quote=False)", "html", 0.8), lambda v: html.escape(v, quote=False)),
    (Example("html.unescape({})", "html", 0.8), html.unescape),
    (Example("textwrap.dedent({})", "textwrap", 0.8), textwrap.dedent),
    (Example("inspect.cleandoc({})", "inspect", 0.8), inspect.cleandoc),
    (Example("urllib.parse.quote({})", "urllib.parse", 0.8), urllib.parse.quote),
    (Example("urllib.parse.unquote({})", "urllib.parse", 0.8), urllib.parse.unquote),
    (Example("json.dumps({})", "json"), json.dumps),
)
_NUMBERS: tuple[_Entry, ...] = (
    (Example("-{}"), lambda value: -value),
    (Example("abs({})", prior=0.8), abs),
    (Example("int({})", prior=0.7), int),
    (Example("float({})"), float),
    (Example("{} + 1", prior=0.8), lambda value: value + 1),
    (Example("{} - 1", prior=0.8), lambda value: value - 1),
    (Example("{} * 2"), lambda value: value * 2),
    (Example("{} / 2"), lambda value: value / 2),
    (Example("{} // 2"), lambda value: value // 2),
    (Example("max({}, 0)", prior=0.8), lambda value: max(value, 0)),
    (Example("max({}, 1)"), lambda value: max(value, 1)),
    *((Example(f"round({{}}, {n})"), lambda v, n=n: round(v, n)) for n in range(7)),
    (Example("round({})"), round),
)
_SEQUENCES: tuple[_Entry, ...] = (
    (Example("sorted({})", prior=0.8), sorted),
    (Example("{}[::-1]", prior=0.7), lambda value: value[::-1]),
    (Example("list(dict.fromkeys({}))", prior=0.8), lambda value: list(dict.fromkeys(value))),
    (Example("list({})"), list),
    (Example("tuple({})"), tuple),
    (Example("[item for item in {} if item]"), lambda value: [item for item in value if item]),
    (
        Example("[item for item in {} if item is not None]"),
        lambda value: [item for item in value if item is not None],
    ),
    (Example("{}[1:]"), lambda value: value[1:]),
    (Example("{}[:-1]"), lambda value: value[:-1]),
)
_TABLES: tuple[_Entry, ...] = (
    (
        Example("{{key: value for key, value in {}.items() if value is not None}}"),
        lambda table: {key: value for key, value in table.items() if value is not None},
    ),
    (
        Example("{{key: value for key, value in {}.items() if value}}"),
        lambda table: {key: value for key, value in table.items() if value},
    ),
)


def fitting(examples: Sequence[tuple[Any, Any]]) -> tuple[Example, ...]:
    """Return the functions that turn each actual value into the wanted one, the likeliest first.

    Args:
        examples: (actual, wanted) pairs, each of a built-in type; at least one.
    """
    if not examples:
        return ()
    kinds = {type(actual) for actual, _ in examples}
    entries: list[_Entry] = []
    if kinds <= {str}:
        actual, wanted = examples[0]
        entries = [*_TEXT, *(_affixes(actual, wanted) if isinstance(wanted, str) else ())]
    elif kinds <= {int, float}:
        entries = list(_NUMBERS)
    elif kinds <= {list, tuple}:
        entries = list(_SEQUENCES)
    elif kinds <= {dict}:
        entries = list(_TABLES)
    found = [example for example, function in entries if all(_fits(function, p) for p in examples)]
    return tuple(sorted(found, key=lambda one: -one.prior)[:MAX_FUNCTIONS])


def _fits(function: Callable[[Any], Any], pair: tuple[Any, Any]) -> bool:
    actual, wanted = pair
    try:
        made = function(actual)
    except (TypeError, ValueError, IndexError, OverflowError, ZeroDivisionError):
        return False
    return made == wanted and type(made) is type(wanted) and type(actual) is not bool


def _affixes(actual: str, wanted: str) -> Iterator[_Entry]:
    """Yield functions that add, remove or replace the text that one example shows."""
    for longer, shorter, add in ((wanted, actual, True), (actual, wanted, False)):
        size = len(longer) - len(shorter)
        if not 0 < size <= MAX_AFFIX or not shorter:
            continue
        if longer.startswith(shorter):
            text = longer[-size:]
            form = f"{{}} + {text!r}" if add else f"{{}}.removesuffix({text!r})"
            yield _affix(form), _adder(text, "", add)
            if not add and len(set(text)) == 1:
                yield _affix(f"{{}}.rstrip({text[0]!r})"), lambda v, t=text[0]: v.rstrip(t)
        if longer.endswith(shorter):
            text = longer[:size]
            form = f"{text!r} + {{}}" if add else f"{{}}.removeprefix({text!r})"
            yield _affix(form), _adder("", text, add)
            if not add and len(set(text)) == 1:
                yield _affix(f"{{}}.lstrip({text[0]!r})"), lambda v, t=text[0]: v.lstrip(t)
    yield from _replacements(actual, wanted)


def _replacements(actual: str, wanted: str) -> Iterator[_Entry]:
    """Yield `replace` of single characters, or pairs of them, that gives the wanted text."""
    gone = sorted(set(actual) - set(wanted))[:4]
    gone += [a + b for a, b in itertools.pairwise(actual) if a + b not in wanted][:4]
    come = ["", *sorted(set(wanted) - set(actual))[:4], " ", "_", "-"]
    for old in gone:
        for new in dict.fromkeys(come):
            if actual.replace(old, new) == wanted:
                yield (
                    _affix(f"{{}}.replace({old!r}, {new!r})"),
                    lambda value, old=old, new=new: value.replace(old, new),
                )


def _affix(form: str) -> Example:
    # Braces of the text itself must not count as the place of the argument.
    head, _, tail = form.partition("{}")
    escaped = [part.replace("{", "{{").replace("}", "}}") for part in (head, tail)]
    return Example("{}".join(escaped), prior=0.6, literal=True)


def _adder(suffix: str, prefix: str, add: bool) -> Callable[[str], str]:
    if add:
        return lambda value: prefix + value + suffix
    return lambda value: value.removesuffix(suffix).removeprefix(prefix)
