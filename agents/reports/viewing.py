"""What `view` does: write a page and open it, or serve it until it is stopped."""

from __future__ import annotations

import sys
import tempfile
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from agents.reports.page.build import build_page, write_page
from agents.reports.reading import read_run


def view_page(
    folders: Sequence[Path],
    out: Path | None,
    *,
    hidden: bool,
    graph_seconds: float,
    open_browser: bool,
) -> None:
    """Write the page of some runs and open it in a browser.

    Args:
        folders: The run folders.
        out: Where to write; None writes a temporary file.
        hidden: Whether the page holds hidden things.
        graph_seconds: Wall time for code graphs, in seconds.
        open_browser: Whether to open it.
    """
    runs = [read_run(folder) for folder in folders]
    path = out
    if path is None:
        path = Path(tempfile.mkdtemp(prefix="repogym-view-")) / "index.html"
    write_page(path, _build(runs, hidden, graph_seconds))
    size = path.stat().st_size / 1e6
    print(f"Written: {path} ({size:.1f} MB{'' if hidden else ', without hidden things'})")
    if open_browser and out is None:
        _open(path.resolve().as_uri())


def _build(runs: list, hidden: bool, graph_seconds: float) -> str:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    if not console.is_terminal:
        return build_page(runs, hidden=hidden, graph_seconds=graph_seconds)
    columns = (TextColumn("episodes"), BarColumn(24), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("", total=None)

        def told(done: int, total: int) -> None:
            progress.update(bar, completed=done, total=total)

        return build_page(runs, hidden=hidden, graph_seconds=graph_seconds, told=told)


def serve_pages(folders: Sequence[Path], port: int, *, hidden: bool, open_browser: bool) -> None:
    """Serve the pages on the loopback until Ctrl-C.

    Args:
        folders: The run folders.
        port: The port; 0 takes a free one.
        hidden: Whether hidden things may be looked at.
        open_browser: Whether to open the page.
    """
    from agents.reports.page.serve import HOST, PageServer

    with PageServer(folders, port, hidden=hidden) as server:
        address = f"http://{HOST}:{server.port}/"
        print(f"Serving {address} for this machine only; Ctrl-C ends it.", flush=True)
        if open_browser:
            _open(address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


def _open(address: str) -> None:
    if not webbrowser.open(address):
        print(f"No browser was found: open {address} in one.", file=sys.stderr)
