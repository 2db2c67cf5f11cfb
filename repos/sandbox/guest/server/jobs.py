"""The record of one running request, and what is kept of its output."""

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Tuple

CHUNK = 1 << 16


class HeadTail:
    """Keeps the first and the last bytes of a stream."""

    def __init__(self, limit: int) -> None:
        """Keep at most `limit` bytes."""
        self.head_limit = limit - limit // 2
        self.tail_limit = limit // 2
        self.head = bytearray()
        self.tail = bytearray()
        self.total = 0

    def add(self, data: bytes) -> None:
        """Take the next bytes."""
        self.total += len(data)
        room = self.head_limit - len(self.head)
        if room > 0:
            self.head += data[:room]
            data = data[room:]
        if data:
            self.tail += data
            # Cutting only now and then keeps a flood linear.
            if len(self.tail) > 2 * self.tail_limit + CHUNK:
                self._cut()

    def _cut(self) -> None:
        extra = len(self.tail) - self.tail_limit
        if extra > 0:
            del self.tail[:extra]

    def result(self) -> "Tuple[bytes, int]":
        """Return what was kept, and how many bytes were left out between head and tail."""
        self._cut()
        kept = bytes(self.head + self.tail)
        return kept, self.total - len(kept)


class Job:
    """One running `exec` or `spawn`.

    Attributes:
        ident: Request id.
        slot: Number that every process of it carries (see `starting.py`).
        spawned: Whether it lives until closed.
        pid: Its root process.
        status: What `waitpid` said of that; None while it runs.
        limit: The bound that was hit.
        deadline: When its time is over.
        flood: Bytes of one stream at which it is ended.
        unacked: Bytes sent that the client has not taken yet.
        paused: Whether reading its output waits for the client.
        ending: Whether it is being ended.
        counts: What the control group had counted before it.
    """

    def __init__(self, ident: int, slot: int, spawned: bool, output_limit: int) -> None:
        """Record a request that is about to start; see the class for the first three.

        Args:
            ident: Request id.
            slot: Number that marks its processes.
            spawned: Whether it lives until closed.
            output_limit: Bytes to keep of each stream.
        """
        self.ident = ident
        self.slot = slot
        self.spawned = spawned
        self.pid = 0
        self.status: Optional[int] = None
        self.limit: Optional[str] = None
        self.started = time.monotonic()
        self.deadline: Optional[float] = None
        self.flood: Optional[int] = None
        self.out = HeadTail(output_limit)
        self.err = HeadTail(output_limit)
        self.in_fd = -1
        self.out_fd = -1
        self.err_fd = -1
        self.to_write = bytearray()
        self.close_stdin = False
        self.unacked = 0
        self.paused = False
        self.ending = False
        self.counts: List[int] = []
