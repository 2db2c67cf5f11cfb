"""One sandbox back end for an environment and its forks: the last to close it ends it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from repos.sandbox.protocol import Backend
from repos.sandbox.select import get_backend


@dataclass
class _Shared:
    """A back end and how many leases hold it."""

    name: str
    allow_unsafe: bool
    backend: Backend | None = None
    holders: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> Backend:
        with self.lock:
            if self.backend is None:
                self.backend = get_backend(self.name, allow_unsafe=self.allow_unsafe)
            self.holders += 1
            return self.backend

    def give_back(self) -> None:
        with self.lock:
            self.holders -= 1
            last = self.backend if self.holders == 0 else None
            if last is not None:
                self.backend = None
        if last is not None:
            last.close()


class BackendLease:
    """A share of a back end, which starts when a share is first used."""

    def __init__(self, name: str = "auto", *, allow_unsafe: bool = False) -> None:
        """Choose a back end; nothing starts yet.

        Args:
            name: Name of the back end; "auto" picks an isolated one.
            allow_unsafe: Whether a back end without isolation may be used.
        """
        self._shared = _Shared(name, allow_unsafe)
        self._held: Backend | None = None

    @property
    def backend(self) -> Backend:
        """The back end, started where it was not."""
        if self._held is None:
            self._held = self._shared.take()
        return self._held

    def share(self) -> BackendLease:
        """Return a further share, to be closed on its own."""
        twin = BackendLease()
        twin._shared = self._shared
        if self._held is not None:
            twin._held = self._shared.take()
        return twin

    def close(self) -> None:
        """Give the share back; closing it twice is fine, and its next use takes a new one."""
        if self._held is not None:
            self._held = None
            self._shared.give_back()
