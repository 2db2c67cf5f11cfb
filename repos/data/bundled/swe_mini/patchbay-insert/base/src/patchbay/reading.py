"""Reading diffs."""

from __future__ import annotations

from .errors import ParseError
from .hunks import ADD, KEEP, NO_NEWLINE, REMOVE, Header, Hunk, Line
from .patches import FilePatch
from .text import split


class _Reader:
    def __init__(self, text: str) -> None:
        self.lines = split(text)
        self.index = 0

    def peek(self, ahead: int = 0) -> str:
        position = self.index + ahead
        return self.lines[position] if position < len(self.lines) else ""

    def problem(self, message: str) -> ParseError:
        return ParseError(message, self.index + 1)

    def files(self) -> list[FilePatch]:
        files: list[FilePatch] = []
        while self.index < len(self.lines):
            if self.peek().startswith("--- ") and self.peek(1).startswith("+++ "):
                files.append(self.file())
            elif Header.read(self.peek()) is not None:
                raise self.problem("a hunk without a file")
            else:
                self.index += 1
        return files

    def file(self) -> FilePatch:
        old_path, new_path = _path(self.peek()), _path(self.peek(1))
        self.index += 2
        hunks: list[Hunk] = []
        while (header := Header.read(self.peek())) is not None:
            self.index += 1
            hunks.append(self.hunk(header))
        if not hunks:
            raise self.problem("a file without a hunk")
        return FilePatch(old_path, new_path, tuple(hunks))

    def hunk(self, header: Header) -> Hunk:
        lines: list[Line] = []
        old_left, new_left = header.old_count, header.new_count
        while old_left > 0 or new_left > 0:
            text = self.peek()
            if not text:
                raise self.problem("the hunk ends too early")
            # Some mailers cut the blank off an empty unchanged line.
            tag, rest = (KEEP, text) if text == "\n" else (text[0], text[1:])
            if tag not in (KEEP, ADD, REMOVE):
                raise self.problem(f"unexpected {text.rstrip()!r} in a hunk")
            old_left -= tag != ADD
            new_left -= tag != REMOVE
            if old_left < 0 or new_left < 0:
                raise self.problem("more lines in the hunk than its header says")
            self.index += 1
            if self.peek().startswith(NO_NEWLINE[:2]):
                rest = rest.removesuffix("\n")
                self.index += 1
            lines.append(Line(tag, rest))
        return Hunk(header.old_start, header.new_start, tuple(lines), header.section)


def _path(line: str) -> str:
    """The path of a "---" or "+++" line; a tab starts the date."""
    return line[4:].rstrip("\n").split("\t")[0].strip()


def parse(text: str) -> list[FilePatch]:
    """Read a diff of any number of files.

    Raises:
        ParseError: at the first line that doesn't belong into a hunk.
    """
    return _Reader(text).files()
