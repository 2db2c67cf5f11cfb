"""The tool `create`: a new file."""

from __future__ import annotations

from tools.context import ToolContext
from tools.history import Change, history
from tools.paths import read_bytes, writable, write_bytes
from tools.registry import tool
from tools.result import ToolError
from tools.text import plural


@tool
def create(ctx: ToolContext, *, path: str, content: str, overwrite: bool = False) -> str:
    """Create a file with its folders.

    Args:
        ctx: What the episode offers to tools.
        path: File of the repository.
        content: Its whole text.
        overwrite: Replace a file that exists; otherwise that is an error.
    """
    place = writable(ctx.workspace, path)
    before: bytes | None = None
    if ctx.workspace.exec(["test", "-e", place], timeout_s=30).exit_code == 0:
        if not overwrite:
            # A folder is refused here as well, with its own sentence.
            read_bytes(ctx.workspace, place)
            raise ToolError(f"{place} exists: use edit, or overwrite=true to replace all of it.")
        before = read_bytes(ctx.workspace, place)
    after = content.encode()
    write_bytes(ctx.workspace, place, after)
    history(ctx).push(Change(place, before, after))
    lines = content.count("\n") + (not content.endswith("\n") and bool(content))
    what = "created" if before is None else "replaced"
    return f"{place}: {what} with {plural(lines, 'line')}."
