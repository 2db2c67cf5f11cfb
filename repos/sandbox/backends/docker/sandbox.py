"""A container whose only process is the exec server, attached through one stream."""

from __future__ import annotations

import os
import resource
import weakref
from pathlib import PurePosixPath
from typing import Any

from repos.errors import InfrastructureError
from repos.sandbox import zipapps
from repos.sandbox.backends.copies import CopyClient, Family
from repos.sandbox.backends.docker.engine import Engine, labels
from repos.sandbox.backends.docker.host import LOWER, ContainerHost
from repos.sandbox.channel import Channel
from repos.sandbox.guest.server import codec
from repos.sandbox.namespaces import rootview, seccomp
from repos.sandbox.namespaces.rootview import (
    AGENT_UID,
    FILE_LIMIT,
    HOME,
    HOME_BYTES,
    SHM_BYTES,
    TOOLS,
)
from repos.sandbox.protocol import TESTBED, Isolation, Layers, SandboxSpec

START_TIMEOUT_S = 120.0
MOST_TASKS = 32768
"""Of all containers together; each has a bound of its own far below."""

OPEN: weakref.WeakSet[DockerSandbox] = weakref.WeakSet()


class DockerSandbox(CopyClient):
    """A running container."""

    isolation: Isolation = "isolated"

    def __init__(
        self,
        host: ContainerHost,
        layers: Layers,
        spec: SandboxSpec,
        family: Family,
        delta: str | None,
    ) -> None:
        """Start it; use `DockerBackend.create` and `fork`."""
        super().__init__(family)
        self.backend = host.name
        self.host = host
        self._engine = host.engine
        self._layers = layers
        self._spec = spec
        self._life: weakref.finalize | None = None
        OPEN.add(self)
        try:
            self._start(delta)
        except BaseException:
            self.close()
            raise

    # ---- life
    def _start(self, delta: str | None) -> None:
        """Start a container on the layers, with a snapshot's changes, ending the one before."""
        self._end()
        engine, host = self._engine, self.host
        mounts, volumes = host.mounts(self._layers, self._spec.network)
        try:
            container = self._create(mounts)
        except BaseException:
            _stop(host, engine, None, None, volumes)
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
                self, _stop, host, engine, container, self._channel, volumes
            )
        except BaseException:
            if stream is not None:
                stream.close()
            _stop(host, engine, container, None, volumes)
            raise
        self._open_parents(container)
        lower = [f"{LOWER}/{at}" for at in range(len(self._layers.testbed))]
        self._fill(lower, delta)

    def _end(self) -> None:
        """Remove the container with all that runs in it."""
        if self._life is not None:
            self._life()
        if self._closed:
            OPEN.discard(self)

    def _twin(self, delta: str) -> DockerSandbox:
        """Return a new container in a snapshot's state."""
        return DockerSandbox(self.host, self._layers, self._spec, self._family, delta)

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
        spec, host = self._spec, self.host
        facts = host.facts
        assert facts is not None
        from docker.types import LogConfig, Ulimit

        inside = [m.target for m in self._layers.mounts if m.target.startswith(TESTBED + "/")]
        filled = sum(host.size(os.path.realpath(path)) for path in self._layers.testbed)
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
                host.image,
                [
                    *zipapps.command(
                        host.interpreter.executable, f"{TOOLS}/server.pyz", "server"
                    ),
                    "0", "1", codec.encode(options).hex(),
                ],
                user=f"{AGENT_UID}:{AGENT_UID}",
                hostname=None if spec.network else spec.hostname,
                stdin_open=True,
                tty=False,
                working_dir="/",
                environment={"LC_ALL": "C.UTF-8"},
                labels=labels(),
                host_config=config,
                network_disabled=not spec.network,
            )  # fmt: skip
        return made["Id"]


def _stop(
    host: ContainerHost,
    engine: Engine,
    container: str | None,
    channel: Channel | None,
    volumes: list[str],
) -> None:
    if channel is not None:
        channel.close()
    if container is not None:
        engine.remove(container)
    if volumes and host.volumes is not None:
        host.volumes.remove(volumes)
