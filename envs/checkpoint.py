"""The files of a moment as plain data, so that an interrupted episode can go on from there."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from repos.sandbox.protocol import Entry
from repos.sandbox.workspace import PatchError, Workspace
from tools.history import Change, History

MOST_PATHS = 2000
"""Changed paths beyond which nothing is kept."""

MOST_OTHERS = 100
"""Files that a diff does not tell (ignored ones, those in `.git`) beyond which nothing is kept."""

MOST_BYTES = 1 << 20
"""Characters of a diff, and bytes of a file that it does not tell, beyond which nothing is kept."""

OUTSIDE = ("/tmp", "/home/agent")
"""Folders beside the repository that an agent can write to; what lies there is not kept."""

HARMLESS = ("pytest-of-", ".cache")
"""Beginnings of names there that tests leave and nobody needs."""


@dataclass(frozen=True)
class OtherFile:
    """A file that a diff does not tell: its bytes, compressed and in base64."""

    packed: str
    executable: bool = False


@dataclass(frozen=True)
class Checkpoint:
    """The files of a moment, as far as they differ from the start.

    Attributes:
        diff: What scoring would take.
        files: Changed files that the diff does not tell; None for one that is not there.
        undo: What the tool `undo` can take back.
        missing: Why the files of this moment can't be put back; "" where they can.
    """

    diff: str = ""
    files: Mapping[str, OtherFile | None] = field(default_factory=dict)
    undo: tuple[Change, ...] = ()
    missing: str = ""


class Keeper:
    """Makes the checkpoints of one workspace; an unchanged one gives the same object again.

    After a change that was too large nothing is kept any more: looking at it takes long.
    """

    def __init__(self) -> None:
        self._states: Mapping[str, str] = {}
        self._latest = Checkpoint()
        self._too_large = ""

    def checkpoint(self, workspace: Workspace, undo: tuple[Change, ...]) -> Checkpoint:
        """Return what the workspace holds now.

        Raises:
            InfrastructureError: The sandbox failed.
        """
        if self._too_large:
            return self._latest
        outside = _outside(workspace)
        if outside:
            self._latest, self._states = Checkpoint(missing=outside), {}
            return self._latest
        states = dict(workspace.sandbox.changed_marks())
        latest = self._latest
        if states != self._states or undo != latest.undo or latest.missing:
            self._states = states
            try:
                self._latest = _checkpoint(workspace, states, undo)
            except _TooLargeError as error:
                self._too_large = str(error)
                self._latest = Checkpoint(missing=self._too_large)
        return self._latest


class _TooLargeError(Exception):
    """There is more than a journal should hold."""


def _outside(workspace: Workspace) -> str:
    """Say which path beside the repository a restart would lose, or ""."""
    for folder in OUTSIDE:
        try:
            found = workspace.list(folder)
        except OSError:
            continue
        for entry in found:
            if not entry.path.startswith(HARMLESS):
                return f"{folder}/{entry.path} lies outside of the repository"
    return ""


def _checkpoint(
    workspace: Workspace, states: Mapping[str, str], undo: tuple[Change, ...]
) -> Checkpoint:
    if len(states) > MOST_PATHS:
        raise _TooLargeError(f"{len(states)} paths changed")
    try:
        diff = workspace.diff().decode("utf-8")
    except PatchError as error:
        raise _TooLargeError(str(error)) from error
    if len(diff) > MOST_BYTES:
        raise _TooLargeError(f"the diff has {len(diff)} characters")
    told = {line for line in diff.split("\n") if line.startswith("diff --git ")}
    # A path that git quotes is kept beside the diff as well.
    others = [
        path
        for path in states
        if not path.endswith((".pyc", ".pyo")) and f"diff --git a/{path} b/{path}" not in told
    ]
    if len(others) > MOST_OTHERS:
        raise _TooLargeError(f"{len(others)} files are ignored ones or lie in .git")
    kinds = _kinds(workspace, {path.rpartition("/")[0] for path in others})
    files: dict[str, OtherFile | None] = {}
    for path in others:
        entry = kinds.get(path)
        if entry is None:
            files[path] = None
        elif entry.kind == "file":
            try:
                data = workspace.read(path, max_bytes=MOST_BYTES)
            except OSError as error:
                return Checkpoint(missing=f"{path} can't be kept: {error.strerror or error}")
            files[path] = OtherFile(_packed(data), entry.executable)
        elif entry.kind != "dir":
            return Checkpoint(missing=f"{path} is a {entry.kind} that the diff does not tell")
    if sum(len(one.packed) for one in files.values() if one is not None) > MOST_BYTES:
        raise _TooLargeError("ignored files, or those in .git, are too large")
    return Checkpoint(diff, files, undo)


def _kinds(workspace: Workspace, folders: Iterable[str]) -> dict[str, Entry]:
    """Return what there is in the folders, by path."""
    found = {}
    for folder in folders:
        try:
            entries = workspace.list(folder)
        except OSError:
            continue  # it is gone with all that was in it
        for entry in entries:
            found[f"{folder}/{entry.path}" if folder else entry.path] = entry
    return found


def put_back(workspace: Workspace, moment: Checkpoint) -> History | None:
    """Bring a fresh workspace to the state of a checkpoint.

    Returns:
        The undo stack; None where the files are not those of the checkpoint afterwards.

    Raises:
        InfrastructureError: The sandbox failed.
    """
    if moment.missing:
        return None
    try:
        if moment.diff:
            workspace.apply(moment.diff.encode("utf-8"))
        for path, other in moment.files.items():
            if other is None:
                _gone(workspace, path)
            else:
                workspace.write(path, _unpacked(other.packed), executable=other.executable)
        same = workspace.diff() == moment.diff.encode("utf-8")
    except (PatchError, OSError, ValueError, zlib.error):
        return None
    return History(moment.undo) if same else None


def _gone(workspace: Workspace, path: str) -> None:
    try:
        workspace.remove(path)
    except (FileNotFoundError, NotADirectoryError):
        return


def _packed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data)).decode()


def _unpacked(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text, validate=True))


def plain(moment: Checkpoint, before: Checkpoint) -> dict[str, Any]:
    """Return a checkpoint as JSON data; of files and the undo stack, what is new since another."""
    kept = 0
    for one, other in zip(moment.undo, before.undo, strict=False):
        if one is not other:
            break
        kept += 1
    undo = [
        {
            "path": change.path,
            "before": None if change.before is None else _packed(change.before),
            "after": _packed(change.after),
        }
        for change in moment.undo[kept:]
    ]
    files = {
        path: None if one is None else [one.packed, one.executable]
        for path, one in moment.files.items()
        if path not in before.files or before.files[path] != one
    }
    return {
        "diff": moment.diff,
        "files": files,
        "dropped": sorted(path for path in before.files if path not in moment.files),
        "undo_kept": kept,
        "undo": undo,
        "missing": moment.missing,
    }


def from_plain(data: Mapping[str, Any], before: Checkpoint) -> Checkpoint:
    """Return the checkpoint that `plain` wrote; a damaged one is one that is missing."""
    try:
        undo = [
            Change(
                one["path"],
                None if one["before"] is None else _unpacked(one["before"]),
                _unpacked(one["after"]),
            )
            for one in data["undo"]
        ]
        files = {
            path: one for path, one in before.files.items() if path not in set(data["dropped"])
        }
        for path, one in data["files"].items():
            files[path] = None if one is None else OtherFile(one[0], one[1])
        stack = (*before.undo[: data["undo_kept"]], *undo)
        return Checkpoint(data["diff"], files, stack, data["missing"])
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        return Checkpoint(missing=f"the journal holds a damaged one ({error!r})")
