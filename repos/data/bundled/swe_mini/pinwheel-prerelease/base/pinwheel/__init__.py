"""Semantic versions, version ranges and a small dependency resolver."""

from .errors import InvalidRange, InvalidVersion, PinwheelError, ResolutionError, UnknownPackage
from .index import Index
from .ranges import Comparator, Range
from .resolver import Resolver
from .version import Version

__all__ = [
    "Comparator",
    "Index",
    "InvalidRange",
    "InvalidVersion",
    "PinwheelError",
    "Range",
    "ResolutionError",
    "Resolver",
    "UnknownPackage",
    "Version",
]
__version__ = "1.3.0"
