"""Builds a kernel in a workspace: the whole of it, or one object; errors as records."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Literal

from repos.errors import InfrastructureError
from repos.kernel.machines import PREBUILT, Machine, read_facts
from repos.sandbox.protocol import TESTBED, ExecResult
from repos.sandbox.workspace import Workspace

OUTPUT = "/tmp/kbuild"
JOBS = 2
BUILD_TIMEOUT_S = 900.0
MAX_DIAGNOSTICS = 40

PINNED = {
    "KBUILD_BUILD_TIMESTAMP": "Thu Jan  1 00:00:00 UTC 2026",
    "KBUILD_BUILD_USER": "repogym",
    "KBUILD_BUILD_HOST": "repogym",
    "LOCALVERSION": "",
    "LC_ALL": "C",
}
"""So that the same source gives the same kernel, in a git repository (whose kernels make would name
otherwise, and build anew what holds the name) and elsewhere."""

PREFIX = r"(?:/testbed/|\.\./(?:\.\./)?testbed/)?"
DIAGNOSTIC = re.compile(
    rf"^{PREFIX}([\w./+-]+):(\d+):(?:(\d+):)? (fatal error|error|warning): (.{{1,300}})",
    re.MULTILINE,
)
LINKER = re.compile(r"^.{0,200}?(undefined reference to .{1,120})$", re.MULTILINE)


@dataclass(frozen=True)
class Diagnostic:
    """What the compiler or the linker said about one place.

    Attributes:
        path: Relative to the repository; "" where only the linker knows.
        line: From 1; 0 without a place.
        column: From 1; 0 without one.
        severity: "error" or "warning".
        message: Its words.
    """

    path: str
    line: int
    column: int
    severity: Literal["error", "warning"]
    message: str

    def __str__(self) -> str:
        """Return it in one line."""
        where = f"{self.path}:{self.line}:{self.column}: " if self.path else ""
        return f"{where}{self.severity}: {self.message}"


@dataclass(frozen=True)
class Build:
    """What one build did.

    Attributes:
        ok: Whether everything was built.
        diagnostics: Errors first.
        compiled: Objects that were compiled.
        seconds: Wall time. Never part of an observation.
        log: Tail of what make printed.
        timed_out: Whether the time bound ended it.
    """

    ok: bool
    diagnostics: tuple[Diagnostic, ...]
    compiled: tuple[str, ...]
    seconds: float
    log: str
    timed_out: bool = False

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The errors alone."""
        return tuple(d for d in self.diagnostics if d.severity == "error")


def make_command(machine: Machine, *targets: str, output: str = OUTPUT) -> list[str]:
    """Return the command that builds in an output folder; the kernel without a target."""
    wanted = targets or ((machine.target,) if machine.target else ())
    return [
        *("make", "-C", TESTBED, f"ARCH={machine.arch}", f"O={output}", f"-j{JOBS}"),
        *("CC=gcc", "HOSTCC=gcc"),
        *wanted,
    ]


def build_kernel(
    workspace: Workspace, target: str = "", *, timeout_s: float = BUILD_TIMEOUT_S
) -> Build:
    """Build what changed since the base, starting from the base's own output folder.

    Args:
        workspace: Shows the prebuilt kernel at `PREBUILT`.
        target: One object ("fs/eventfd.o"); "" builds the whole kernel.
        timeout_s: Wall time.

    Raises:
        InfrastructureError: The output folder can't be copied.
    """
    machine, _ = read_facts(workspace)
    kernel = f"{OUTPUT}/{machine.image}"
    script = f"test -e {kernel} || {{ rm -rf {OUTPUT} && cp -a {PREBUILT}/build {OUTPUT}; }}"
    copied = workspace.exec(["sh", "-c", script], timeout_s=120)
    if copied.exit_code != 0:
        raise InfrastructureError(f"The built kernel can't be copied: {copied.text[-300:]}")
    done = workspace.exec(
        make_command(machine, *([target] if target else [])), env=PINNED, timeout_s=timeout_s
    )
    return read_build(done)


def used_cpu_s(workspace: Workspace) -> float:
    """Return the CPU seconds of all programs that ended in a sandbox: its first process knows."""
    stat = workspace.exec(["cat", "/proc/1/stat"]).stdout.decode()
    fields = stat.rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def read_build(done: ExecResult) -> Build:
    """Return a record of what make did."""
    text = done.text
    found = [
        Diagnostic(
            m[1], int(m[2]), int(m[3] or 0), "warning" if m[4] == "warning" else "error", m[5]
        )
        for m in DIAGNOSTIC.finditer(text)
    ]
    found += [Diagnostic("", 0, 0, "error", m[1]) for m in LINKER.finditer(text)]
    found = sorted(dict.fromkeys(found), key=lambda d: d.severity)[:MAX_DIAGNOSTICS]
    return Build(
        done.exit_code == 0 and done.limit is None,
        tuple(found),
        tuple(re.findall(r"^  CC      (\S+)", text, re.MULTILINE)),
        done.seconds,
        text[-3000:],
        done.limit == "time",
    )
