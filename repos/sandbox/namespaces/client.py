"""The parent's side of the namespace daemon: starts it, sends it requests, closes it."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any

from repos.errors import InfrastructureError
from repos.sandbox.guest.server import codec


class DaemonError(OSError):
    """The daemon could not do what was asked; its message says why."""


class DaemonClient:
    """One namespace daemon; any thread may call."""

    def __init__(
        self, interpreter: str, files: dict[str, str], packages: dict[str, str], agent_uid: int
    ) -> None:
        """Start the daemon.

        Args:
            interpreter: Python that runs it, and the exec server inside.
            files: Name in the folder of tools to a file of the host.
            packages: Name in it to a package of `guest/`.
            agent_uid: The user that sandboxes run as where we are root.

        Raises:
            DaemonError: It could not set up its namespaces.
        """
        ours, theirs = socket.socketpair()
        self._socket = ours
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._inbox = bytearray()
        self.closed = False
        self.owner = os.getpid()
        self._process = subprocess.Popen(
            [interpreter, "-I", "-S", "-B", "daemon.py"],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={
                "PATH": "/usr/bin:/bin",
                "LC_ALL": "C.UTF-8",
                "REPOGYM_DAEMON": f"{theirs.fileno()} {os.getpid()}",
            },
            cwd=Path(__file__).parent,
            start_new_session=True,
        )
        theirs.close()
        try:
            self.facts = self.call(
                "set_up", {"files": files, "packages": packages, "agent": agent_uid}
            )
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """Process id of the daemon."""
        return self._process.pid

    def call(self, kind: str, body: dict[str, Any], fds: tuple[int, ...] = ()) -> Any:
        """Send a request and return its answer.

        Raises:
            DaemonError: It could not be done.
            InfrastructureError: The daemon is gone.
        """
        if fds:
            body = {**body, "fds": len(fds)}
        with self._lock:
            if self.closed or self.owner != os.getpid():
                raise InfrastructureError(
                    "The sandbox's namespace daemon is closed in this process."
                )
            data = codec.frame([next(self._ids), kind, body])
            try:
                sent = socket.send_fds(self._socket, [data], fds) if fds else 0
                if sent < len(data):
                    self._socket.sendall(data[sent:])
                while True:
                    for _, answer, value in codec.take_frames(self._inbox):
                        if answer == "error":
                            raise DaemonError(value["errno"], value["text"])
                        return value
                    piece = self._socket.recv(1 << 18)
                    if not piece:
                        raise InfrastructureError("The sandbox's namespace daemon has ended.")
                    self._inbox += piece
            except DaemonError:
                raise
            except OSError as error:
                raise InfrastructureError(f"The namespace daemon is gone: {error}.") from error

    def close(self) -> None:
        """End the daemon and with it every sandbox, mount and control group of its."""
        if self.closed:
            return
        self.closed = True
        self._socket.close()
        if self.owner != os.getpid():
            return
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
