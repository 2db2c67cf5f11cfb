# Paths are strings here: they may be undecodable, and pathlib costs start-up time.
# ruff: noqa: PTH101, PTH102, PTH103, PTH120, PTH108, PTH112, PTH115, PTH118, PTH123, PTH211
"""Overlay layers as folders: what changed in them, merging them; and the sandbox's `/etc`.

Runs in the namespace daemon; standard library only. Overlayfs marks a deletion by a character
device 0/0 (or an attribute, on newer kernels) and a folder that hides what is below it by `opaque`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator

_prefix = "trusted.overlay."

MOST_LENGTH = 3800
"""Bytes of the longest folder that is looked into: a path has 4,096 at most, a name 255."""

DEVICES = {"null": 3, "zero": 5, "full": 7, "random": 8, "urandom": 9, "tty": 0}
"""Devices of a sandbox and their minor numbers (Documentation/admin-guide/devices.txt)."""


def use_marks_of(kind: str) -> None:
    """Say whether overlays here keep their marks in "trusted" or in "user" attributes."""
    global _prefix
    _prefix = f"{kind}.overlay."


def _mark(path: str, name: str) -> bytes | None:
    try:
        return os.getxattr(path, _prefix + name, follow_symlinks=False)
    except OSError:
        return None


def is_whiteout(path: str, info: os.stat_result) -> bool:
    """Whether an entry of an upper folder stands for a deletion."""
    if stat.S_ISCHR(info.st_mode):
        return info.st_rdev == 0
    return (
        stat.S_ISREG(info.st_mode) and info.st_size == 0 and (_mark(path, "whiteout") is not None)
    )


def hides_below(path: str) -> bool:
    """Whether a folder of an upper layer hides (or moves) what lies below it."""
    return _mark(path, "opaque") in (b"y", b"x") or _mark(path, "redirect") is not None


def _walk(folder: str, prefix: str) -> Iterator[str]:
    """Yield every path that is not a folder, links not followed."""
    if len(os.fsencode(folder)) > MOST_LENGTH:
        return
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name


def _below(layers: list[str], path: str) -> Iterator[str]:
    """Yield what any of the layers holds at or below a path."""
    for layer in layers:
        at = os.path.join(layer, path)
        try:
            info = os.lstat(at)
        except OSError:
            continue
        if stat.S_ISDIR(info.st_mode):
            yield from _walk(at, path + "/")
        else:
            yield path


def changed_paths(base: list[str], uppers: list[str]) -> dict[str, str]:
    """Return the paths in which `uppers` may differ from `base` (both lowest first).

    Folders as such are not listed, only what is in them. Each path comes with a word that
    changes whenever its file does (inode, size, times).
    """
    found: dict[str, str] = {}

    def visit(layer: str, folder: str, lower: list[str]) -> None:
        if len(os.fsencode(folder)) > MOST_LENGTH:
            return  # no path can name what is there
        for entry in list(os.scandir(os.path.join(layer, folder) if folder else layer)):
            path = f"{folder}/{entry.name}" if folder else entry.name
            info = entry.stat(follow_symlinks=False)
            if not stat.S_ISDIR(info.st_mode):
                # A file, link or whiteout in the place of a folder deletes all that was in it.
                gone = is_whiteout(entry.path, info)
                found.update(dict.fromkeys(_below(lower, path), "gone"))
                found[path] = "gone" if gone else _word(info)
                continue
            redirect = _mark(entry.path, "redirect")
            if hides_below(entry.path):
                found.update(dict.fromkeys(_below(lower, path), "gone"))
            if redirect is not None:
                source = redirect.decode("utf-8", "surrogateescape")
                origin = source[1:] if source.startswith("/") else os.path.join(folder, source)
                for moved in _below(lower, origin):
                    found[path + moved[len(origin) :]] = f"moved {_word(info)}"
            visit(layer, path, lower)

    for depth, layer in enumerate(uppers):
        visit(layer, "", base + uppers[:depth])
    return found


def _word(info: os.stat_result) -> str:
    return f"{info.st_ino}:{info.st_mode}:{info.st_size}:{info.st_mtime_ns}:{info.st_ctime_ns}"


def merge(sources: list[str], target: str) -> None:
    """Merge upper layers (lowest first) into one that has the same effect.

    Raises:
        OSError: The target is full, or a layer can't be read.
    """
    for source in sources:
        _merge_folder(source, target)


def _merge_folder(source: str, target: str) -> None:
    if max(len(os.fsencode(source)), len(os.fsencode(target))) > MOST_LENGTH:
        return
    for entry in sorted(os.scandir(source), key=lambda e: e.name):
        to = os.path.join(target, entry.name)
        info = entry.stat(follow_symlinks=False)
        there = None
        with contextlib.suppress(FileNotFoundError):
            there = os.lstat(to)
        if stat.S_ISDIR(info.st_mode):
            opaque = hides_below(entry.path)
            fresh = there is None
            if there is not None and (not stat.S_ISDIR(there.st_mode) or opaque):
                # What was deleted or replaced here must stay hidden in the layers below.
                opaque = True
                _remove(to, there)
                fresh = True
            if fresh:
                os.mkdir(to)
            _merge_folder(entry.path, to)
            _copy_facts(entry.path, to, info)
            if opaque and _mark(to, "opaque") is None:
                _set_opaque(to)
            continue
        if there is not None:
            _remove(to, there)
        if is_whiteout(entry.path, info) and stat.S_ISCHR(info.st_mode):
            os.mknod(to, stat.S_IFCHR, os.makedev(0, 0))
            continue
        if stat.S_ISLNK(info.st_mode):
            os.symlink(os.readlink(entry.path), to)
        elif stat.S_ISREG(info.st_mode):
            shutil.copyfile(entry.path, to, follow_symlinks=False)
        elif stat.S_ISFIFO(info.st_mode) or stat.S_ISSOCK(info.st_mode):
            os.mknod(to, stat.S_IFMT(info.st_mode) | 0o600)
        else:
            continue
        _copy_facts(entry.path, to, info)


def _remove(path: str, info: os.stat_result) -> None:
    if stat.S_ISDIR(info.st_mode):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def _set_opaque(path: str) -> None:
    os.setxattr(path, _prefix + "opaque", b"y", follow_symlinks=False)


def _copy_facts(source: str, target: str, info: os.stat_result) -> None:
    """Copy owner, mode, overlay marks and times."""
    with contextlib.suppress(OSError):
        os.chown(target, info.st_uid, info.st_gid, follow_symlinks=False)
    if not stat.S_ISLNK(info.st_mode):
        os.chmod(target, stat.S_IMODE(info.st_mode))
    for name in os.listxattr(source, follow_symlinks=False):
        # `origin` and `impure` point into layers that the copy no longer belongs to.
        if name.endswith((".overlay.origin", ".overlay.impure", ".overlay.nlink")):
            continue
        with contextlib.suppress(OSError):
            value = os.getxattr(source, name, follow_symlinks=False)
            os.setxattr(target, name, value, follow_symlinks=False)
    os.utime(target, ns=(info.st_atime_ns, info.st_mtime_ns), follow_symlinks=False)


def make_mask(path: str, hidden: list[str]) -> None:
    """Make a layer that hides paths of what lies below it, unless it is there."""
    if os.path.isdir(path):
        return
    for name in hidden:
        at = f"{path}/{name}"
        os.makedirs(os.path.dirname(at), exist_ok=True)
        os.mknod(at, stat.S_IFCHR, os.makedev(0, 0))


def make_devices(path: str) -> bool:
    """Make the devices of a `/dev`, where the kernel lets us.

    Returns:
        Whether it did; it does not for ordinary users.
    """
    os.mkdir(path)
    for name in ("pts", "shm"):
        os.mkdir(f"{path}/{name}")
    links = {"fd": "fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
    for name, target in links.items():
        os.symlink(f"/proc/self/{target}", f"{path}/{name}")
    os.symlink("pts/ptmx", f"{path}/ptmx")
    made = True
    for name, minor in DEVICES.items():
        at = f"{path}/{name}"
        try:
            os.mknod(at, stat.S_IFCHR, os.makedev(5 if name == "tty" else 1, minor))
            os.chmod(at, 0o666)
        except PermissionError:
            made = False
            os.close(os.open(at, os.O_CREAT | os.O_WRONLY, 0o644))
    return made


def make_etc(path: str, *, network: bool, uid: int) -> str:
    """Make the minimal `/etc` of a sandbox: no account, address or setting of the host.

    Args:
        path: Folder to make.
        network: Whether names and certificates are needed (preparing).
        uid: The agent's user and group id.
    """
    os.mkdir(path)
    texts = {
        "passwd": "root:x:0:0:root:/:/usr/sbin/nologin\n"
        f"agent:x:{uid}:{uid}:agent:/home/agent:/bin/bash\n"
        "nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n",
        "group": f"root:x:0:\nagent:x:{uid}:\nnogroup:x:65534:\n",
        "hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
        "hostname": "sandbox\n",
        "host.conf": "multi on\n",
        "localtime": None,
    }
    for name, text in texts.items():
        if text is not None:
            with open(f"{path}/{name}", "w") as f:
                f.write(text)
    with contextlib.suppress(OSError):
        shutil.copyfile("/usr/share/zoneinfo/UTC", f"{path}/localtime")
    for name in ("ld.so.cache", "ld.so.conf", "protocols", "services", "mime.types", "os-release"):
        with contextlib.suppress(OSError):
            shutil.copyfile(f"/etc/{name}", f"{path}/{name}")
    folders = ["alternatives", "ld.so.conf.d", "fonts"]
    if network:
        folders += ["ssl", "pki", "ca-certificates"]
        with contextlib.suppress(OSError):
            shutil.copyfile("/etc/resolv.conf", f"{path}/resolv.conf")
        with contextlib.suppress(OSError):
            shutil.copyfile("/etc/hosts", f"{path}/hosts")
    for name in folders:
        _copy_readable(f"/etc/{name}", f"{path}/{name}")
    return path


def _copy_readable(source: str, target: str) -> None:
    """Copy what everyone may read of a folder; links stay links."""
    if not os.path.isdir(source):
        return
    os.mkdir(target)
    for entry in os.scandir(source):
        to = f"{target}/{entry.name}"
        info = entry.stat(follow_symlinks=False)
        if stat.S_ISLNK(info.st_mode):
            os.symlink(os.readlink(entry.path), to)
        elif stat.S_ISDIR(info.st_mode) and info.st_mode & 0o005 == 0o005:
            _copy_readable(entry.path, to)
        elif stat.S_ISREG(info.st_mode) and info.st_mode & 0o004:
            shutil.copyfile(entry.path, to)
