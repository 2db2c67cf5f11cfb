"""A kernel of x86_64 on QEMU: UBSAN in all of it, preemption, two processors.

Preparing takes some minutes from an empty cache. Where CI runs, a missing program is a failure.
"""

import os

import pytest

from repos.errors import InfrastructureError
from repos.kernel.building import build_kernel
from repos.kernel.machines import QEMU
from repos.kernel.trees import missing_programs
from repos.mining.kernel_tasks import recipe_task
from repos.prepare import prepare
from repos.runners.kernel.runner import CHECKS, run_check
from repos.sandbox.select import get_backend
from repos.sandbox.workspace import Workspace
from repos.scoring.score import score

pytestmark = [
    pytest.mark.timeout(2400),
    pytest.mark.index,
    pytest.mark.skipif(
        bool(missing_programs(QEMU)) and not os.environ.get("CI"),
        reason="`repogym kernel doctor` says what is missing",
    ),
]
FILE = "fs/pipe.c"


@pytest.fixture(scope="module")
def backend():
    made = get_backend("auto")
    yield made
    made.close()


@pytest.fixture(scope="module")
def pipes():
    try:
        return prepare(recipe_task("pipe-size"))
    except InfrastructureError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


def test_one_edit_costs_one_object_and_ubsan_sees_the_mistake(pipes, backend):
    with Workspace(backend.create(pipes.layers, pipes.sandbox)) as workspace:
        workspace.write(FILE, workspace.read(FILE) + b"/* edited */\n")
        built = build_kernel(workspace)
        assert built.ok and FILE.replace(".c", ".o") in built.compiled, built.log
        assert len(built.compiled) <= 2  # the other is the version's time stamp
        done = run_check(workspace, f"{CHECKS}/reproducer.c")
        config = workspace.exec(["cat", "/tmp/kbuild/.config"]).text
    assert done.verdict == "reproduced" and done.crash is not None, done.console[-3000:]
    assert done.crash.title.startswith("UBSAN: shift-out-of-bounds in ")
    assert "fcntl" in done.crash.report or "pipe" in done.crash.report
    for option in ("UBSAN_SANITIZE_ALL", "PREEMPT", "SMP", "KASAN", "PROVE_LOCKING"):
        assert f"CONFIG_{option}=y\n" in config


def test_the_fix_resolves_by_the_same_scorer(pipes, backend):
    fixed, log = score(pipes, pipes.hidden.reference, backend=backend)
    assert fixed.resolved and set(fixed.checks.values()) == {"passed"}, log[-3000:]
    assert fixed.metrics == {"kernel_compiles": 1.0, "crashes": 0.0}
    assert fixed.asked == len(fixed.checks) and not fixed.contradicted
