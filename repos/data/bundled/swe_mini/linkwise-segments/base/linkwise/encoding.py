"""Percent-encoding (RFC 3986, section 2)."""

from __future__ import annotations

import re
import string

UNRESERVED = frozenset(string.ascii_letters + string.digits + "-._~")
SUB_DELIMS = frozenset("!$&'()*+,;=")
SEGMENT = UNRESERVED | SUB_DELIMS | frozenset(":@")
FRAGMENT = SEGMENT | frozenset("/?")
# In a query "&", "+" and "=" have a meaning of their own.
QUERY_PART = FRAGMENT - frozenset("&+=;")

_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")


def encode(text: str, allowed: frozenset[str]) -> str:
    """Encode every character that isn't in `allowed`, as UTF-8."""
    return "".join(
        char if char in allowed else "".join(f"%{byte:02X}" for byte in char.encode("utf-8"))
        for char in text
    )


def decode(text: str) -> str:
    """Undo percent-encoding; bytes that aren't UTF-8 stay encoded."""

    def replace(match: re.Match[str]) -> str:
        data = bytes.fromhex(match[0].replace("%", ""))
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return match[0]

    return _ESCAPES.sub(replace, text)


def encode_segment(text: str) -> str:
    """Encode plain text as one segment of a path."""
    return encode(text, SEGMENT)


def canonical(text: str) -> str:
    """Upper-case escapes, and none for characters that need none."""

    def replace(match: re.Match[str]) -> str:
        char = chr(int(match[1], 16))
        return char if char in UNRESERVED else match[0].upper()

    return _ESCAPE.sub(replace, text)
