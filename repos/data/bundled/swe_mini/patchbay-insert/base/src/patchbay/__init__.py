"""Make, read, reverse and apply unified diffs."""

from .applying import Result, apply, apply_leniently
from .errors import ApplyError, ParseError, PatchError
from .hunks import Hunk, Line
from .making import make
from .patches import FilePatch
from .reading import parse

__all__ = [
    "ApplyError",
    "FilePatch",
    "Hunk",
    "Line",
    "ParseError",
    "PatchError",
    "Result",
    "apply",
    "apply_leniently",
    "make",
    "parse",
]
__version__ = "0.5.0"
