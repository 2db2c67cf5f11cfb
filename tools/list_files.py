"""The tool `list_files`: the files of the repository by name."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tools.context import ToolContext
from tools.paths import all_files, check_pattern, clean, missing, ripgrep, shown
from tools.registry import tool
from tools.result import ToolError
from tools.text import plural


@tool(read_only=True)
def list_files(
    ctx: ToolContext,
    *,
    path: str = ".",
    pattern: str = "",
    max_results: Annotated[int, Field(ge=1, le=5_000)] = 500,
) -> str:
    """List files below a folder, one path a line, sorted; files that git ignores are left out.

    Args:
        ctx: What the episode offers to tools.
        path: Folder to list, with all its subfolders.
        pattern: Glob that paths must match, for example "*.py" or "src/**/test_*.py".
        max_results: How many paths to show.
    """
    place = clean(path)
    if pattern:
        _check_glob(ctx, pattern)
    files = all_files(ctx.workspace, place, pattern)
    if not files:
        done = ctx.workspace.exec(["test", "-e", place], timeout_s=30)
        if done.exit_code:
            raise ToolError(missing(ctx.workspace, place))
        return f"No files{f' matching {pattern}' if pattern else ''} in {shown(place)}."
    text = "\n".join(files[:max_results])
    more = len(files) - max_results
    if more > 0:
        text += f"\n[... {plural(more, 'more file')}: narrow it by path or pattern]"
    return f"{plural(len(files), 'file')} in {shown(place)}\n{text}"


def _check_glob(ctx: ToolContext, pattern: str) -> None:
    check_pattern(pattern, "pattern")
    done = ripgrep(ctx.workspace, ["--files"], ["/dev/null"], glob=pattern, max_output=10_000)
    if done.exit_code == 2 and b"glob" in done.stderr:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise ToolError(f"The pattern is not a valid glob: {said}")
