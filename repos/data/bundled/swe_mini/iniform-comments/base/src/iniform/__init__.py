"""INI files with quoting, interpolation and typed access."""

from .document import Config, Section
from .errors import ConversionError, IniError, InterpolationError, SyntaxProblem
from .reader import load, loads
from .writer import dump, dumps

__all__ = [
    "Config",
    "ConversionError",
    "IniError",
    "InterpolationError",
    "Section",
    "SyntaxProblem",
    "dump",
    "dumps",
    "load",
    "loads",
]
__version__ = "0.9.2"
