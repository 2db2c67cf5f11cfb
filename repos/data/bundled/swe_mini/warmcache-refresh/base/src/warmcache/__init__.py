"""A bounded in-memory cache with LRU eviction and time to live."""

from .cache import Cache
from .entry import DEFAULT, Entry
from .memo import memoize
from .reasons import DELETED, EVICTED, EXPIRED, REPLACED
from .stats import Stats

__all__ = [
    "DEFAULT",
    "DELETED",
    "EVICTED",
    "EXPIRED",
    "REPLACED",
    "Cache",
    "Entry",
    "Stats",
    "memoize",
]
__version__ = "0.6.1"
