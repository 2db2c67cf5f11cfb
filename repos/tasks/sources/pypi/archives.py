"""Unpacks source distributions without trusting them."""

from __future__ import annotations

import io
import posixpath
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from repos.errors import RecordError

MAX_BYTES = 256 << 20
MAX_FILES = 50_000


@dataclass(frozen=True)
class Member:
    """A file or symbolic link of an archive.

    Attributes:
        data: Content; for a link, its target.
        executable: Whether its owner may execute it.
        link: Whether it is a symbolic link.
    """

    data: bytes
    executable: bool = False
    link: bool = False


Tree = dict[str, Member]
"""Members by POSIX path relative to the archive's single top folder, sorted."""


def read_archive(path: Path) -> Tree:
    """Read a `.tar.*` or `.zip` source distribution.

    Raises:
        RecordError: A path leaves the archive, a link points outside, something is neither
            file nor link nor folder, the archive is broken or unpacks to too much.
    """
    try:
        members = _zip(path) if path.name.endswith(".zip") else _tar(path)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise RecordError(f"{path.name} is not a readable archive: {error}.") from error
    tops = {name.split("/", 1)[0] for name in members}
    if len(tops) == 1 and all("/" in name for name in members):
        cut = len(next(iter(tops))) + 1
        members = {name[cut:]: member for name, member in members.items()}
    for name, member in members.items():
        if member.link:
            _check_link(path, name, member.data.decode("utf-8", "surrogateescape"))
    return {name: members[name] for name in sorted(members) if name.split("/", 1)[0] != ".git"}


def _clean(archive: Path, name: str) -> str:
    pure = PurePosixPath(name)
    parts = [part for part in pure.parts if part != "."]
    if pure.is_absolute() or ".." in parts or "\\" in name or "\0" in name or not parts:
        raise RecordError(f"{archive.name} holds the unsafe path {name!r}.")
    return "/".join(parts)


def _check_link(archive: Path, name: str, target: str) -> None:
    place = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
    if target.startswith("/") or place == ".." or place.startswith("../"):
        raise RecordError(f"{archive.name}: the link {name!r} points outside, to {target!r}.")


def _tar(path: Path) -> Tree:
    members: Tree = {}
    total = 0
    with tarfile.open(path) as archive:
        for info in archive:
            if info.isdir() or info.type in (tarfile.XGLTYPE, tarfile.XHDTYPE):
                continue
            name = _clean(path, info.name)
            total += info.size
            if total > MAX_BYTES or len(members) >= MAX_FILES:
                raise RecordError(f"{path.name} unpacks to more than the limit.")
            if info.issym():
                target = info.linkname.encode("utf-8", "surrogateescape")
                members[name] = Member(target, link=True)
            elif info.islnk():
                source = members.get(_clean(path, info.linkname))
                if source is None:
                    raise RecordError(f"{path.name}: {name!r} links to a file that is not there.")
                members[name] = source
            elif info.isreg():
                handle = archive.extractfile(info) or io.BytesIO()
                members[name] = Member(handle.read(), bool(info.mode & 0o100))
            else:
                raise RecordError(f"{path.name} holds a special file: {name!r}.")
    return members


def _zip(path: Path) -> Tree:
    members: Tree = {}
    total = 0
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            name = _clean(path, info.filename)
            total += info.file_size
            if total > MAX_BYTES or len(members) >= MAX_FILES:
                raise RecordError(f"{path.name} unpacks to more than the limit.")
            mode = info.external_attr >> 16
            link = mode & 0o170000 == 0o120000
            members[name] = Member(archive.read(info), bool(mode & 0o100), link)
    return members


def write_tree(tree: Tree, folder: Path) -> None:
    """Write members below a folder that does not hold any of them yet.

    Files come first and links last, so no member is written through a link.

    Raises:
        RecordError: A chain of links leads outside, or a file lies below a link.
    """
    for name, member in sorted(tree.items(), key=lambda item: (item[1].link, item[0])):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not member.link:
            target.write_bytes(member.data)
            target.chmod(0o755 if member.executable else 0o644)
        elif target.exists():
            raise RecordError(f"The archive has both a link and files at {name!r}.")
        else:
            target.symlink_to(member.data.decode("utf-8", "surrogateescape"))
    root = folder.resolve()
    for name in (name for name, member in tree.items() if member.link):
        try:
            inside = (folder / name).resolve().is_relative_to(root)
        except (OSError, RuntimeError):
            inside = False
        if not inside:
            raise RecordError(f"The link {name!r} of the archive leads outside.")
