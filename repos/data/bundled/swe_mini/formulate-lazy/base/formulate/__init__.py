"""A safe evaluator for spreadsheet-like formulas."""

from .errors import EvaluationError, FormulaError, NameProblem, ParseError
from .formula import Formula
from .functions import Function, Functions

__all__ = [
    "EvaluationError",
    "Formula",
    "FormulaError",
    "Function",
    "Functions",
    "NameProblem",
    "ParseError",
]
__version__ = "0.4.0"
