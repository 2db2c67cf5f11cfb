"""How a worker is stopped: a running tool call may end, for a moment, and nothing else."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

TOOL_SECONDS = 2.0
"""How long a tool call that runs may go on after the stop."""


class Stopped(BaseException):
    """The worker was told to stop; unlike SystemExit it can't be an agent's own doing."""


class Interruption:
    """What SIGTERM means in a worker.

    Between tool calls, in a model call above all, it raises `Stopped` at once. While the
    environment works on a tool call it waits for the end of that call, at most
    `TOOL_SECONDS`; a second SIGTERM does not wait.
    """

    def __init__(self) -> None:
        self._inside = 0
        self._asked = False
        # Re-entrant: the signal may come while the same thread holds it.
        self._lock = threading.RLock()

    def listen(self) -> None:
        """Take over SIGTERM; call it in the main thread."""
        signal.signal(signal.SIGTERM, self._hear)

    def enter(self) -> None:
        """A tool call begins."""
        with self._lock:
            self._inside += 1

    def leave(self) -> None:
        """A tool call has ended and is written down."""
        with self._lock:
            self._inside -= 1
            over = self._asked and not self._inside
        if over:
            _terminate()

    def _hear(self, signum: int, frame: FrameType | None) -> None:
        if self._asked or not self._inside:
            self._asked = True
            raise Stopped
        self._asked = True
        timer = threading.Timer(TOOL_SECONDS, _terminate)
        timer.daemon = True
        timer.start()


def _terminate() -> None:
    # The main thread hears it, whichever thread calls.
    os.kill(os.getpid(), signal.SIGTERM)
