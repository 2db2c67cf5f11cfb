# Paths are strings here: they may be undecodable, and pathlib costs start-up time.
"""A running bubblewrap sandbox: its life, snapshots, forks and bounds."""

from __future__ import annotations

import itertools
import os
import threading
import weakref
from dataclasses import dataclass, field
from typing import Any

from repos.errors import InfrastructureError, SandboxUnavailableError
from repos.sandbox.backends.bubblewrap.starter import START_TIMEOUT_S, Launched, SandboxStarter
from repos.sandbox.client import ServerClient
from repos.sandbox.namespaces import cgroups
from repos.sandbox.namespaces.client import DaemonError
from repos.sandbox.protocol import TESTBED, Isolation, Layers, Limit, SandboxSpec, Snapshot
from repos.sandbox.remedies import bubblewrap_remedy

MAX_DEPTH = 32


@dataclass
class Family:
    """What a created sandbox and its forks share."""

    ident: int | None = None
    used: dict[str, int] = field(default_factory=dict)
    numbers: Any = field(default_factory=itertools.count)


class BubblewrapSandbox(ServerClient):
    """A running bubblewrap sandbox."""

    backend = "bubblewrap"
    isolation: Isolation = "isolated"

    def __init__(
        self,
        starter: SandboxStarter,
        layers: Layers,
        spec: SandboxSpec,
        family: Family,
        chain: tuple[str, ...],
    ) -> None:
        """Start it; use `BubblewrapBackend.create` and `fork`."""
        self._starter = starter
        self._layers = layers
        self._spec = spec
        self._family = family
        self._chain = chain
        self._lock = threading.RLock()
        self._closed = False
        self._order = starter.order(layers, spec)
        # In a list of its own, so that the finalizer finds the present one.
        self._running: list[Launched] = []
        self._finalizer = weakref.finalize(self, _stop_all, self._running)
        self._start()

    # ---- life
    def _start(self) -> None:
        """Launch and give it the files of the present chain; what ran before ends."""
        fresh = self._starter.launch(self._order)
        try:
            answer = fresh.daemon.call(
                "attach", {"sandbox": fresh.sandbox, "family": self._family.ident, **self._files()}
            )
        except DaemonError as error:
            fresh.stop()
            raise SandboxUnavailableError(
                bubblewrap_remedy(self._starter.bwrap or "", f"the overlay failed: {error}")
            ) from error
        self._family.ident = answer["family"]
        self._upper: str = answer["upper"]
        old = list(self._running)
        self._running[:] = [fresh]
        self._channel = fresh.channel
        ahead = self._order.ahead
        self._ahead = None if ahead is None or fresh.ahead is None else (ahead, fresh.ahead)
        for before in old:
            before.stop(wait=False)
        self._starter.prepare_spare(self._order)

    def _files(self) -> dict[str, Any]:
        used = sum(self._family.used.get(layer, 0) for layer in self._chain)
        return {
            "base": [str(path) for path in self._layers.testbed],
            "chain": list(self._chain),
            "disk_bytes": max(1 << 20, (self._spec.disk_mb << 20) - used),
            "inner": [
                [
                    os.path.realpath(m.source),
                    m.target,
                    m.source.is_dir(),
                    m.writable,
                    os.path.realpath(m.over) if m.over is not None else "",
                ]
                for m in self._layers.mounts
                if m.target.startswith(f"{TESTBED}/")
            ],
        }

    def reset(self) -> None:
        """Kill all processes and go back to the layers."""
        with self._lock:
            self._check()
            self._chain = ()
            self._start()

    def close(self) -> None:
        """End everything and leave nothing behind; may be called twice."""
        with self._lock:
            self._closed = True
            self._finalizer()

    def _check(self) -> None:
        if self._closed:
            raise InfrastructureError("The sandbox is closed.")

    # ---- snapshots
    def _freeze(self) -> None:
        """Turn what was written since the last time into a layer, if anything was."""
        running = self._running[0]
        body = {"sandbox": running.sandbox, **self._files()}
        frozen = running.daemon.call("freeze", body)
        if frozen.get("busy"):
            # Something may be writing just now: end all that runs, then it can't be.
            self._channel.call("quit", {}, START_TIMEOUT_S)
            frozen = running.daemon.call("freeze", body)
            if frozen.get("busy"):
                raise InfrastructureError("A file of the sandbox stays open for writing.")
        if frozen["layer"] is None:
            return
        self._upper = frozen["upper"]
        self._family.used[frozen["layer"]] = frozen["used"]
        self._chain = (*self._chain, frozen["layer"])
        if len(self._chain) > MAX_DEPTH:
            # The sandbox itself stands on the short chain from the next freeze on.
            used = sum(self._family.used[layer] for layer in self._chain)
            merged = running.daemon.call(
                "merge",
                {
                    "family": self._family.ident,
                    "layers": list(self._chain),
                    "disk_bytes": used + (16 << 20),
                },
            )
            self._family.used[merged["layer"]] = merged["used"]
            self._chain = (merged["layer"],)

    def snapshot(self) -> Snapshot:
        """Freeze the file system as it is; the sandbox goes on from there.

        Processes go on too, unless one has a file open for writing: then all end. A process
        that stays in a folder of the workspace, or holds files open, sees them as they were.
        """
        with self._lock:
            self._check()
            self._freeze()
            ident = f"{self._family.ident}-{next(self._family.numbers)}"
            return Snapshot(ident, self._chain)

    def restore(self, snapshot: Snapshot) -> None:
        """Kill all processes and go back to a snapshot.

        Raises:
            ValueError: The snapshot is of another family of sandboxes.
        """
        with self._lock:
            self._check()
            if snapshot.ident.split("-")[0] != str(self._family.ident):
                raise ValueError("the snapshot belongs to another sandbox")
            self._chain = snapshot.layers
            self._start()

    def fork(self) -> BubblewrapSandbox:
        """Return a new, independent sandbox with the same files and no processes."""
        with self._lock:
            self.snapshot()
            return BubblewrapSandbox(
                self._starter, self._layers, self._spec, self._family, self._chain
            )

    def changed_paths(self) -> list[str]:
        """Return paths below `/testbed` that differ from its layers; a superset."""
        return sorted(self.changed_marks())

    def changed_marks(self) -> dict[str, str]:
        """Return what `changed_paths` does, each with a word that changes when the file does."""
        with self._lock:
            self._check()
            return self._running[0].daemon.call(
                "changed",
                {
                    "family": self._family.ident,
                    "base": [str(path) for path in self._layers.testbed],
                    "uppers": [*self._chain, self._upper],
                },
            )

    # ---- bounds
    def _before(self) -> tuple[cgroups.Group, int, int]:
        group = self._running[0].group if self._running else cgroups.Group(1, {})
        kills, refusals = cgroups.kills_and_refusals(group) if group.folders else (0, 0)
        return group, kills, refusals

    def _after(self, state: tuple[cgroups.Group, int, int], code: int) -> Limit | None:
        group, kills, refusals = state
        if not group.folders:
            return None
        kills_now, refusals_now = cgroups.kills_and_refusals(group)
        if kills_now > kills:
            return "memory"
        return "processes" if refusals_now > refusals else None


def _stop_all(running: list[Launched]) -> None:
    while running:
        running.pop().stop()
