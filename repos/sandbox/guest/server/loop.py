"""The event loop: one thread, one poll, and a connection that carries frames."""

import os
import select

from .codec import frame, take_frames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Optional

    Handler = Callable[[int, int], object]

CHUNK = 1 << 16


class EventLoop:
    """Descriptors with what handles them, and frames to and from the client."""

    def __init__(
        self,
        source: int,
        sink: int,
        on_frame: "Callable[[int, str, Any], None]",
        on_lost: "Callable[[], None]",
    ) -> None:
        """Prepare; nothing is read before `open`.

        Args:
            source: Descriptor that brings frames.
            sink: Descriptor that takes frames; the same as `source` where it is a socket.
            on_frame: Called with each message: request id, kind and body.
            on_lost: Called when nobody listens any more; it does not return.
        """
        self.source = source
        self.sink = sink
        self.on_frame = on_frame
        self.on_lost = on_lost
        self.poll = select.poll()
        self.handlers: Dict[int, Handler] = {}
        self.inbox = bytearray()
        self.outbox = bytearray()

    def open(self) -> None:
        """Begin to listen to the client."""
        for fd in {self.source, self.sink}:
            os.set_blocking(fd, False)
        self.watch(self.source, select.POLLIN, self._on_source)

    def watch(self, fd: int, events: int, handler: "Handler") -> None:
        """Have a handler called when something happens to a descriptor."""
        self.handlers[fd] = handler
        self.poll.register(fd, events)

    def unwatch(self, fd: int) -> None:
        """Stop looking at a descriptor."""
        if self.handlers.pop(fd, None) is not None:
            self.poll.unregister(fd)

    def wait(self, timeout_ms: "Optional[int]") -> None:
        """Wait for something to happen and have it handled."""
        for fd, event in self.poll.poll(timeout_ms):
            handler = self.handlers.get(fd)
            if handler is not None:
                handler(fd, event)

    def send(self, ident: int, kind: str, body: object) -> None:
        """Send a message, later where the client is slow."""
        self.outbox += frame([ident, kind, body])
        self._flush()

    def _flush(self) -> None:
        while self.outbox:
            try:
                sent = os.write(self.sink, self.outbox[: 4 * CHUNK])
            except BlockingIOError:
                self._wait_for_room(True)
                return
            except OSError:
                self.on_lost()
                return
            del self.outbox[:sent]
        self._wait_for_room(False)

    def _wait_for_room(self, waits: bool) -> None:
        """Look at the sink only while something is left to be sent."""
        if self.sink == self.source:
            events = select.POLLIN | select.POLLOUT if waits else select.POLLIN
            self.poll.modify(self.source, events)
        elif not waits:
            self.unwatch(self.sink)
        elif self.sink not in self.handlers:
            self.watch(self.sink, select.POLLOUT, lambda fd, event: self._flush())

    def _on_source(self, fd: int, event: int) -> None:
        if event & select.POLLOUT:
            self._flush()
        if not event & (select.POLLIN | select.POLLHUP | select.POLLERR):
            return
        try:
            data = os.read(fd, 16 * CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.on_lost()
        self.inbox += data
        for ident, kind, body in take_frames(self.inbox):
            self.on_frame(ident, kind, body)
