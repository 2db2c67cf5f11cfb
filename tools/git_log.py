"""The tool `git_log`: the commits of the workspace."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tools.context import ToolContext
from tools.registry import tool
from tools.result import ToolError


@tool(read_only=True)
def git_log(ctx: ToolContext, *, max_count: Annotated[int, Field(ge=1, le=1_000)] = 20) -> str:
    """List commits of the repository, the latest first, as `HEAD~N subject`.

    The base is a single commit: earlier and later history is not there.

    Args:
        ctx: What the episode offers to tools.
        max_count: How many to show.
    """
    # Hashes hold the time of a commit, so the names that git resolves just as well are shown.
    done = ctx.workspace.exec(
        [
            "git",
            "--no-pager",
            "-c",
            "safe.directory=*",
            "log",
            "--first-parent",
            "-z",
            "--no-decorate",
            "--no-show-signature",
            "--format=%s",
            f"--max-count={max_count}",
        ],
        env={"LC_ALL": "C", "GIT_CONFIG_GLOBAL": "/dev/null"},
        timeout_s=60,
    )
    if done.exit_code:
        said = done.stderr.decode("utf-8", "replace").strip()[:300]
        raise ToolError(f"git has no log to show: {said}")
    subjects = done.stdout.decode("utf-8", "replace").removesuffix("\0").split("\0")
    names = ["HEAD" if number == 0 else f"HEAD~{number}" for number in range(len(subjects))]
    return "\n".join(f"{name} {said}".rstrip() for name, said in zip(names, subjects, strict=True))
