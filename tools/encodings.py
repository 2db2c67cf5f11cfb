"""Files that are no UTF-8: which there are, and how ripgrep is told to read them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tools.files import decode
from tools.paths import ripgrep
from tools.result import ToolError

if TYPE_CHECKING:
    from repos.sandbox.workspace import Workspace

MAX_FILES = 500
"""Files of other encodings that one search reads."""

_MAX_BYTES = 8 << 20
_MAX_OUTPUT = 4 << 20
# A byte that begins no character of UTF-8, or a character that is cut short.
_NO_UTF8 = (
    r"(?-u)(?:[\xc2-\xdf](?:[^\x80-\xbf]|$)|[\xe0-\xef](?:[^\x80-\xbf]|$)"
    r"|[\xe0-\xef][\x80-\xbf](?:[^\x80-\xbf]|$)|[\xf0-\xf4](?:[^\x80-\xbf]|$)"
    r"|[\xc0\xc1\xf5-\xff]|(?:^|[\x00-\x7f])[\x80-\xbf])"
)
_ASCII_ONLY = re.compile(r"(?:[^.\\\[(^$]|\\[^A-Za-z0-9]|\\[bdstnr]|\^|\$|\((?!\?)|\[(?!\^))*")
# Encoding labels that ripgrep knows under another name than Python.
_LABELS = {"latin-1": "iso-8859-1", "latin1": "iso-8859-1", "koi8r": "koi8-r", "koi8u": "koi8-u"}


def may_match_other(pattern: str, literal: bool) -> bool:
    """Whether a pattern can match a character beyond ASCII, and so a line that is no UTF-8."""
    if not pattern.isascii():
        return True
    return not literal and _ASCII_ONLY.fullmatch(pattern) is None


def other_encodings(workspace: Workspace, place: str, glob: str) -> dict[str, str]:
    """Return the text files that are no UTF-8, each with the label of its encoding.

    Args:
        workspace: Where.
        place: File or folder to search.
        glob: Only paths that match; "" is any.
    """
    arguments = ["--files-with-matches", "--null", "--encoding", "none", "--regexp", _NO_UTF8]
    done = ripgrep(workspace, arguments, [place], glob=glob, max_output=_MAX_OUTPUT, timeout_s=20.0)
    names = done.stdout.decode("utf-8", "surrogateescape").split("\0")[:-1]
    found: dict[str, str] = {}
    for name in sorted(names)[:MAX_FILES]:
        try:
            file = decode(workspace.read(name, max_bytes=_MAX_BYTES), name)
        except (OSError, ToolError):
            continue
        # A byte order mark tells ripgrep the encoding.
        if file.encoding != "utf-8" and not file.bom:
            found[name.removeprefix("./")] = _LABELS.get(file.encoding, file.encoding)
    return found
