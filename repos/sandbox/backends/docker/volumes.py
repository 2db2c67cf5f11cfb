# Paths are strings here: they may be undecodable, and pathlib costs start-up time.
# ruff: noqa: PTH112, PTH115, PTH118, PTH119, PTH120, PTH123
"""Layers for an engine that sees another file system: volumes named by their content."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from repos.cache import cache_root
from repos.errors import InfrastructureError
from repos.sandbox import zipapps
from repos.sandbox.backends.docker.engine import LABEL, Engine, bind, labels
from repos.sandbox.channel import Channel
from repos.sandbox.guest.server import codec
from repos.sandbox.interpreter import Interpreter
from repos.sandbox.namespaces.rootview import TOOLS
from repos.sandbox.protocol import Mount

FILL = "/testbed"
DONE = ".repogym-complete"
PIECE = 4 << 20
BATCH = 4 << 20
TIMEOUT_S = 600.0


class Volumes:
    """Copies layers into the engine's volumes, each content once."""

    def __init__(self, engine: Engine, interpreter: Interpreter, image: str) -> None:
        """Prepare; `image` is the one with the exec server."""
        self._engine = engine
        self._interpreter = interpreter
        self._image = image
        self._placed: dict[str, str] = {}
        self._lock = threading.Lock()

    def place(self, mounts: Sequence[Mount]) -> tuple[list[Any], list[str]]:
        """Return bind mounts of the engine's own copies, and the volumes to remove afterwards.

        A layer of the cache stays for the next sandbox; anything else goes with this one.

        Raises:
            InfrastructureError: A mount is writable, or the engine failed.
        """
        kept = str(cache_root()) + os.sep
        out, passing = [], []
        for mount in mounts:
            if mount.writable:
                raise InfrastructureError(
                    "An engine that sees other files than this process can't write to a folder "
                    "here: prepare on a machine with bubblewrap or a local engine."
                )
            source = os.path.realpath(mount.source)
            stays = source.startswith(kept) and not source.startswith(f"{kept}scratch{os.sep}")
            with self._lock:
                path = self._placed.get(source) if stays else None
                if path is None:
                    name = f"repogym-{tree_hash(source)}"
                    if not stays:
                        name += f"-{os.getpid()}-{len(self._placed)}-{os.urandom(4).hex()}"
                        passing.append(name)
                    path = self._fill(name, source, stays)
                    if stays:
                        self._placed[source] = path
            if not os.path.isdir(source):
                path = f"{path}/{os.path.basename(source)}"
            out.append(bind(path, mount.target))
        return out, passing

    def remove(self, names: list[str]) -> None:
        """Remove volumes that nothing uses any more."""
        for name in names:
            with self._engine.errors("remove a volume") as api:
                api.remove_volume(name, force=True)

    def _fill(self, name: str, source: str, stays: bool) -> str:
        """Make a volume that holds a folder (or one file); return where the engine keeps it."""
        from docker.types import LogConfig
        from docker.types import Mount as DockerMount

        with self._engine.errors("make a volume") as api:
            marks = {LABEL: "layer"} if stays else labels()
            volume = api.create_volume(name, labels=marks)
            options = {"env": {}, "cwd": "/", "root": FILL, "skip": []}
            config = api.create_host_config(
                mounts=[DockerMount(FILL, name, type="volume")],
                network_mode="none",
                cap_drop=["ALL"],
                security_opt=["no-new-privileges", "label=disable"],
                read_only=True,
                auto_remove=True,
                log_config=LogConfig(type="none"),
            )
            made = api.create_container(
                self._image,
                [
                    *zipapps.command(self._interpreter.executable, f"{TOOLS}/server.pyz", "server"),
                    "0", "1", codec.encode(options).hex(),
                ],
                user="0:0", stdin_open=True, working_dir="/", labels=labels(), host_config=config,
            )  # fmt: skip
        channel = None
        try:
            stream = self._engine.attach(made["Id"])
            channel = Channel(stream)
            with self._engine.errors("start a container") as api:
                api.start(made["Id"])
            channel.take(0, 60)
            present = [words for words in channel.call("list", _LIST, 60).split(b"\0") if words]
            if DONE.encode() not in present:
                for records in packed(source):
                    channel.call("unpack", {"path": FILL, "records": records}, TIMEOUT_S)
                end = codec.encode([[DONE, "f", 0o644, 0, b""]])
                channel.call("unpack", {"path": FILL, "records": end, "end": True}, TIMEOUT_S)
        except (OSError, TimeoutError) as error:
            raise InfrastructureError(f"A volume could not be filled: {error}.") from error
        finally:
            if channel is not None:
                channel.close()
            self._engine.remove(made["Id"])
        return volume["Mountpoint"]


_LIST = {"path": FILL, "recursive": False}


def _walk(source: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield (relative path, stat), folders before their content, in a fixed order."""
    if not os.path.isdir(source):
        yield os.path.basename(source), os.lstat(source)
        return
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        for entry in sorted(os.scandir(os.path.join(source, folder)), key=lambda e: e.name):
            path = f"{folder}/{entry.name}" if folder else entry.name
            info = entry.stat(follow_symlinks=False)
            yield path, info
            if stat.S_ISDIR(info.st_mode):
                waiting.append(path)


def tree_hash(source: str) -> str:
    """Return a hash of the names, sizes, modes and change times below a path."""
    digest = hashlib.sha256(source.encode("utf-8", "surrogateescape"))
    for path, info in _walk(source):
        facts = f"{path}\0{info.st_mode}\0{info.st_size}\0{info.st_mtime_ns}\0{info.st_ctime_ns}\0"
        digest.update(facts.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:24]


def packed(source: str) -> Iterator[bytes]:
    """Yield the records of a folder in batches, as `guest/server/delta.py` has them."""
    batch: list[list[Any]] = []
    size = 0
    top = source if os.path.isdir(source) else os.path.dirname(source)
    for path, info in _walk(source):
        at = os.path.join(top, path)
        mode, when = stat.S_IMODE(info.st_mode), info.st_mtime_ns
        if stat.S_ISDIR(info.st_mode):
            batch.append([path, "d", mode, when, b""])
        elif stat.S_ISLNK(info.st_mode):
            batch.append([path, "l", mode, when, os.fsencode(os.readlink(at))])
        elif stat.S_ISREG(info.st_mode):
            with open(at, "rb") as f:
                kind = "f"
                while True:
                    data = f.read(PIECE)
                    batch.append([path, kind, mode, when, data])
                    size += len(data)
                    if size > BATCH:
                        yield codec.encode(batch)
                        batch, size = [], 0
                    if len(data) < PIECE:
                        break
                    kind = "+"
        if len(batch) > 4000:
            yield codec.encode(batch)
            batch, size = [], 0
    if batch:
        yield codec.encode(batch)
