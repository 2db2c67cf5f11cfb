"""The tool `git_diff`: the change so far."""

from __future__ import annotations

import re

from repos.sandbox.workspace import PatchError
from tools.context import ToolContext
from tools.paths import clean
from tools.registry import tool
from tools.result import ToolError


@tool(read_only=True)
def git_diff(ctx: ToolContext, *, path: str = "") -> str:
    """Show the change so far against the base, as it would be scored; new files included.

    Args:
        ctx: What the episode offers to tools.
        path: Only this file or folder.
    """
    try:
        text = ctx.workspace.diff(readable=True).decode("utf-8", "replace")
    except PatchError as error:
        raise ToolError(str(error)) from error
    if path and clean(path) != ".":
        place = clean(path)
        # Lines of content start with a mark, so a header can't be forged by a file's text.
        parts = re.split(r"^(?=diff --git )", text, flags=re.MULTILINE)
        text = "".join(part for part in parts if _touches(part, place))
    return text or f"No change{f' of {path}' if path else ''} so far."


def _touches(part: str, place: str) -> bool:
    header = part.split("\n", 1)[0]
    file = header.endswith((f" b/{place}", f' "b/{place}"'))
    return file or f" b/{place}/" in header or f' "b/{place}/' in header
