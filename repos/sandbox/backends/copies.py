# Paths are strings here: they may be undecodable, and pathlib costs start-up time.
# ruff: noqa: PTH103, PTH108, PTH110, PTH118, PTH123
"""Sandboxes whose workspace is a copy of the layers: snapshots as files, changes by the server.

What the containers and plain processes share. A snapshot is one file with the records of what
differs from the layers (`guest/server/delta.py` says how), whole and never a chain, so that its
use costs the same at any depth.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import stat
import tempfile
import threading
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from repos.errors import InfrastructureError, SandboxUnavailableError
from repos.sandbox.client import FILE_TIMEOUT_S, ServerClient
from repos.sandbox.guest.server import codec
from repos.sandbox.guest.server.files import remove_tree
from repos.sandbox.protocol import TESTBED, Isolation, Layers, Snapshot

FILL_TIMEOUT_S = 1200.0
COPIES, SNAPSHOTS = "repogym-copies-", "repogym-docker-"
"""What the names of folders for copies, and for containers' snapshots, start with."""


@dataclass
class Family:
    """What a created sandbox and its forks share: the folder of their snapshots."""

    folder: str
    ident: str
    numbers: Any = field(default_factory=itertools.count)
    members: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def join(self) -> None:
        """Count a member in."""
        with self.lock:
            self.members += 1
        os.makedirs(self.folder, exist_ok=True)

    def leave(self) -> None:
        """Count a member out; the last one takes the snapshots with it."""
        with self.lock:
            self.members -= 1
            last = self.members == 0
        if last:
            shutil.rmtree(self.folder, ignore_errors=True)


class CopyClient(ServerClient):
    """The states of a sandbox with a copied workspace.

    A subclass starts and ends its server in `_start` and `_end`, and makes a sibling in `_twin`.
    """

    backend: str
    isolation: Isolation

    def __init__(self, family: Family) -> None:
        """Join a family; the subclass starts the server."""
        self._family = family
        self._lock = threading.RLock()
        self._closed = False
        family.join()
        self._member = weakref.finalize(self, family.leave)

    # ---- for subclasses
    def _start(self, delta: str | None) -> None:
        """Start a server on the layers and a snapshot's changes, ending the one before."""
        raise NotImplementedError

    def _end(self) -> None:
        """End the server and remove the copy."""
        raise NotImplementedError

    def _twin(self, delta: str) -> CopyClient:
        """Return a new sandbox of the family, in a snapshot's state."""
        raise NotImplementedError

    def _fill(self, layers: Sequence[str], delta: str | None) -> None:
        """Fill the empty workspace.

        Raises:
            InfrastructureError: There is no room for it, or the server is gone.
        """
        try:
            body = {"path": TESTBED, "layers": list(layers)}
            self._channel.call("fill", body, FILL_TIMEOUT_S)
            if delta is not None:
                for records in _batches(delta):
                    body = {"path": TESTBED, "records": records}
                    self._channel.call("unpack", body, FILE_TIMEOUT_S)
                body = {"path": TESTBED, "records": b"", "end": True}
                self._channel.call("unpack", body, FILE_TIMEOUT_S)
        except OSError as error:
            raise InfrastructureError(f"The workspace could not be filled: {error}.") from error

    def _check(self) -> None:
        if self._closed:
            raise InfrastructureError("The sandbox is closed.")

    # ---- states
    def snapshot(self) -> Snapshot:
        """Freeze the file system as it is; the sandbox goes on from there.

        Processes are stopped while it is taken, and go on afterwards.
        """
        with self._lock:
            self._check()
            number = next(self._family.numbers)
            path = os.path.join(self._family.folder, str(number))
            body: dict[str, Any] = {"path": TESTBED, "start": True}
            with open(path, "wb") as f:
                while records := self._channel.call("pack", body, FILE_TIMEOUT_S):
                    body = {"path": TESTBED}
                    f.write(codec.frame(records))
            return Snapshot(f"{self._family.ident}-{number}", (path,))

    def restore(self, snapshot: Snapshot) -> None:
        """Kill all processes and go back to a snapshot.

        Raises:
            ValueError: The snapshot is of another family of sandboxes.
        """
        with self._lock:
            self._check()
            if snapshot.ident.rpartition("-")[0] != self._family.ident:
                raise ValueError("the snapshot belongs to another sandbox")
            self._start(snapshot.layers[0])

    def fork(self) -> CopyClient:
        """Return a new, independent sandbox with the same files and no processes."""
        with self._lock:
            taken = self.snapshot()
            try:
                return self._twin(taken.layers[0])
            finally:
                os.unlink(taken.layers[0])

    def reset(self) -> None:
        """Kill all processes and go back to the layers."""
        with self._lock:
            self._check()
            self._start(None)

    def close(self) -> None:
        """End everything and leave nothing behind; may be called twice."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._end()
            self._member()

    def changed_paths(self) -> list[str]:
        """Return paths below `/testbed` that differ from its layers; a superset."""
        return sorted(self.changed_marks())

    def changed_marks(self) -> dict[str, str]:
        """Return what `changed_paths` does, each with a word that changes when the file does."""
        blob = self._channel.call("changed", {"path": TESTBED}, FILE_TIMEOUT_S)
        words = blob.decode("utf-8", "surrogateescape").split("\0")[:-1]
        return dict(zip(words[::2], words[1::2], strict=True))


def refuse_links(name: str, layers: Layers) -> None:
    """Make sure that layers need no links in the sandbox's root.

    Raises:
        SandboxUnavailableError: They do.
    """
    if layers.links:
        raise SandboxUnavailableError(
            f"The sandbox {name} can't show the repository at {layers.links[0][0]}, as this task "
            "needs: use bubblewrap (--sandbox bubblewrap)."
        )


def remove_leftovers(prefix: str) -> list[str]:
    """Remove the folders that processes of this user made for copies and left when they died.

    Args:
        prefix: What their names start with; the process id follows.

    Returns:
        The removed folders.
    """
    removed = []
    for entry in os.scandir(tempfile.gettempdir()):
        found = re.fullmatch(re.escape(prefix) + r"(\d+)-[^-]*", entry.name)
        if found is None or os.path.exists(f"/proc/{found.group(1)}"):
            continue
        info = entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(info.st_mode) and info.st_uid == os.geteuid():
            # An exec server that is still ending may write a last file.
            with contextlib.suppress(OSError):
                remove_tree(entry.path)
                removed.append(entry.path)
    return removed


def _batches(path: str) -> Iterator[bytes]:
    """Yield the batches of records in a snapshot's file."""
    with open(path, "rb") as f:
        while head := f.read(4):
            yield cast(bytes, codec.decode(f.read(int.from_bytes(head, "big"))))
