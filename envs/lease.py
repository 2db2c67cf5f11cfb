"""One sandbox back end for all environments of a process that ask for the same one.

A back end takes a tenth of a second to start and processes of its own, so environments share it.
It stays for a moment after the last of them was closed, for the next one; it ends with the
process, however that ends.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from multiprocessing import util

from repos.sandbox.protocol import Backend
from repos.sandbox.select import get_backend

IDLE_S = 10.0
"""How long a back end that nobody uses is kept, in seconds."""


@dataclass
class _Shared:
    """A back end and how many leases hold it."""

    name: str
    allow_unsafe: bool
    backend: Backend | None = None
    holders: int = 0
    ending: threading.Timer | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> Backend:
        with self.lock:
            self._stay()
            if self.backend is None:
                self.backend = get_backend(self.name, allow_unsafe=self.allow_unsafe)
            self.holders += 1
            return self.backend

    def give_back(self) -> None:
        with self.lock:
            self.holders -= 1
            if self.holders == 0:
                self._stay()
                self.ending = threading.Timer(IDLE_S, self.end_unused)
                self.ending.daemon = True
                self.ending.start()

    def end_unused(self) -> None:
        """Close the back end unless somebody holds it."""
        with self.lock:
            if self.holders == 0 and self.backend is not None:
                self._stay()
                backend, self.backend = self.backend, None
                backend.close()

    def _stay(self) -> None:
        if self.ending is not None:
            self.ending.cancel()
            self.ending = None


_shared: dict[tuple[str, bool], _Shared] = {}
_guard = threading.Lock()


def _find(name: str, allow_unsafe: bool) -> _Shared:
    """Return what all leases of this process with these wishes share."""
    with _guard:
        if not _shared:
            # Unlike `atexit`, this is also kept at the end of a process of multiprocessing.
            util.Finalize(None, close_unused, exitpriority=0)
        return _shared.setdefault((name, allow_unsafe), _Shared(name, allow_unsafe))


def close_unused() -> None:
    """Close the back ends that no environment uses any more."""
    with _guard:
        everything = list(_shared.values())
    for shared in everything:
        shared.end_unused()


def _forget() -> None:
    """Start anew in a forked child: the parent's back ends, locks and timers are the parent's."""
    global _guard
    _guard = threading.Lock()
    _shared.clear()


os.register_at_fork(after_in_child=_forget)


class BackendLease:
    """A share of a back end, which starts when a share is first used."""

    def __init__(self, name: str = "auto", *, allow_unsafe: bool = False) -> None:
        """Choose a back end; nothing starts yet.

        Args:
            name: Name of the back end; "auto" picks an isolated one.
            allow_unsafe: Whether a back end without isolation may be used.
        """
        self._name = name
        self._allow_unsafe = allow_unsafe
        self._held: tuple[_Shared, Backend] | None = None
        self._owner = os.getpid()

    @property
    def backend(self) -> Backend:
        """The back end, started where it was not."""
        if self._held is None or self._owner != os.getpid():
            shared = _find(self._name, self._allow_unsafe)
            self._held = (shared, shared.take())
            self._owner = os.getpid()
        return self._held[1]

    def share(self) -> BackendLease:
        """Return a further share, to be closed on its own."""
        twin = BackendLease(self._name, allow_unsafe=self._allow_unsafe)
        if self._held is not None:
            twin.backend  # noqa: B018 - what lives in the back end must not lose it
        return twin

    def close(self) -> None:
        """Give the share back; closing it twice is fine, and its next use takes a new one."""
        if self._held is not None:
            shared, self._held = self._held[0], None
            if self._owner == os.getpid():
                shared.give_back()
