r"""Structure of regular expressions: alternatives, optional parts, boundaries, members of classes.

The operators are those of mutation testing of patterns (MutRex: Arcaini, Gargantini and
Riccobene, ICST 2017), turned around: a faulty pattern is often one mutation away from the right
one. `patterns` changes single elements, this module what holds them together.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator

from agents.models.symbolic.candidates import Proposal
from agents.models.symbolic.templates.patterns import compiles, inside_of, is_pattern
from agents.models.symbolic.templates.site import Site, on

MAX_PIECES = 40
MAX_ALTERNATIVES = 6
_PIECE = re.compile(
    r"(?P<escape>\\(?:[0-7]{1,3}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.))"
    r"|(?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])"
    r"|(?P<open>\((?:\?(?:P<\w+>|[:=!>]|<[=!]|[aiLmsux-]+:?))?)|(?P<close>\))|(?P<bar>\|)"
    r"|(?P<quantifier>(?:[+*?]|\{\d*,?\d*\})[?+]?)|(?P<anchor>[\^$])|(?P<other>.)",
    re.DOTALL,
)
Change = tuple[int, int, str, float]
"""Start and end in the pattern, what to put there, and how likely that is."""


@on(ast.Constant)
def structure(site: Site, node: ast.AST) -> Iterator[Proposal]:
    """Change how the elements of a pattern hang together."""
    assert isinstance(node, ast.Constant)
    found = inside_of(site, node) if is_pattern(site, node) else None
    if found is None:
        return
    start, inside = found
    for first, last, new, prior in changes(inside):
        changed = inside[:first] + new + inside[last:]
        if changed != inside and compiles(changed):
            note = f"pattern: {inside[first:last] or 'at ' + str(first)} -> {new or 'nothing'}"
            edit = site.edit(start + first, start + last, new)
            yield from site.proposal(node, "regex", prior, note[:90], edit)


def changes(pattern: str) -> list[Change]:
    """Return the structural changes of a pattern; some may not compile."""
    pieces = list(_PIECE.finditer(pattern))[: 3 * MAX_PIECES]
    found: list[Change] = []
    end = len(pattern)
    for text, prior in ((r"\b", 0.3), (r"(?<!\w)", 0.25), (r"(?<!\\)", 0.2), (r"\s*", 0.25)):
        place = 1 if pattern.startswith("^") else 0
        found.append((place, place, text, prior))
    for text, prior in ((r"\b", 0.3), (r"(?!\w)", 0.25), (r"\s*", 0.25), (r"(?=\s|$)", 0.2)):
        place = end - 1 if pattern.endswith("$") and not pattern.endswith("\\$") else end
        found.append((place, place, text, prior))
    for number, piece in enumerate(pieces):
        following = pieces[number + 1] if number + 1 < len(pieces) else None
        repeated = following is not None and following["quantifier"] is not None
        found += _of_piece(piece, repeated=repeated)
    for first, last in _groups(pieces):
        found += _of_group(pattern, first, last)
    bars = [piece.start() for piece in pieces if piece["bar"] and not _inside(piece, pieces)]
    found += _of_alternatives(pattern, 0, end, bars)
    return found


def _of_piece(piece: re.Match[str], *, repeated: bool) -> list[Change]:
    first, last, text = piece.start(), piece.end(), piece[0]
    if piece["set"]:
        return [(first, last, new, prior) for new, prior in _smaller_sets(text)] + (
            [] if repeated else [(last, last, "+", 0.3), (last, last, "?", 0.3)]
        )
    if piece["escape"] and text in (r"\b", r"\B", r"\A", r"\Z"):
        return [(first, last, "", 0.3)]
    if piece["escape"] or piece["other"]:
        prior = 0.08 if text.isalnum() else 0.25
        made: list[Change] = [] if repeated else [(last, last, "?", prior)]
        if text == " ":
            made += [(first, last, r"\s", 0.3), (first, last, r"\s+", 0.3)]
            made += [(first, last, r"\s*", 0.3), (first, last, " *", 0.25)]
        elif text == "." and not repeated:
            made += [(last, last, "+", 0.2), (last, last, "*", 0.2)]
        return made
    if piece["quantifier"] and text.startswith("{"):
        numbers = [int(n) for n in re.findall(r"\d+", text)]
        if len(numbers) == 1 and "," not in text:
            n = numbers[0]
            options = [f"{{{n},}}", f"{{1,{n}}}", f"{{{n + 1}}}", f"{{{n},{n + 1}}}"]
        elif len(numbers) == 2:
            low, high = numbers
            options = [f"{{{low},}}", f"{{{low},{high + 1}}}", f"{{{max(0, low - 1)},{high}}}"]
        else:
            options = []
        return [(first, last, option, 0.35) for option in options]
    return []


def _smaller_sets(text: str) -> list[tuple[str, float]]:
    """Return a class without one of its members, negated ones too; at most six."""
    head = "[^" if text.startswith("[^") else "["
    members = re.findall(r"\\.|.-[^\]]|.", text[len(head) : -1], re.DOTALL)
    if len(members) < 2:
        return []
    return [
        (head + "".join(m for i, m in enumerate(members) if i != place) + "]", 0.25)
        for place in range(min(6, len(members)))
    ]


def _groups(pieces: list[re.Match[str]]) -> Iterator[tuple[re.Match[str], re.Match[str]]]:
    """Yield the opening and closing piece of each group."""
    opened: list[re.Match[str]] = []
    for piece in pieces:
        if piece["open"]:
            opened.append(piece)
        elif piece["close"] and opened:
            yield opened.pop(), piece


def _of_group(pattern: str, first: re.Match[str], last: re.Match[str]) -> list[Change]:
    begin, end = first.end(), last.start()
    found: list[Change] = []
    looks = first[0][1:3] in ("?=", "?!", "?<") and not first[0].startswith("(?<P")
    if pattern[last.end() : last.end() + 1] not in ("?", "*", "+", "{") and not looks:
        found.append((last.end(), last.end(), "?", 0.35))
    if first[0] in ("(?=", "(?!", "(?<=", "(?<!"):
        found.append((first.start(), last.end(), "", 0.3))
        other = {"(?=": "(?!", "(?!": "(?=", "(?<=": "(?<!", "(?<!": "(?<="}[first[0]]
        found.append((first.start(), first.end(), other, 0.2))
    inner = list(_PIECE.finditer(pattern, begin, end))
    bars = [piece.start() for piece in inner if piece["bar"] and not _inside(piece, inner)]
    return found + _of_alternatives(pattern, begin, end, bars)


def _inside(piece: re.Match[str], pieces: list[re.Match[str]]) -> bool:
    """Whether a piece lies in a group of these pieces."""
    return any(a.start() < piece.start() < b.start() for a, b in _groups(pieces))


def _of_alternatives(pattern: str, begin: int, end: int, bars: list[int]) -> list[Change]:
    """Exchange two neighbouring alternatives (the first that fits wins), or leave one out."""
    if not bars or len(bars) >= MAX_ALTERNATIVES:
        return []
    edges = [begin - 1, *bars, end]
    parts = [pattern[a + 1 : b] for a, b in itertools.pairwise(edges)]
    found: list[Change] = []
    for place in range(len(parts) - 1):
        order = [*parts]
        order[place], order[place + 1] = order[place + 1], order[place]
        found.append((begin, end, "|".join(order), 0.35))
    for place in range(len(parts)):
        found.append((begin, end, "|".join(parts[:place] + parts[place + 1 :]), 0.2))
    if len(parts) > 2:
        found.append((begin, end, "|".join(reversed(parts)), 0.3))
    return found
