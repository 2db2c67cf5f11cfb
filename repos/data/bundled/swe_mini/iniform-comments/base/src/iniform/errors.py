"""Errors of the package."""


class IniError(Exception):
    """The base of all errors here."""


class SyntaxProblem(IniError):
    """A line that can't be read.

    Attributes:
        line: the line's number, from 1.
    """

    def __init__(self, message, line):
        super().__init__(f"line {line}: {message}")
        self.line = line


class InterpolationError(IniError):
    """A reference to something that isn't there, or to itself."""


class ConversionError(IniError, ValueError):
    """A value that isn't of the wanted type."""
