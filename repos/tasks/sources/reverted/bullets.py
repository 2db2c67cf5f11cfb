"""The items of a changelog entry."""

from __future__ import annotations

import hashlib
import re

MARK = re.compile(r"\s*([-*+•]|\d+[.)])\s+")
HEADING = re.compile(r"\W*(\w+ ?){1,3}:?\W*")
LEAST = 12
"""Characters below which an item says nothing."""


def bullets(entry: str) -> list[str]:
    """Return the items of a cleaned entry, each on one line, without their marks.

    Args:
        entry: As `repos.tasks.sources.pypi.changelog.clean_entry` returns it.
    """
    found: list[str] = []
    current: list[str] = []
    for line in [*entry.splitlines(), ""]:
        text = line.strip()
        if current and (not text or MARK.match(line)):
            found.append(" ".join(current))
            current = []
        heading = text.startswith("#") or (not current and HEADING.fullmatch(text))
        if text and not (heading and not MARK.match(line)):
            current.append(MARK.sub("", line, count=1).strip() if not current else text)
    return [item for item in found if len(item) > LEAST]


def bullet_digest(text: str) -> str:
    """Return the SHA-256 of an item."""
    return hashlib.sha256(text.encode()).hexdigest()
