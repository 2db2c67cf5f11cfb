"""One sandbox back end for an environment and its forks: the last to close it ends it."""

from __future__ import annotations

import threading

from repos.sandbox.protocol import Backend


class BackendLease:
    """A share of a back end.

    Attributes:
        backend: What is shared.
    """

    def __init__(self, backend: Backend) -> None:
        """Take the first share."""
        self.backend = backend
        self._shares = 1
        self._lock = threading.Lock()

    def share(self) -> BackendLease:
        """Take a further share; each has to be closed."""
        with self._lock:
            self._shares += 1
        return self

    def close(self) -> None:
        """Give a share back."""
        with self._lock:
            self._shares -= 1
            last = self._shares == 0
        if last:
            self.backend.close()
