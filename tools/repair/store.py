"""What was observed and what became of candidates, kept by content: each runs once on a machine."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from repos.cache import cache_root

FILE = "trials/trials-1.sqlite"


class TrialStore:
    """A table of texts by key; any thread and any process may use it."""

    def __init__(self, path: Path | None = None) -> None:
        """Choose a file, made at the first use; by default one in the cache."""
        self._path = path or cache_root() / FILE

    def get(self, key: str) -> str | None:
        """Return what is kept under a key."""
        with self._open() as db:
            row = db.execute("SELECT value FROM kept WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def put(self, key: str, value: str) -> None:
        """Keep a text under a key; the first one stays."""
        with self._open() as db:
            db.execute("INSERT OR IGNORE INTO kept VALUES (?, ?)", (key, value))

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(self._path, timeout=60.0)) as db, db:
            db.execute("CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, value TEXT)")
            yield db
