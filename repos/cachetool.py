"""What RepoGym stores on this machine: showing it, freeing it, and what dead processes left.

The cache holds what can be made again: a freed part is fetched or built when next needed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repos.cache import SHARED, cache_root, locked, remove_tree
from repos.errors import (
    InfrastructureError,
    MissingExtraError,
    SandboxUnavailableError,
    UnknownNameError,
)

KINDS = {
    "archives": "packages fetched from the index",
    "index": "pages of the package index",
    "tasks": "repositories and source layers of tasks",
    "shared": "files that tasks and environments have in common",
    "envs": "Python environments of tasks",
    "kernels": "built kernels",
    "ccache": "what a compiler made of kernel sources",
    "runners": "what test runners are told in tasks",
    "tools": "what every sandbox is shown",
    "graphs": "code graphs of tasks",
    "scratch": "of scorings under way",
    "verdicts": "verdicts of diffs that were scored",
    "sizes": "sizes of the files of layers",
    "trials": "what became of candidate repairs",
    "other": "anything else in the cache",
    "images": "container images and volumes",
}
"""Kind to what it is; all but the last are folders of the cache."""

PROBES = "repogym-probe-"
AGE_S = 24 * 3600.0
IMAGE_AGE_S = 7 * AGE_S


@dataclass(frozen=True)
class Row:
    """One kind of stored things.

    Attributes:
        kind: One of `KINDS`.
        what: What it is, for people.
        entries: How many there are.
        bytes: Their size on disk; files with several names count once.
        where: Folder, or the engine's address.
    """

    kind: str
    what: str
    entries: int
    bytes: int
    where: str


def show() -> list[Row]:
    """Return what is stored, kind by kind; those of which there is nothing are left out."""
    rows = []
    seen: set[tuple[int, int]] = set()
    for kind, folders in _folders().items():
        entries = [entry for folder in folders for entry in _entries(folder)]
        size = sum(_size(entry, seen) for entry in entries)
        if entries:
            rows.append(Row(kind, KINDS[kind], len(entries), size, str(folders[0])))
    for engine in _engines():
        images = _images(engine)
        volumes = _volumes(engine)
        if images or volumes:
            size = sum(image.get("Size") or 0 for image in images)
            number = len(images) + len(volumes)
            rows.append(Row("images", KINDS["images"], number, size, engine.address))
        engine.close()
    return rows


def free(kinds: Iterable[str]) -> list[str]:
    """Remove all that is stored of some kinds.

    A sandbox that runs on it meanwhile may fail; nothing else is lost.

    Args:
        kinds: Of `KINDS`; "all" is every one.

    Returns:
        One line for each thing that was removed.

    Raises:
        UnknownNameError: There is no such kind.
    """
    wanted = list(kinds)
    for kind in wanted:
        if kind not in KINDS and kind != "all":
            raise UnknownNameError("kind of the cache", kind, ["all", *KINDS])
    if "all" in wanted:
        wanted = list(KINDS)
    removed = []
    folders = _folders()
    for kind in wanted:
        for folder in folders.get(kind, ()):
            for entry in _entries(folder):
                with locked(entry.relative_to(cache_root()).as_posix()):
                    _remove(entry)
                removed.append(f"{kind}: {entry.name}")
    if "images" in wanted:
        for engine in _engines():
            for volume in _volumes(engine):
                if _try(engine, lambda api, v=volume: api.remove_volume(v["Name"])):
                    removed.append(f"images: volume {volume['Name']}")
            for image in _images(engine):
                if _try(engine, lambda api, i=image: api.remove_image(i["Id"], force=True)):
                    removed.append(f"images: image {image['Id'][7:19]}")
            engine.close()
    return removed


def gc() -> list[str]:
    """Remove what processes left that have ended: containers, volumes, folders, half-built layers.

    Images go a week after they were made. What belongs to a process that runs, or may run on
    another machine, stays.

    Returns:
        One line for each thing that was removed.
    """
    from repos.sandbox.backends.copies import COPIES, SNAPSHOTS, remove_leftovers
    from repos.sandbox.backends.docker.engine import collect

    removed = []
    for engine in _engines():
        removed += collect(engine)
        for image in _images(engine):
            # Of an earlier version, or made again in a moment; one in use is refused.
            if time.time() - image.get("Created", 0) > IMAGE_AGE_S and _try(
                engine, lambda api, i=image: api.remove_image(i["Id"])
            ):
                removed.append(f"image {image['Id'][7:19]}")
        engine.close()
    for prefix in (COPIES, SNAPSHOTS):
        removed += [f"folder {path}" for path in remove_leftovers(prefix)]
    for entry in _entries(Path(tempfile.gettempdir())):
        if entry.name.startswith(PROBES) and _is_old(entry):
            remove_tree(entry)
            removed.append(f"folder {entry}")
    root = cache_root()
    for entry in _entries(root / "scratch"):
        if _age(entry) > AGE_S:
            _remove(entry)
            removed.append(f"folder {entry}")
    for folder in (root / "envs", root / "tools", *_entries(root / "tasks")):
        for entry in _entries(folder):
            # A build holds its lock while it runs and has a name with a dot in front.
            if entry.name.startswith(".") and _age(entry) > AGE_S:
                _remove(entry)
                removed.append(f"half-built layer {entry}")
    unused = [
        file
        for entry in _entries(root / SHARED)
        for file in _entries(entry)
        if file.lstat().st_nlink == 1 and _age(file) > AGE_S
    ]
    for file in unused:
        _remove(file)
    if unused:
        removed.append(f"{len(unused)} shared files that nothing uses")
    removed += _control_groups()
    return removed


# ---------------------------------------------------------------------- files
def _folders() -> dict[str, list[Path]]:
    root = cache_root()
    named = {kind: [root / kind] for kind in KINDS if kind not in ("other", "images")}
    others = [
        entry for entry in _entries(root) if entry.name not in named and entry.name != "locks"
    ]
    return {**named, "other": others}


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir()) if folder.is_dir() else [folder] * folder.exists()
    except OSError:
        return []


def _size(path: Path, seen: set[tuple[int, int]]) -> int:
    total = 0
    waiting = [os.fspath(path)]
    while waiting:
        at = waiting.pop()
        try:
            info = os.lstat(at)
            if (info.st_dev, info.st_ino) in seen:
                continue
            if info.st_nlink > 1:
                seen.add((info.st_dev, info.st_ino))
            total += info.st_blocks * 512
            if os.path.isdir(at) and not os.path.islink(at):  # noqa: PTH112, PTH114
                waiting += [entry.path for entry in os.scandir(at)]
        except OSError:
            continue  # it went in the meantime
    return total


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        remove_tree(path)
    else:
        path.unlink(missing_ok=True)


def _age(path: Path) -> float:
    try:
        return time.time() - path.lstat().st_mtime
    except OSError:
        return 0.0


def _is_old(folder: Path) -> bool:
    """Whether a folder of ours can't be in use any more."""
    try:
        return folder.is_dir() and folder.stat().st_uid == os.geteuid() and _age(folder) > AGE_S
    except OSError:
        return False


def _control_groups() -> list[str]:
    from repos.sandbox.namespaces import cgroups

    parent = cgroups.find_parent()
    if parent is None:
        return []

    def names() -> set[str]:
        found: set[str] = set()
        for folder in set(parent.folders.values()):
            with contextlib.suppress(OSError):
                prefix = cgroups.PREFIX
                found |= {e.name for e in Path(folder).iterdir() if e.name.startswith(prefix)}
        return found

    before = names()
    cgroups.remove_stale(parent)
    return [f"control group {name}" for name in sorted(before - names())]


# ---------------------------------------------------------------------- engines
def _engines() -> list[Any]:
    """Return the engines that answer, each once."""
    from repos.sandbox.backends.docker.engine import Engine, candidates

    found = []
    for address in dict.fromkeys([*candidates("docker"), *candidates("podman")]):
        try:
            engine = Engine(address)
            engine.facts()
        except (MissingExtraError, SandboxUnavailableError):
            continue
        found.append(engine)
    return found


def _images(engine: Any) -> list[dict[str, Any]]:
    from repos.sandbox.backends.docker.engine import LABEL

    with engine.errors("list its images") as api:
        return api.images(filters={"label": [f"{LABEL}=image"]})


def _volumes(engine: Any) -> list[dict[str, Any]]:
    from repos.sandbox.backends.docker.engine import LABEL

    with engine.errors("list its volumes") as api:
        return (api.volumes(filters={"label": [LABEL]}) or {}).get("Volumes") or []


def _try(engine: Any, work: Callable[[Any], object]) -> bool:
    """Do what a container that runs may refuse; return whether it was done."""
    try:
        with engine.errors("free it") as api:
            work(api)
    except InfrastructureError:
        return False
    return True


def disk() -> tuple[int, int]:
    """Return (free, total) bytes of the file system that holds the cache."""
    folder = cache_root()
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    return usage.free, usage.total
