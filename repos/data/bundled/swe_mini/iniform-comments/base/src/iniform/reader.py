"""Reading text into a document."""

from __future__ import annotations

import re
from os import PathLike

from .document import Config, Section
from .errors import SyntaxProblem
from .text import is_quoted, strip_comment, unquote

_HEADER = re.compile(r"\[(?P<name>[^\]]*)\](?P<rest>.*)")
_OPTION = re.compile(r"(?P<key>[^\s=:][^=:]*?)\s*[=:]\s*(?P<value>.*)")
_BLANK_OR_COMMENT = re.compile(r"\s*(?:[#;].*)?")


class _Reader:
    """The state of reading: the current section and option."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.section: Section = config.section("")
        self.key: str | None = None
        self.closed = False  # the current value was quoted and can't go on

    def feed(self, number: int, line: str) -> None:
        if _BLANK_OR_COMMENT.fullmatch(line):
            if not line.strip():
                self.key = None
            return
        if line[0].isspace():
            self._continue(number, line)
        elif line.startswith("["):
            self._header(number, line)
        else:
            self._option(number, line)

    def _header(self, number: int, line: str) -> None:
        match = _HEADER.fullmatch(line)
        if match is None:
            raise SyntaxProblem("the section's bracket is never closed", number)
        name = match["name"].strip()
        if not name:
            raise SyntaxProblem("a section needs a name", number)
        if strip_comment(match["rest"]):
            raise SyntaxProblem(f"unexpected text behind [{name}]", number)
        self.section = self.config.section(name)
        self.key = None

    def _option(self, number: int, line: str) -> None:
        match = _OPTION.fullmatch(line)
        if match is None:
            raise SyntaxProblem(f"expected 'key = value', found {line!r}", number)
        key, value = match["key"], match["value"]
        if key in self.section.raw:
            raise SyntaxProblem(f"{key!r} appears twice in [{self.section.name}]", number)
        self.key = key
        self.closed = is_quoted(value)
        if self.closed:
            try:
                value = unquote(value)
            except ValueError as error:
                raise SyntaxProblem(str(error), number) from error
        else:
            value = strip_comment(value)
        self.section.raw[key] = value

    def _continue(self, number: int, line: str) -> None:
        if self.key is None:
            raise SyntaxProblem("an indented line, but nothing to continue", number)
        if self.closed:
            raise SyntaxProblem("a quoted value can't be continued", number)
        more = strip_comment(line)
        self.section.raw[self.key] = f"{self.section.raw[self.key]}\n{more}".strip("\n")


def loads(text: str) -> Config:
    """Read a document from `text`.

    Raises:
        SyntaxProblem: at the first line that can't be read.
    """
    config = Config()
    reader = _Reader(config)
    for number, line in enumerate(text.splitlines(), 1):
        reader.feed(number, line.rstrip())
    return config


def load(path: str | PathLike[str]) -> Config:
    """Read a document from a UTF-8 file."""
    with open(path, encoding="utf-8-sig") as file:
        return loads(file.read())
