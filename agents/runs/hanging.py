"""An agent that neither steps nor returns is interrupted."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

from agents.runs.recorder import JournalRecorder

GRACE = 120.0
"""Seconds beyond the episode's own limit after which an agent that hangs is interrupted."""


class AgentHangsError(BaseException):
    """Raised inside an agent that neither steps nor returns; no agent should catch it."""


@contextlib.contextmanager
def interrupted_after(seconds: float | None, recorder: JournalRecorder) -> Iterator[None]:
    """Interrupt an agent that hangs outside the environment, where signals can (main thread).

    The environment bounds its own steps; only the agent's Python has no bound of its own.
    """
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: object) -> None:
        if not recorder.inside_step:
            raise AgentHangsError
        signal.setitimer(signal.ITIMER_REAL, 5.0)

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
