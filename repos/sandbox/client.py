"""A sandbox as seen through its exec server: what all back ends with such a server share."""

from __future__ import annotations

import builtins
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Unpack, cast

from repos.errors import InfrastructureError
from repos.sandbox.channel import Channel
from repos.sandbox.protocol import (
    EXEC_DEFAULTS,
    TESTBED,
    Ahead,
    Entry,
    ExecOptions,
    ExecResult,
    Limit,
)

GRACE_S = 30.0
FILE_TIMEOUT_S = 120.0
KINDS = {"f": "file", "d": "dir", "l": "symlink", "o": "other"}


class RemoteProcess:
    """A process that lives until closed, with its pipes."""

    def __init__(self, channel: Channel, ident: int) -> None:
        """Take over a started request; made by `ServerClient.spawn`."""
        self._channel = channel
        self._ident = ident
        self._buffer = bytearray()
        self._code: int | None = None
        self._lock = threading.Lock()
        self.stderr = b""
        """The end of what it wrote to standard error; known once it has ended."""

    def read(self, size: int = 65536, timeout_s: float | None = None) -> bytes:
        """Return the next bytes of standard output; b"" at its end.

        Raises:
            TimeoutError: Nothing came in `timeout_s` seconds.
        """
        with self._lock:
            while not self._buffer:
                if self._code is not None:
                    return b""
                try:
                    self._handle(self._channel.take(self._ident, timeout_s))
                except InfrastructureError:
                    self._code = -9  # the sandbox was reset or has ended, and this with it
            data = bytes(self._buffer[:size])
            del self._buffer[:size]
        if self._code is None:
            self._channel.send(self._ident, "ack", {"job": self._ident, "size": len(data)})
        return data

    def _handle(self, message: tuple[str, Any]) -> None:
        kind, body = message
        if kind == "data":
            self._buffer += body
        elif kind == "exit":
            self._code = body["code"]
            self.stderr = body["stderr"]

    def write(self, data: bytes) -> None:
        """Send bytes to standard input.

        Raises:
            BrokenPipeError: It has ended.
        """
        if self._code is not None or self._channel.dead is not None:
            raise BrokenPipeError(32, "the process has ended")
        if data:
            self._channel.send(self._ident, "stdin", {"job": self._ident, "data": bytes(data)})

    def close_stdin(self) -> None:
        """End its standard input."""
        self._channel.send(self._ident, "stdin", {"job": self._ident, "data": b""})

    def poll(self) -> int | None:
        """Return the exit status, or None while it runs."""
        with self._lock:
            while self._code is None:
                try:
                    message = self._channel.poll(self._ident)
                except InfrastructureError:
                    self._code = -9
                    break
                if message is None:
                    return None
                self._handle(message)
        return self._code

    def close(self) -> None:
        """End the process and everything it started; a second call does nothing."""
        if self._code is None and self._channel.dead is None:
            try:
                self._channel.send(self._ident, "kill", {"job": self._ident})
                with self._lock:
                    while self._code is None:
                        self._handle(self._channel.take(self._ident, GRACE_S))
            except (InfrastructureError, TimeoutError):
                self._code = -9  # the sandbox is gone, and the process with it
        if self._code is None:
            self._code = -9
        self._channel.forget(self._ident)


class ServerClient:
    """The methods of a `Sandbox` that its exec server answers.

    A subclass sets `_channel`, and may replace `_before` and `_after` (bounds that the server
    can't see) and `_translate` (paths that are elsewhere, in arguments and variables too).
    """

    _channel: Channel
    _ahead: tuple[Ahead, int] | None = None

    def _translate(self, path: str) -> str:
        return path

    def _program(
        self, argv: Sequence[str], cwd: str, env: Mapping[str, str] | None
    ) -> dict[str, Any]:
        return {
            "argv": [self._translate(str(arg)) for arg in argv],
            "cwd": self._translate(cwd),
            "env": {name: self._translate(value) for name, value in (env or {}).items()},
        }

    def _before(self) -> Any:
        return None

    def _after(self, state: Any, code: int) -> Limit | None:
        return None

    def exec(self, argv: Sequence[str], **options: Unpack[ExecOptions]) -> ExecResult:
        """Run a program to its end; see `Sandbox.exec`.

        Raises:
            InfrastructureError: The sandbox itself is gone.
            TypeError: There is no such option.
            ValueError: No program was named.
        """
        if isinstance(argv, str) or not argv:
            raise ValueError("argv must be a list with at least the program's name")
        unknown = options.keys() - EXEC_DEFAULTS.keys()
        if unknown:
            raise TypeError(f"exec takes {', '.join(EXEC_DEFAULTS)}, not {', '.join(unknown)}")
        given = {**EXEC_DEFAULTS, **options}
        timeout_s = float(given["timeout_s"])
        channel = self._channel
        before = self._before()
        ident = self._started_ahead(argv, given)
        if ident is not None:
            body = {"job": ident, "stdin": bytes(given["stdin"]), "timeout": timeout_s}
            channel.send(ident, "go", body)
        else:
            ident = channel.open(
                "exec",
                {
                    **self._program(argv, given["cwd"], given["env"]),
                    "stdin": bytes(given["stdin"]),
                    "timeout": timeout_s,
                    "max_output": int(given["max_output"]),
                    "join": bool(given["join"]),
                },
            )
        try:
            try:
                kind, body = channel.take(ident, timeout_s + GRACE_S)
            except TimeoutError as error:
                channel.fail(f"no answer {GRACE_S:.0f} s after a time limit")
                raise InfrastructureError(f"The sandbox gave {channel.dead}.") from error
            except InfrastructureError:
                raise
            except BaseException:  # the caller was interrupted: nothing may go on unseen
                channel.send(ident, "cancel", {"job": ident})
                raise
        finally:
            channel.forget(ident)
        if kind == "error":
            raise InfrastructureError(f"A command could not be started: {body.get('text')}.")
        limit = cast("Limit | None", body["limit"])
        code = int(body["code"])
        if limit in (None, "output", "disk") and code != 0:
            limit = self._after(before, code) or limit
        return ExecResult(
            exit_code=code,
            stdout=body["out"],
            stderr=body["err"],
            seconds=body["seconds"],
            limit=limit,
            stdout_dropped=body["out_dropped"],
            stderr_dropped=body["err_dropped"],
        )

    def _started_ahead(self, argv: Sequence[str], options: Mapping[str, Any]) -> int | None:
        """Return the request of the program that was started ahead, if this is that one."""
        if self._ahead is None or options["join"]:
            return None
        ahead, ident = self._ahead
        env = tuple(sorted((options["env"] or {}).items()))
        if Ahead(tuple(map(str, argv)), env, int(options["max_output"])) != ahead:
            return None
        self._ahead = None
        if self._channel.poll(ident) is None:
            return ident
        self._channel.forget(ident)  # it has ended before its time
        return None

    def interrupt(self) -> None:
        """End every command that is running now; each `exec` returns with status -9."""
        self._channel.call("interrupt", {}, FILE_TIMEOUT_S)

    def spawn(
        self, argv: Sequence[str], *, cwd: str = TESTBED, env: Mapping[str, str] | None = None
    ) -> RemoteProcess:
        """Start a process that lives until closed.

        Raises:
            FileNotFoundError, PermissionError: The program can't be started.
        """
        channel = self._channel
        ident = channel.open("spawn", self._program(argv, cwd, env))
        kind, body = channel.take(ident, FILE_TIMEOUT_S)
        if kind == "started":
            return RemoteProcess(channel, ident)
        channel.forget(ident)
        if kind == "exit":
            message = body["stderr"].decode("utf-8", "replace").strip()
            raise (FileNotFoundError if body["code"] == 127 else PermissionError)(message)
        raise InfrastructureError(f"A process could not be started: {body.get('text')}.")

    def read(self, path: str, *, max_bytes: int = 64 << 20) -> bytes:
        """Return a file's bytes; see `Sandbox.read`."""
        body = {"path": self._translate(path), "max_bytes": max_bytes}
        return self._channel.call("read", body, FILE_TIMEOUT_S)

    def write(self, path: str, data: bytes, *, executable: bool | None = None) -> None:
        """Write a file atomically, making its folders; None keeps an existing mode."""
        body = {"path": self._translate(path), "data": bytes(data), "executable": executable}
        self._channel.call("write", body, FILE_TIMEOUT_S)

    def remove(self, path: str) -> None:
        """Remove a file or a folder with all that is in it."""
        self._channel.call("remove", {"path": self._translate(path)}, FILE_TIMEOUT_S)

    def list(self, path: str = TESTBED, *, recursive: bool = False) -> builtins.list[Entry]:
        """Return entries sorted by path; links are not followed."""
        body = {"path": self._translate(path), "recursive": recursive}
        blob = self._channel.call("list", body, FILE_TIMEOUT_S)
        words = blob.decode("utf-8", "surrogateescape").split("\0")[:-1]
        return [
            Entry(
                path=words[at + 3],
                kind=cast(Any, KINDS[words[at]]),
                size=int(words[at + 2]),
                executable=words[at + 1] == "1",
            )
            for at in range(0, len(words), 4)
        ]
