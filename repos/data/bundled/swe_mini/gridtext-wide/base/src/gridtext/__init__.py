"""Tables for the terminal."""

from .borders import BORDERS, Border
from .columns import Column
from .table import Table
from .width import display_width, truncate
from .wrap import wrap

__all__ = ["BORDERS", "Border", "Column", "Table", "display_width", "truncate", "wrap"]
__version__ = "1.1.0"
