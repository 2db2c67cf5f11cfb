"""The sandbox protocol: what every back end offers, in small typed records.

A sandbox is a place where untrusted processes run. It sees a repository at
`/testbed`, an environment at `/env` and nothing of the host but `/usr`. Any
thread may call any method; calls run at the same time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypedDict, Unpack, runtime_checkable

TESTBED = "/testbed"
"""Where every workspace is mounted."""

ENVIRONMENT = "/env"
"""Where the task's Python environment is mounted, read-only."""

Isolation = Literal["isolated", "none"]
Limit = Literal["time", "memory", "processes", "disk", "output"]


@dataclass(frozen=True)
class Mount:
    """A host folder or file shown in the sandbox.

    Attributes:
        source: Path on the host.
        target: Absolute path inside.
        writable: Only preparing mounts a layer writable.
        over: Folder from which is taken what the source lacks; only bubblewrap does this, and
            only below `/testbed`.
    """

    source: Path
    target: str
    writable: bool = False
    over: Path | None = None


@dataclass(frozen=True)
class Layers:
    """What a sandbox is made of, lowest first; nothing here is ever written to.

    Attributes:
        testbed: Folders merged at `/testbed`; later ones lie above earlier ones.
        mounts: Further folders and files (environment, interpreter, protected tests).
        path: Folders put in front of PATH, as seen inside.
        links: Symbolic links outside of `/testbed`, each its place and what it leads to; only
            bubblewrap makes them.
        variables: Variables of all programs, name and value.
    """

    testbed: tuple[Path, ...]
    mounts: tuple[Mount, ...] = ()
    path: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    variables: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Ahead:
    """A program that may be started before a sandbox has its files, to be ready when it is run.

    It is the first one that `exec` is then given with the same arguments, variables and bound on
    output. Until it has read its standard input it must touch nothing of `/testbed`, which is not
    there yet; it changes to its folder by itself. Only bubblewrap starts it ahead.

    Attributes:
        argv: Program and arguments.
        env: Variables, name and value, sorted.
        max_output: Bytes kept of each of its two streams.
    """

    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    max_output: int = 1 << 20


@dataclass(frozen=True)
class SandboxSpec:
    """What a task needs of its sandbox.

    Attributes:
        memory_mb: Memory of all its processes together, in MiB.
        processes: How many processes may exist at once.
        disk_mb: Size of what may be written under `/testbed`, in MiB.
        tmp_mb: Size of `/tmp`, in MiB.
        tmp_exec: Whether files in `/tmp` may be executed.
        network: Whether the host's network is reachable (only while preparing).
        seccomp: Name of the system-call profile: "default" (while a patch is scored, "scoring":
            no file locks), "locks" (with them then too), "ptrace" (User-Mode Linux needs it:
            processes may trace others of the same sandbox) or "none".
        hostname: Name of the machine; plain processes have the host's.
        ahead: What may be started before it is asked for.
    """

    memory_mb: int = 4096
    processes: int = 512
    disk_mb: int = 1024
    tmp_mb: int = 512
    tmp_exec: bool = True
    network: bool = False
    seccomp: str = "default"
    hostname: str = "sandbox"
    ahead: Ahead | None = None


class ExecOptions(TypedDict, total=False):
    """How one command is run, by keyword; what is left out is as in `EXEC_DEFAULTS`.

    Attributes:
        cwd: Folder inside.
        env: Variables added to (or replacing) the sandbox's own.
        stdin: Bytes on standard input.
        timeout_s: Wall time after which the whole process tree is killed.
        max_output: Bytes kept of each of the two streams (half head, half tail).
        join: Whether standard error goes into standard output, in the order of writing.
    """

    cwd: str
    env: Mapping[str, str] | None
    stdin: bytes
    timeout_s: float
    max_output: int
    join: bool


EXEC_DEFAULTS: Mapping[str, Any] = {
    "cwd": TESTBED,
    "env": None,
    "stdin": b"",
    "timeout_s": 60.0,
    "max_output": 1 << 20,
    "join": False,
}


@dataclass(frozen=True)
class ExecResult:
    """What one command did.

    Attributes:
        exit_code: Exit status; minus the signal number where a signal ended it.
        stdout: Captured bytes, head and tail where more came than allowed.
        stderr: The same for standard error.
        seconds: Wall time. Never part of an observation.
        limit: The bound that ended or cut the command, if any.
        stdout_dropped: Bytes left out between the head and the tail of `stdout`.
        stderr_dropped: The same for `stderr`.
    """

    exit_code: int
    stdout: bytes
    stderr: bytes
    seconds: float
    limit: Limit | None = None
    stdout_dropped: int = 0
    stderr_dropped: int = 0

    @property
    def text(self) -> str:
        """Standard output and error as text, undecodable bytes replaced."""
        return (self.stdout + self.stderr).decode("utf-8", "replace")


@dataclass(frozen=True)
class Entry:
    """One path of a listing, relative to the folder that was listed.

    Attributes:
        path: POSIX path.
        kind: "file", "dir", "symlink" or "other".
        size: Bytes.
        executable: Whether the owner may execute it.
    """

    path: str
    kind: Literal["file", "dir", "symlink", "other"]
    size: int = 0
    executable: bool = False


@dataclass(frozen=True)
class Snapshot:
    """A state of a sandbox's file system; valid until the sandbox's family is closed."""

    ident: str
    layers: tuple[str, ...] = field(default=(), repr=False)


class Process(Protocol):
    """A process that lives until closed, with its pipes (language servers)."""

    def read(self, size: int = 65536, timeout_s: float | None = None) -> bytes:
        """Return the next bytes of standard output; b"" at its end.

        Raises:
            TimeoutError: Nothing came in `timeout_s` seconds.
        """
        ...

    def write(self, data: bytes) -> None:
        """Send bytes to standard input."""
        ...

    def poll(self) -> int | None:
        """Return the exit status, or None while it runs."""
        ...

    def close(self) -> None:
        """End the process and everything it started."""
        ...


@runtime_checkable
class Sandbox(Protocol):
    """A running sandbox."""

    backend: str
    isolation: Isolation

    def exec(self, argv: Sequence[str], **options: Unpack[ExecOptions]) -> ExecResult:
        """Run a program to its end, then end everything that it started.

        Args:
            argv: Program and arguments; no shell.
            **options: See `ExecOptions`.

        Returns:
            The result; a missing program is exit code 127, with a message on stderr.

        Raises:
            InfrastructureError: The sandbox itself is gone.
        """
        ...

    def spawn(
        self, argv: Sequence[str], *, cwd: str = TESTBED, env: Mapping[str, str] | None = None
    ) -> Process:
        """Start a process that lives until closed."""
        ...

    def read(self, path: str, *, max_bytes: int = 64 << 20) -> bytes:
        """Return a file's bytes, links followed inside the sandbox.

        Raises:
            FileNotFoundError, IsADirectoryError, PermissionError: As `open` would.
            OSError: The file is larger than `max_bytes` or not a regular file.
        """
        ...

    def write(self, path: str, data: bytes, *, executable: bool | None = None) -> None:
        """Write a file atomically, making its folders; None keeps an existing mode."""
        ...

    def remove(self, path: str) -> None:
        """Remove a file or a folder with all that is in it."""
        ...

    def list(self, path: str = TESTBED, *, recursive: bool = False) -> list[Entry]:
        """Return entries sorted by path; links are not followed."""
        ...

    def changed_paths(self) -> list[str]:
        """Return paths below `/testbed` that differ from its layers (deleted ones too).

        A superset is fine. Sorted, relative.
        """
        ...

    def changed_marks(self) -> dict[str, str]:
        """Return the same paths, each with a word that changes whenever its file does."""
        ...

    def snapshot(self) -> Snapshot:
        """Freeze the file system as it is; the sandbox goes on from there."""
        ...

    def restore(self, snapshot: Snapshot) -> None:
        """Kill all processes and go back to a snapshot."""
        ...

    def fork(self) -> Sandbox:
        """Return a new, independent sandbox with the same files and no processes."""
        ...

    def reset(self) -> None:
        """Kill all processes and go back to the layers."""
        ...

    def close(self) -> None:
        """End everything and leave nothing behind; may be called twice."""
        ...


@dataclass(frozen=True)
class Probe:
    """What running a back end on this machine showed.

    Attributes:
        backend: Its name.
        works: Whether a command ran inside.
        isolation: What it isolates when it works.
        detail: What was found, one line.
        remedy: What the user can do where it does not work.
    """

    backend: str
    works: bool
    isolation: Isolation
    detail: str
    remedy: str = ""


class Backend(Protocol):
    """Makes sandboxes of one kind."""

    name: str
    isolation: Isolation

    def probe(self) -> Probe:
        """Run one command in a sandbox and say how it went; never raises."""
        ...

    def create(self, layers: Layers, spec: SandboxSpec) -> Sandbox:
        """Start a sandbox.

        Raises:
            SandboxUnavailableError: It can't run here.
            InfrastructureError: It should run here and did not.
        """
        ...

    def close(self) -> None:
        """Free what the back end keeps for its sandboxes."""
        ...
