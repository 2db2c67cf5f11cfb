"""Kernel checks as tests: each is a C program that a freshly built kernel runs as its first.

An id is the path of its file, `checks/reproducer.c`; the image beside it (`.img`) is its disk.
A check passes where the kernel reports nothing beyond what a clean boot does, and the check
itself came to its end and was content.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import random
import secrets
from collections.abc import Collection, Mapping, Sequence

from repos.kernel.booting import Boot, ProgramError, boot, compile_check
from repos.kernel.building import BUILD_TIMEOUT_S, OUTPUT, Build, build_kernel
from repos.runners.kernel.reference import refuted_by_reference
from repos.runners.protocol import (
    Claim,
    GradeRequest,
    Runner,
    TestId,
    TestOutcome,
    TestReport,
    TestRun,
)
from repos.sandbox.protocol import Backend
from repos.sandbox.workspace import Workspace
from repos.tasks.records import Task

CHECKS = "checks"
FACTS = f"{CHECKS}/task.json"
OPEN = ("block/", "crypto/", "drivers/", "fs/", "io_uring/", "ipc/", "kernel/", "mm/", "net/")
OPEN += ("security/",)
CLOSED = (
    *("kernel/panic.c", "kernel/printk/", "kernel/locking/lockdep", "kernel/configs/"),
    *("mm/kasan/", "mm/kmemleak.c", "mm/kfence/", "mm/slub.c", "mm/slab", "kernel/exit.c"),
    *("kernel/reboot.c", "kernel/hung_task.c", "kernel/watchdog", "drivers/tty/"),
)
"""What reports of a crash, or steers the build, is nobody's to change."""


class KernelRunner(Runner):
    """Builds a kernel and boots it once for each check."""

    weighed = False
    internals = (
        *("CHECK-END", "USERSPACE-UP", "filp_open", "kernel_read", "kernel_power_off", "do_exit"),
        *("kasan_disable_current", "kasan_depth", "lockdep_off", "debug_locks", "panic_on_warn"),
        *("console_loglevel", "access_process_vm", "__no_sanitize_address"),
    )

    def run(
        self,
        workspace: Workspace,
        ids: Sequence[str] = (),
        *,
        timeout_s: float = 600.0,
        coverage: bool = False,
    ) -> TestReport:
        """Run checks as a developer would; see `Runner.run`. There is no coverage."""
        del coverage
        chosen = self._expand(workspace, ids)
        built = build_kernel(workspace, timeout_s=timeout_s)
        if not built.ok:
            why = build_errors(built)
            return TestReport(
                {}, dict.fromkeys(chosen, why), exit_code=2, output=built.log,
                complete=not built.timed_out,
                limit="time" if built.timed_out else None,
            )  # fmt: skip
        boots = {name: run_check(workspace, name) for name in chosen}
        outcomes = {name: outcome(done) for name, done in boots.items()}
        failed = [done for done in boots.values() if not done.passed]
        return TestReport(
            outcomes,
            exit_code=1 if failed else 0,
            output=failed[0].excerpt() if failed else "",
        )

    def grade(self, workspace: Workspace, request: GradeRequest) -> TestRun:
        """Build the patched tree and boot it for each check; see `Runner.grade`."""
        strangers = outside(workspace)
        if strangers:
            why = f"the patch changes {', '.join(strangers[:3])}, which is not the task's to change"
            outcomes = {name: TestOutcome("failed", message=why) for name in request.files}
            return TestRun(outcomes, log=why)
        built = build_kernel(workspace, timeout_s=max(request.timeout_s, BUILD_TIMEOUT_S))
        if not built.ok:
            why = build_errors(built)
            return TestRun(
                {name: TestOutcome("error", message=why) for name in request.files},
                limit="time" if built.timed_out else None,
                log=built.log,
                metrics={"kernel_compiles": 0.0},
            )
        tokens = {name: secrets.token_hex(16) for name in request.files}
        boots = {
            name: run_check(workspace, name, token=token, blind=True)
            for name, token in tokens.items()
        }
        log = "\n".join(
            f"--- {name}: {done.summary}\n{done.excerpt()}" for name, done in boots.items()
        )
        crashed = sum(done.verdict == "reproduced" for done in boots.values())
        return TestRun(
            {name: outcome(done) for name, done in boots.items()},
            log=log,
            metrics={"kernel_compiles": 1.0, "crashes": float(crashed)},
            claims={name: Claim(tokens[name], done.answer) for name, done in boots.items()},
        )

    def refuted(
        self, task: Task, claims: Mapping[str, Claim], *, backend: Backend
    ) -> frozenset[str]:
        """Boot the reference's kernel with the same random numbers; see `Runner.refuted`."""
        return refuted_by_reference(task, claims, run_check, backend)

    def split_id(self, test: str) -> TestId:
        """Return the parts of an id: each file is one check."""
        return TestId(posixpath.normpath(test) if test else "")

    def protects(self, path: str) -> bool:
        """Whether a file is closed to patches: all but C code of the kernel's own parts."""
        plain = posixpath.normpath(path)
        return (
            not plain.startswith(OPEN)
            or plain.startswith(CLOSED)
            or not plain.endswith((".c", ".h"))
        )

    def test_files(self, files: Mapping[str, bytes]) -> tuple[str, ...]:
        """Return the checks of a repository."""
        return tuple(sorted(f for f in files if f.startswith(f"{CHECKS}/") and f.endswith(".c")))

    def cut(self, path: str, source: bytes, functions: Collection[str]) -> bytes | None:
        """Return a check's file without its check."""
        return b"/* not shown */\n"

    def shown(
        self, files: Collection[str], fail_to_pass: Sequence[str], seed: int
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Show the positives and one variant of the trigger, where another stays hidden."""
        variants = sorted(name for name in fail_to_pass if name != f"{CHECKS}/reproducer.c")
        hidden = set(variants)
        if len(variants) > 1:
            hidden.remove(random.Random(f"{seed}:{len(variants)}").choice(variants))
        stems = {name.removesuffix(".c") for name in hidden}
        kept = tuple(f for f in sorted(files) if posixpath.splitext(f)[0] not in stems)
        return tuple(name for name in fail_to_pass if name not in hidden), kept

    def _expand(self, workspace: Workspace, ids: Sequence[str]) -> list[str]:
        wanted = [posixpath.normpath(name) for name in ids] or [CHECKS]
        found = []
        for name in wanted:
            if name.endswith(".c"):
                found.append(name)
            else:
                entries = workspace.list(name)
                found += [f"{name}/{e.path}" for e in entries if e.path.endswith(".c")]
        return list(dict.fromkeys(found))


def run_check(
    workspace: Workspace, name: str, *, token: str = "", blind: bool = False, output: str = OUTPUT
) -> Boot:
    """Compile a check of the workspace and boot a kernel with it.

    Args:
        workspace: Where the check and the kernel are.
        name: The check's file.
        token: What its random numbers come from; "" takes the same ones each time.
        blind: Leave out what the check expects.
        output: The output folder with the kernel.
    """
    try:
        program = compile_check(workspace, name, blind=blind)
    except ProgramError as error:
        return Boot("compilationError", None, (), False, None, str(error), 0.0)
    return boot_check(workspace, name, program, token=token, output=output)


def boot_check(
    workspace: Workspace, name: str, program: bytes, *, token: str = "", output: str = OUTPUT
) -> Boot:
    """Boot a kernel with a check that is compiled, and the disk beside it; see `run_check`."""
    token = token or hashlib.sha256(name.encode()).hexdigest()[:32]
    image = name.removesuffix(".c") + ".img"
    folder = posixpath.dirname(name)
    has_image = any(e.path == posixpath.basename(image) for e in workspace.list(folder))
    found = image if has_image else ""
    return boot(workspace, program, image=found, output=output, token=token)


def outside(workspace: Workspace) -> list[str]:
    """Return the changed files that are not the task's to change."""
    allowed = tuple(json.loads(workspace.read(FACTS))["allowed"])
    changed = [p for p in workspace.changes() if not p.startswith(f"{CHECKS}/")]
    return [p for p in changed if not p.startswith(allowed)]


def outcome(done: Boot) -> TestOutcome:
    """Return a boot as the outcome of a test."""
    if done.passed:
        return TestOutcome("passed", done.seconds)
    report = done.crash.report if done.crash else done.excerpt()
    broken = done.verdict in ("infrastructure", "compilationError")
    return TestOutcome(
        "error" if broken else "failed", done.seconds, done.summary[:300], report[-4000:]
    )


def build_errors(built: Build) -> str:
    """Return the errors of a build as text, a bounded number of them."""
    if built.timed_out:
        return "the build hit its time bound"
    lines = [str(error) for error in built.errors[:8]]
    return "\n".join(lines) or built.log[-800:]
