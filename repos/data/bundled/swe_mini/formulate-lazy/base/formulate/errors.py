"""Errors of the package."""


class FormulaError(Exception):
    """The base of all errors here."""


class ParseError(FormulaError):
    """A text that isn't a formula.

    Attributes:
        position: index of the offending character.
    """

    def __init__(self, message, position):
        super().__init__(f"{message} (at {position})")
        self.position = position


class NameProblem(FormulaError):
    """An unknown name or function, or the wrong number of arguments."""


class EvaluationError(FormulaError):
    """Something that goes wrong with values: a division by zero, a wrong type."""
