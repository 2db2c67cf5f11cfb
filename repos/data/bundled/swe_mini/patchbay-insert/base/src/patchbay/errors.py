"""Errors of the package."""


class PatchError(Exception):
    """The base of all errors here."""


class ParseError(PatchError, ValueError):
    """A text that isn't a unified diff.

    Attributes:
        line: the number of the line at fault, from 1.
    """

    def __init__(self, message, line):
        super().__init__(f"line {line}: {message}")
        self.line = line


class ApplyError(PatchError):
    """A hunk that doesn't fit the text.

    Attributes:
        hunk: the hunk.
        number: its number in the patch, from 1.
    """

    def __init__(self, hunk, number):
        super().__init__(f"hunk {number} ({hunk.header}) doesn't fit")
        self.hunk = hunk
        self.number = number
