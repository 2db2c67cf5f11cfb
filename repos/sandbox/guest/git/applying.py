"""Applying a diff to a workspace, wholly or not at all."""

import os
import stat

from . import objects
from .paths import MOST_BYTES, compiled, everything, look, safe
from .repository import MOST_PATHS, Git, RefusedError, contents, run_program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterable, List, Optional, Set, Tuple

    from .objects import Facts


def apply(git: Git, data: bytes) -> None:
    """Apply a diff to the workspace, wholly or not at all.

    git applies it to an index that holds the workspace's present content of the paths it
    names; only then are the results written, by us: git on a work tree would follow links,
    convert line ends and fail where a folder takes the place of a link.

    Raises:
        RefusedError: It names a path that no diff may name, or does not fit.
    """
    if not data.strip():
        return
    if not data.endswith(b"\n"):
        data += b"\n"
    present, wanted = quickly(git, data)
    if wanted is None:
        present, first = thoroughly(git, data)
        if first is not None:
            with_patch(git, data, first)
            return
        wanted = objects.read_index(os.path.join(git.folder, "index"))
    for path, (mode, _) in wanted.items():
        if mode == b"160000":
            raise RefusedError("it makes %r a submodule" % os.fsdecode(path))
    deletions = sorted(path for path in present if path not in wanted)
    writes = {path: facts for path, facts in wanted.items() if present.get(path) != facts}
    check_places(git.root, set(deletions), writes)
    blobs = contents(git, [ident for _, ident in writes.values()])
    for path in deletions:
        take_away(git.root, path)
    for path, (mode, ident) in writes.items():
        put(os.path.join(git.root, path), mode, blobs[ident])


COMMAND = ["apply", "--cached", "--binary", "--whitespace=nowarn"]


def quickly(git: Git, data: bytes) -> "Tuple[Dict[bytes, Facts], Optional[Dict[bytes, Facts]]]":
    """Apply a plain diff by one call of git (each takes 5 ms, on a busy machine 80).

    The paths are taken from its header lines. Where git saw another path than these, or did not
    like the diff, nothing is decided.

    Returns:
        What there is at the paths, and what is to be there; None where that is not known.
    """
    paths = set(named_in_headers(data))
    if len(paths) > MOST_PATHS or not all(safe(path) for path in paths):
        return {}, None
    present = indexed(git, paths)
    try:
        git.run([*COMMAND, "-"], data=data)
    except RefusedError:
        return {}, None
    wanted = objects.read_index(os.path.join(git.folder, "index"))
    return present, (wanted if wanted.keys() <= paths else None)


def thoroughly(git: Git, data: bytes) -> "Tuple[Dict[bytes, Facts], Optional[RefusedError]]":
    """Ask git for the paths, then try how the diff fits.

    Returns:
        What there is at the paths, and why it does not fit.

    Raises:
        RefusedError: It names a path that no diff may name.
    """
    try:
        paths = paths_of(git, data)
    except RefusedError:
        paths = named_in_headers(data)
    for path in paths:
        if not safe(path):
            raise RefusedError("it names the path %r" % os.fsdecode(path))
    if len(set(paths)) > MOST_PATHS:
        raise RefusedError("it names more than %d files" % MOST_PATHS)
    present = indexed(git, set(paths))
    first = None
    for extra in ([], ["--recount"], ["--ignore-whitespace", "-C1"]):
        try:
            git.run([*COMMAND, *extra, "-"], data=data)
            return present, None
        except RefusedError as error:
            first = first or error
            if "symbolic link" in str(error) or "invalid path" in str(error):
                raise
    return present, first


def indexed(git: Git, paths: "Set[bytes]") -> "Dict[bytes, Facts]":
    """Make an index of the workspace's present content of some paths, and return it."""
    present: Dict[bytes, Facts] = {}
    room = MOST_BYTES
    for path in paths:
        found = look(git.root, path, room)
        if found is not None:
            room -= len(found[1])
            present[path] = (found[0], objects.write(git.folder, b"blob", found[1]))
    objects.write_index(os.path.join(git.folder, "index"), present)
    return present


def paths_of(git: Git, data: bytes) -> "List[bytes]":
    """Return the paths that a diff names, as git reads it."""
    out = git.run(["apply", "--numstat", "-z", "-"], data=data)
    words = out.split(b"\0")
    paths = []
    at = 0
    while at < len(words) and words[at]:
        path = words[at].split(b"\t", 2)[2]
        if path:
            paths.append(path)
        else:  # a rename: the old and the new path follow
            paths += words[at + 1 : at + 3]
            at += 2
        at += 1
    return paths


def named_in_headers(data: bytes) -> "List[bytes]":
    """Return the paths of a diff's header lines, without regard to where hunks end."""
    found = []
    for line in data.split(b"\n"):
        for start in (b"--- ", b"+++ ", b"rename from ", b"rename to ", b"copy from ", b"copy to "):
            if line.startswith(start):
                path = line[len(start) :].split(b"\t")[0].strip().strip(b'"')
                if path != b"/dev/null":
                    found.append(path[2:] if path[:2] in (b"a/", b"b/") else path)
    return found


def check_places(root: bytes, deletions: "Set[bytes]", writes: "Iterable[bytes]") -> None:
    """Refuse to write through a link, over a folder that stays, or below a file that stays."""
    for path in writes:
        parts = path.split(b"/")
        for count in range(1, len(parts)):
            above = b"/".join(parts[:count])
            if above in deletions:
                break
            try:
                mode = os.lstat(os.path.join(root, above)).st_mode
            except OSError:
                break
            if stat.S_ISLNK(mode):
                raise RefusedError("%r is beyond a symbolic link" % os.fsdecode(path))
            if not stat.S_ISDIR(mode) and above not in deletions:
                raise RefusedError("%r is not a folder" % os.fsdecode(above))
        at = os.path.join(root, path)
        if os.path.isdir(at) and not os.path.islink(at):
            for name in everything(at):
                if path + b"/" + name not in deletions and not compiled(path + b"/" + name):
                    raise RefusedError("%r is a folder" % os.fsdecode(path))


def take_away(root: bytes, path: bytes) -> None:
    """Delete a file, and the folders that it leaves empty."""
    at = os.path.join(root, path)
    os.unlink(at)
    above = os.path.dirname(at)
    while above != root:
        try:
            os.rmdir(above)
        except OSError:
            return
        above = os.path.dirname(above)


def put(at: bytes, mode: bytes, data: bytes) -> None:
    """Write a file or link in the place of what is there."""
    os.makedirs(os.path.dirname(at), exist_ok=True)
    if os.path.isdir(at) and not os.path.islink(at):
        for folder, _, names in os.walk(at, topdown=False):
            for name in names:
                os.unlink(os.path.join(folder, name))  # byte-code, all else has gone
            os.rmdir(folder)
    # Not the name with something added: that may be too long.
    temporary = os.path.join(os.path.dirname(at), b".repogym-%d~" % os.getpid())
    if mode == b"120000":
        os.symlink(data, temporary)
    else:
        with open(temporary, "wb") as f:
            f.write(data)
        os.chmod(temporary, 0o755 if mode == b"100755" else 0o644)
    os.rename(temporary, at)


def with_patch(git: Git, data: bytes, why: RefusedError) -> None:
    """Try the `patch` program, which is more tolerant, on a plain text diff.

    Raises:
        RefusedError: It does not work either; `why` is raised then.
    """
    if b"GIT binary patch" in data or not all(safe(path) for path in named_in_headers(data)):
        raise why
    command = ["patch", "--batch", "--forward", "-p1", "--fuzz=5", "--no-backup-if-mismatch"]
    command += ["--reject-file=-", "--directory", os.fsdecode(git.root)]
    for extra in (["--dry-run"], []):
        try:
            status, _, _ = run_program(command + extra, git.env, git.folder, git.folder, data)
        except FileNotFoundError:
            raise why from None
        if status != 0:
            raise why
