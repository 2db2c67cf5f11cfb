# Paths are strings here: they may be undecodable, and pathlib costs start-up time.
# ruff: noqa: PTH110
"""Plain processes on a copy of the files: no isolation at all, only on explicit request.

The same exec server runs, as the caller, with the caller's rights and network. Paths below
`/testbed` and of mounts are translated to the copy: in the `cwd`, in arguments that are such a
path, and in file operations. A program that has `/testbed` compiled in or in its data does not
find it; the variable `REPOGYM_TESTBED` says where it is.
"""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import subprocess
import tempfile
import threading
import weakref
from pathlib import Path

from repos.errors import InfrastructureError
from repos.sandbox import rootview, server
from repos.sandbox.channel import Channel, socket_pair
from repos.sandbox.client import ServerClient
from repos.sandbox.interpreter import running
from repos.sandbox.protocol import TESTBED, Isolation, Layers, Probe, SandboxSpec, Snapshot


def _copy_over(source: Path, target: Path) -> None:
    """Copy a folder's content, replacing what is there; links stay links."""
    shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)


class ProcessBackend:
    """Makes "sandboxes" that are plain processes."""

    name = "process"
    isolation: Isolation = "none"

    def __init__(self) -> None:
        """Prepare; the folder for the copies is made when first needed."""
        self._folder: Path | None = None
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    def folder(self) -> Path:
        """Return a fresh folder that goes when the back end closes."""
        with self._lock:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="repogym-process-"))
                atexit.register(self.close)
            path = self._folder / str(next(self._numbers))
        path.mkdir()
        return path

    def probe(self) -> Probe:
        """Say that it works, and that it isolates nothing."""
        return Probe(self.name, True, "none", "plain processes, with your rights")

    def create(self, layers: Layers, spec: SandboxSpec) -> ProcessSandbox:
        """Copy the layers and start a server on the copy.

        Raises:
            InfrastructureError: A layer does not exist, or the server does not start.
        """
        sources = [*layers.testbed, *(mount.source for mount in layers.mounts)]
        missing = [str(path) for path in sources if not os.path.exists(path)]
        if missing:
            raise InfrastructureError(f"These layers of a sandbox do not exist: {missing}.")
        return ProcessSandbox(self, layers, spec, layers.testbed)

    def close(self) -> None:
        """Remove all copies."""
        with self._lock:
            folder, self._folder = self._folder, None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


class ProcessSandbox(ServerClient):
    """A copy of the files, and a server that runs programs on it."""

    backend = "process"
    isolation: Isolation = "none"

    def __init__(
        self, backend: ProcessBackend, layers: Layers, spec: SandboxSpec, sources: tuple[Path, ...]
    ) -> None:
        """Start it; use `ProcessBackend.create` and `fork`."""
        self._backend = backend
        self._layers = layers
        self._spec = spec
        self._sources = sources
        self._family = backend.folder()
        self._snapshots: dict[str, Path] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._finalizer: weakref.finalize | None = None
        self._closed = False
        self._start(sources)

    def _start(self, sources: tuple[Path, ...]) -> None:
        self._stop()
        self._root = self._backend.folder()
        self._work = self._root / "testbed"
        for name in ("testbed", "home", "tmp"):
            (self._root / name).mkdir()
        for source in sources:
            _copy_over(source, self._work)
        here = Path(__file__).parent
        # Longest first, so that a mount below another is found.
        self._paths = sorted(
            [
                (TESTBED, str(self._work)),
                (rootview.HOME, str(self._root / "home")),
                (f"{rootview.TOOLS}/python", running().executable),
                (f"{rootview.TOOLS}/gitside.py", str(here.parent / "gitside.py")),
                *((mount.target, str(mount.source)) for mount in self._layers.mounts),
            ],
            key=lambda pair: -len(pair[0]),
        )
        env = rootview.environment(self._layers)
        env.update(
            HOME=str(self._root / "home"),
            TMPDIR=str(self._root / "tmp"),
            REPOGYM_TESTBED=str(self._work),
            PATH=":".join(self._translate(part) for part in env["PATH"].split(":")),
        )
        options = {
            "env": env,
            "cwd": str(self._work),
            "lock": False,
            "watch": True,
            "memory": self._spec.memory_mb << 20,
            "processes": 0,
        }
        ours, theirs = socket_pair()
        self._process = subprocess.Popen(
            [
                running().executable, "-I", "-S", "-B", str(here / "server.py"),
                str(theirs.fileno()), server.encode(options).hex(),
            ],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )  # fmt: skip
        theirs.close()
        self._channel = Channel(ours)
        self._finalizer = weakref.finalize(self, _end, self._channel, self._process, self._root)
        try:
            self._channel.take(0, 60)
        except TimeoutError as error:
            raise InfrastructureError("The exec server did not start.") from error

    def _stop(self) -> None:
        if self._finalizer is not None:
            self._finalizer()

    def _translate(self, path: str) -> str:
        for inside, outside in self._paths:
            if path == inside or path.startswith(inside + "/"):
                return outside + path[len(inside) :]
        return path

    def _check(self) -> None:
        if self._closed:
            raise InfrastructureError("The sandbox is closed.")

    def changed_paths(self) -> list[str] | None:
        """Return None: a copy can't tell."""
        return None

    def snapshot(self) -> Snapshot:
        """Copy the files as they are."""
        self._check()
        folder = self._backend.folder()
        _copy_over(self._work, folder)
        ident = str(folder)
        self._snapshots[ident] = folder
        return Snapshot(ident)

    def restore(self, snapshot: Snapshot) -> None:
        """Kill all processes and go back to a snapshot."""
        self._check()
        self._start((Path(snapshot.ident),))

    def fork(self) -> ProcessSandbox:
        """Return a new sandbox with a copy of the files and no processes."""
        taken = self.snapshot()
        child = ProcessSandbox(self._backend, self._layers, self._spec, self._sources)
        child.restore(taken)
        return child

    def reset(self) -> None:
        """Kill all processes and go back to the layers."""
        self._check()
        self._start(self._sources)

    def close(self) -> None:
        """End everything and remove the copy; may be called twice."""
        if not self._closed:
            self._closed = True
            self._stop()


def _end(channel: Channel, process: subprocess.Popen[bytes], root: Path) -> None:
    channel.close()
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    shutil.rmtree(root, ignore_errors=True)
