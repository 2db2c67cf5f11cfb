"""Builds the self-contained page: no server, no network, nothing but this one file."""

from __future__ import annotations

import base64
import gzip
import hashlib
import importlib.resources
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.reports.hidden import TaskFiles
from agents.reports.neighbourhood import Neighbourhoods
from agents.reports.payload import dumps, episode_of, hidden_of, index_of, pack
from agents.reports.reading import StoredEpisode, StoredRun
from repos.errors import InputError

SCRIPTS = (
    "elements.js",
    "data.js",
    "charts.js",
    "runs.js",
    "patch.js",
    "episode.js",
    "compare.js",
    "main.js",
)
"""Parts of the page's program, in the order in which they are joined."""

GRAPH_SECONDS = 4.0
"""Wall time that a page may spend on code graphs, unless asked for more."""

Told = Callable[[int, int], None]
"""Called with the number of episodes that were packed, and how many there are."""


@dataclass(frozen=True)
class Part:
    """One packed part of the page."""

    name: str
    data: str


def build_page(
    runs: Sequence[StoredRun],
    *,
    hidden: bool,
    graph_seconds: float = GRAPH_SECONDS,
    told: Told | None = None,
) -> str:
    """Return the page of some runs as HTML text.

    Args:
        runs: The runs.
        hidden: Whether it holds hidden things (reference patches, hidden tests), behind a
            switch that is off at first. A page that is shared should not.
        graph_seconds: Wall time for the code graphs of edited code, in seconds.
        told: Told of the progress.

    Raises:
        InputError: The extra `view` is not installed.
    """
    index = {**index_of(runs), "hidden": hidden, "served": False}
    parts = [Part("plotly", plotly_packed())]
    total = sum(len(run.episodes) for run in runs)
    for number, (place, episode, tasks, near) in enumerate(_all(runs, graph_seconds), 1):
        if episode.state != "not played":
            parts.append(Part(f"e{place}", pack(episode_of(episode, tasks, near))))
            if hidden:
                parts.append(Part(f"h{place}", pack(hidden_of(episode, tasks))))
        if told is not None:
            told(number, total)
    return render(index, parts, title=_title(runs))


def _all(
    runs: Sequence[StoredRun], graph_seconds: float
) -> Iterator[tuple[str, StoredEpisode, TaskFiles, Neighbourhoods]]:
    near = Neighbourhoods(graph_seconds)
    for number, run in enumerate(runs):
        tasks = TaskFiles(run)
        for place, episode in enumerate(run.episodes):
            yield f"{number}-{place}", episode, tasks, near


def _title(runs: Sequence[StoredRun]) -> str:
    return f"RepoGym: {runs[0].name}" if len(runs) == 1 else f"RepoGym: {len(runs)} runs"


def render(index: dict[str, Any], parts: Sequence[Part], *, title: str) -> str:
    """Return the page's HTML around its data.

    The policy in it lets only the page's own two programs run, by their hashes, and nothing
    be fetched; a served page may ask its own server.
    """
    from jinja2 import Environment
    from markupsafe import Markup

    script = "\n".join(read_part(name) for name in SCRIPTS)
    connect = "'self'" if index["served"] else "'none'"
    policy = (
        f"default-src 'none'; script-src {_hash(script)} {_hash(plotly_text())}; "
        f"style-src 'unsafe-inline'; img-src data: blob:; connect-src {connect}; "
        "base-uri 'none'; form-action 'none'"
    )
    environment = Environment(autoescape=True)
    template = environment.from_string(read_part("template.html"))

    return template.render(
        title=title,
        policy=policy,
        style=Markup(read_part("page.css")),
        # JSON in ASCII whose "<" is escaped can't end its element.
        index=Markup(dumps(index).replace("<", "\\u003c")),
        parts=[{"name": part.name, "data": Markup(part.data)} for part in parts],
        script=Markup(script),
    )


def read_part(name: str) -> str:
    """Return one of the page's own files."""
    return importlib.resources.files("agents.reports.page").joinpath(name).read_text("utf-8")


def plotly_text() -> str:
    """Return the plotting library's program, as it stands in a page.

    Raises:
        InputError: It is not installed.
    """
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        raise InputError(
            "Pages need the plotting library of the extra `view`: "
            "pip install 'repogym[view]', or in a source tree: pip install plotly matplotlib."
        ) from None
    return get_plotlyjs()


def plotly_packed() -> str:
    """Return the plotting library as gzip in base64."""
    return base64.b64encode(gzip.compress(plotly_text().encode(), 9, mtime=0)).decode("ascii")


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def write_page(path: Path, html: str) -> None:
    """Write a page; whoever opens it meanwhile sees the old one or the new one.

    Raises:
        InputError: It can't be written there.
    """
    from agents.runs.journal import write_atomic

    try:
        write_atomic(path, html)
    except OSError as error:
        raise InputError(
            f"{path} can't be written ({error.strerror}): name another --out."
        ) from error
