"""The tool `diagnostics`: names and members that do not exist, found without running code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tools.context import ToolContext
from tools.language.positions import word_at
from tools.registry import tool
from tools.result import ToolError
from tools.text import clip_line, plural

if TYPE_CHECKING:
    from tools.language.session import Document, Server

MAX_SHOWN = 100


@tool(read_only=True)
def diagnostics(ctx: ToolContext, *, path: str) -> str:
    """Check a file as it is now: undefined names, missing members and imports, syntax errors.

    Answers with one line an error: `path:line:column: message [code]`. Nothing is run.

    Args:
        ctx: What the episode offers to tools.
        path: A Python, C or C++ file.
    """
    from tools.language.servers import server_for
    from tools.language.session import open_document, servers_of

    document = open_document(ctx, path)
    kind = server_for(document.path)
    if kind is not None and kind.pulls is None:
        raise ToolError(f"The language server {kind.name} finds no errors: choose ty.")
    found = servers_of(ctx).ask(
        document.path, lambda server: _rows(server, document, server.diagnose(document))
    )
    if not found:
        return f"{document.path}: no errors found."
    shown = [clip_line(row, 400) for row in found[:MAX_SHOWN]]
    rest = len(found) - len(shown)
    return "\n".join([*shown, *([f"[... {plural(rest, 'more error')}]"] if rest > 0 else [])])


def undefined_names(ctx: ToolContext, path: str) -> list[str]:
    """Return the names that a Python file uses and nowhere defines, in their order.

    Raises:
        ToolError: The file can't be read, or its language server finds no errors.
    """
    from tools.language.servers import server_for
    from tools.language.session import open_document, servers_of

    document = open_document(ctx, path)
    kind = server_for(document.path)
    if kind is None or not kind.undefined:
        raise ToolError(f"No language server tells the undefined names of {path}.")

    def question(server: Server) -> list[str]:
        names: dict[str, None] = {}
        for item in server.diagnose(document):
            if item.get("code") != kind.undefined:
                continue
            span = item.get("range")
            start = server.place(document, span.get("start")) if isinstance(span, dict) else None
            if start is not None:
                begin, end = word_at(document.lines[start.line], start.column)
                names[document.lines[start.line][begin:end]] = None
        return [name for name in names if name]

    return servers_of(ctx).ask(document.path, question)


def _rows(server: Server, document: Document, items: list[Any]) -> list[str]:
    rows = []
    for item in items:
        message, span = item.get("message"), item.get("range")
        start = server.place(document, span.get("start")) if isinstance(span, dict) else None
        if not isinstance(message, str) or start is None:
            continue
        code = item.get("code")
        code = code.get("value") if isinstance(code, dict) else code
        label = f" [{code}]" if isinstance(code, str | int) else ""
        text = " ".join(message.split())
        rows.append((start.line, start.column, f"{text}{label}"))
    return [f"{document.path}:{r + 1}:{c + 1}: {text}" for r, c, text in sorted(rows)]
