"""The tool `bash`: one command in a fresh shell."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from repos.sandbox.protocol import TESTBED, Limit
from tools.context import ToolContext
from tools.paths import clean
from tools.registry import tool
from tools.result import ToolError, ToolResult
from tools.text import captured

# Order of sets, and ids of commits that the agent makes.
_SAME_IN_EVERY_RUN = {
    "PYTHONHASHSEED": "0",
    "GIT_AUTHOR_DATE": "2000-01-01T00:00:00Z",
    "GIT_COMMITTER_DATE": "2000-01-01T00:00:00Z",
}

_BOUNDS: dict[Limit, str] = {
    "time": "was stopped after its time-out of {timeout:g} s, with all that it had started",
    "memory": "was stopped because its processes used more memory than the sandbox has",
    "processes": "hit the bound on the number of processes",
    "disk": "filled the disk of the sandbox",
    "output": "printed more than is kept",
}


@tool
def bash(
    ctx: ToolContext,
    *,
    command: str,
    timeout_s: Annotated[float, Field(gt=0)] = 60.0,
    cwd: str = ".",
) -> ToolResult:
    """Run a command with bash, in a new shell each time, without a terminal and a network.

    The answer is what it printed (standard output and error together), then a line
    `[exit status N]`. Variables and the working folder do not last until the next call;
    files do. Processes that it leaves behind are ended.

    Args:
        ctx: What the episode offers to tools.
        command: The command; may be several lines.
        timeout_s: Seconds after which it is stopped.
        cwd: Working folder, relative to the repository.
    """
    if not command.strip():
        raise ToolError("`command` is empty.")
    if "\0" in command:
        raise ToolError("`command` can't hold a NUL character.")
    if len(command.encode()) > 100_000:
        raise ToolError("`command` is too long (100,000 bytes): write a file and run it.")
    folder = clean(cwd)
    if folder != "." and ctx.workspace.exec(["test", "-d", folder], timeout_s=30).exit_code:
        raise ToolError(f"`cwd`: {folder} is no folder.")
    timeout = min(timeout_s, ctx.limits.command_s)
    place = TESTBED if folder == "." else ctx.workspace.path(folder)
    done = ctx.workspace.exec(
        ["bash", "-c", "--", command, "bash"],
        cwd=place,
        # A shell takes a folder's name as it was asked for, links and all, from there.
        env={**_SAME_IN_EVERY_RUN, "PWD": place},
        timeout_s=timeout,
        max_output=4 * ctx.limits.max_chars,
        join=True,
    )
    text = captured(done, ctx.limits.max_chars - 500)
    status = f"exit status {done.exit_code}" if done.exit_code >= 0 else _signal(done.exit_code)
    if done.limit is None or done.limit == "output":
        return ToolResult(f"{text}\n[{status}]".lstrip("\n"))
    said = _BOUNDS[done.limit].format(timeout=timeout)
    return ToolResult(f"{text}\n[{status}: the command {said}]".lstrip("\n"), ok=False)


def _signal(exit_code: int) -> str:
    return f"ended by signal {-exit_code}"
