"""A patch as rows for a page: files, hunks and lines with syntax colours."""

from __future__ import annotations

from typing import Any

MAX_LINES = 4000
"""Lines of a patch that are shown; a longer one is cut, and says so."""

MAX_COLUMNS = 2000
"""Characters of a line that get colours; a longer line is plain text."""

Token = list[str]
"""A short class name and a text."""


def patch_rows(patch: str) -> list[dict[str, Any]]:
    """Return the files of a patch, each with its lines as lists of tokens.

    Each line is `[sign, old number, new number, tokens]`, where the sign is one of "+", "-",
    " " and "@" (the head of a hunk). What is no patch at all comes as one file of plain lines.
    """
    from unidiff.errors import UnidiffParseError
    from unidiff.patch import PatchSet

    if not patch.strip():
        return []
    try:
        parsed = PatchSet(patch)
    except (UnidiffParseError, ValueError, IndexError):
        parsed = []
    left = MAX_LINES
    files = []
    for file in parsed:
        lexer = _lexer(file.path)
        lines: list[list[Any]] = []
        for hunk in file:
            lines.append(["@", None, None, [["", str(hunk).partition("\n")[0]]]])
            for line in hunk:
                if left <= 0:
                    break
                left -= 1
                sign = line.line_type if line.line_type in "+- " else " "
                tokens = _tokens(line.value.rstrip("\n"), lexer)
                lines.append([sign, line.source_line_no, line.target_line_no, tokens])
        what = "new" if file.is_added_file else "deleted" if file.is_removed_file else ""
        if file.is_rename:
            what = f"renamed from {file.source_file.removeprefix('a/')}"
        if file.is_binary_file:
            what = "binary"
        files.append({"path": file.path, "what": what, "lines": lines})
    if not files:
        plain = [[" ", None, None, [["", line]]] for line in patch.splitlines()[:MAX_LINES]]
        return [{"path": "(not a patch that can be read)", "what": "", "lines": plain}]
    if left <= 0:
        files.append({"path": f"(cut after {MAX_LINES} lines)", "what": "", "lines": []})
    return files


def _lexer(path: str) -> Any:
    from pygments.lexers import get_lexer_for_filename
    from pygments.util import ClassNotFound

    try:
        return get_lexer_for_filename(path, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None


def _tokens(line: str, lexer: Any) -> list[Token]:
    from pygments.token import STANDARD_TYPES

    if lexer is None or len(line) > MAX_COLUMNS:
        return [["", line]]
    merged: list[Token] = []
    for kind, text in lexer.get_tokens(line):
        while kind not in STANDARD_TYPES and kind.parent is not None:
            kind = kind.parent
        name = STANDARD_TYPES.get(kind, "")
        name = "" if name in ("w", "n", "p") else name
        if merged and merged[-1][0] == name:
            merged[-1][1] += text
        else:
            merged.append([name, text])
    return merged
