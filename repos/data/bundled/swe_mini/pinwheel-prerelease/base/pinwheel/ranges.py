"""Version ranges in npm's notation."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable
from dataclasses import dataclass

from .errors import InvalidRange
from .version import Version, parse_prerelease

_OPERATORS = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_WILD = {"x", "X", "*"}
_PARTIAL = (
    r"v?(?P<major>\d+|[xX*])(?:\.(?P<minor>\d+|[xX*])(?:\.(?P<patch>\d+|[xX*])"
    r"(?:-(?P<pre>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?)?)?"
)
_SIMPLE = re.compile(rf"(?P<op>\^|~|<=|>=|<|>|=)?\s*{_PARTIAL}", re.ASCII)
_HYPHEN = re.compile(r"(?P<low>\S+)\s+-\s+(?P<high>\S+)")


@dataclass(frozen=True)
class Comparator:
    """One comparison, like ">=1.2.0"."""

    op: str
    version: Version

    def matches(self, version: Version) -> bool:
        """Whether the comparison holds, by precedence alone."""
        return _OPERATORS[self.op](version, self.version)

    def __str__(self) -> str:
        return f"{'' if self.op == '=' else self.op}{self.version}"


@dataclass(frozen=True)
class _Partial:
    """A version of which the last parts may be missing."""

    major: int | None
    minor: int | None
    patch: int | None
    prerelease: tuple[str | int, ...] = ()

    @classmethod
    def from_match(cls, match: re.Match[str]) -> _Partial:
        numbers: list[int | None] = []
        for name in ("major", "minor", "patch"):
            text = match[name]
            wild = text is None or text in _WILD or (bool(numbers) and numbers[-1] is None)
            numbers.append(None if wild else int(text))
        pre = parse_prerelease(match["pre"] or "") if numbers[-1] is not None else ()
        return cls(numbers[0], numbers[1], numbers[2], pre)

    def lowest(self) -> Version:
        return Version(self.major or 0, self.minor or 0, self.patch or 0, self.prerelease)

    def after(self) -> Version | None:
        """The first release beyond all that start like this; None for "*"."""
        if self.major is None:
            return None
        if self.minor is None:
            return Version(self.major + 1)
        if self.patch is None:
            return Version(self.major, self.minor + 1)
        return Version(self.major, self.minor, self.patch + 1)

    @property
    def full(self) -> bool:
        return self.patch is not None


def _between(low: Version, high: Version | None) -> list[Comparator]:
    comparators = [Comparator(">=", low)]
    if high is not None:
        comparators.append(Comparator("<", high))
    return comparators


def _caret(partial: _Partial) -> list[Comparator]:
    if partial.major is None:
        return _between(partial.lowest(), None)
    if partial.major > 0 or partial.minor is None:
        high = Version(partial.major + 1)
    elif partial.minor > 0 or partial.patch is None:
        high = Version(0, partial.minor + 1)
    else:
        high = Version(0, 0, partial.patch + 1)
    return _between(partial.lowest(), high)


def _tilde(partial: _Partial) -> list[Comparator]:
    if partial.major is None or partial.minor is None:
        return _between(partial.lowest(), partial.after())
    return _between(partial.lowest(), Version(partial.major, partial.minor + 1))


def _compare(op: str, partial: _Partial) -> list[Comparator]:
    if partial.full:
        return [Comparator(op, partial.lowest())]
    after = partial.after()
    if op == "=":
        return _between(partial.lowest(), after)
    if op == ">=":
        return [Comparator(">=", partial.lowest())]
    if op == "<":
        return [Comparator("<", partial.lowest())]
    if op == ">":
        # ">1.2" starts beyond all of 1.2; nothing is beyond "*".
        return [Comparator("<", Version(0))] if after is None else [Comparator(">=", after)]
    return _between(Version(0), after)


def _parse_simple(text: str) -> list[Comparator]:
    match = _SIMPLE.fullmatch(text)
    if match is None:
        raise InvalidRange(f"not a version range: {text!r}")
    partial = _Partial.from_match(match)
    op = match["op"] or "="
    if op == "^":
        return _caret(partial)
    if op == "~":
        return _tilde(partial)
    return _compare(op, partial)


def _parse_all(text: str) -> tuple[Comparator, ...]:
    text = text.strip()
    if not text:
        return tuple(_parse_simple("*"))
    hyphen = _HYPHEN.fullmatch(text)
    if hyphen is not None:
        low = _parse_simple(">=" + hyphen["low"])
        return tuple(low + _parse_simple("<=" + hyphen["high"]))
    # "> 1.2" is one comparison, so an operator takes the blanks after it along.
    joined = re.sub(r"(\^|~|<=|>=|<|>|=)\s+", r"\1", text)
    comparators: list[Comparator] = []
    for word in joined.split():
        comparators.extend(_parse_simple(word))
    return tuple(comparators)


@dataclass(frozen=True)
class Range:
    """Alternatives, each a set of comparators that must all hold."""

    alternatives: tuple[tuple[Comparator, ...], ...]
    text: str = ""

    @classmethod
    def parse(cls, text: str | Range) -> Range:
        """Read a range; the empty text means any release.

        Raises:
            InvalidRange: if the text is not a range.
        """
        if isinstance(text, Range):
            return text
        return cls(tuple(_parse_all(part) for part in text.split("||")), text.strip() or "*")

    def matches(self, version: str | Version) -> bool:
        """Whether `version` satisfies one of the alternatives."""
        version = Version.parse(version)
        return any(_satisfies(version, comparators) for comparators in self.alternatives)

    def select(self, versions: Iterable[str | Version]) -> list[Version]:
        """The versions that match, highest first."""
        parsed = {Version.parse(version) for version in versions}
        return sorted((v for v in parsed if self.matches(v)), reverse=True)

    def __str__(self) -> str:
        return self.text


def _satisfies(version: Version, comparators: tuple[Comparator, ...]) -> bool:
    if not all(comparator.matches(version) for comparator in comparators):
        return False
    if not version.is_prerelease:
        return True
    return any(comparator.version.is_prerelease for comparator in comparators)
