"""A graph server that vanishes or falls silent in the middle of a query."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from graphdb import CodeGraph, FolderSource, queries
from graphdb.errors import GraphError, StoreError
from graphdb.stores.base import Limits


class Wire:
    """A line to a server that can be cut, or swallow what is sent, after a request has left."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.fate = ""
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._to)
                self._open += [near, far]
                for one, other, asks in ((near, far, True), (far, near, False)):
                    threading.Thread(
                        target=self._carry, args=(one, other, asks), daemon=True
                    ).start()

    def _carry(self, one: socket.socket, other: socket.socket, asks: bool) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                if self.fate == "cut" and asks:
                    self.close()
                elif not self.fate:
                    other.sendall(data)

    def close(self) -> None:
        self._listener.close()
        for item in self._open:
            with suppress(OSError):
                item.shutdown(socket.SHUT_RDWR)
            item.close()


@pytest.fixture
def wire(bolt_address: str) -> Iterator[tuple[Wire, str]]:
    at = urlsplit(bolt_address)
    assert at.hostname is not None
    assert at.port is not None
    line = Wire(at.hostname, at.port)
    yield line, f"bolt://{at.username}:{at.password}@127.0.0.1:{line.port}/lost"
    line.close()


@pytest.mark.parametrize("fate", ["cut", "silence"])
def test_a_lost_server_is_an_error_in_time(
    wire: tuple[Wire, str], shop_once: Path, fate: str
) -> None:
    line, address = wire
    graph = CodeGraph.build(FolderSource(shop_once), store=address)
    assert queries.find_symbol(graph.store, "Price")
    line.fate = fate
    begin = time.monotonic()
    with pytest.raises(GraphError) as failed:
        graph.query("MATCH (f:FUNCTION) RETURN count(f) AS n", limits=Limits(seconds=1))
    assert time.monotonic() - begin < 30
    assert "\n" not in str(failed.value)
    if fate == "cut":
        assert isinstance(failed.value, StoreError)
        assert "does not answer" in str(failed.value)
