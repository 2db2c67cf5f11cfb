# Paths are strings here: they may be undecodable, and pathlib costs start-up time.
# ruff: noqa: PTH110, PTH111, PTH115, PTH118, PTH123
"""A container engine: finding it, its streams, and what its dead users left behind."""

from __future__ import annotations

import contextlib
import os
import re
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from repos.errors import InfrastructureError, MissingExtraError, SandboxUnavailableError

LABEL = "repogym"
OWNER = "repogym.owner"
MACHINE = "repogym.machine"
API_TIMEOUT_S = 120
HEADER, STDERR = 8, 2


def import_docker() -> Any:
    """Return the `docker` package.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import docker
    except ImportError as error:
        raise MissingExtraError("docker", "docker", "A container sandbox") from error
    return docker


def candidates(kind: str) -> list[str]:
    """Return the addresses at which an engine may answer, the preferred one first.

    Args:
        kind: "docker" (any engine that speaks its API) or "podman".
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.geteuid()}"
    podman = [f"{runtime}/podman/podman.sock", "/run/podman/podman.sock"]
    dockers = ["/var/run/docker.sock", f"{runtime}/docker.sock"]
    named = os.environ.get("CONTAINER_HOST" if kind == "podman" else "DOCKER_HOST")
    if named:
        return [named]
    paths = podman if kind == "podman" else dockers + podman
    return [f"unix://{path}" for path in paths if os.path.exists(path)]


@dataclass(frozen=True)
class Facts:
    """What an engine said of itself.

    Attributes:
        address: Where it answers.
        title: For people: name and version.
        limits: Whether it holds memory and process bounds.
    """

    address: str
    title: str
    limits: bool


class Engine:
    """One engine; any thread may call, and a forked child too."""

    def __init__(self, address: str) -> None:
        """Name it; nothing is sent yet.

        Args:
            address: As in DOCKER_HOST: `unix://`, `tcp://`.
        """
        self.address = address
        self._docker = import_docker()
        self._clients: dict[tuple[int, int], Any] = {}
        self._lock = threading.Lock()

    @property
    def api(self) -> Any:
        """The low-level client of this thread."""
        key = (os.getpid(), threading.get_ident())
        with self._lock:
            client = self._clients.get(key)
        if client is None:
            tls = None
            if os.environ.get("DOCKER_TLS_VERIFY") and self.address.startswith("tcp://"):
                tls = self._docker.tls.TLSConfig(
                    verify=True,
                    ca_cert=_certificate("ca.pem"),
                    client_cert=(_certificate("cert.pem"), _certificate("key.pem")),
                )
            client = self._docker.APIClient(
                base_url=self.address, version="auto", timeout=API_TIMEOUT_S, tls=tls
            )
            with self._lock:
                self._clients[key] = client
        return client

    def facts(self) -> Facts:
        """Ask the engine what it is.

        Raises:
            SandboxUnavailableError: It does not answer, or can't be used.
        """
        if self.address.startswith("ssh://"):
            raise SandboxUnavailableError(
                "An engine at ssh:// can't be used: forward its socket with "
                "`ssh -L /tmp/engine.sock:/var/run/docker.sock HOST` and set "
                "DOCKER_HOST=unix:///tmp/engine.sock."
            )
        try:
            version, info = self.api.version(), self.api.info()
        except Exception as error:  # the package raises its own, requests' and urllib3's
            raise SandboxUnavailableError(
                f"No container engine answers at {self.address}: {short(error)}."
            ) from error
        names = [part.get("Name", "") for part in version.get("Components") or ()]
        name = "Podman" if any("Podman" in part for part in names) else "Docker"
        return Facts(
            address=self.address,
            title=f"{name} {version.get('Version', '?')} at {self.address}",
            limits=bool(info.get("MemoryLimit")) and bool(info.get("PidsLimit", True)),
        )

    @contextlib.contextmanager
    def errors(self, what: str) -> Iterator[Any]:
        """Give the client, and turn its errors into an infrastructure failure."""
        from requests.exceptions import RequestException

        try:
            yield self.api
        except (self._docker.errors.DockerException, RequestException, OSError) as error:
            raise InfrastructureError(f"The engine could not {what}: {short(error)}.") from error

    def image_id(self, name: str) -> str | None:
        """Return an image's id, or None where there is none of this name.

        Raises:
            InfrastructureError: The engine failed.
        """
        with self.errors("look up an image") as api:
            try:
                return api.inspect_image(name)["Id"]
            except self._docker.errors.ImageNotFound:
                return None

    def remove(self, container: str) -> None:
        """Remove a container with its processes; one that is gone already is fine."""
        from requests.exceptions import RequestException

        for wait in (0.05, 0.2, 0.5, 1.0, None):
            try:
                self.api.remove_container(container, force=True, v=True)
                return
            except self._docker.errors.NotFound:
                return
            except (self._docker.errors.APIError, RequestException) as error:
                # 409: it is being removed already, by itself.
                if wait is None:
                    raise InfrastructureError(
                        f"A container could not be removed: {short(error)}."
                    ) from error
                time.sleep(wait)

    def attach(self, container: str) -> AttachedStream:
        """Return the container's standard streams, before it is started."""
        with self.errors("attach to a container") as api:
            raw = api.attach_socket(
                container, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
            )
        return AttachedStream(raw)

    def close(self) -> None:
        """Close the clients' connections."""
        with self._lock:
            clients, self._clients = self._clients, {}
        for (pid, _), client in clients.items():
            if pid == os.getpid():
                client.close()


def _certificate(name: str) -> str:
    folder = os.environ.get("DOCKER_CERT_PATH") or os.path.expanduser("~/.docker")
    return os.path.join(folder, name)


def short(error: BaseException) -> str:
    """Return an engine's error as one line."""
    explanation = getattr(error, "explanation", None)
    text = " ".join(str(explanation or error).split())
    found = re.search(r"(PermissionError|FileNotFoundError|ConnectionRefusedError)\([^)]*\)", text)
    return (found.group(0) if found else text)[-400:].rstrip(".")


class AttachedStream:
    """A container's standard input and output as one stream of bytes.

    The engine sends output in pieces, each behind a header (stream number, three zero bytes,
    length); standard error is kept apart, for messages about a server that did not start.
    """

    def __init__(self, raw: Any) -> None:
        """Take over what the SDK's `attach_socket` returned."""
        self._owner = raw
        self._socket: Any = getattr(raw, "_sock", raw)
        self._socket.setblocking(False)
        self._inbox = bytearray()
        self._number = self._left = 0
        self._ended = False
        self.errors = b""

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._socket.fileno()

    def send(self, data: Any) -> int:
        """Send what fits.

        Raises:
            BlockingIOError: Nothing fits now.
        """
        try:
            return self._socket.send(data)
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
            raise BlockingIOError from None

    def recv(self, size: int) -> bytes:
        """Return output that came, b"" at its end.

        Raises:
            BlockingIOError: Nothing came yet.
        """
        # Everything that lies there is taken: a poll would not show what a TLS layer holds.
        for _ in range(16):
            try:
                data = self._socket.recv(size)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                break
            if not data:
                self._ended = True
                break
            self._inbox += data
            if len(data) < size and not isinstance(self._socket, ssl.SSLSocket):
                break
        out = self._unwrap()
        if out or self._ended:
            return out
        raise BlockingIOError

    def _unwrap(self) -> bytes:
        out = bytearray()
        at, box = 0, self._inbox
        while True:
            if self._left == 0:
                if len(box) - at < HEADER:
                    break
                self._number = box[at]
                self._left = int.from_bytes(box[at + 4 : at + HEADER], "big")
                at += HEADER
                continue
            # A piece need not be whole: what is there of it is handed out at once.
            piece = box[at : at + self._left]
            if not piece:
                break
            at += len(piece)
            self._left -= len(piece)
            if self._number == STDERR:
                self.errors = (self.errors + bytes(piece))[-8192:]
            else:
                out += piece
        del box[:at]
        return bytes(out)

    def drain(self, wait_s: float) -> str:
        """Return what came on standard error, waiting for the end of the stream."""
        until = time.monotonic() + wait_s
        while not self._ended and time.monotonic() < until:
            with contextlib.suppress(OSError, ValueError):
                select.select([self.fileno()], [], [], 0.1)
            try:
                self.recv(1 << 16)
            except BlockingIOError:
                continue
            except (OSError, ValueError):
                break
        return self.errors.decode("utf-8", "replace").strip()

    def close(self) -> None:
        """Close it; the server inside notices and ends."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        # The response that the socket came from may hold on to it: close the descriptor itself.
        descriptor = self._socket.detach()
        if descriptor >= 0:
            os.close(descriptor)
        self._owner.close()


# ---------------------------------------------------------------------- owners and leftovers
def _start_time(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/stat", "rb") as f:
            line = f.read()
    except OSError:
        return ""
    return line[line.rfind(b")") + 2 :].split()[19].decode()


def _boot() -> str:
    with open("/proc/sys/kernel/random/boot_id") as f:
        return f.read().strip()


def machine() -> str:
    """Return a name of this machine that a restart does not change."""
    try:
        with open("/etc/machine-id") as f:
            return f.read().strip() or socket.gethostname()
    except OSError:
        return socket.gethostname()


def owner() -> str:
    """Return a name of this process that no other process ever has."""
    space = os.readlink("/proc/self/ns/pid")
    return f"{_boot()}/{space}/{os.getpid()}/{_start_time(os.getpid())}"


def labels() -> dict[str, str]:
    """Return the labels of everything that belongs to this process."""
    return {LABEL: "sandbox", OWNER: owner(), MACHINE: machine()}


def bind(source: str, target: str, *, writable: bool = False) -> Any:
    """Return a bind mount, private to the container."""
    from docker.types import Mount as DockerMount

    return DockerMount(target, source, type="bind", read_only=not writable)


def is_gone(labels: dict[str, str]) -> bool:
    """Whether the process that a label names has certainly ended.

    Of processes of another machine, or another process namespace of this one, nothing is known.
    """
    parts = labels.get(OWNER, "").split("/")
    if len(parts) != 4:
        return False
    boot, space, pid, started = parts
    if boot != _boot():
        return labels.get(MACHINE) == machine()
    if space != os.readlink("/proc/self/ns/pid"):
        return False
    return _start_time(int(pid)) != started


def collect(engine: Engine) -> list[str]:
    """Remove the containers, and the volumes made for one scoring, of processes that are gone.

    Returns:
        What was removed, for people.

    Raises:
        InfrastructureError: The engine failed.
    """
    removed = []
    with engine.errors("list what is left") as api:
        containers = api.containers(all=True, filters={"label": [LABEL]})
        volumes = (api.volumes(filters={"label": [OWNER]}) or {}).get("Volumes") or []
    for container in containers:
        if is_gone(container.get("Labels") or {}):
            engine.remove(container["Id"])
            removed.append(f"container {container['Id'][:12]}")
    for volume in volumes:
        if is_gone(volume.get("Labels") or {}):
            with engine.errors("remove a volume") as api:
                api.remove_volume(volume["Name"], force=True)
            removed.append(f"volume {volume['Name']}")
    return removed
