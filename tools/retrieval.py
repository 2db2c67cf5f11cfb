"""The tools `get_relevant_code` and `get_related_snippets`: code ranked by BM25, or embeddings."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Protocol

from pydantic import Field

from tools.code_parts import source_of
from tools.context import ToolContext
from tools.embeddings import EmbeddingRanking, embedding_model
from tools.graph import graph_of
from tools.paths import read_text
from tools.registry import tool
from tools.result import ToolError

if TYPE_CHECKING:
    from graphdb import CodeGraph, Node
    from repos.sandbox.workspace import Mark, Workspace

RESOURCE = "retrieval"
WINDOW = 20
"""Lines of a snippet."""

STRIDE = 10
"""Lines from one snippet to the next, as in RepoCoder (Zhang et al. 2023)."""

MAX_DEFINITION = 400
"""Lines of a definition that is indexed; longer ones are found by their members."""

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_NAME = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True)
class Piece:
    """A part of a file.

    Attributes:
        path: The file.
        line: Its first line, from 1.
        end: Its last line.
        text: Its text.
    """

    path: str
    line: int
    end: int
    text: str


def words_of(code: str) -> list[str]:
    """Return the words of code: each name, and the parts of names, in small letters."""
    words: list[str] = []
    for name in _NAME.findall(code):
        words.append(name.lower())
        parts = _WORD.findall(name)
        if len(parts) > 1:
            words += [part.lower() for part in parts]
    return words


class Ranking(Protocol):
    """Pieces of code that can be asked for."""

    def best(self, query: str, most: int) -> list[int]:
        """Return the places of the best texts, the best first."""
        ...


def ranking_of(texts: Sequence[str]) -> Ranking:
    """Return a ranking of texts: by the user's embedding model where there is one, else by words.

    Raises:
        InputError: The model that the user named can't be used.
    """
    model = embedding_model()
    return EmbeddingRanking(texts, model) if model is not None else WordRanking(texts)


class WordRanking:
    """BM25 (Robertson and Walker 1994, the variant of Lucene) over pieces of code."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Index the texts."""
        import bm25s

        self._index = bm25s.BM25()
        self._known: set[str] = set()
        corpus = [words_of(text) for text in texts]
        for words in corpus:
            self._known.update(words)
        self._size = len(corpus)
        if corpus and self._known:
            self._index.index(corpus, show_progress=False)

    def best(self, query: str, most: int) -> list[int]:
        """Return the places of the best texts, the best first; those without a word are out."""
        words = [word for word in words_of(query) if word in self._known]
        if not words:
            return []
        scores = self._index.get_scores(words)
        order = sorted(range(self._size), key=lambda place: (-scores[place], place))
        return [place for place in order[:most] if scores[place] > 0]


class Retrieval:
    """The rankings of one workspace, made anew when its files changed."""

    def __init__(self, workspace: Workspace) -> None:
        """Make it; nothing is read before the first question."""
        self._workspace = workspace
        self._mark: Mark | None = None
        self._definitions: tuple[list[Node], Ranking] | None = None
        self._snippets: tuple[list[Piece], Ranking] | None = None
        self._lock = threading.Lock()

    def definitions(self, ctx: ToolContext) -> tuple[list[Node], Ranking]:
        """Return the definitions of the repository and their ranking."""
        with self._lock:
            self._follow()
            if self._definitions is None:
                self._definitions = graph_of(ctx).ask(lambda graph: _definitions(ctx, graph))
            return self._definitions

    def snippets(self, ctx: ToolContext) -> tuple[list[Piece], Ranking]:
        """Return windows of the repository's files and their ranking."""
        with self._lock:
            self._follow()
            if self._snippets is None:
                self._snippets = graph_of(ctx).ask(lambda graph: _snippets(ctx, graph))
            return self._snippets

    def _follow(self) -> None:
        if self._mark is None or self._workspace.changes(self._mark):
            self._mark = self._workspace.mark()
            self._definitions = self._snippets = None

    def fork(self, workspace: Workspace) -> Retrieval:
        """Return the twin for a fork of the workspace."""
        return Retrieval(workspace)

    def close(self) -> None:
        """Free the rankings."""
        self._definitions = self._snippets = None


@tool(read_only=True)
def get_relevant_code(
    ctx: ToolContext, *, query: str, max_results: Annotated[int, Field(ge=1, le=10)] = 3
) -> str:
    """Find the functions, methods and classes that fit a description or some names best.

    Args:
        ctx: What the episode offers to tools.
        query: What the code does, or names that it should hold.
        max_results: How many to show.
    """
    nodes, ranking = _retrieval(ctx).definitions(ctx)
    found = ranking.best(query, max_results)
    if not found:
        raise ToolError("No code holds a word of the query: use other words.")
    return "\n\n".join(source_of(ctx, nodes[place], 60) for place in found)


@tool(read_only=True)
def get_related_snippets(
    ctx: ToolContext, *, query: str, max_results: Annotated[int, Field(ge=1, le=10)] = 3
) -> str:
    """Find places of the repository that look like a piece of code.

    Args:
        ctx: What the episode offers to tools.
        query: The code, for example the lines before the place that is to be written.
        max_results: How many places to show.
    """
    pieces, ranking = _retrieval(ctx).snippets(ctx)
    chosen: list[Piece] = []
    for place in ranking.best(query, 10 * max_results):
        piece = pieces[place]
        # Windows overlap: of two that do, the better one is shown.
        if all(p.path != piece.path or abs(p.line - piece.line) >= WINDOW for p in chosen):
            chosen.append(piece)
    if not chosen:
        raise ToolError("No code holds a word of the query: use other words.")
    shown = [f"{p.path}:{p.line}-{p.end}\n{p.text}" for p in chosen[:max_results]]
    return "\n\n".join(shown)


def _retrieval(ctx: ToolContext) -> Retrieval:
    return ctx.resource(RESOURCE, lambda: Retrieval(ctx.workspace))


def _definitions(ctx: ToolContext, graph: CodeGraph) -> tuple[list[Node], Ranking]:
    from graphdb.schema import CLASS, FUNCTION, METHOD

    store = graph.store
    nodes = [
        node
        for node in store.nodes(store.ids([CLASS, FUNCTION, METHOD]))
        if node.end_line - node.line < MAX_DEFINITION
    ]
    nodes.sort(key=lambda node: (node.file_path, node.line))
    lines = _Lines(ctx)
    texts = ["\n".join(lines.of(n.file_path)[n.line - 1 : n.end_line]) for n in nodes]
    return nodes, ranking_of(texts)


def _snippets(ctx: ToolContext, graph: CodeGraph) -> tuple[list[Piece], Ranking]:
    from graphdb.schema import FILE

    store = graph.store
    lines = _Lines(ctx)
    pieces = []
    for node in sorted(store.nodes(store.ids([FILE])), key=lambda node: node.file_path):
        text = lines.of(node.file_path)
        for begin in range(0, max(1, len(text) - STRIDE), STRIDE):
            window = text[begin : begin + WINDOW]
            if any(window):
                end = begin + len(window)
                pieces.append(Piece(node.file_path, begin + 1, end, "\n".join(window)))
    return pieces, ranking_of([piece.text for piece in pieces])


class _Lines:
    """The lines of files, each read once."""

    def __init__(self, ctx: ToolContext) -> None:
        self._ctx = ctx
        self._files: dict[str, list[str]] = {}

    def of(self, path: str) -> list[str]:
        if path not in self._files:
            try:
                self._files[path] = read_text(self._ctx.workspace, path).lines
            except ToolError:
                self._files[path] = []
        return self._files[path]
