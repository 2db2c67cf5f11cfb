"""Boots a built kernel with one check program and says what happened."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from repos.errors import InfrastructureError
from repos.kernel.building import OUTPUT
from repos.kernel.crash import Crash, console_lines, crashes
from repos.kernel.initramfs import make_initramfs
from repos.kernel.machines import PREBUILT, Machine, read_facts
from repos.sandbox.protocol import ExecResult
from repos.sandbox.workspace import Workspace

RunVerdict = Literal["reproduced", "notReproduced", "compilationError", "timeout", "infrastructure"]
"""As kBench names them."""

INIT = Path(__file__).parent / "inside" / "init.c"
EXCERPT_LINES = 60


class ProgramError(Exception):
    """A check program that the C compiler refuses; the text says why."""


@dataclass(frozen=True)
class Boot:
    """What one boot did.

    Attributes:
        verdict: As kBench names it.
        crash: The first report beyond those of a clean boot.
        titles: Titles of all reports, those of a clean boot too.
        up: Whether user space was reached.
        status: What the check returned; None where its end was not seen.
        answer: The sum of all that the check saw, as it says at its end; "" without one.
        console: What the kernel printed.
        seconds: Wall time. Never part of an observation.
    """

    verdict: RunVerdict
    crash: Crash | None
    titles: tuple[str, ...]
    up: bool
    status: int | None
    console: str
    seconds: float
    answer: str = ""

    @property
    def passed(self) -> bool:
        """Whether nothing crashed and the check came to its end, content."""
        return self.verdict == "notReproduced" and self.status == 0

    @property
    def summary(self) -> str:
        """One line for people."""
        if self.crash:
            return self.crash.title
        if self.verdict == "timeout":
            return "the time bound was hit"
        if not self.up:
            return "the kernel did not reach user space"
        if self.status is None:
            return "the kernel ended before the check did"
        return f"the check ended with status {self.status}" if self.status else "no crash"

    def excerpt(self) -> str:
        """Return the console's lines around the crash, or its last ones."""
        lines = console_lines(self.console)
        start = max(0, self.crash.line - 5) if self.crash else max(0, len(lines) - EXCERPT_LINES)
        return "\n".join(lines[start : start + EXCERPT_LINES])


def compile_check(workspace: Workspace, source: str, *, blind: bool = False) -> bytes:
    """Compile a check with the init that runs it, statically.

    Args:
        workspace: Where; the check is there.
        source: Path of the check's C file in the workspace.
        blind: Leave out what the check expects: it says what it sees, and judges nothing.

    Raises:
        ProgramError: It does not compile.
        InfrastructureError: There is no program although it did.
    """
    folder = f"/tmp/check-{secrets.token_hex(6)}"
    for part in (INIT, INIT.with_name("check.h")):
        workspace.sandbox.write(f"{folder}/{part.name}", part.read_bytes())
    command = [
        "gcc",
        "-static",
        "-O1",
        "-w",
        *(["-DBLIND"] if blind else []),
        f"-I{folder}",
        "-o",
        f"{folder}/init",
        f"{folder}/init.c",
        source,
    ]
    done = workspace.exec(command, timeout_s=120)
    try:
        if done.exit_code != 0:
            raise ProgramError(done.text[-2000:])
        return workspace.sandbox.read(f"{folder}/init")
    except FileNotFoundError:
        raise InfrastructureError("The compiler made no program.") from None
    finally:
        workspace.sandbox.remove(folder)


def boot(
    workspace: Workspace,
    program: bytes,
    *,
    image: str = "",
    output: str = OUTPUT,
    token: str = "",
    facts: tuple[Machine, Collection[str]] | None = None,
    timeout_s: float = 0.0,
) -> Boot:
    """Boot a kernel that runs a check.

    Args:
        workspace: Where the kernel was built.
        program: What `compile_check` made.
        image: Path of a disk's image in the workspace; "" for none. The kernel sees a copy of
            it as /dev/ubda.
        output: The output folder with the kernel.
        facts: The machine, and titles of a clean boot; those of the workspace by default.
        token: What the line at the end must hold, and what all random numbers of the check
            come from: 32 hexadecimal digits; "" takes new ones.
        timeout_s: Wall time; 0 is what the machine may take.

    Raises:
        InfrastructureError: The sandbox is gone.
    """
    token = token or secrets.token_hex(16)
    machine, baseline = facts or read_facts(workspace)
    files = {"init": program, "token": token.encode()}
    path = f"/tmp/boot-{secrets.token_hex(6)}.cpio"
    disk = path.replace(".cpio", ".img") if image and not machine.disk_in_archive else ""
    if disk:
        workspace.sandbox.write(disk, workspace.read(image))
    elif image:
        files["disk"] = workspace.read(image)
    workspace.sandbox.write(path, make_initramfs(files))
    try:
        done = workspace.exec(
            machine.command(f"{output}/{machine.image}", path, disk),
            cwd="/tmp", env={"HOME": "/tmp", "TMPDIR": "/tmp"},
            timeout_s=timeout_s or machine.boot_s, max_output=4 << 20,
        )  # fmt: skip
    finally:
        for name in (path, disk) if disk else (path,):
            workspace.sandbox.remove(name)
    return read_boot(done, token, baseline)


def read_boot(done: ExecResult, token: str, baseline: Collection[str] = ()) -> Boot:
    """Return a record of what a console and an end show.

    Args:
        done: What the kernel's process did; its output is hostile data.
        token: What the line at the end must hold.
        baseline: Titles of a clean boot.
    """
    console = (done.stdout + done.stderr).decode("utf-8", "replace")
    every = crashes(console)
    beyond = crashes(console, baseline)
    end = rf"^CHECK-END {token} (\d{{1,3}}) ([0-9a-f]{{16}})\r?$"
    ends = re.findall(end, console, re.MULTILINE)
    verdict: RunVerdict = "notReproduced"
    if beyond:
        verdict = "reproduced"
    elif done.limit == "time":
        verdict = "timeout"
    elif done.exit_code == 127 or (done.limit and not ends):
        verdict = "infrastructure"
    return Boot(
        verdict,
        beyond[0] if beyond else None,
        tuple(crash.title for crash in every),
        "USERSPACE-UP" in console,
        int(ends[0][0]) if len(ends) == 1 else None,
        console,
        done.seconds,
        ends[0][1] if len(ends) == 1 else "",
    )


def clean_boot(workspace: Workspace, machine: Machine) -> Boot:
    """Boot the kernel of the base with a check that does nothing."""
    workspace.sandbox.write("/tmp/clean.c", b"int check(void) { return 0; }\n")
    program = compile_check(workspace, "/tmp/clean.c")
    return boot(workspace, program, output=f"{PREBUILT}/build", facts=(machine, ()))
