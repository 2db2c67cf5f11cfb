# Paths are strings here: they may be undecodable, and pathlib costs start-up time.
# ruff: noqa: PTH112, PTH114, PTH115, PTH118, PTH119, PTH120, PTH123, PTH208
"""The images that containers run: made from this machine, without any registry.

Two kinds, named by the hash of what is in them. The *thin* image has the folders, `/etc` and the
tools, and `/usr` and the interpreter are bound from the host; it is for an engine on this
machine. The *full* image also holds the interpreter and the programs that sandboxes need, with
the libraries they load; it is for an engine that sees another file system.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import stat
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from repos.errors import InfrastructureError
from repos.sandbox import zipapps
from repos.sandbox.backends.docker.engine import LABEL, Engine
from repos.sandbox.interpreter import MASKED_NAMES, Interpreter
from repos.sandbox.namespaces import layers
from repos.sandbox.namespaces.rootview import AGENT_UID, HOME, TOOLS

NAME = "localhost/repogym"
"""A name of no registry: Podman would look for a short one in several."""
LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
PROGRAMS = (
    "bash sh cat ls cp mv rm mkdir rmdir ln chmod chown touch head tail sort uniq wc cut tr tee "
    "seq env printf echo true false test sleep timeout date dd df du stat id pwd dirname basename "
    "realpath readlink mktemp mknod mkfifo sha256sum sha1sum md5sum od base64 expr nproc nohup "
    "kill ps pgrep pkill uname whoami which find xargs grep egrep fgrep sed awk gawk mawk diff cmp "
    "patch tar gzip gunzip bzip2 xz zip unzip less more file git git-upload-pack git-receive-pack "
    "perl make m4 gcc cc cpp g++ c++ as ld ar nm objdump objcopy strip ranlib flex bison bc "
    "python3 setsid sync yes rev paste comm join split truncate getconf locale ipcs strace setpriv"
).split()
FOLDERS = (
    "/usr/lib/git-core /usr/libexec/git-core /usr/share/git-core /usr/share/perl-base "
    "/usr/share/perl /usr/share/zoneinfo /usr/share/terminfo /lib/terminfo /usr/lib/terminfo "
    "/usr/share/bison /usr/lib/locale/C.utf8 /usr/lib/gcc /usr/share/mime /usr/share/misc"
).split()
SKIPPED = {"__pycache__", "test", "tests", "idlelib", "lib2to3", "turtledemo"}
EMPTY = "/opt/repogym/empty"


class Builder:
    """A root file system being packed; the same content gives the same bytes."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._tar = tarfile.TarFile(fileobj=self._file, mode="w", format=tarfile.GNU_FORMAT)
        self._have: set[str] = {"/"}

    def _add(self, path: str, kind: bytes, mode: int, data: bytes = b"", link: str = "") -> None:
        if path in self._have:
            return
        self.folder(os.path.dirname(path))
        self._have.add(path)
        item = tarfile.TarInfo(path.lstrip("/"))
        item.type, item.mode, item.linkname, item.size = kind, mode, link, len(data)
        self._tar.addfile(item, io.BytesIO(data))

    def folder(self, path: str, mode: int = 0o755) -> None:
        """Add a folder with those above it."""
        if path not in self._have:
            self._add(path, tarfile.DIRTYPE, mode)

    def link(self, path: str, target: str) -> None:
        """Add a symbolic link."""
        self._add(path, tarfile.SYMTYPE, 0o777, link=target)

    def text(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Add a file."""
        self._add(path, tarfile.REGTYPE, mode, data)

    def host(self, source: str, target: str | None = None) -> None:
        """Add a file, link or folder of the host, as everyone may read it."""
        target = target or source
        try:
            info = os.lstat(source)
            if stat.S_ISLNK(info.st_mode):
                self.link(target, os.readlink(source))
            elif stat.S_ISDIR(info.st_mode):
                self.folder(target)
                for name in sorted(os.listdir(source)):
                    if name not in SKIPPED and name not in MASKED_NAMES:
                        self.host(f"{source}/{name}", f"{target}/{name}")
            elif stat.S_ISREG(info.st_mode):
                mode = 0o755 if info.st_mode & 0o100 else 0o644
                with open(source, "rb") as f:
                    self.text(target, f.read(), mode)
        except PermissionError:
            return  # not ours to show

    def finish(self) -> tuple[io.BufferedIOBase, str]:
        """Return the archive, at its start, and its hash."""
        self._tar.close()
        self._file.seek(0)
        digest = hashlib.sha256()
        while piece := self._file.read(1 << 20):
            digest.update(piece)
        self._file.seek(0)
        return self._file, digest.hexdigest()[:20]  # type: ignore[return-value]


def _skeleton(builder: Builder, interpreter: Interpreter, ripgrep: str | None) -> None:
    """Add folders, `/etc` and the tools."""
    for name in LINKS:
        if os.path.islink(f"/{name}"):
            builder.link(f"/{name}", os.readlink(f"/{name}"))
        elif os.path.isdir(f"/{name}"):
            builder.folder(f"/{name}")
    # Some runtimes give a mounted memory file system the mode of the folder below it.
    open_to_all = {"/tmp": 0o1777, "/var/tmp": 0o1777, "/testbed": 0o777, HOME: 0o777}
    mounted = ("/usr", "/proc", "/sys", "/dev", "/run", "/env", EMPTY, *open_to_all)
    for path in mounted:
        builder.folder(path, open_to_all.get(path, 0o755))
    if interpreter.prefix is not None:
        builder.folder(interpreter.prefix)
    with tempfile.TemporaryDirectory() as folder:
        etc = layers.make_etc(f"{folder}/etc", network=False, uid=AGENT_UID)
        # The workspace's root folder belongs to the engine's root, its content to the agent.
        Path(etc, "gitconfig").write_text("[safe]\n\tdirectory = *\n")
        builder.host(etc, "/etc")
    for name in ("server", "git"):
        builder.text(f"{TOOLS}/{name}.pyz", zipapps.pack(name))
    builder.link(f"{TOOLS}/python", interpreter.executable)
    if ripgrep is not None:
        builder.text(f"{TOOLS}/bin/rg", Path(os.path.realpath(ripgrep)).read_bytes(), 0o755)


@lru_cache(maxsize=1)
def _library_folders() -> tuple[str, ...]:
    done = subprocess.run(
        ["ldconfig", "-p"], capture_output=True, text=True, check=False,
        env={"PATH": "/usr/sbin:/sbin:/usr/bin", "LC_ALL": "C"},
    )  # fmt: skip
    found = re.findall(r"=> (\S+)/[^/]+$", done.stdout, re.MULTILINE)
    return tuple(dict.fromkeys(found))


def _needed(programs: Iterable[str]) -> set[str]:
    """Return the files that dynamic programs and libraries load, as the loader says."""
    found: set[str] = set()
    paths = list(programs)
    for at in range(0, len(paths), 100):
        done = subprocess.run(
            ["ldd", *paths[at : at + 100]], capture_output=True, text=True, check=False,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        )  # fmt: skip
        found.update(re.findall(r"(/\S+) \(0x", done.stdout))
    return found


def _is_elf(path: str) -> bool:
    try:
        with open(path, "rb") as f:
            return f.read(4) == b"\x7fELF"
    except OSError:
        return False


def _full(builder: Builder, interpreter: Interpreter) -> None:
    """Add the interpreter and the programs that sandboxes need, with what they load."""
    binaries = []

    def add(path: str) -> None:
        """Add a file of the host with the links that lead to it."""
        for _ in range(16):
            # The folders on the way may be links themselves: `/lib64` to `usr/lib64`.
            path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
            builder.host(path)
            if not os.path.islink(path):
                break
            path = os.path.join(os.path.dirname(path), os.readlink(path))
        if _is_elf(path):
            binaries.append(path)

    for name in PROGRAMS:
        for folder in ("/usr/bin", "/bin", "/usr/sbin"):
            if os.path.lexists(f"{folder}/{name}"):
                add(f"{folder}/{name}")
                break
    trees = [f for f in FOLDERS if os.path.isdir(f)]
    trees += [str(p) for p in Path("/usr/lib").glob("*/perl*")]
    trees += [str(p) for p in Path("/usr/lib").glob("python3.*")]
    if interpreter.prefix is not None:
        trees.append(interpreter.prefix)
    else:
        add(interpreter.executable)
    for tree in trees:
        builder.host(os.path.realpath(tree))
        for folder, names, files in os.walk(os.path.realpath(tree)):
            names[:] = [n for n in names if n not in SKIPPED and n not in MASKED_NAMES]
            binaries += [
                path for f in files if _is_elf(path := f"{folder}/{f}") and not os.path.islink(path)
            ]
    # The C compiler's start files and headers, where there is a compiler.
    for folder in _library_folders():
        for pattern in ("crt*.o", "libc.so*", "libm.so*", "libc_nonshared.a", "libpthread.*"):
            for path in sorted(Path(folder).glob(pattern)):
                add(str(path))
        # Loaded by name at run time, so no program's list shows them.
        for pattern in ("libnss_files.so*", "libgcc_s.so*", "libstdc++.so.6"):
            for path in sorted(Path(folder).glob(pattern)):
                add(str(path))
    for path in sorted(_needed(binaries)):
        add(path)


def image(engine: Engine, interpreter: Interpreter, ripgrep: str | None, *, full: bool) -> str:
    """Return the id of the image, importing it where the engine has none.

    Args:
        engine: Where it is needed.
        interpreter: Runs the exec server inside.
        ripgrep: The program that tools use, if there is one.
        full: Whether the engine sees another file system than this process.

    Raises:
        InfrastructureError: The engine refused it.
    """
    builder = Builder()
    _skeleton(builder, interpreter, ripgrep)
    if full:
        _full(builder, interpreter)
    archive, digest = builder.finish()
    with archive:
        tag = f"{'full' if full else 'thin'}-{digest}"
        name = f"{NAME}:{tag}"
        found = engine.image_id(name)
        if found is not None:
            return found
        with engine.errors("import an image") as api:
            data = archive
            if full:
                packed = tempfile.TemporaryFile()  # noqa: SIM115
                with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1, mtime=0) as f:
                    while piece := archive.read(1 << 20):
                        f.write(piece)
                packed.seek(0)
                data = packed
            try:
                answer = api.import_image_from_data(
                    data, repository=NAME, tag=tag, changes=[f"LABEL {LABEL}=image"]
                )
            finally:
                if data is not archive:
                    data.close()
    # Podman before 5 ignores the tag of an import.
    imported = re.search(r"sha256:[0-9a-f]{64}", str(answer))
    if imported is not None:
        with engine.errors("name an image") as api:
            api.tag(imported.group(0), NAME, tag)
    found = engine.image_id(name)
    if found is None:
        raise InfrastructureError(f"The engine could not import an image: {str(answer)[-300:]}.")
    return found
