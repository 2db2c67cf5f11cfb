"""Words of identifiers: what two names have in common, and how one becomes the other.

A new function is mostly a variation of an existing one (Barr et al., "The Plastic Surgery
Hypothesis", FSE 2014): its code is the sibling's with the words of its name exchanged, and with
what goes along with them (`startswith` with `prefix`, `endswith` with `suffix`).
"""

from __future__ import annotations

import difflib
import re

_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_AXES: tuple[tuple[tuple[str, str], ...], ...] = (
    (
        ("prefix", "suffix"), ("start", "end"), ("starts", "ends"), ("startswith", "endswith"),
        ("removeprefix", "removesuffix"), ("left", "right"), ("first", "last"),
        ("lstrip", "rstrip"),
        ("ljust", "rjust"), ("find", "rfind"), ("index", "rindex"), ("split", "rsplit"),
        ("partition", "rpartition"), ("before", "after"), ("head", "tail"), ("begin", "end"),
        ("prepend", "append"), ("next", "previous"), ("next", "prev"), ("forward", "backward"),
        ("front", "back"), ("appendleft", "append"), ("popleft", "pop"), ("leading", "trailing"),
        ("top", "bottom"), ("up", "down"), ("bisect_left", "bisect_right"),
    ),
    (
        ("min", "max"), ("minimum", "maximum"), ("lower", "upper"), ("lowercase", "uppercase"),
        ("islower", "isupper"), ("floor", "ceil"), ("less", "greater"), ("lt", "gt"), ("le", "ge"),
        ("smallest", "largest"), ("nsmallest", "nlargest"), ("shortest", "longest"),
        ("ascending", "descending"), ("older", "newer"), ("oldest", "newest"), ("past", "future"),
        ("floor", "ceiling"), ("before", "after"), ("low", "high"), ("below", "above"),
    ),
    (
        ("add", "remove"), ("add", "discard"), ("append", "remove"), ("add", "sub"),
        ("add", "subtract"), ("plus", "minus"), ("push", "pop"), ("insert", "delete"),
        ("union", "intersection"), ("any", "all"), ("include", "exclude"), ("increase", "decrease"),
        ("increment", "decrement"), ("enable", "disable"), ("enabled", "disabled"),
        ("True", "False"), ("allow", "deny"), ("show", "hide"), ("mul", "truediv"), ("and", "or"),
        ("open", "close"), ("lock", "unlock"), ("acquire", "release"), ("start", "stop"),
        ("register", "unregister"), ("set", "unset"), ("connect", "disconnect"),
    ),
    (
        ("encode", "decode"), ("encoder", "decoder"), ("encoded", "decoded"), ("dumps", "loads"),
        ("dump", "load"), ("read", "write"), ("get", "set"), ("getattr", "setattr"),
        ("serialize", "deserialize"), ("quote", "unquote"), ("escape", "unescape"),
        ("pack", "unpack"), ("parse", "format"), ("getter", "setter"), ("input", "output"),
        ("source", "target"), ("request", "response"), ("send", "receive"), ("to", "from"),
    ),
    (
        ("row", "column"), ("rows", "columns"), ("row", "col"), ("width", "height"), ("x", "y"),
        ("horizontal", "vertical"), ("key", "value"), ("keys", "values"), ("ljust", "center"),
        ("list", "tuple"), ("sync", "async"), ("str", "bytes"), ("int", "float"),
        ("hours", "minutes"), ("days", "hours"), ("json", "yaml"), ("year", "month"),
    ),
)  # fmt: skip


def words(name: str) -> list[str]:
    """Return the words of an identifier, in lower case."""
    return [word.lower() for word in _WORDS.findall(name)]


def same(one: str, two: str) -> bool:
    """Whether two names are equal up to case, underscores and a plural."""
    if one == two:
        return False
    a, b = "".join(words(one)), "".join(words(two))
    return bool(a) and (a == b or a.removesuffix("s") == b.removesuffix("s"))


def likeness(one: str, two: str) -> float:
    """Return how alike two names are, 0 to 1: common words, in order."""
    a, b = words(one), words(two)
    if not a or not b or a == b:
        return 0.0
    common = sum(m.size for m in difflib.SequenceMatcher(None, a, b, False).get_matching_blocks())
    shape = 0.1 if len(a) == len(b) else 0.0
    turned = 0.35 if _opposite(a, b) else 0.0
    near = 0.15 * difflib.SequenceMatcher(None, one.lower(), two.lower(), False).ratio()
    return min(1.0, 2.0 * common / (len(a) + len(b)) * 0.75 + shape + turned + near)


def _pairs_of(a: list[str], b: list[str]) -> list[tuple[str, str]]:
    """Return the words of `a` that became words of `b`, joined runs as one."""
    found = []
    for tag, i, j, k, m in difflib.SequenceMatcher(None, a, b, False).get_opcodes():
        if tag == "replace":
            if j - i == m - k:
                found += list(zip(a[i:j], b[k:m], strict=True))
            else:
                found.append(("_".join(a[i:j]), "_".join(b[k:m])))
    return found


def _opposite(a: list[str], b: list[str]) -> bool:
    pairs = _pairs_of(a, b)
    return any({x, y} == set(pair) for x, y in pairs for axis in _AXES for pair in axis)


def opposite(one: str, two: str) -> bool:
    """Whether two names differ by words that are opposites."""
    return _opposite(words(one), words(two))


def exchanges(old: str, new: str) -> list[dict[str, str]]:
    """Return what to exchange to turn code of `old` into code of `new`, the likeliest first.

    The second entry has what goes along with the words that differ.
    """
    pairs = _pairs_of(words(old), words(new))
    plain = {a: b for a, b in pairs if a != b}
    found = [plain]
    wide = dict(plain)
    for a, b in pairs:
        for axis in _AXES:
            for x, y in axis:
                if (a, b) in ((x, y), (y, x)):
                    for u, v in axis:
                        wide.setdefault(*((u, v) if (a, b) == (x, y) else (v, u)))
                        wide.setdefault(*((v, u) if (a, b) == (x, y) else (u, v)))
    if wide != plain:
        found.insert(0, {**wide, **plain})
    return found


def exchanged(text: str, table: dict[str, str]) -> str:
    """Return text with words exchanged, in identifiers and literals; case is kept."""
    if not table:
        return text
    whole = {old: new for old, new in table.items() if old.isalpha()}

    def word(match: re.Match[str]) -> str:
        return _cased(match[0], whole.get(match[0].lower(), "")) or match[0]

    def identifier(match: re.Match[str]) -> str:
        found = match[0]
        if found in whole:
            return whole[found]
        lowered = found.lower()
        for old, new in table.items():
            if "_" in old and old in lowered:
                return found.replace(old, new)
        return _WORDS.sub(word, found)

    return re.sub(r"[A-Za-z_][A-Za-z0-9_]*", identifier, text)


def _cased(old: str, new: str) -> str:
    if not new:
        return ""
    if old.isupper() and len(old) > 1:
        return new.upper()
    return new[:1].upper() + new[1:] if old[:1].isupper() else new
