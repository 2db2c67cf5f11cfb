"""Asking an index no more than needed: a bounded rate, kept pages, and waits that it asks for."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from repos.cache import cache_root

MOST_PER_SECOND = 20.0
LONGEST_WAIT_S = 60.0

_lock = threading.Lock()
_next = 0.0


def pace() -> None:
    """Wait until the next request may go out; all threads of a process share the rate."""
    global _next
    with _lock:
        now = time.monotonic()
        start = max(now, _next)
        _next = start + 1 / MOST_PER_SECOND
    if start > now:
        time.sleep(start - now)


def asked_wait(header: str | None) -> float:
    """Return the seconds that a `Retry-After` header asks for, 60 at most; 0 without any."""
    text = (header or "").strip()
    return min(float(text), LONGEST_WAIT_S) if text.isdigit() else 0.0


@dataclass(frozen=True)
class StoredPage:
    """A page of an index, kept until the index says that it changed.

    Attributes:
        etag: What the index called this state of the page.
        kind: Its media type.
        body: Its content.
    """

    etag: str
    kind: str
    body: bytes

    @classmethod
    def load(cls, url: str) -> StoredPage | None:
        """Return the page that is kept for an address, if any."""
        try:
            facts = json.loads(_place(url).read_text(encoding="utf-8"))
            return cls(str(facts["etag"]), str(facts["kind"]), base64.b64decode(facts["body"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, url: str) -> None:
        """Keep it; two processes may do so at once."""
        place = _place(url)
        place.parent.mkdir(parents=True, exist_ok=True)
        body = base64.b64encode(self.body).decode()
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=".part-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({"etag": self.etag, "kind": self.kind, "body": body}, file)
        Path(name).replace(place)


def _place(url: str) -> Path:
    return cache_root() / "index" / f"{hashlib.sha256(url.encode()).hexdigest()}.json"
