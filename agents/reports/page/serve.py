"""Serves the page of runs on this machine's loopback, so that it follows a run that goes on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from agents.reports.hidden import TaskFiles
from agents.reports.neighbourhood import Neighbourhoods
from agents.reports.page.build import GRAPH_SECONDS, Part, plotly_packed, render
from agents.reports.payload import dumps, episode_of, hidden_of, index_of
from agents.reports.reading import StoredRun, read_run
from repos.errors import InputError, RepoGymError

HOST = "127.0.0.1"

_PART = re.compile(r"/part/(?P<kind>[eh])(?P<run>\d{1,6})-(?P<episode>\d{1,9})")


class PageServer(ThreadingHTTPServer):
    """Answers the page, its index and its parts, each read anew from the run folders."""

    daemon_threads = True

    def __init__(self, folders: Sequence[Path], port: int, *, hidden: bool) -> None:
        """Listen.

        Args:
            folders: The run folders.
            port: TCP port of the loopback; 0 takes a free one.
            hidden: Whether hidden things may be asked for.

        Raises:
            InputError: The port is taken, or a folder is no run.
        """
        self.folders = list(folders)
        self.hidden = hidden
        self.near = Neighbourhoods(GRAPH_SECONDS)
        self._plotly = Part("plotly", plotly_packed())
        for folder in self.folders:
            read_run(folder)
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise InputError(
                f"Port {port} can't be used ({error.strerror}): name another one with --serve."
            ) from error

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self.server_address[1]

    def runs(self) -> list[StoredRun]:
        """Return the runs as they are now."""
        return [read_run(folder) for folder in self.folders]

    def index(self) -> dict[str, Any]:
        """Return the index of the page."""
        return {**index_of(self.runs()), "hidden": self.hidden, "served": True}

    def page(self) -> str:
        """Return the page."""
        return render(self.index(), [self._plotly], title="RepoGym")

    def part(self, kind: str, run: int, episode: int) -> dict[str, Any] | None:
        """Return one part of the page, or None where there is none."""
        if run >= len(self.folders) or (kind == "h" and not self.hidden):
            return None
        stored = read_run(self.folders[run])
        if episode >= len(stored.episodes):
            return None
        one, tasks = stored.episodes[episode], TaskFiles(stored)
        return hidden_of(one, tasks) if kind == "h" else episode_of(one, tasks, self.near)


class _Handler(BaseHTTPRequestHandler):
    server_version = "RepoGym"
    sys_version = ""

    @property
    def pages(self) -> PageServer:
        """The server that this request came to."""
        assert isinstance(self.server, PageServer)
        return self.server

    def do_GET(self) -> None:
        # A name that some web site points at this machine must not read its runs.
        known = {f"{name}:{self.pages.port}" for name in (HOST, "localhost")}
        if self.headers.get("Host") not in known:
            self.send_error(HTTPStatus.FORBIDDEN)
            return
        try:
            self._answer()
        except RepoGymError as error:
            self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR, str(error).partition("\n")[0][:200])

    def _answer(self) -> None:
        if self.path == "/":
            self._send(self.pages.page(), "text/html; charset=utf-8")
        elif self.path == "/index":
            self._send(dumps(self.pages.index()), "application/json")
        elif match := _PART.fullmatch(self.path):
            found = self.pages.part(match["kind"], int(match["run"]), int(match["episode"]))
            if found is None:
                self.send_error(HTTPStatus.NOT_FOUND)
            else:
                self._send(dumps(found), "application/json")
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _send(self, text: str, kind: str) -> None:
        body = text.encode("utf-8", "backslashreplace")
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: requests are of no interest to whoever looks at a run."""
