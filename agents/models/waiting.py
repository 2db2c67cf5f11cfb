"""What a model call is waiting for, told while it waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

SLOW_S = 30.0
"""A call that takes longer is told of; again after twice, four times, ... as long."""


@dataclass(frozen=True)
class Waiting:
    """A model call that has no answer yet.

    Attributes:
        model: Name of the model.
        seconds: Of a retry, the pause before it; of a slow call, how long it has taken so far.
        attempt: Which attempt of the call failed, or is being waited for, from 1.
        attempts: How many there will be at most.
        reason: Why the attempt failed; "" where it goes on.
    """

    model: str
    seconds: float
    attempt: int
    attempts: int
    reason: str = ""

    def __str__(self) -> str:
        """One line for a person."""
        which = f"attempt {self.attempt} of {self.attempts}"
        if self.reason:
            return f"{self.model}: {which} failed, next in {self.seconds:.1f} s: {self.reason}"
        return f"{self.model}: waiting for a reply for {self.seconds:.0f} s ({which})"


Report = Callable[[Waiting], None]
"""Told of each wait; any thread may call."""


@contextmanager
def told_when_slow(
    report: Report | None, model: str, attempt: int, attempts: int, slow_s: float = SLOW_S
) -> Iterator[None]:
    """Report while the body takes longer than `slow_s` seconds, at growing distances."""
    if report is None:
        yield
        return
    over = threading.Event()

    def tell() -> None:
        passed, pause = slow_s, slow_s
        while not over.wait(pause):
            report(Waiting(model, passed, attempt, attempts))
            pause, passed = passed, 2 * passed

    thread = threading.Thread(target=tell, name="model-wait", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def report_to(model: Any, report: Report) -> None:
    """Have a model, wrapped or not, report its waits; one that can't report stays silent."""
    inner = model
    while inner is not None:
        if hasattr(inner, "on_wait"):
            inner.on_wait = report
        inner = getattr(inner, "unwrapped", None)
