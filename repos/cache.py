"""The cache: content-addressed folders that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import math
import os
import platform
import shutil
import stat
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from repos.errors import InfrastructureError, InputError

SCRATCH = "scratch"
"""Folder of the cache for the test files of scorings under way."""

SIZES = "sizes"
"""Folder of the cache with the sizes that the files of layers had when they were made."""

SHARED = "shared"
"""Folder of the cache with the files that several entries share."""


def cache_root() -> Path:
    """Return the cache folder: `REPOGYM_CACHE`, else `repogym` in the user's cache folder."""
    named = os.environ.get("REPOGYM_CACHE")
    if named:
        return Path(named).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "repogym"


def owned_prefix(kind: str) -> str:
    """Return how the name of a folder begins that is of no use once this process has ended.

    It names the machine's start, the process namespace, the process and when it began.
    """
    return f"{kind}-{_place()}-{os.getpid()}-{_began(os.getpid())}-"


@lru_cache(maxsize=8)
def _place() -> str:
    facts = ""
    for path in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        with contextlib.suppress(OSError):
            at = Path(path)
            facts += str(at.readlink()) if at.is_symlink() else at.read_text()
    return hashlib.sha256(facts.encode()).hexdigest()[:10]


def _began(process: int) -> str:
    """Return when a process began, in clock ticks; "" where there is none."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def remove_abandoned(place: Path) -> list[Path]:
    """Remove the folders with an `owned_prefix` whose processes have ended; once a minute.

    What was made on another machine, or in another container, is left alone.
    """
    now = time.monotonic()
    if now - _looked.get(place, -math.inf) < LOOK_AGAIN_S:
        return []
    _looked[place] = now
    removed = []
    with contextlib.suppress(OSError):
        for entry in place.iterdir():
            parts = entry.name.split("-")
            if len(parts) != 5 or parts[1] != _place() or not parts[2].isdigit():
                continue
            if _began(int(parts[2])) != parts[3]:
                remove_tree(entry)
                removed.append(entry)
    return removed


LOOK_AGAIN_S = 60.0
_looked: dict[Path, float] = {}


def offline() -> bool:
    """Whether `REPOGYM_OFFLINE` forbids fetching anything."""
    return os.environ.get("REPOGYM_OFFLINE", "") not in ("", "0")


def platform_key(facts: Sequence[str] = ()) -> str:
    """Return a short key of what binaries here depend on, the rights they are made with included.

    Args:
        facts: Operating system, architecture, libc and build of an interpreter; none for the
            running one.
    """
    own = (
        sys.platform,
        platform.machine(),
        "-".join(platform.libc_ver()),
        sys.version,
        str(sysconfig.get_config_var("EXT_SUFFIX")),
        str(Path(sys.base_prefix).resolve()),
    )
    rights = "root" if os.geteuid() == 0 else "user"
    return hashlib.sha256("|".join((*(facts or own), rights)).encode()).hexdigest()[:12]


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold an exclusive lock between processes; freed by the kernel when its holder dies."""
    folder = _writable(cache_root() / "locks")
    path = folder / hashlib.sha256(name.encode()).hexdigest()[:32]
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _writable(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"The cache folder {folder} can't be made ({error.strerror}): "
            "set REPOGYM_CACHE to a folder that you may write to."
        ) from error
    return folder


def publish(relative: str, build: Callable[[Path], None]) -> Path:
    """Return the folder `relative` of the cache, building it first where it is missing.

    Two processes that ask at once build once; a build that is killed leaves nothing at
    the final place.

    Args:
        relative: POSIX path below the cache root; holds every fact the content depends on.
        build: Fills an empty folder.
    """
    final = cache_root() / relative
    if final.is_dir():
        return final
    with locked(relative):
        if final.is_dir():
            return final
        _writable(final.parent)
        stale = f".{final.name}."
        for leftover in final.parent.iterdir():
            if leftover.name.startswith(stale):
                remove_tree(leftover)
        work = Path(tempfile.mkdtemp(prefix=stale, dir=final.parent))
        try:
            work.chmod(0o755)
            build(work)
            work.rename(final)
        except BaseException as error:
            remove_tree(work)
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise InfrastructureError(
                    f"The disk of the cache {cache_root()} is full: make room (`repogym cache "
                    "show` lists what is stored), or set REPOGYM_CACHE to a folder elsewhere."
                ) from error
            raise
    return final


def publish_layer(relative: str, build: Callable[[Path], None]) -> Path:
    """Do as `publish`, and look once a process whether a file is gone or has another size.

    A damaged layer is made again, with a line on standard error that says so.

    Args:
        relative: As for `publish`.
        build: As for `publish`.
    """
    final = publish(relative, build)
    if final in _whole:
        return final
    kept = cache_root() / SIZES / f"{hashlib.sha256(relative.encode()).hexdigest()[:32]}.json"
    wrong = _changed_sizes(final, kept)
    if wrong:
        names = ", ".join(wrong[:3]) + (" and more" if len(wrong) > 3 else "")
        print(f"{final}: damaged in the cache ({names}), made again", file=sys.stderr)
        with locked(relative):
            if _changed_sizes(final, kept):
                kept.unlink()
                _stop_sharing(final / name for name in wrong)
                remove_tree(final)
        final = publish(relative, build)
    if not kept.exists():
        _writable(kept.parent)
        with contextlib.suppress(OSError):  # a full disk: they are kept another time
            handle, part = tempfile.mkstemp(dir=kept.parent)
            with os.fdopen(handle, "w") as out:
                json.dump(dict(_sizes(final)), out)
            Path(part).replace(kept)
    _whole.add(final)
    return final


_whole: set[Path] = set()


def _stop_sharing(damaged: Iterable[Path]) -> None:
    """Forget what the cache shares under further names of some files."""
    inodes = {path.lstat().st_ino for path in damaged if path.exists()}
    for folder, _, names in os.walk(cache_root() / SHARED):
        for path in (Path(folder, name) for name in names):
            if path.lstat().st_ino in inodes:
                path.unlink()


def _changed_sizes(folder: Path, kept: Path) -> list[str]:
    """Return the files that are gone or have another size; nothing where no sizes are kept."""
    try:
        before = json.loads(kept.read_text())
    except (OSError, ValueError):
        return []
    now = dict(_sizes(folder))
    return sorted(name for name, size in before.items() if now.get(name) != size)


def _sizes(folder: Path) -> Iterator[tuple[str, int]]:
    """Yield path and size of each regular file below a folder."""
    waiting, start = [str(folder)], len(str(folder)) + 1
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    yield entry.path[start:], entry.stat().st_size


def whole_lines(path: Path) -> list[str]:
    """Return the lines of a file to which lines are appended, ending it with a line feed.

    A last line that a killed process did not finish then stands alone: readers pass over it.
    """
    text = path.read_text(encoding="utf-8")
    if text and not text.endswith("\n"):
        with path.open("a", encoding="utf-8") as out:
            out.write("\n")
    return text.split("\n")


def link(source: str | Path, target: str | Path) -> None:
    """Give a file a second name; where the file system can't, copy it."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def share_files(folder: Path) -> None:
    """Let equal files of the cache be one file on the disk, whichever entries they are in.

    Each file of the folder becomes a further name of the one that the cache keeps of that
    content and mode. What is shared must never be written to in place.
    """
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            state = path.lstat()
            if not stat.S_ISREG(state.st_mode) or not state.st_size:
                continue
            digest = hashlib.sha256(f"{state.st_mode:o} ".encode())
            digest.update(path.read_bytes())
            share_file(path, digest.hexdigest())


def share_file(path: Path, key: str) -> None:
    """Make a file a further name of the one that the cache keeps by a key, or keep this one."""
    kept = shared_file(key)
    try:
        second = path.with_name(f"{path.name}.link")
        os.link(kept, second)
        second.replace(path)
    except FileNotFoundError:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):
            os.link(path, kept)
    except OSError:
        return  # no more names, or a file system without them: it stays a file of its own


def shared_file(key: str) -> Path:
    """Return where the file of a key is kept; it may not be there."""
    return cache_root() / SHARED / key[:2] / key


def remove_tree(path: Path) -> None:
    """Remove a folder even where its folders are read-only."""

    def _retry(function: Callable[..., object], name: str, _: object) -> None:
        Path(name).parent.chmod(0o700)
        with contextlib.suppress(OSError):
            Path(name).chmod(0o700)
        function(name)

    shutil.rmtree(path, onerror=_retry) if path.exists() else None
