"""Semantic versions (semver.org, 2.0.0)."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from .errors import InvalidVersion

_NUMBER = r"(?:0|[1-9]\d*)"
_IDENTIFIER = r"(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)"
_VERSION = re.compile(
    rf"[v=]?\s*(?P<major>{_NUMBER})\.(?P<minor>{_NUMBER})\.(?P<patch>{_NUMBER})"
    rf"(?:-(?P<pre>{_IDENTIFIER}(?:\.{_IDENTIFIER})*))?"
    r"(?:\+(?P<build>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?",
    re.ASCII,
)


def _identifier_key(identifier: str | int) -> tuple[int, int, str]:
    # Numbers sort below words, whatever their size (semver, 11.4.3).
    if isinstance(identifier, int):
        return (0, identifier, "")
    return (1, 0, identifier)


@functools.total_ordering
@dataclass(frozen=True, eq=False)
class Version:
    """One version; compares by precedence, so without build metadata."""

    major: int
    minor: int = 0
    patch: int = 0
    prerelease: tuple[str | int, ...] = ()
    build: str = ""

    @classmethod
    def parse(cls, text: str | Version) -> Version:
        """Read `text`.

        Raises:
            InvalidVersion: if it is not a full semantic version.
        """
        if isinstance(text, Version):
            return text
        match = _VERSION.fullmatch(text.strip())
        if match is None:
            raise InvalidVersion(f"not a semantic version: {text!r}")
        return cls(
            int(match["major"]),
            int(match["minor"]),
            int(match["patch"]),
            parse_prerelease(match["pre"] or ""),
            match["build"] or "",
        )

    @property
    def release(self) -> tuple[int, int, int]:
        """The three numbers."""
        return (self.major, self.minor, self.patch)

    @property
    def is_prerelease(self) -> bool:
        return bool(self.prerelease)

    def bump(self, part: str) -> Version:
        """The next version: `part` is "major", "minor" or "patch"."""
        if part == "major":
            return Version(self.major + 1)
        if part == "minor":
            return Version(self.major, self.minor + 1)
        if part == "patch":
            return Version(self.major, self.minor, self.patch + 1)
        raise ValueError(f"no such part of a version: {part!r}")

    def _key(self) -> tuple[object, ...]:
        # A release is above all of its pre-releases.
        return (
            self.release,
            not self.prerelease,
            tuple(_identifier_key(identifier) for identifier in self.prerelease),
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Version):
            return NotImplemented
        return self._key() == other._key()

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Version):
            return NotImplemented
        return self._key() < other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __str__(self) -> str:
        text = f"{self.major}.{self.minor}.{self.patch}"
        if self.prerelease:
            text += "-" + ".".join(str(identifier) for identifier in self.prerelease)
        if self.build:
            text += "+" + self.build
        return text


def parse_prerelease(text: str) -> tuple[str | int, ...]:
    """Split "rc.1" into ("rc", 1)."""
    if not text:
        return ()
    return tuple(int(part) if part.isdigit() else part for part in text.split("."))
