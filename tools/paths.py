"""Paths as agents write them: relative to the repository or absolute, missing or misspelt."""

from __future__ import annotations

import difflib
import posixpath
from typing import TYPE_CHECKING

from repos.errors import InfrastructureError
from repos.sandbox.protocol import TESTBED
from tools.files import TextFile, decode
from tools.result import ToolError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from repos.sandbox.protocol import ExecResult
    from repos.sandbox.workspace import Workspace

RIPGREP = "/opt/repogym/bin/rg"
MAX_FILE = 8 << 20
"""Bytes of the largest file that is read whole."""

MAX_PATTERN = 10_000
HIDDEN = (".git", "__pycache__")
"""Folders that listings and searches leave out."""

_MAX_LISTING = 32 << 20
_MAX_ALIKE = 200
_QUICK = 30.0


def clean(path: str) -> str:
    """Return a path relative to the repository ("." is its root), or an absolute one outside.

    Raises:
        ToolError: It is no path.
    """
    path = path.strip() or "."
    if "\0" in path:
        raise ToolError("A path can't hold a NUL character.")
    if len(path) > 4_000 or any(len(part.encode()) > 255 for part in path.split("/")):
        raise ToolError("The path is too long to exist.")
    absolute = posixpath.normpath(posixpath.join(TESTBED, path))
    absolute = "/" + absolute.lstrip("/")
    if absolute == TESTBED:
        return "."
    return absolute.removeprefix(f"{TESTBED}/")


def shown(path: str) -> str:
    """Return a cleaned path as a sentence names it."""
    return "the repository" if path == "." else path


def check_pattern(pattern: str, name: str) -> None:
    """Refuse what ripgrep can't take on its command line.

    Raises:
        ToolError: The pattern is too long, or holds a NUL character.
    """
    if "\0" in pattern:
        raise ToolError(f"`{name}` can't hold a NUL character.")
    if len(pattern) > MAX_PATTERN:
        raise ToolError(f"`{name}` is longer than {MAX_PATTERN:,} characters.")


def writable(workspace: Workspace, path: str) -> str:
    """Return the path, links resolved, of a file of the repository that may be written.

    Raises:
        ToolError: It lies outside the repository, or is its root.
    """
    wanted = clean(path)
    real = _resolved(workspace, wanted)
    if real is None:
        where = "lies outside" if wanted.startswith("/") else "links to a place outside"
        raise ToolError(
            f"{path} {where} {TESTBED}. Only files of the repository can be changed; "
            "use a path relative to it."
        )
    if real == ".":
        raise ToolError(f"{path} is the root folder of the repository, not a file.")
    return real


def _resolved(workspace: Workspace, path: str) -> str | None:
    """Return the place that a path leads to, relative to the repository; None where outside."""
    if path.startswith("/"):
        return None
    done = _plain(workspace, ["realpath", "-mz", "--", ".", path])
    root, _, rest = done.stdout.partition(b"\0")
    target = rest.removesuffix(b"\0")
    if done.exit_code or not target:
        raise ToolError(f"{path} leads nowhere: {done.text.strip()[:300]}")
    if target == root:
        return "."
    if not target.startswith(root + b"/"):
        return None
    return target[len(root) + 1 :].decode("utf-8", "surrogateescape")


def read_bytes(workspace: Workspace, path: str, max_bytes: int = MAX_FILE) -> bytes:
    """Read a file of the repository or of the system.

    Args:
        workspace: Where.
        path: As `clean` returns it.
        max_bytes: Largest size.

    Raises:
        ToolError: No such file (with similar names), a folder, or not readable.
    """
    try:
        return workspace.read(path, max_bytes=max_bytes)
    except FileNotFoundError as error:
        raise ToolError(missing(workspace, path)) from error
    except IsADirectoryError as error:
        raise ToolError(f"{path} is a folder, not a file.") from error
    except NotADirectoryError as error:
        raise ToolError(f"{path} does not exist: a part of it is a file, not a folder.") from error
    except PermissionError as error:
        raise ToolError(f"{path} may not be read (permission denied).") from error
    except OSError as error:
        raise ToolError(f"{path} can't be read: {reason(error)}.") from error


def read_text(workspace: Workspace, path: str) -> TextFile:
    """Read and decode a text file; errors as in `read_bytes` and `decode`."""
    return decode(read_bytes(workspace, path), path)


def write_bytes(workspace: Workspace, path: str, data: bytes) -> None:
    """Write a file of the repository, its folders made, its mode kept.

    Raises:
        ToolError: The disk is full, a folder stands there, or a file where a folder should be.
    """
    try:
        workspace.write(path, data)
    except OSError as error:
        raise ToolError(f"{path} can't be written: {reason(error)}.") from error


def reason(error: OSError) -> str:
    """Return what went wrong, without the paths and numbers that the text of an error has."""
    return (error.strerror or str(error) or type(error).__name__).rstrip(".")


def missing(workspace: Workspace, path: str) -> str:
    """Return the sentence for a path that does not exist, with the nearest ones that do."""
    near = near_paths(path, all_files(workspace)) if not path.startswith("/") else []
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return f"{path} does not exist.{hint}"


def near_paths(path: str, files: Sequence[str], limit: int = 3) -> list[str]:
    """Return existing paths that look like `path`, the likeliest first.

    Args:
        path: The path that does not exist.
        files: Files that exist, sorted.
        limit: How many to return.
    """
    wanted = posixpath.basename(path.rstrip("/"))
    by_name: dict[str, list[str]] = {}
    for file in files:
        by_name.setdefault(posixpath.basename(file), []).append(file)
    names = {name for name in by_name if name.lower() == wanted.lower()}
    names.update(difflib.get_close_matches(wanted, list(by_name), n=limit * 2, cutoff=0.75))
    alike = [file for name in sorted(names) for file in by_name[name][:_MAX_ALIKE]]

    def likeness(file: str) -> float:
        # The same name in another folder is likelier than another name in the same one.
        same_name = posixpath.basename(file).lower() == wanted.lower()
        return difflib.SequenceMatcher(None, path, file).ratio() + 0.25 * same_name

    near = sorted(alike, key=lambda file: (-likeness(file), file))[:limit]
    folders = sorted({posixpath.dirname(file) for file in files if "/" in file})
    near += [
        f"{folder}/"
        for folder in difflib.get_close_matches(path.rstrip("/"), folders, n=limit, cutoff=0.7)
    ]
    return near[:limit]


def all_files(workspace: Workspace, path: str = ".", glob: str = "") -> list[str]:
    """Return the files that git does not ignore, hidden ones too, relative and sorted.

    Args:
        workspace: Where.
        path: Folder to list.
        glob: Pattern that paths must match; "" is any.
    """
    arguments = ["--files", "--null"]
    done = ripgrep(workspace, arguments, [path], glob=glob, max_output=_MAX_LISTING)
    names = done.stdout.decode("utf-8", "replace").split("\0")
    return sorted(name.removeprefix("./") for name in names if name)


def ripgrep(
    workspace: Workspace,
    arguments: Sequence[str],
    paths: Sequence[str],
    *,
    glob: str = "",
    max_output: int,
    timeout_s: float = _QUICK,
) -> ExecResult:
    """Run ripgrep as it is wanted here: `.git` left out, configuration of users ignored.

    Args:
        workspace: Where.
        arguments: Options.
        paths: Files and folders to search.
        glob: Only paths that match; "" is any.
        max_output: Bytes kept of its output.
        timeout_s: Wall time.

    Raises:
        InfrastructureError: It is not there.
    """
    argv = [RIPGREP, "--no-config", "--hidden", "--no-ignore-global", "--no-ignore-parent"]
    argv += ["--no-require-git", "--color", "never", *arguments]
    # Of all globs that match, the last one decides.
    for pattern in filter(None, [glob, *(f"!{name}" for name in HIDDEN)]):
        argv += ["--glob", pattern]
    return _plain(workspace, [*argv, "--", *paths], max_output, timeout_s)


def _plain(
    workspace: Workspace, argv: list[str], max_output: int = 1 << 20, timeout_s: float = _QUICK
) -> ExecResult:
    done = workspace.exec(argv, env={"LC_ALL": "C"}, timeout_s=timeout_s, max_output=max_output)
    if done.exit_code == 127:
        raise InfrastructureError(f"The sandbox lacks {argv[0]}.")
    return done
