"""Several episodes at the same time, each behind a token: bounded in number and in idle time."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.training.player import OVER, Answer, Player, Verdict
from repos.errors import InputError

KEPT = 1024
"""Verdicts of closed sessions that are kept, the newest ones."""


@dataclass
class _Session:
    player: Player
    used: float = field(default_factory=time.monotonic)
    calls: int = 0


class Sessions:
    """Open episodes by token; one that nobody uses for a while is closed.

    A session that was closed before its end has a verdict too: `abandoned`.
    """

    def __init__(
        self, make: Callable[[], Player], *, most: int = 8, idle_seconds: float = 600.0
    ) -> None:
        """Make it; sessions are opened later.

        Args:
            make: Makes the player of a session.
            most: How many may be open at the same time.
            idle_seconds: A session without a call for so long is closed.

        Raises:
            InputError: A bound that is not positive.
        """
        if most < 1 or not idle_seconds > 0:
            raise InputError(
                f"At least one session and a positive idle time are needed, not {most} and "
                f"{idle_seconds}."
            )
        self._make = make
        self._most = most
        self._idle = idle_seconds
        self._open: dict[str, _Session] = {}
        self._verdicts: OrderedDict[str, Verdict] = OrderedDict()
        self._opening = 0
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._reaper = threading.Thread(target=self._reap_on, name="sessions", daemon=True)
        self._reaper.start()

    def __len__(self) -> int:
        return len(self._open)

    def open(self, task: str | None = None, seed: int | None = None) -> tuple[str, str]:
        """Start an episode.

        Args:
            task: Id of the task; None draws one by the seed.
            seed: Seed of the environment.

        Returns:
            The session's token, and the problem.

        Raises:
            InputError: Too many are open, or there is no such task.
        """
        with self._lock:
            if self._ended.is_set() or len(self._open) + self._opening >= self._most:
                raise InputError(
                    f"{len(self._open)} of {self._most} episodes are open: close one, or allow "
                    "more."
                )
            self._opening += 1
        player = None
        try:
            player = self._make()
            problem = player.start(task, seed)
            token = secrets.token_urlsafe(32)
            with self._lock:
                self._open[token] = _Session(player)
        except BaseException:
            if player is not None:
                player.close()
            raise
        finally:
            with self._lock:
                self._opening -= 1
        return token, problem

    def known(self, token: str) -> bool:
        """Whether a token is that of an open session."""
        return token in self._open

    def tools(self, token: str) -> list[dict[str, Any]]:
        """Return the schemas of a session's tools; none for an unknown token."""
        with self._lock:
            session = self._open.get(token)
        return session.player.tools if session is not None else []

    def call(self, token: str, name: str, arguments: str | Mapping[str, Any] = "{}") -> Answer:
        """Run a tool call in a session; one that runs keeps its session from being idle."""
        with self._lock:
            session = self._open.get(token)
            if session is None:
                return Answer(OVER, error=True)
            session.calls += 1
        try:
            return session.player.call(name, arguments)
        finally:
            with self._lock:
                session.calls -= 1
                session.used = time.monotonic()

    def verdict(self, token: str) -> Verdict | None:
        """Return what a session came to; None before its end, and for an unknown token."""
        with self._lock:
            if token in self._open:
                return self._open[token].player.verdict
            return self._verdicts.get(token)

    def finish(self, token: str, reason: str = "trainer") -> Verdict | None:
        """End a session's episode, score it and close the session."""
        with self._lock:
            session = self._open.get(token)
        if session is not None:
            session.player.finish(reason)
        return self.close(token)

    def close(self, token: str) -> Verdict | None:
        """Close a session and return its verdict; closing it twice is fine."""
        with self._lock:
            session = self._open.pop(token, None)
        if session is None:
            return self.verdict(token)
        session.player.close()
        verdict = session.player.verdict or Verdict(mask_sample=True, failure_kind="abandoned")
        with self._lock:
            self._verdicts[token] = verdict
            while len(self._verdicts) > KEPT:
                self._verdicts.popitem(last=False)
        return verdict

    def reap(self) -> int:
        """Close the sessions that were idle for too long and return how many."""
        now = time.monotonic()
        with self._lock:
            idle = [t for t, s in self._open.items() if now - s.used > self._idle and not s.calls]
        for token in idle:
            self.close(token)
        return len(idle)

    def close_all(self) -> None:
        """Close every session; none can be opened any more."""
        self._ended.set()
        for token in list(self._open):
            self.close(token)
        if threading.current_thread() is not self._reaper:
            self._reaper.join()

    def _reap_on(self) -> None:
        while not self._ended.wait(min(self._idle / 4, 30.0)):
            self.reap()
