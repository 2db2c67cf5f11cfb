# Paths are strings here: they may be undecodable, and pathlib costs start-up time.
# ruff: noqa: PTH101, PTH103, PTH108, PTH110, PTH112, PTH114, PTH118, PTH123
"""Containers of a Docker engine, or of Podman's Docker-compatible socket.

The container's only process is the exec server, attached through one stream that lives as long
as the sandbox; a step is a frame each way, never an engine call. `/testbed` is a sized memory
file system that the server fills from the layers; a snapshot is what differs from that filling,
kept in a file on the host; a fork is a new container of the same image with it.
"""

from __future__ import annotations

import atexit
import itertools
import os
import resource
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, cast

from repos.errors import InfrastructureError, MissingExtraError, SandboxUnavailableError
from repos.sandbox import docker_engine, rootview, seccomp, server
from repos.sandbox.bubblewrap import FILE_LIMIT, find_ripgrep
from repos.sandbox.channel import Channel
from repos.sandbox.client import FILE_TIMEOUT_S, ServerClient
from repos.sandbox.docker_engine import LABEL, MACHINE, OWNER, Engine
from repos.sandbox.docker_image import LINKS, image
from repos.sandbox.docker_volumes import Volumes
from repos.sandbox.interpreter import package_folders, running
from repos.sandbox.protocol import (
    TESTBED,
    Isolation,
    Layers,
    Mount,
    Probe,
    SandboxSpec,
    Snapshot,
)
from repos.sandbox.rootview import AGENT_UID, HOME, HOME_BYTES, SHM_BYTES, TOOLS

START_TIMEOUT_S = 120.0
FILL_TIMEOUT_S = 1200.0
LOWER = "/opt/repogym/layers"
PAGE = 4096
MOST_TASKS = 32768
"""Of all containers together; each has a bound of its own far below."""


@dataclass
class Family:
    """What a created sandbox and its forks share: the folder of their snapshots."""

    folder: str
    ident: str
    numbers: Any = field(default_factory=itertools.count)
    members: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def leave(self) -> None:
        """Count a member out; the last one takes the snapshots with it."""
        with self.lock:
            self.members -= 1
            last = self.members == 0
        if last:
            shutil.rmtree(self.folder, ignore_errors=True)


class DockerBackend:
    """Makes containers; `docker` by any engine that answers, `podman` by Podman only."""

    isolation: Isolation = "isolated"

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
        self._facts: docker_engine.Facts | None = None
        self._volumes: Volumes | None = None
        self._image = ""
        self._folder: str | None = None
        self._numbers = itertools.count()
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
                raise SandboxUnavailableError(no_engine(self.name))
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
            self._image = image(engine, self.interpreter, find_ripgrep(), full=not shared)
            if not shared:
                self._volumes = Volumes(engine, self.interpreter, self._image)
            elif self._shared is None and not self._sees_us(engine):
                self._image = image(engine, self.interpreter, find_ripgrep(), full=True)
                self._volumes = Volumes(engine, self.interpreter, self._image)
            self._facts = facts
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
                        self._image, ["true"], host_config=config, labels=labels()
                    )["Id"]
                    api.start(made)
            except InfrastructureError as error:
                return mark.name not in str(error)  # the message names what is missing
            finally:
                if made is not None:
                    engine.remove(made)
        return True

    def probe(self) -> Probe:
        """Run one command in a sandbox and say how it went; never raises."""
        from repos.sandbox.bubblewrap import own_layer

        try:
            with tempfile.TemporaryDirectory(prefix="repogym-probe-") as folder:
                layer = Path(folder, "layer")
                (layer / "d").mkdir(parents=True)
                (layer / "d" / "f").write_text("probe")
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
                assert self._facts is not None
                how = "" if self._volumes is None else ", over volumes (it sees other files)"
                return Probe(self.name, True, self.isolation, f"{self._facts.title} works{how}")
            reason = result.text.strip()[-300:] or f"exit status {result.exit_code}"
            remedy = f"{reason} {no_engine(self.name)}"
        except (SandboxUnavailableError, MissingExtraError) as error:
            reason = remedy = str(error)
        except (InfrastructureError, OSError) as error:
            reason = str(error)
            remedy = f"{reason} {no_engine(self.name)}"
        return Probe(self.name, False, self.isolation, reason, remedy)

    # ---- sandboxes
    def create(self, layers: Layers, spec: SandboxSpec) -> DockerSandbox:
        """Start a container.

        Raises:
            SandboxUnavailableError: There is no engine.
            InfrastructureError: The engine failed, or a layer does not exist.
        """
        sources = [*layers.testbed, *(mount.source for mount in layers.mounts)]
        missing = [str(path) for path in sources if not os.path.exists(path)]
        if missing:
            raise InfrastructureError(f"These layers of a sandbox do not exist: {missing}.")
        if not layers.testbed:
            raise InfrastructureError("A sandbox needs at least one layer at /testbed.")
        self.engine  # noqa: B018  (looked for before anything is laid out)
        number = next(self._numbers)
        family = Family(os.path.join(self.folder(), str(number)), f"{os.getpid()}.{number}")
        return DockerSandbox(self, layers, spec, family, None)

    def folder(self) -> str:
        """Return the folder for snapshots, which goes when the back end closes."""
        with self._lock:
            if self._folder is None or self._owner != os.getpid():
                self._folder = tempfile.mkdtemp(prefix=f"repogym-docker-{os.getpid()}-")
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
        if self._volumes is not None:
            return self._volumes.place(wanted)
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
        """Free the snapshots and the connections; sandboxes that are open are closed."""
        with self._lock:
            folder, self._folder = self._folder, None
            engine, self._engine = self._engine, None
        atexit.unregister(self.close)
        if self._owner == os.getpid():
            for sandbox in list(OPEN):
                if sandbox._backend is self:
                    sandbox._engine = engine or sandbox._engine
                    sandbox.close()
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
        if engine is not None:
            engine.close()


OPEN: weakref.WeakSet[DockerSandbox] = weakref.WeakSet()


def labels() -> dict[str, str]:
    """Return the labels of everything that belongs to this process."""
    return {LABEL: "sandbox", OWNER: docker_engine.owner(), MACHINE: docker_engine.machine()}


def bind(source: str, target: str, *, writable: bool = False) -> Any:
    """Return a bind mount, private to the container."""
    from docker.types import Mount as DockerMount

    return DockerMount(target, source, type="bind", read_only=not writable)


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


class DockerSandbox(ServerClient):
    """A running container."""

    isolation: Isolation = "isolated"

    def __init__(
        self,
        backend: DockerBackend,
        layers: Layers,
        spec: SandboxSpec,
        family: Family,
        delta: str | None,
    ) -> None:
        """Start it; use `DockerBackend.create` and `fork`."""
        self.backend = backend.name
        self._backend = backend
        self._engine = backend.engine
        self._layers = layers
        self._spec = spec
        self._family = family
        self._lock = threading.RLock()
        self._closed = False
        self._life: weakref.finalize | None = None
        with family.lock:
            family.members += 1
        os.makedirs(family.folder, exist_ok=True)
        self._member = weakref.finalize(self, family.leave)
        OPEN.add(self)
        try:
            self._start(delta)
        except BaseException:
            self._member()
            raise

    # ---- life
    def _start(self, delta: str | None) -> None:
        """Start a container on the layers, with a snapshot's changes, ending the one before."""
        if self._life is not None:
            self._channel.close()
            self._life()
        engine, backend = self._engine, self._backend
        mounts, volumes = backend.mounts(self._layers, self._spec.network)
        try:
            container = self._create(mounts)
        except BaseException:
            _end(backend, engine, None, None, volumes)
            raise
        stream = None
        try:
            stream = engine.attach(container)
            with engine.errors("start a container") as api:
                api.start(container)
            self._channel = Channel(stream)
            try:
                self._channel.take(0, START_TIMEOUT_S)
            except (InfrastructureError, TimeoutError) as error:
                why = stream.drain(2.0) or str(error)
                raise InfrastructureError(f"The exec server did not start: {why}") from error
            self._life = weakref.finalize(
                self, _end, backend, engine, container, self._channel, volumes
            )
        except BaseException:
            if stream is not None:
                stream.close()
            _end(backend, engine, container, None, volumes)
            raise
        self._open_parents(container)
        lower = [f"{LOWER}/{at}" for at in range(len(self._layers.testbed))]
        try:
            self._channel.call("fill", {"path": TESTBED, "layers": lower}, FILL_TIMEOUT_S)
            if delta is not None:
                for records in read_delta(delta):
                    self._channel.call(
                        "unpack", {"path": TESTBED, "records": records}, FILE_TIMEOUT_S
                    )
                body = {"path": TESTBED, "records": b"", "end": True}
                self._channel.call("unpack", body, FILE_TIMEOUT_S)
        except OSError as error:
            self.close()
            raise InfrastructureError(f"The workspace could not be filled: {error}.") from error

    def _open_parents(self, container: str) -> None:
        """Let the agent write in the folders that the engine made for mounts in the workspace.

        They belong to the engine's root, who has no capability here, but may change their mode.
        Nothing of the task has run yet.
        """
        parents = {
            parent
            for mount in self._layers.mounts
            for parent in map(str, PurePosixPath(mount.target).parents)
            if parent.startswith(f"{TESTBED}/")
        }
        if not parents:
            return
        with self._engine.errors("open the folders of mounts") as api:
            made = api.exec_create(container, ["chmod", "0777", *sorted(parents)], user="0:0")
            said = api.exec_start(made["Id"])
            code = api.exec_inspect(made["Id"])["ExitCode"]
        if code:
            raise InfrastructureError(f"The folders of mounts could not be opened: {said!r}.")

    def _create(self, mounts: list[Any]) -> str:
        """Make the container and return its id."""
        spec, backend = self._spec, self._backend
        facts = backend._facts
        assert facts is not None
        from docker.types import LogConfig, Ulimit

        inside = [m.target for m in self._layers.mounts if m.target.startswith(TESTBED + "/")]
        filled = sum(backend.size(os.path.realpath(path)) for path in self._layers.testbed)
        size = filled + (spec.disk_mb << 20) + (4 << 20)
        options = {
            "env": rootview.environment(self._layers),
            "cwd": TESTBED,
            "root": TESTBED,
            "skip": [target[len(TESTBED) + 1 :] for target in inside],
            "disks": [TESTBED, "/tmp", "/var/tmp", HOME, "/dev/shm"],
            "memory": 0 if facts.limits else spec.memory_mb << 20,
            "processes": 0 if facts.limits else spec.processes,
            "watch": not facts.limits,
            "counters": facts.limits,
            "seccomp": seccomp.program(spec.seccomp),
        }
        flags = "rw,nosuid,nodev,"
        tmp = "exec" if spec.tmp_exec else "noexec"
        files = {
            TESTBED: f"{flags}exec,mode=0777,size={size}",
            "/tmp": f"{flags}{tmp},mode=1777,size={spec.tmp_mb << 20}",
            HOME: f"{flags}exec,mode=0777,size={HOME_BYTES}",
        }
        # Podman mounts one of its own there, without a size, where nothing else is.
        files["/var/tmp"] = files["/tmp"]
        limits: dict[str, Any] = {}
        if facts.limits:
            # What the workspace's memory file system was filled with is counted there too.
            memory = (spec.memory_mb << 20) + filled
            limits = {
                "mem_limit": memory,
                "memswap_limit": memory,
                "pids_limit": spec.processes + 8,
            }
        ulimits = [
            Ulimit(name="core", soft=0, hard=0),
            Ulimit(name="nofile", soft=FILE_LIMIT, hard=FILE_LIMIT),
        ]
        # Podman's own default is above what it may set where it lacks CAP_SYS_RESOURCE.
        hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
        most = MOST_TASKS if hard == resource.RLIM_INFINITY else min(hard, MOST_TASKS)
        ulimits.append(Ulimit(name="nproc", soft=most, hard=most))
        with self._engine.errors("make a container") as api:
            config = api.create_host_config(
                mounts=mounts,
                tmpfs=files,
                network_mode="host" if spec.network else "none",
                cap_drop=["ALL"],
                security_opt=["no-new-privileges", "label=disable"],
                read_only=True,
                auto_remove=True,
                shm_size=SHM_BYTES,
                ipc_mode="private",
                ulimits=ulimits,
                log_config=LogConfig(type="none"),
                **limits,
            )
            made = api.create_container(
                backend._image,
                [
                    backend.interpreter.executable, "-I", "-S", "-B",
                    f"{TOOLS}/copyserver.pyc", "0", "1", server.encode(options).hex(),
                ],
                user=f"{AGENT_UID}:{AGENT_UID}",
                hostname=None if spec.network else "sandbox",
                stdin_open=True,
                tty=False,
                working_dir="/",
                environment={"LC_ALL": "C.UTF-8"},
                labels=labels(),
                host_config=config,
                network_disabled=not spec.network,
            )  # fmt: skip
        return made["Id"]

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
            if self._life is not None:
                self._life()
            self._member()
            OPEN.discard(self)

    def _check(self) -> None:
        if self._closed:
            raise InfrastructureError("The sandbox is closed.")

    # ---- snapshots
    def snapshot(self) -> Snapshot:
        """Freeze the file system as it is; the sandbox goes on from there."""
        with self._lock:
            self._check()
            number = next(self._family.numbers)
            path = os.path.join(self._family.folder, str(number))
            with open(path, "wb") as f:
                for records in self._packed():
                    f.write(server.frame(records))
            return Snapshot(f"{self._family.ident}-{number}", (path,))

    def _packed(self) -> Iterator[bytes]:
        body = {"path": TESTBED, "start": True}
        while records := self._channel.call("pack", body, FILE_TIMEOUT_S):
            body = {"path": TESTBED}
            yield records

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

    def fork(self) -> DockerSandbox:
        """Return a new, independent sandbox with the same files and no processes."""
        with self._lock:
            taken = self.snapshot()
            try:
                return DockerSandbox(
                    self._backend, self._layers, self._spec, self._family, taken.layers[0]
                )
            finally:
                os.unlink(taken.layers[0])

    def changed_paths(self) -> list[str] | None:
        """Return paths below `/testbed` that differ from its layers; a superset."""
        return sorted(self.changed_marks())

    def changed_marks(self) -> dict[str, str]:
        """Return what `changed_paths` does, each with a word that changes when the file does."""
        blob = self._channel.call("changed", {"path": TESTBED}, FILE_TIMEOUT_S)
        words = blob.decode("utf-8", "surrogateescape").split("\0")[:-1]
        return dict(zip(words[::2], words[1::2], strict=True))


def read_delta(path: str) -> Iterator[bytes]:
    """Yield the batches of records in a snapshot's file."""
    with open(path, "rb") as f:
        while head := f.read(4):
            yield cast(bytes, server.decode(f.read(int.from_bytes(head, "big"))))


def _end(
    backend: DockerBackend,
    engine: Engine,
    container: str | None,
    channel: Channel | None,
    volumes: list[str],
) -> None:
    if channel is not None:
        channel.close()
    if container is not None:
        engine.remove(container)
    if volumes and backend._volumes is not None:
        backend._volumes.remove(volumes)
