"""The tool `undo`: takes back what edit and create did."""

from __future__ import annotations

from tools.context import ToolContext
from tools.history import history
from tools.paths import clean, read_bytes, reason, write_bytes
from tools.registry import tool
from tools.result import ToolError
from tools.text import plural


@tool
def undo(ctx: ToolContext, *, path: str = "", force: bool = False) -> str:
    """Undo the latest change that edit or create made; again undoes the one before.

    Args:
        ctx: What the episode offers to tools.
        path: Undo the latest change of this file instead of the latest of all.
        force: Undo even where something else changed the file since, which is lost then.
    """
    stack = history(ctx)
    wanted = clean(path) if path else ""
    change = next(
        (change for change in reversed(stack.changes) if wanted in ("", change.path)), None
    )
    if change is None:
        where = f" of {wanted}" if wanted else ""
        raise ToolError(f"There is no change{where} by edit or create to undo.")
    if not force and _now(ctx, change.path) != change.after:
        raise ToolError(
            f"{change.path} was changed by something else since; force=true puts back the text "
            "before the latest edit all the same."
        )
    if change.before is None:
        try:
            ctx.workspace.remove(change.path)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise ToolError(f"{change.path} can't be removed: {reason(error)}.") from error
        done = "removed; it did not exist before"
    else:
        write_bytes(ctx.workspace, change.path, change.before)
        done = "put back to what it was before the latest change"
    stack.drop(change)
    left = sum(other.path == change.path for other in stack.changes)
    return f"{change.path}: {done} ({plural(left, 'earlier change')} of it can be undone)."


def _now(ctx: ToolContext, path: str) -> bytes | None:
    try:
        return read_bytes(ctx.workspace, path)
    except ToolError:
        return None
