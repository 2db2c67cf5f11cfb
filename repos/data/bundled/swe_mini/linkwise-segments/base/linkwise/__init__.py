"""Immutable URLs: parsing, joining, editing and comparing."""

from .errors import UrlError
from .query import Query
from .url import Url

__all__ = ["Query", "Url", "UrlError"]
__version__ = "3.2.0"
