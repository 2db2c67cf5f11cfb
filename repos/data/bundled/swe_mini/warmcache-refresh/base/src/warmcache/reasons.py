"""Why an entry left the cache."""

DELETED = "deleted"
EVICTED = "evicted"
EXPIRED = "expired"
REPLACED = "replaced"

ALL = frozenset({DELETED, EVICTED, EXPIRED, REPLACED})
