"""The client's end of the exec server's protocol: requests from any thread, no thread of its own.

Whoever waits for an answer reads the socket for all who wait (leader and followers), so a
single caller pays no thread switch.
"""

from __future__ import annotations

import itertools
import select
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Protocol

from repos.errors import InfrastructureError
from repos.sandbox.guest.server import codec


class Stream(Protocol):
    """What a channel runs on: a socket, or a container's attached stream."""

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        ...

    def recv(self, size: int, /) -> bytes:
        """Return what there is, at most `size` bytes; b"" at the end."""
        ...

    def send(self, data: Any, /) -> int:
        """Send what fits now and return how much that was."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


@dataclass
class Pending:
    """What came for one request that nobody has taken yet."""

    messages: deque[tuple[str, Any]] = field(default_factory=deque)


class Channel:
    """Frames over a stream, matched to requests by their ids."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._ids = itertools.count(1)
        self._inbox = bytearray()
        self._pending: dict[int, Pending] = {0: Pending()}
        self._turn = threading.Condition()
        self._reading = False
        self._send_lock = threading.Lock()
        self._dead: str | None = None

    @property
    def dead(self) -> str | None:
        """Why the channel can't be used any more, or None."""
        return self._dead

    def open(self, kind: str, body: dict[str, Any]) -> int:
        """Send a request whose answers are then taken with `take`."""
        ident = next(self._ids)
        with self._turn:
            self._pending[ident] = Pending()
        try:
            self.send(ident, kind, body)
        except BaseException:
            self.forget(ident)
            raise
        return ident

    def forget(self, ident: int) -> None:
        """Drop what comes for a request from now on."""
        with self._turn:
            self._pending.pop(ident, None)

    def call(self, kind: str, body: dict[str, Any], timeout_s: float | None = None) -> Any:
        """Send a request and wait for its single answer.

        Raises:
            OSError: What the server met, as the local call would raise it.
            InfrastructureError: The server is gone or did not answer in time.
        """
        ident = self.open(kind, body)
        try:
            answer, value = self.take(ident, timeout_s)
        except TimeoutError as error:
            self.fail(f"no answer to {kind!r} within {timeout_s} s")
            raise InfrastructureError(f"The sandbox gave {self._dead}.") from error
        finally:
            self.forget(ident)
        if answer == "error":
            raise as_os_error(value)
        return value

    def send(self, ident: int, kind: str, body: Any) -> None:
        """Send one frame.

        Raises:
            InfrastructureError: The server is gone.
        """
        data = memoryview(codec.frame([ident, kind, body]))
        with self._send_lock:
            while data:
                if self._dead:
                    raise InfrastructureError(f"The sandbox is gone: {self._dead}.")
                try:
                    sent = self._stream.send(data)
                    data = data[sent:]
                except (BlockingIOError, InterruptedError):
                    # Both sides may be full of data: keep taking while waiting to give.
                    self._pump(0.05, for_writing=True)
                except OSError as error:
                    self.fail(f"the connection broke ({error.strerror})")

    def take(self, ident: int, timeout_s: float | None = None) -> tuple[str, Any]:
        """Wait for the next message of a request.

        Raises:
            TimeoutError: None came in time.
            InfrastructureError: The server is gone.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            with self._turn:
                pending = self._pending.get(ident)
                if pending is None:
                    raise InfrastructureError("The request was given up.")
                while True:
                    if pending.messages:
                        return pending.messages.popleft()
                    if self._dead:
                        raise InfrastructureError(f"The sandbox is gone: {self._dead}.")
                    left = None if deadline is None else deadline - time.monotonic()
                    if left is not None and left <= 0:
                        # A last look: the answer may lie in the socket, unread.
                        if self._reading or not self._ready(0):
                            raise TimeoutError("no message in time")
                        left = 0.0
                    if not self._reading:
                        self._reading = True
                        break
                    self._turn.wait(left)
            try:
                self._receive(left)
            finally:
                with self._turn:
                    self._reading = False
                    self._turn.notify_all()

    def poll(self, ident: int) -> tuple[str, Any] | None:
        """Return the next message of a request if there is one by now."""
        try:
            return self.take(ident, 0.0)
        except TimeoutError:
            return None

    def fail(self, why: str) -> None:
        """Give up: every waiting call raises."""
        with self._turn:
            if self._dead is None:
                self._dead = why
            self._turn.notify_all()

    def close(self) -> None:
        """Close the stream; the server ends when it notices."""
        self.fail("it was closed")
        self._stream.close()

    # ---- reading
    def _ready(self, wait_s: float | None, writing: bool = False) -> bool:
        try:
            poll = select.poll()
            events = select.POLLIN | (select.POLLOUT if writing else 0)
            poll.register(self._stream.fileno(), events)
            return bool(poll.poll(None if wait_s is None else max(0, int(wait_s * 1000) + 1)))
        except (OSError, ValueError):
            return True  # closed under us: reading says so

    def _pump(self, wait_s: float, for_writing: bool) -> None:
        with self._turn:
            if self._reading:
                mine = False
            else:
                mine = self._reading = True
        if not mine:
            self._ready(wait_s, for_writing)
            return
        try:
            if self._ready(wait_s, for_writing):
                self._receive(0.0)
        finally:
            with self._turn:
                self._reading = False
                self._turn.notify_all()

    def _receive(self, wait_s: float | None) -> None:
        """Read what there is and hand it out. Only the thread whose turn it is comes here."""
        if wait_s is None or wait_s > 0:
            # A closed descriptor wakes nobody: look at `dead` now and then.
            self._ready(min(wait_s, 1.0) if wait_s is not None else 1.0)
        try:
            data = self._stream.recv(1 << 18)
        except (BlockingIOError, InterruptedError):
            return
        except (OSError, ValueError) as error:
            self.fail(f"the connection broke ({error})")
            return
        if not data:
            self.fail("its server ended")
            return
        self._inbox += data
        try:
            values = codec.take_frames(self._inbox)
        except ValueError as error:
            self.fail(str(error))
            return
        with self._turn:
            for value in values:
                if not (isinstance(value, list) and len(value) == 3):
                    self._dead = self._dead or "it sent a message of an unknown form"
                    break
                ident, kind, body = value
                pending = self._pending.get(ident)
                if pending is not None:
                    pending.messages.append((kind, body))
            self._turn.notify_all()


def as_os_error(value: Any) -> OSError:
    """Return the exception that a server's error stands for (its subclass by errno)."""
    if not isinstance(value, dict):
        return OSError(0, "unknown error")
    number, text, path = value.get("errno", 0), value.get("text", ""), value.get("path")
    return OSError(number, text, path) if path is not None else OSError(number, text)


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """Return our (non-blocking) end and the server's end of a new connection."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    return ours, theirs
