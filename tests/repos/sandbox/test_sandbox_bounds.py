from __future__ import annotations

import errno
import time

import pytest

from repos.sandbox.protocol import Sandbox, SandboxSpec

PYTHON = ["/opt/repogym/python", "-I", "-S"]


def alive(sandbox: Sandbox) -> bool:
    return sandbox.exec(["echo", "alive"]).stdout == b"alive\n"


def test_memory(create):
    sandbox = create(SandboxSpec(memory_mb=200, processes=64))
    code = "b = bytearray(100 << 20); c = bytearray(400 << 20); import time; time.sleep(3)"
    result = sandbox.exec([*PYTHON, "-c", code], timeout_s=20)
    assert result.limit == "memory"
    assert result.exit_code != 0
    assert alive(sandbox)
    # Less than the bound is fine.
    fine = sandbox.exec([*PYTHON, "-c", "b = bytearray(100 << 20); print(len(b))"])
    assert (fine.exit_code, fine.limit) == (0, None)


def test_processes(create):
    sandbox = create(SandboxSpec(processes=40))
    began = time.monotonic()
    result = sandbox.exec(["bash", "-c", ":(){ :|:& };:; sleep 2; exit 1"], timeout_s=10)
    assert time.monotonic() - began < 25
    assert result.limit in ("processes", "time")
    assert alive(sandbox)
    assert int(sandbox.exec(["sh", "-c", "ls -d /proc/[0-9]* | wc -l"]).stdout) <= 5


def test_disk(create):
    sandbox = create(SandboxSpec(disk_mb=16, tmp_mb=8))
    for folder, size in (("/testbed", 16), ("/tmp", 8)):
        result = sandbox.exec(
            ["dd", "if=/dev/zero", f"of={folder}/big", "bs=1M", "count=64"], timeout_s=20
        )
        assert result.exit_code != 0
        assert result.limit == "disk"
        left = int(sandbox.exec(["stat", "-c", "%s", f"{folder}/big"]).stdout)
        assert left <= size << 20
    with pytest.raises(OSError) as caught:
        sandbox.write("/testbed/more", b"x" * (1 << 20))
    assert caught.value.errno == errno.ENOSPC
    assert [e.path for e in sandbox.list() if e.path.startswith(".repogym")] == []
    sandbox.remove("/testbed/big")
    sandbox.write("/testbed/more", b"x" * (1 << 20))


def test_the_disk_bound_holds_over_snapshots(create):
    sandbox = create(SandboxSpec(disk_mb=16))
    for number in range(4):
        sandbox.exec(["dd", "if=/dev/zero", f"of=part{number}", "bs=1M", "count=6"])
        sandbox.snapshot()
    total = sum(e.size for e in sandbox.list() if e.path.startswith("part"))
    assert total <= 17 << 20


@pytest.mark.parametrize("executable", [True, False])
def test_whether_tmp_may_hold_programs(create, executable):
    sandbox = create(SandboxSpec(tmp_exec=executable))
    script = "printf '#!/bin/sh\\necho yes\\n' > /tmp/p; chmod 755 /tmp/p; /tmp/p"
    assert (sandbox.exec(["sh", "-c", script]).stdout == b"yes\n") is executable
    sandbox.reset()
    assert sandbox.exec(["ls", "-A", "/tmp"]).stdout == b""
