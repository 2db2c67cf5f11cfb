"""The tools of kernel tasks: build, boot with a check, read a crash, look at the configuration."""

from __future__ import annotations

import posixpath
import re
from typing import Annotated

from pydantic import Field

from repos.kernel.booting import Boot
from repos.kernel.building import OUTPUT, PREBUILT, build_kernel
from repos.kernel.crash import Crash, crashes
from repos.runners.kernel.runner import CHECKS, run_check
from tools.context import ToolContext
from tools.registry import tool
from tools.result import ToolError, ToolResult
from tools.text import clip

MAX_FRAMES = 24


@tool
def kernel_build(
    ctx: ToolContext, *, target: str = "", timeout_s: Annotated[float, Field(gt=0)] = 600.0
) -> ToolResult:
    """Build the kernel as it is now, or compile one file as a fast check.

    Only what changed is compiled. The first line is `BUILT`, `FAILED` or `TIMEOUT`; then
    follows one line for each error and warning: `path:line:column: severity: message`.

    Args:
        ctx: What the episode offers to tools.
        target: A source file to compile alone, for example "fs/eventfd.c"; empty builds the
            whole kernel.
        timeout_s: Seconds for the build.
    """
    _check_task(ctx)
    name = ""
    if target:
        name = posixpath.normpath(target)
        if name.startswith(("/", "..", "-")) or not name.endswith((".c", ".o")):
            raise ToolError(f"{target!r} is no source file of the kernel, for example fs/file.c.")
        name = name[:-2] + ".o"
    built = build_kernel(ctx.workspace, name, timeout_s=min(timeout_s, ctx.limits.tests_s))
    head = "TIMEOUT" if built.timed_out else "BUILT" if built.ok else "FAILED"
    lines = [head, *map(str, built.diagnostics)]
    if not built.ok and not built.errors:
        lines.append(built.log[-2000:])
    return ToolResult("\n".join(lines), ok=built.ok)


@tool
def kernel_run(ctx: ToolContext, *, check: str = f"{CHECKS}/reproducer.c") -> ToolResult:
    """Build what changed, boot the kernel with a check program, and show what happened.

    The first line is the verdict: `reproduced`, `notReproduced`, `compilationError` or
    `timeout`, then a colon and the crash's title or what the check said. The crash's frames
    and the console around it follow. A check is a C file that defines `int check(void)` (0
    where all is well); it may include "check.h"; a file beside it that ends in .img is its
    disk, /dev/ubda.

    Args:
        ctx: What the episode offers to tools.
        check: Path of the check; one of your own will do.
    """
    _check_task(ctx)
    path = posixpath.normpath(check)
    if path.startswith(("/", "..", "-")) or not path.endswith(".c"):
        raise ToolError(f"{check!r} is no C file of the repository.")
    ctx.workspace.read(path)  # a missing file is told as such
    built = build_kernel(ctx.workspace, timeout_s=ctx.limits.tests_s)
    if not built.ok:
        verdict = "timeout" if built.timed_out else "compilationError"
        errors = "\n".join(map(str, built.errors)) or built.log[-2000:]
        return ToolResult(f"{verdict}: the kernel was not built\n{errors}", ok=False)
    done = run_check(ctx.workspace, path)
    return ToolResult(clip(_told(ctx, done), ctx.limits.max_chars), ok=done.verdict != "timeout")


@tool(read_only=True)
def crash_report(ctx: ToolContext, *, console: str) -> ToolResult:
    """Read a kernel's console: the crashes in it, their frames with the file that defines each.

    For each crash a line `CRASH title`, then one line a frame, innermost first:
    `function+offset path:line` (the line on which the function begins). Frames that the
    kernel itself doubts begin with `?`.

    Args:
        ctx: What the episode offers to tools.
        console: What the kernel printed, or a part of it.
    """
    _check_task(ctx)
    found = crashes(console)
    if not found:
        return ToolResult("No crash report is in it.")
    return ToolResult("\n".join(line for crash in found for line in _frames(ctx, crash)))


@tool(read_only=True)
def kernel_config(ctx: ToolContext, *, pattern: str = "") -> str:
    """Show options of the kernel's configuration that are set, one a line.

    Args:
        ctx: What the episode offers to tools.
        pattern: Part of an option's name, for example "KASAN"; empty shows all.
    """
    _check_task(ctx)
    text = ctx.workspace.read(f"{PREBUILT}/build/.config").decode("utf-8", "replace")
    lines = [x for x in text.splitlines() if x.startswith("CONFIG_") and pattern.upper() in x]
    return clip("\n".join(lines) or "No option is set whose name holds it.", ctx.limits.max_chars)


def _check_task(ctx: ToolContext) -> None:
    if ctx.task.runner != "kernel":
        raise ToolError("This task has no kernel.")


def _told(ctx: ToolContext, done: Boot) -> str:
    lines = [f"{done.verdict}: {done.summary}"]
    if done.crash:
        lines += _frames(ctx, done.crash)
    return "\n".join([*lines, "CONSOLE", done.excerpt().replace(OUTPUT, "")])


def _frames(ctx: ToolContext, crash: Crash) -> list[str]:
    """Return a crash as lines, its functions looked up in the source."""
    frames = crash.frames[:MAX_FRAMES]
    places = _definitions(ctx, {frame.function for frame in frames})
    lines = [f"CRASH {crash.title}"]
    for frame in frames:
        doubt = "" if frame.sure else "? "
        lines.append(f"{doubt}{frame.function}+{frame.offset:#x} {places.get(frame.function, '')}")
    return [line.rstrip() for line in lines]


def _definitions(ctx: ToolContext, names: set[str]) -> dict[str, str]:
    """Return where functions are defined: a line that names one and ends no statement."""
    if not names:
        return {}
    words = "|".join(sorted(re.escape(name) for name in names))
    done = ctx.workspace.exec(
        ["grep", "-rnE", "--include=*.c", rf"^[A-Za-z_].*\b({words})\(", "."], timeout_s=60
    )
    found: dict[str, str] = {}
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        path, number, text = (*line.split(":", 2), "", "")[:3]
        match = re.search(rf"\b({words})\(", text)
        if match and not text.rstrip().endswith(";") and "=" not in text[: match.start()]:
            found.setdefault(match[1], f"{path.removeprefix('./')}:{number}")
    return found
