"""Python environments that are taken out of container images, for every back end."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from repos.cache import cache_root, offline, publish, share_files
from repos.environments.interpreters import NotAvailableError, PythonInstallation, python_at
from repos.environments.python import COMPILED, import_path
from repos.errors import InfrastructureError, MissingExtraError, NotPreparedError, RecordError
from repos.sandbox.backends.docker.engine import Engine, candidates, import_docker, labels
from repos.tasks.environments import ImageEnvironment

FORM = 1
"""Changes whenever layers of the same image come out differently."""

FOLDERS = ("lib", "src")
"""Where a repository may keep its packages."""


def image_layer(environment: ImageEnvironment, source_dirs: tuple[str, ...]) -> Path:
    """Return the layer of an image's Python environment, pulling the image where it is missing.

    Of the repository in the image only the compiled modules are taken: its sources may hold later
    history.

    Args:
        environment: The image.
        source_dirs: Folders of the repository that belong on the import path.

    Raises:
        NotAvailableError: There is no container engine.
        NotPreparedError: It must be taken out and REPOGYM_OFFLINE is set.
        InfrastructureError: The engine could not pull the image, or has no such folders in it.
    """

    def build(folder: Path) -> None:
        if offline():
            raise NotPreparedError(f"The image {environment.image} is not unpacked.")
        engine = _engine(environment)
        try:
            _unpack(engine, environment, folder, (*source_dirs, *FOLDERS))
        finally:
            engine.close()
        site = next(iter(folder.glob("lib/python3.*/site-packages")), None)
        if site is None:
            raise InfrastructureError(
                f"The image {environment.image} has no Python environment at {environment.prefix}."
            )
        import_path(site, source_dirs)
        shutil.copyfile(COMPILED, site / COMPILED.name)
        (site / f"{COMPILED.stem}.pth").write_text(f"import {COMPILED.stem}\n", encoding="utf-8")
        share_files(folder)

    return publish(_place(environment, source_dirs), build)


def image_python(environment: ImageEnvironment, layer: Path) -> PythonInstallation:
    """Return the interpreter of an unpacked environment, which also runs on this machine.

    Raises:
        InfrastructureError: It does not run here.
    """
    found = python_at(layer / "bin" / "python")
    if found is None:
        raise InfrastructureError(f"The Python of {environment.image} does not run here.")
    return found


def check_image(environment: ImageEnvironment, source_dirs: tuple[str, ...]) -> None:
    """Make sure that an image can be had.

    Raises:
        NotAvailableError: It is not unpacked and there is no container engine.
    """
    if not is_unpacked(environment, source_dirs):
        _check_engine(environment)


def is_unpacked(environment: ImageEnvironment, source_dirs: tuple[str, ...]) -> bool:
    """Whether an image's environment is in the cache."""
    return (cache_root() / _place(environment, source_dirs)).is_dir()


def _place(environment: ImageEnvironment, source_dirs: tuple[str, ...]) -> str:
    facts = json.dumps([environment.to_json(), list(source_dirs), FORM])
    digest = hashlib.sha256(facts.encode() + COMPILED.read_bytes())
    return f"envs/image-{digest.hexdigest()[:24]}"


def _check_engine(environment: ImageEnvironment) -> list[str]:
    addresses = candidates("docker")
    if not addresses:
        raise NotAvailableError(
            f"its environment is the container image {environment.image}, and no container engine "
            "runs here: start one, or name it by DOCKER_HOST."
        )
    try:
        import_docker()
    except MissingExtraError as error:
        raise NotAvailableError(str(error)) from error
    return addresses


def _engine(environment: ImageEnvironment) -> Engine:
    failure: Exception | None = None
    for address in _check_engine(environment):
        engine = Engine(address)
        try:
            engine.facts()
        except InfrastructureError as error:
            engine.close()
            failure = error
        else:
            return engine
    raise NotAvailableError(str(failure))


def _unpack(
    engine: Engine, environment: ImageEnvironment, folder: Path, parts: tuple[str, ...]
) -> None:
    image = environment.image
    if engine.image_id(image) is None:
        with engine.errors(f"pull the image {image}") as api:
            api.pull(image)
    with engine.errors(f"open the image {image}") as api:
        made = api.create_container(image, ["true"], labels=labels())["Id"]
    try:
        with engine.errors(f"read the image {image}") as api:
            for name, item, data in _members(api.get_archive(made, environment.prefix)[0]):
                _write(folder, name, item, data)
            for name, item, data in _members(api.get_archive(made, environment.testbed)[0]):
                if item.isreg() and name.endswith(".so") and ".git" not in name.split("/"):
                    _write(folder / "compiled", _module(name, parts), item, data)
    except tarfile.TarError as error:
        raise InfrastructureError(f"The image {image} can't be read: {error}.") from error
    finally:
        engine.remove(made)


class _Stream:
    """The pieces of an archive as a file that is read forwards."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = b""

    def read(self, size: int) -> bytes:
        while len(self._rest) < size:
            piece = next(self._pieces, b"")
            if not piece:
                break
            self._rest += piece
        found, self._rest = self._rest[:size], self._rest[size:]
        return found


def _members(pieces: Iterable[bytes]) -> Iterator[tuple[str, tarfile.TarInfo, IO[bytes] | None]]:
    """Yield what an archive of one folder holds, by the path below that folder."""
    with tarfile.open(fileobj=cast(Any, _Stream(pieces)), mode="r|") as archive:
        for item in archive:
            name = "/".join(PurePosixPath(item.name).parts[1:])
            if name:
                if item.islnk():
                    item.linkname = "/".join(PurePosixPath(item.linkname).parts[1:])
                yield name, item, archive.extractfile(item) if item.isreg() else None


def _write(folder: Path, name: str, item: tarfile.TarInfo, data: IO[bytes] | None) -> None:
    """Write one member of an archive, never outside of the folder.

    Raises:
        RecordError: It would lie outside.
    """
    path = _inside(folder, name)
    if item.isdir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if item.issym():
        path.symlink_to(item.linkname)
    elif item.islnk():
        os.link(_inside(folder, item.linkname), path, follow_symlinks=False)
    elif data is not None:
        with path.open("xb") as out:
            shutil.copyfileobj(data, out)
        path.chmod(0o755 if item.mode & 0o100 else 0o644)
        # Byte-code that names the time of its source stays good.
        os.utime(path, (item.mtime, item.mtime))


def _inside(folder: Path, name: str) -> Path:
    path = folder / name
    root = folder.resolve()
    if ".." in PurePosixPath(name).parts or not path.parent.resolve().is_relative_to(root):
        raise RecordError(f"An image names a file outside of its environment: {name}.")
    return path


def _module(name: str, parts: tuple[str, ...]) -> str:
    """Return the path of a module below the folder of the import path that holds it."""
    inner = [f"{part}/" for part in parts if part != "." and name.startswith(f"{part}/")]
    return name[len(max(inner, key=len, default="")) :]
