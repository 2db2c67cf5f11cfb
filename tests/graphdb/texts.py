"""Helpers: index a few texts without files."""

from collections.abc import Iterable

from graphdb.index import Index
from graphdb.schema import Edge


class TextSource:
    """A source of texts in memory; what changed is what was set since."""

    def __init__(self, files: dict[str, str | bytes]) -> None:
        self.files = dict(files)

    def list(self) -> list[str]:
        return sorted(self.files)

    def read(self, path: str) -> bytes:
        if path not in self.files:
            raise FileNotFoundError(path)
        held = self.files[path]
        return held if isinstance(held, bytes) else held.encode()

    def changes(self, since: str) -> tuple[Iterable[str], str]:
        return self.list(), ""


def build(files: dict[str, str]) -> Index:
    index = Index()
    index.update(TextSource(files), sorted(files))
    return index


def edges_of(files: dict[str, str], path: str) -> list[Edge]:
    language = "c" if path.endswith((".c", ".h")) else "python"
    start = f"{language}:{path}"
    return sorted(
        edge
        for edge in build(files).edges()
        if edge.source == start or edge.source.startswith(start + "::")
    )


def _plain(node_id: str) -> str:
    return node_id.removeprefix("python:").removeprefix("c:")


def calls(files: dict[str, str], path: str, scope: str) -> set[str]:
    source = f"{path}::{scope}" if scope else path
    return {
        _plain(edge.target)
        for edge in edges_of(files, path)
        if edge.type == "CALLS" and _plain(edge.source) == source
    }


def uses(files: dict[str, str], path: str) -> list[Edge]:
    return [
        edge._replace(source=_plain(edge.source), target=_plain(edge.target))
        for edge in edges_of(files, path)
        if edge.type == "USES"
    ]
