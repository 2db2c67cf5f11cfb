# Paths are strings here: they may be undecodable, and pathlib costs start-up time.
# ruff: noqa: PTH101, PTH103, PTH110, PTH112, PTH114, PTH118
"""What all containers of a back end share: the engine, the image, mounts and a folder."""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Any

from repos.errors import InfrastructureError, SandboxUnavailableError
from repos.sandbox.backends.copies import SNAPSHOTS, remove_leftovers
from repos.sandbox.backends.docker import engine as docker_engine
from repos.sandbox.backends.docker.engine import Engine, bind, labels
from repos.sandbox.backends.docker.image import LINKS, image
from repos.sandbox.backends.docker.volumes import Volumes
from repos.sandbox.interpreter import package_folders, running
from repos.sandbox.namespaces.rootview import find_ripgrep
from repos.sandbox.protocol import TESTBED, Layers, Mount

LOWER = "/opt/repogym/layers"
PAGE = 4096


class ContainerHost:
    """An engine, found when first needed, with the image and the files of its containers."""

    def __init__(
        self, kind: str = "docker", address: str | None = None, *, shared: bool | None = None
    ) -> None:
        """Prepare; nothing is asked of an engine yet.

        Args:
            kind: "docker" or "podman": where an engine is looked for, and the name.
            address: The engine's address; found by itself by default.
            shared: Whether the engine sees this process's file system; tried out by default.
        """
        self.name = kind
        self.interpreter = running()
        self._address = address
        self._shared = shared
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self.facts: docker_engine.Facts | None = None
        self.volumes: Volumes | None = None
        self.image = ""
        self._folder: str | None = None
        self.numbers = itertools.count()
        self._sizes: dict[str, tuple[int, int]] = {}
        self._owner = os.getpid()

    # ---- the engine
    @property
    def engine(self) -> Engine:
        """The engine in use, looked for when first needed.

        Raises:
            SandboxUnavailableError: There is none, or it can't be used.
            MissingExtraError: The `docker` package is not installed.
        """
        if self._engine is None:
            self._settle()
        assert self._engine is not None
        return self._engine

    def _settle(self) -> None:
        """Find the engine, free what dead processes left, import the image."""
        with self._lock:
            if self._engine is not None:
                return
            docker_engine.import_docker()
            addresses = [self._address] if self._address else docker_engine.candidates(self.name)
            if not addresses:
                raise SandboxUnavailableError(
                    f"No container engine was found. {no_engine(self.name)}"
                )
            failures = []
            for address in addresses:
                engine = Engine(address)
                try:
                    facts = engine.facts()
                    break
                except SandboxUnavailableError as error:
                    engine.close()
                    failures.append(str(error))
            else:
                raise SandboxUnavailableError(f"{' '.join(failures)} {no_engine(self.name)}")
            docker_engine.collect(engine)
            shared = self._shared
            if shared is None:
                shared = address.startswith("unix://")
            self.image = image(engine, self.interpreter, find_ripgrep(), full=not shared)
            if not shared:
                self.volumes = Volumes(engine, self.interpreter, self.image)
            elif self._shared is None and not self._sees_us(engine):
                self.image = image(engine, self.interpreter, find_ripgrep(), full=True)
                self.volumes = Volumes(engine, self.interpreter, self.image)
            self.facts = facts
            self._engine = engine

    def _sees_us(self, engine: Engine) -> bool:
        """Whether a folder made here can be bound: tried with the engine's own check."""
        with tempfile.TemporaryDirectory(prefix="repogym-probe-") as folder:
            mark = Path(folder, Path(folder).name)
            mark.mkdir()
            made = None
            try:
                # Docker looks at the source when the container is made, Podman when it starts.
                with engine.errors("use the files of this machine") as api:
                    config = api.create_host_config(mounts=[bind(str(mark), TESTBED)])
                    made = api.create_container(
                        self.image, ["true"], host_config=config, labels=labels()
                    )["Id"]
                    api.start(made)
            except InfrastructureError as error:
                return mark.name not in str(error)  # the message names what is missing
            finally:
                if made is not None:
                    engine.remove(made)
        return True

    # ---- files
    def folder(self) -> str:
        """Return the folder for snapshots, which goes when the back end closes."""
        with self._lock:
            if self._folder is None or self._owner != os.getpid():
                remove_leftovers(SNAPSHOTS)
                self._folder = tempfile.mkdtemp(prefix=f"{SNAPSHOTS}{os.getpid()}-")
                self._owner = os.getpid()
                atexit.register(self.close)
            return self._folder

    def size(self, layer: str) -> int:
        """Return how many bytes a memory file system needs for a layer."""
        if layer not in self._sizes:
            total = entries = 0
            for folder, names, files in os.walk(layer):
                entries += len(names) + len(files)
                for name in files:
                    size = os.lstat(os.path.join(folder, name)).st_size
                    total += -(-size // PAGE) * PAGE
            self._sizes[layer] = (total, entries)
        return self._sizes[layer][0]

    def mounts(self, layers: Layers, network: bool) -> tuple[list[Any], list[str]]:
        """Return the container's mounts, and the volumes that go with it.

        Raises:
            InfrastructureError: The engine failed.
        """
        lower = [
            Mount(Path(os.path.realpath(path)), f"{LOWER}/{at}")
            for at, path in enumerate(layers.testbed)
        ]
        wanted = [*lower, *layers.mounts]
        if not network:
            hosts = os.path.join(self.folder(), "hosts")
            if not os.path.exists(hosts):
                # Podman would add the names that this machine knows.
                Path(hosts).write_text("127.0.0.1 localhost sandbox\n::1 localhost\n")
            wanted.append(Mount(Path(hosts), "/etc/hosts"))
        if self.volumes is not None:
            return self.volumes.place(wanted)
        out = [bind("/usr", "/usr")]
        for name in LINKS:
            if os.path.isdir(f"/{name}") and not os.path.islink(f"/{name}"):
                out.append(bind(f"/{name}", f"/{name}"))
        empty = os.path.join(self.folder(), "empty")
        os.makedirs(empty, exist_ok=True)
        os.chmod(self.folder(), 0o755)
        masks = list(package_folders("/usr"))
        if self.interpreter.prefix is not None:
            out.append(bind(self.interpreter.prefix, self.interpreter.prefix))
            masks += self.interpreter.masks
        out += [bind(empty, path) for path in masks]
        out += [
            bind(os.path.realpath(mount.source), mount.target, writable=mount.writable)
            for mount in wanted
        ]
        return out, []

    def close(self) -> None:
        """Free the snapshots and the connections."""
        with self._lock:
            folder, self._folder = self._folder, None
            engine, self._engine = self._engine, None
        atexit.unregister(self.close)
        if self._owner == os.getpid() and folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        if engine is not None:
            engine.close()


def no_engine(kind: str) -> str:
    """Return what to do about a missing engine."""
    if kind == "podman":
        return (
            "Start Podman's socket: `systemctl --user start podman.socket`, or "
            "`podman system service --time 0 unix:///tmp/podman.sock` with "
            "CONTAINER_HOST=unix:///tmp/podman.sock."
        )
    return (
        "Start a Docker engine that this user may use (`sudo systemctl start docker`, membership "
        "in the group docker), or Podman's socket (`systemctl --user start podman.socket`), or "
        "name an engine elsewhere: DOCKER_HOST=tcp://HOST:PORT."
    )
