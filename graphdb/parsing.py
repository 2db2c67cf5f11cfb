"""What all tree-sitter languages share: bounded parsing and tidy one-line texts."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from graphdb.schema import SIGNATURE_LIMIT

if TYPE_CHECKING:
    from tree_sitter import Node, Parser, Tree

_SPACE = re.compile(rb"\s+")

#: Files up to this many bytes parse so fast that no clock is needed.
_SMALL = 200_000

#: CPU seconds one file may take to parse; pathological text can make error recovery slow.
PARSE_SECONDS = 10.0


class ParseTimeoutError(Exception):
    """Parsing a file took longer than its limit."""


def parse(parser: Parser, source: bytes, seconds: float = PARSE_SECONDS) -> Tree:
    """Parse one file within a time limit.

    Args:
        parser: The parser, with its language set.
        source: The file's bytes, UTF-8.
        seconds: Limit in CPU seconds.

    Raises:
        ParseTimeoutError: The limit was hit.
    """
    if len(source) <= _SMALL:
        return parser.parse(source)
    deadline = time.process_time() + seconds

    def read(offset: int, _point: object) -> bytes:
        return source[offset : offset + 65_536]

    def stop(_offset: int, _error: bool) -> bool:
        return time.process_time() > deadline

    try:
        return parser.parse(read, progress_callback=stop)
    except ValueError as error:
        parser.reset()
        raise ParseTimeoutError(f"parsing took longer than {seconds:g} s") from error


def one_line(source: bytes, start: int, end: int, limit: int = SIGNATURE_LIMIT) -> str:
    """Source text from `start` to `end` on one line, cut to `limit` characters."""
    text = _SPACE.sub(b" ", source[start : min(end, start + 4 * limit)]).strip()
    shown = text.decode("utf-8", "replace")
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def first_broken_line(root: Node) -> int:
    """First line (from 1) of a node that did not parse, 0 where all did."""
    if not root.has_error:
        return 0
    node = root
    while True:
        inner = next((c for c in node.children if c.has_error or c.is_missing or c.is_error), None)
        if inner is None:
            return node.start_point.row + 1
        if inner.is_error or inner.is_missing:
            return inner.start_point.row + 1
        node = inner
