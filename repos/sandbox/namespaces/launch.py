# Paths are strings here: they may be undecodable, and pathlib costs start-up time.
# ruff: noqa: PTH100, PTH120
"""Launching a sandbox: an order to the zygote, and the record of what came of it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass

from repos.sandbox.guest.server import codec
from repos.sandbox.namespaces import cgroups
from repos.sandbox.namespaces.zygote import MESSAGE


@dataclass(eq=False)
class SandboxProcess:
    """One sandbox: an exec server with what it runs.

    Attributes:
        group: Its control group.
        process: Refers to the server (a pidfd); -1 where there is none any more.
        link: Brings its mount namespace.
        namespace: That, once it was asked for.
        errors: Where the server writes errors to.
        family: Number of its family; 0 before it has files.
        upper: The folder that holds what it writes.
        user: Its user namespace, where it has one of `UserNamespaces`.
    """

    group: cgroups.Group
    process: int
    link: socket.socket | None = None
    namespace: int = -1
    errors: int = -1
    family: int = 0
    upper: str = ""
    user: int = -1

    def mounts(self) -> int:
        """Return its mount namespace, waiting for it to be complete.

        Raises:
            OSError: The server ended before.
        """
        if self.namespace < 0 and self.link is not None:
            # Nobody may open it from outside once the server has locked itself down.
            _, found, _, _ = socket.recv_fds(self.link, 1, 1)
            if found:
                self.namespace = found[0]
        if self.namespace < 0 or self.ended():
            raise OSError(0, "the exec server has ended")
        return self.namespace

    def complaints(self) -> str:
        """Return what was written to standard error so far."""
        out = b""
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(self.errors, 65536):
                out += piece
        return out.decode("utf-8", "replace").strip()

    def kill(self) -> None:
        """Kill the server, and with it everything inside."""
        if self.process >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.process, signal.SIGKILL)

    def ended(self, *, wait: bool = False) -> bool:
        """Return whether the server, and with it everything inside, has ended."""
        if self.process >= 0:
            poll = select.poll()
            poll.register(self.process, select.POLLIN)
            if not poll.poll(None if wait else 0):
                return False
            os.close(self.process)
            self.process = -1
        return True

    def close(self) -> None:
        """Close our descriptors."""
        for fd in (self.process, self.errors, self.namespace):
            if fd >= 0:
                os.close(fd)
        self.process = self.errors = self.namespace = -1
        if self.link is not None:
            self.link.close()


class Launcher:
    """Has sandboxes forked, by a zygote."""

    def __init__(self, leash: int) -> None:
        """Start the zygote, before this process enters namespaces of its own.

        Args:
            leash: Descriptor that is at its end once the daemon has ended.
        """
        self.leash = leash
        self.zygote, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            for end in (self.zygote, theirs):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * MESSAGE)
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-B", "zygote.py"],
                pass_fds=[theirs.fileno()],
                env={
                    "PATH": "/usr/bin:/bin",
                    "LC_ALL": "C.UTF-8",
                    "REPOGYM_ZYGOTE": str(theirs.fileno()),
                },
                cwd=os.path.dirname(os.path.abspath(__file__)),
                start_new_session=True,
            )

    def follow(self, *, user: bool) -> None:
        """Have the zygote enter our mount namespace and, where it is new, our user namespace."""
        names = ["user", "mnt"] if user else ["mnt"]
        fds = [os.open(f"/proc/self/ns/{name}", os.O_RDONLY | os.O_CLOEXEC) for name in names]
        socket.send_fds(self.zygote, [b"+"], fds)
        for fd in fds:
            os.close(fd)

    def launch(
        self, order: bytes, group: cgroups.Group, connection: int, root: int, user: int
    ) -> SandboxProcess:
        """Fork a sandbox's server. What goes wrong in it is written to the sandbox's `errors`.

        Args:
            order: What the sandbox's first process reads (see `zygote.become`).
            group: Control group to join.
            connection: The server's end of its connection.
            root: Mount namespace of the template.
            user: User namespace to enter, or -1.

        Raises:
            OSError: It could not be started.
        """
        err_read, err_write = os.pipe()
        ours, theirs = socket.socketpair()
        message = codec.encode([order, group.joins()])
        fds = [connection, err_write, self.leash, root, theirs.fileno()]
        if user >= 0:
            fds.append(user)
        try:
            socket.send_fds(self.zygote, [message], fds)
            said = self.zygote.recv(4096)
            if not said.isdigit():
                raise OSError(0, said.decode("utf-8", "replace") or "the zygote has ended")
            process = os.pidfd_open(int(said))
        except OSError:
            os.close(err_read)
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(err_write)
        with contextlib.suppress(BrokenPipeError):
            ours.send(b"+")  # its parent is now the one that stays
        os.set_blocking(err_read, False)
        return SandboxProcess(group, process, ours, errors=err_read, user=user)

    def close(self) -> None:
        """End the zygote; sandboxes live on."""
        self.zygote.close()
        self.process.wait()
