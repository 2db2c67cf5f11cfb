"""Values as Python objects."""

from __future__ import annotations

import re

from .errors import ConversionError

_TRUE = {"1", "yes", "true", "on"}
_FALSE = {"0", "no", "false", "off"}
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)?\s*")


def integer(text: str) -> int:
    """A whole number; "0x", "0o" and "0b" and underscores are understood."""
    try:
        return int(text, 0) if re.match(r"[+-]?0[xob]", text, re.I) else int(text)
    except ValueError:
        raise ConversionError(f"not a whole number: {text!r}") from None


def number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConversionError(f"not a number: {text!r}") from None


def boolean(text: str) -> bool:
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ConversionError(f"not yes or no: {text!r}")


def seconds(text: str) -> float:
    """A duration like "1h 30m" or "250ms"; without a unit it is seconds."""
    position = 0
    total = 0.0
    text = text.strip()
    while position < len(text):
        match = _AMOUNT.match(text, position)
        if match is None:
            break
        total += float(match[1]) * _UNITS[match[2] or "s"]
        position = match.end()
    if not text or position < len(text):
        raise ConversionError(f"not a duration: {text!r}")
    return total


def listing(text: str) -> list[str]:
    """Items separated by commas or line breaks; empty ones don't count."""
    return [item.strip() for item in re.split(r"[,\n]", text) if item.strip()]
