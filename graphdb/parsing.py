"""What all tree-sitter languages share: bounded parsing and tidy one-line texts."""

from __future__ import annotations

import re
import time
from itertools import accumulate
from typing import TYPE_CHECKING

from graphdb.schema import SIGNATURE_LIMIT

if TYPE_CHECKING:
    from tree_sitter import Node, Parser, Query, Tree

_SPACE = re.compile(rb"\s+")

#: Files up to this many bytes are so fast, whatever they hold, that no clock is needed.
_SMALL = 20_000

#: CPU seconds that parsing one file may take: error recovery is quadratic in the worst case.
PARSE_SECONDS = 4.0


#: Deeper nesting of brackets is refused: tree-sitter can overflow the stack on it.
MAX_DEPTH = 1500

_BRACKETS = {ord(c): 1 for c in "([{"} | {ord(c): -1 for c in ")]}"}
_OTHERS = bytes(code for code in range(256) if code not in _BRACKETS)


class ParseTimeoutError(Exception):
    """A file takes too long to parse, or is nested too deeply to try."""


def parse(parser: Parser, source: bytes, seconds: float = PARSE_SECONDS) -> Tree:
    """Parse one file within a time limit.

    Args:
        parser: The parser, with its language set.
        source: The file's bytes, UTF-8.
        seconds: Limit in CPU seconds.

    Raises:
        ParseTimeoutError: The limit was hit, or brackets are nested too deeply.
    """
    brackets = source.translate(None, _OTHERS)
    if len(brackets) > MAX_DEPTH:
        depth = max(accumulate(map(_BRACKETS.__getitem__, brackets)))
        if depth > MAX_DEPTH:
            raise ParseTimeoutError(
                f"brackets are nested {depth:,} deep, the limit is {MAX_DEPTH:,}"
            )
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


def captures(query: Query, root: Node) -> dict[str, list[Node]]:
    """Nodes that a query captures, in no fixed order; none from below :data:`MAX_DEPTH`.

    The depth is what bounds the time, which grows with its square. A progress callback can't: with
    one the binding (0.25 and 0.26) crashes on deep trees.
    """
    from tree_sitter import QueryCursor

    cursor = QueryCursor(query)
    cursor.set_max_start_depth(MAX_DEPTH)
    return cursor.captures(root)


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
