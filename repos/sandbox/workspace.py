"""A repository in a sandbox: files, commands, what changed, its diff, and branches of it."""

from __future__ import annotations

import builtins
import os
import posixpath
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, Unpack

from repos.cache import link
from repos.errors import AgentError, InfrastructureError, InputError
from repos.sandbox import zipapps
from repos.sandbox.guest.git import paths, repository
from repos.sandbox.protocol import (
    TESTBED,
    Entry,
    ExecOptions,
    ExecResult,
    Process,
    Sandbox,
    Snapshot,
)

BASE_GIT = "/opt/repogym/base.git"
"""Where the harness's git folder is mounted, read-only."""

HARNESS_PYTHON = "/opt/repogym/python"
GUEST_GIT = "/opt/repogym/git.pyz"
GIT_TIMEOUT_S = 300.0
MAX_DIFF = 256 << 20
LARGE = 1 << 20
"""Bytes of paths or of a diff beyond which the time they take is the change's own."""
AUTHOR = "RepoGym <repogym@localhost> 946684800 +0000"


class PatchError(AgentError):
    """A diff that can't be applied to a workspace."""


@dataclass(frozen=True)
class Mark:
    """A moment in a workspace's life, for `Workspace.changes`."""

    states: Mapping[str, str] = field(repr=False)


class Workspace:
    """A repository at `/testbed` of a sandbox; any thread may call.

    Paths are relative to `/testbed`, or absolute inside the sandbox.
    """

    def __init__(self, sandbox: Sandbox, base_git: str = BASE_GIT) -> None:
        """Take over a sandbox; closing the workspace closes it.

        Args:
            sandbox: Running, with the repository at `/testbed`.
            base_git: The harness's git folder as seen inside (`make_base_git` made it).
        """
        self.sandbox = sandbox
        self.base_git = base_git

    def __enter__(self) -> Self:
        """Return the workspace, which is closed at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    @staticmethod
    def path(path: str) -> str:
        """Return a path as an absolute one."""
        return posixpath.join(TESTBED, path)

    # ---- files and commands
    def exec(self, argv: Sequence[str], **options: Unpack[ExecOptions]) -> ExecResult:
        """Run a program to its end; see `Sandbox.exec`."""
        options["cwd"] = self.path(options.get("cwd", TESTBED))
        return self.sandbox.exec(argv, **options)

    def spawn(
        self, argv: Sequence[str], *, cwd: str = TESTBED, env: Mapping[str, str] | None = None
    ) -> Process:
        """Start a process that lives until closed; see `Sandbox.spawn`."""
        return self.sandbox.spawn(argv, cwd=self.path(cwd), env=env)

    def read(self, path: str, *, max_bytes: int = 64 << 20) -> bytes:
        """Return a file's bytes; see `Sandbox.read`."""
        return self.sandbox.read(self.path(path), max_bytes=max_bytes)

    def write(self, path: str, data: bytes, *, executable: bool | None = None) -> None:
        """Write a file atomically; see `Sandbox.write`."""
        self.sandbox.write(self.path(path), data, executable=executable)

    def remove(self, path: str) -> None:
        """Remove a file or a folder with all that is in it."""
        self.sandbox.remove(self.path(path))

    def list(self, path: str = "", *, recursive: bool = False) -> builtins.list[Entry]:
        """Return entries sorted by path, relative to the folder; links are not followed."""
        return self.sandbox.list(self.path(path), recursive=recursive)

    # ---- changes
    def _states(self) -> dict[str, str]:
        """Return each path that differs from the layers with a word for its present state."""
        marks = self.sandbox.changed_marks()
        return {path: word for path, word in marks.items() if ".git" not in path.split("/")}

    def mark(self) -> Mark:
        """Return a mark of this moment."""
        return Mark(self._states())

    def changes(self, since: Mark | None = None) -> builtins.list[str]:
        """Return the paths that changed since a mark (or the start); may name a few more.

        Deleted paths are named too; folders, and what lies in a `.git`, are not.
        """
        now = self._states()
        if since is None:
            return sorted(now)
        before = since.states
        return sorted(path for path in {*now, *before} if now.get(path, "") != before.get(path, ""))

    # ---- diffs
    def _git(self, command: str, data: bytes) -> ExecResult:
        result = self.sandbox.exec(
            [*zipapps.command(HARNESS_PYTHON, GUEST_GIT, "git"), command, self.base_git, TESTBED],
            cwd="/",
            stdin=data,
            timeout_s=GIT_TIMEOUT_S,
            max_output=MAX_DIFF,
        )
        # Time may be short on a busy machine; a large change is the agent's doing.
        large = result.limit == "time" and len(data) > LARGE
        if large or result.limit in ("memory", "disk", "processes"):
            raise PatchError(
                f"The sandbox's bound on {result.limit} was hit while the change was looked at: "
                "remove what you made."
            )
        if result.exit_code not in (0, repository.REFUSED):
            why = result.stderr.decode("utf-8", "replace").strip()[-400:]
            raise InfrastructureError(
                f"git did not work in the sandbox ({result.limit or result.exit_code}): {why}"
            )
        return result

    def diff(self, *, readable: bool = False) -> bytes:
        """Return the difference from the base commit, as `git apply --binary` reads it.

        It holds text and binary changes, modes, links and deletions. Left out are byte-code,
        what the base's ignore rules name, and everything in a `.git` folder. Whatever was done
        in the workspace's own repository has no influence. It is UTF-8: a file that is not is
        told as a binary patch.

        Args:
            readable: For a reader's eyes: text of other encodings is told as it is.

        Raises:
            PatchError: Too much has changed, or what can't be told (a file of 100 GB).
            InfrastructureError: The sandbox failed.
        """
        changed = self.sandbox.changed_paths()
        if not changed:
            return b""
        command = "show" if readable else "diff"
        result = self._git(command, b"".join(os.fsencode(path) + b"\0" for path in changed))
        if result.stdout_dropped:
            raise PatchError(f"The diff is larger than {MAX_DIFF >> 20} MiB: remove what you made.")
        if result.exit_code != 0:
            why = result.stderr.decode("utf-8", "replace").strip()[-400:]
            raise PatchError(f"The diff could not be made: {why}. Remove what you made.")
        return result.stdout

    def apply(self, diff: bytes) -> None:
        """Apply a diff, wholly or not at all.

        Args:
            diff: As `diff` returns it, or any unified diff with `a/` and `b/` prefixes.

        Raises:
            PatchError: It does not fit, or names a path outside or in a `.git` folder.
            InfrastructureError: The sandbox failed.
        """
        result = self._git("apply", bytes(diff))
        if result.exit_code != 0:
            why = result.stderr.decode("utf-8", "replace").strip()
            raise PatchError(f"The patch was not applied: {why}.")

    # ---- branches
    def snapshot(self) -> Snapshot:
        """Freeze the files as they are; the workspace goes on from there."""
        return self.sandbox.snapshot()

    def restore(self, snapshot: Snapshot) -> None:
        """Kill all processes and go back to a snapshot."""
        self.sandbox.restore(snapshot)

    def fork(self) -> Workspace:
        """Return an independent workspace with the same files and no processes."""
        return Workspace(self.sandbox.fork(), self.base_git)

    def reset(self) -> None:
        """Kill all processes and go back to the start."""
        self.sandbox.reset()

    def close(self) -> None:
        """End everything; may be called twice."""
        self.sandbox.close()


def make_base_git(
    tree: Path, dest: Path, *, worktree: bool = False, twin: Path | None = None
) -> str:
    """Make a repository with one commit that holds a tree as it is, on the host.

    The files are read by us and handed to `git fast-import`, so no attribute, ignore rule,
    hook or setting of the tree or the user has any effect, and the commit id depends on the
    files alone. Byte-code and `.git` folders are left out.

    Args:
        tree: The files.
        dest: Folder to make. It may lie in `tree` (`tree/.git`).
        worktree: Whether it is to be the repository of a work tree (the agent's own, with an
            index, `__pycache__` excluded) and not the harness's bare one.
        twin: A repository that this made of the same files: its objects are taken (hard links)
            instead of being made again.

    Returns:
        The commit id.

    Raises:
        RepoGymError: git is missing, or `dest` exists.
    """
    if dest.exists():
        raise InputError(f"{dest} exists already: remove it first.")
    root = os.fsencode(tree)
    for name in ("objects/info", "objects/pack", "refs/heads", "info"):
        (dest / name).mkdir(parents=True)
    (dest / "HEAD").write_text("ref: refs/heads/main\n")
    config = f"[core]\n\trepositoryformatversion = 0\n\tbare = {str(not worktree).lower()}\n"
    if worktree:
        # The layer gets another owner and inodes later: times and sizes tell enough.
        config += "\tcheckStat = minimal\n\ttrustctime = false\n"
        config += "[user]\n\tname = Agent\n\temail = agent@localhost\n"
    (dest / "config").write_text(config)
    (dest / "info" / "exclude").write_text("__pycache__/\n*.py[co]\n")
    if not worktree:
        (dest / "info" / "attributes").write_text(repository.ATTRIBUTES)
    if twin is None:
        _import(root, dest, ignore_rules=not worktree)
    else:
        shutil.copytree(twin / "objects", dest / "objects", copy_function=link, dirs_exist_ok=True)
        shutil.copytree(twin / "refs", dest / "refs", dirs_exist_ok=True)
    commit = _host_git(dest, ["rev-parse", "refs/heads/main"], b"").decode().strip()
    if worktree:
        _host_git(dest, ["--work-tree", str(tree), "read-tree", "HEAD"], b"")
        _host_git(dest, ["--work-tree", str(tree), "update-index", "-q", "--refresh"], b"")
    for folder, _, files in os.walk(dest):
        Path(folder).chmod(0o755)
        for name in files:
            Path(folder, name).chmod(0o644)
    return commit


def _import(root: bytes, dest: Path, *, ignore_rules: bool) -> None:
    """Commit the files below `root`; keep their ignore rules beside, where that is asked for."""
    stream = [b"commit refs/heads/main\nauthor %s\ncommitter %s\n" % ((AUTHOR.encode(),) * 2)]
    stream.append(b"data 5\nbase\n\n")
    for path in sorted(paths.everything(root)):
        found = paths.look(root, path)
        if found is None or paths.compiled(path) or not paths.safe(path):
            continue
        mode, data = found
        stream.append(b"M %s inline %s\ndata %d\n" % (mode, repository.quoted(path), len(data)))
        stream += [data, b"\n"]
        if ignore_rules and posixpath.basename(path) == b".gitignore" and mode != b"120000":
            rules = dest / repository.IGNORE_FOLDER / os.fsdecode(path)
            rules.parent.mkdir(parents=True, exist_ok=True)
            rules.write_bytes(data)
    if ignore_rules:
        (dest / repository.IGNORE_FOLDER).mkdir(exist_ok=True)
    # No reflog: it would tell the agent what made the commit.
    _host_git(
        dest,
        ["-c", "core.logAllRefUpdates=false", "fast-import", "--quiet", "--force"],
        b"".join(stream),
    )


def _host_git(git_dir: Path, args: builtins.list[str], data: bytes) -> bytes:
    env = {**repository.environment("/nonexistent"), "PATH": os.environ.get("PATH", os.defpath)}
    try:
        done = subprocess.run(
            ["git", "--git-dir", str(git_dir), *args],
            input=data,
            capture_output=True,
            env=env,
            check=False,
        )
    except FileNotFoundError:
        raise InputError("The git program is missing: install git.") from None
    if done.returncode != 0 and args[-1] != "--refresh":
        why = " ".join(done.stderr.decode("utf-8", "replace").split())
        raise InfrastructureError(f"git could not make {git_dir}: {why[:300]}")
    return done.stdout
