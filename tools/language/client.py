"""A small client of the Language Server Protocol over a process that lives in a sandbox.

What comes from the server is hostile data: messages are bounded, and a message that is none
ends the connection.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from lsprotocol import types as lsp

from repos.sandbox.protocol import Process

MAX_HEADER = 4096
"""Bytes of a message's header."""

MAX_MESSAGE = 64 << 20
"""Bytes of a message's body."""

MAX_DIAGNOSED = 2_000
"""Files of which pushed diagnostics are kept."""


class LanguageServerError(Exception):
    """The server has ended, does not answer in time, or answers what is no message."""


class RequestError(Exception):
    """The server refused one request; it goes on."""


class LanguageClient:
    """Sends requests and reads until the answer is there; one thread at a time.

    Attributes:
        diagnostics: The latest diagnostics that the server pushed, by URI, with the version of
            the document that they are of (-1 where it told none).
    """

    def __init__(self, process: Process, settings: Mapping[str, Any]) -> None:
        """Take over a server that was started.

        Args:
            process: The server, speaking over its pipes.
            settings: By section, what it is told when it asks for its configuration.
        """
        self.diagnostics: dict[str, tuple[int, list[Any]]] = {}
        self._process = process
        self._settings = settings
        self._buffer = b""
        self._next = 0

    def request(self, method: str, params: Any, timeout_s: float) -> Any:
        """Return the server's answer.

        Args:
            method: Name of the method.
            params: Its parameters as plain data.
            timeout_s: Wall time to wait.

        Raises:
            LanguageServerError: It has ended or does not answer.
            RequestError: It refused the request.
        """
        self._next += 1
        ident = self._next
        self._send({"id": ident, "method": method, "params": params})
        deadline = time.monotonic() + timeout_s
        while True:
            message = self._read(deadline)
            if message.get("id") == ident and "method" not in message:
                if message.get("error") is not None:
                    raise RequestError(str(message["error"])[:500])
                return message.get("result")
            self._handle(message)

    def notify(self, method: str, params: Any) -> None:
        """Tell the server something.

        Raises:
            LanguageServerError: It has ended.
        """
        self._send({"method": method, "params": params})

    def wait_for_diagnostics(self, uri: str, version: int, timeout_s: float) -> list[Any]:
        """Return what the server pushes about a version of a document.

        Raises:
            LanguageServerError: It has ended, or pushes nothing in time.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            known = self.diagnostics.get(uri)
            if known is not None and known[0] == version:
                return known[1]
            self._handle(self._read(deadline))

    def close(self) -> None:
        """End the server."""
        self._process.close()

    # ---- messages
    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}, ensure_ascii=True).encode()
        try:
            self._process.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        except (BrokenPipeError, OSError) as error:
            raise LanguageServerError("the server has ended") from error

    def _handle(self, message: dict[str, Any]) -> None:
        """Answer a request of the server, or take note of what it tells."""
        method, params = message.get("method"), message.get("params")
        if method is not None and "id" in message:
            self._send({"id": message["id"], "result": self._answer(method, params)})
        elif method == lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS and isinstance(params, dict):
            uri, found, version = (
                params.get("uri"),
                params.get("diagnostics"),
                params.get("version"),
            )
            room = len(self.diagnostics) < MAX_DIAGNOSED or uri in self.diagnostics
            if isinstance(uri, str) and isinstance(found, list) and room:
                self.diagnostics[uri] = (version if isinstance(version, int) else -1, found)

    def _answer(self, method: str, params: Any) -> Any:
        if method != lsp.WORKSPACE_CONFIGURATION or not isinstance(params, dict):
            return None
        items = params.get("items")
        sections = [i.get("section") if isinstance(i, dict) else None for i in items or ()]
        return [self._settings.get(str(section), {}) for section in sections]

    def _read(self, deadline: float) -> dict[str, Any]:
        """Return the next message.

        Raises:
            LanguageServerError: The server has ended, is late, or sent no message.
        """
        while b"\r\n\r\n" not in self._buffer:
            if len(self._buffer) > MAX_HEADER:
                raise LanguageServerError("the server sent a header without an end")
            self._fill(deadline)
        header, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        size = _length(header)
        while len(self._buffer) < size:
            self._fill(deadline)
        body, self._buffer = self._buffer[:size], self._buffer[size:]
        try:
            message = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise LanguageServerError("the server sent what is no JSON") from error
        if not isinstance(message, dict):
            raise LanguageServerError("the server sent what is no message")
        return message

    def _fill(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise LanguageServerError("the server does not answer")
        try:
            data = self._process.read(1 << 20, timeout_s=left)
        except TimeoutError as error:
            raise LanguageServerError("the server does not answer") from error
        if not data:
            raise LanguageServerError("the server has ended")
        self._buffer += data


def _length(header: bytes) -> int:
    for line in header.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            size = int(value)
            if size <= MAX_MESSAGE:
                return size
    raise LanguageServerError("the server sent a header without a usable length")
