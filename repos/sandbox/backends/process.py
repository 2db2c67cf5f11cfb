# Paths are strings here: they may be undecodable, and pathlib costs start-up time.
# ruff: noqa: PTH110
"""Plain processes on a copy of the files: no isolation at all, only on explicit request.

The same exec server runs, as the caller, with the caller's rights and network. Nothing is
mounted: `/testbed` and the other paths inside are folders of the host, and are rewritten where
they occur (`translation.py`). The variable `REPOGYM_TESTBED` says where the copy is.
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
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from repos.errors import InfrastructureError
from repos.sandbox import zipapps
from repos.sandbox.backends.copies import (
    COPIES,
    CopyClient,
    Family,
    refuse_links,
    remove_leftovers,
)
from repos.sandbox.backends.translation import Translation, shadow_environment
from repos.sandbox.channel import Channel, socket_pair
from repos.sandbox.guest.server import codec
from repos.sandbox.guest.server.files import remove_tree
from repos.sandbox.interpreter import running
from repos.sandbox.namespaces import rootview
from repos.sandbox.namespaces.rootview import HOME, TOOLS, find_ripgrep
from repos.sandbox.protocol import (
    ENVIRONMENT,
    TESTBED,
    ExecOptions,
    ExecResult,
    Isolation,
    Layers,
    Probe,
    SandboxSpec,
)

START_TIMEOUT_S = 60.0


class ProcessBackend:
    """Makes "sandboxes" that are plain processes."""

    name = "process"
    isolation: Isolation = "none"

    def __init__(self) -> None:
        """Prepare; the folder for the copies is made when first needed."""
        self._folder: Path | None = None
        self._owner = os.getpid()
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    def folder(self) -> Path:
        """Return the path of a new folder, not made yet, that goes when the back end closes."""
        with self._lock:
            if self._folder is None or self._owner != os.getpid():
                self._owner = os.getpid()
                remove_leftovers(COPIES)
                self._folder = Path(tempfile.mkdtemp(prefix=f"{COPIES}{os.getpid()}-"))
                atexit.register(self.close)
            return self._folder / str(next(self._numbers))

    def program(self, package: str) -> str:
        """Return the file into which a program that runs inside is packed."""
        self.folder()
        with self._lock:
            assert self._folder is not None
            path = self._folder / f"{package}.pyz"
            if not path.exists():
                path.write_bytes(zipapps.pack(package))
            return str(path)

    def probe(self) -> Probe:
        """Say that it works, and that it isolates nothing; free what dead processes left."""
        remove_leftovers(COPIES)
        return Probe(self.name, True, self.isolation, "plain processes, with your rights")

    def create(self, layers: Layers, spec: SandboxSpec) -> ProcessSandbox:
        """Copy the layers and start a server on the copy.

        Raises:
            InfrastructureError: A layer does not exist, or the server does not start.
        """
        refuse_links(self.name, layers)
        sources = [*layers.testbed, *(mount.source for mount in layers.mounts)]
        missing = [str(path) for path in sources if not os.path.exists(path)]
        if missing:
            raise InfrastructureError(f"These layers of a sandbox do not exist: {missing}.")
        folder = self.folder()
        family = Family(str(folder), f"{os.getpid()}.{folder.name}")
        return ProcessSandbox(self, layers, spec, family, None)

    def close(self) -> None:
        """Remove all copies."""
        with self._lock:
            folder, self._folder = self._folder, None
        atexit.unregister(self.close)
        if folder is not None and self._owner == os.getpid():
            shutil.rmtree(folder, ignore_errors=True)


class ProcessSandbox(CopyClient):
    """A copy of the files, and a server that runs programs on it."""

    backend = "process"
    isolation: Isolation = "none"

    def __init__(
        self,
        backend: ProcessBackend,
        layers: Layers,
        spec: SandboxSpec,
        family: Family,
        delta: str | None,
    ) -> None:
        """Start it; use `ProcessBackend.create` and `fork`."""
        super().__init__(family)
        self._maker = backend
        self._layers = layers
        self._spec = spec
        self._life: weakref.finalize | None = None
        try:
            self._start(delta)
        except BaseException:
            self.close()
            raise

    def _start(self, delta: str | None) -> None:
        self._end()
        root = self._maker.folder()
        work = root / "testbed"
        for name in ("testbed", "home", "tmp", "bin"):
            (root / name).mkdir(parents=True)
        ripgrep = find_ripgrep()
        if ripgrep is not None:
            (root / "bin" / "rg").symlink_to(ripgrep)
        pairs = [
            (TESTBED, str(work)),
            (HOME, str(root / "home")),
            ("/tmp", str(root / "tmp")),
            (f"{TOOLS}/python", running().executable),
            (f"{TOOLS}/git.pyz", self._maker.program("git")),
            (f"{TOOLS}/bin", str(root / "bin")),
        ]
        self._paths = Translation(pairs)
        inside = []
        for mount in self._layers.mounts:
            if mount.target.startswith(f"{TESTBED}/"):
                # Shown where it belongs, but nothing protects it here.
                relative = mount.target[len(TESTBED) + 1 :]
                inside.append(relative)
                _copy(mount.source, work / relative)
            elif mount.target == ENVIRONMENT and (mount.source / "pyvenv.cfg").exists():
                shadow_environment(mount.source, root / "env", self._paths)
                pairs.append((ENVIRONMENT, str(root / "env")))
            else:
                pairs.append((mount.target, str(mount.source)))
        self._paths = Translation(pairs)
        env = {
            name: self._paths.into(value)
            for name, value in rootview.environment(self._layers).items()
        }
        # The settings of this machine's git are not the task's, and may be out of reach.
        env.update(REPOGYM_TESTBED=str(work), GIT_CONFIG_NOSYSTEM="1")
        options = {
            "env": env,
            "cwd": str(work),
            "root": str(work),
            "skip": inside,
            "lock": False,
            "watch": True,
            "memory": self._spec.memory_mb << 20,
            "processes": 0,
        }
        ours, theirs = socket_pair()
        process = subprocess.Popen(
            [
                *zipapps.command(running().executable, self._maker.program("server"), "server"),
                str(theirs.fileno()), str(theirs.fileno()), codec.encode(options).hex(),
            ],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            cwd="/",
            start_new_session=True,
        )  # fmt: skip
        theirs.close()
        self._channel = Channel(ours)
        self._life = weakref.finalize(self, _stop, self._channel, process, str(root))
        try:
            self._channel.take(0, START_TIMEOUT_S)
        except (InfrastructureError, TimeoutError) as error:
            process.kill()
            assert process.stderr is not None
            why = process.stderr.read().decode("utf-8", "replace").strip()
            raise InfrastructureError(
                f"The exec server did not start: {why.splitlines()[-1] if why else error}"
            ) from error
        self._fill([str(path) for path in self._layers.testbed], delta)

    def _end(self) -> None:
        if self._life is not None:
            self._life()

    def _twin(self, delta: str) -> CopyClient:
        return ProcessSandbox(self._maker, self._layers, self._spec, self._family, delta)

    # ---- paths
    def _translate(self, path: str) -> str:
        return self._paths.into(path)

    def exec(self, argv: Sequence[str], **options: Unpack[ExecOptions]) -> ExecResult:
        """Run a program to its end, paths rewritten both ways; see `Sandbox.exec`.

        Raises:
            InfrastructureError: The sandbox itself is gone.
            ValueError: No program was named.
        """
        stdin = options.get("stdin", b"")
        if stdin.lstrip()[:1] in (b"{", b"["):
            # A configuration in JSON; anything else, a diff for example, must not change.
            options["stdin"] = self._paths.into_bytes(stdin)
        result = super().exec(argv, **options)
        return replace(
            result,
            stdout=self._paths.out_of(result.stdout),
            stderr=self._paths.out_of(result.stderr),
        )


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
    else:
        shutil.copyfile(source, target)


def _stop(channel: Channel, process: subprocess.Popen[bytes], root: str) -> None:
    channel.close()
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stderr is not None:
        process.stderr.close()
    remove_tree(root)
