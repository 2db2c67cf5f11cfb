"""Comments, quotes and escapes inside of a value."""

from __future__ import annotations

import re

_COMMENT = re.compile(r"\s*[#;].*$")
_QUOTED = re.compile(r'"(?P<body>(?:[^"\\]|\\.)*)"(?P<rest>.*)')
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}
_UNESCAPES = {"\n": "\\n", "\t": "\\t", '"': '\\"', "\\": "\\\\"}
_SPECIAL = re.compile(r'[#;"\n\t\\]|^\s|\s$')


def strip_comment(text: str) -> str:
    """Cut off a comment at the end of `text`, and the blanks around."""
    return _COMMENT.sub("", text).strip()


def is_quoted(text: str) -> bool:
    """Whether the value starts with a quote."""
    return text.lstrip().startswith('"')


def unquote(text: str) -> str:
    """The content of a quoted value; a comment may follow it.

    Raises:
        ValueError: if the quote isn't closed, something other than a comment
            follows it, or an escape is unknown.
    """
    match = _QUOTED.fullmatch(text.strip())
    if match is None:
        raise ValueError("the quote is never closed")
    rest = match["rest"].strip()
    if rest and rest[0] not in "#;":
        raise ValueError(f"unexpected text behind the quote: {rest!r}")

    def expand(escape: re.Match[str]) -> str:
        try:
            return _ESCAPES[escape[1]]
        except KeyError:
            raise ValueError(f"unknown escape {escape[0]!r}") from None

    return _ESCAPE.sub(expand, match["body"])


def quote(text: str) -> str:
    """`text` in quotes, with escapes."""
    return '"' + "".join(_UNESCAPES.get(char, char) for char in text) + '"'


def needs_quotes(text: str) -> bool:
    """Whether `text` would be read back as something else without quotes."""
    return not text or _SPECIAL.search(text) is not None
