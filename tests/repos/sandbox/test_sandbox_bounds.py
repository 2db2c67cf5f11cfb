from __future__ import annotations

import errno
import time

import pytest

from repos.sandbox.protocol import Sandbox, SandboxSpec

PYTHON = ["/opt/repogym/python", "-I", "-S"]


def alive(box: Sandbox) -> bool:
    return box.exec(["echo", "alive"]).stdout == b"alive\n"


def test_memory(create):
    box = create(SandboxSpec(memory_mb=200, processes=64))
    code = "b = bytearray(100 << 20); c = bytearray(400 << 20); import time; time.sleep(3)"
    result = box.exec([*PYTHON, "-c", code], timeout_s=20)
    assert result.limit == "memory"
    assert result.exit_code != 0
    assert alive(box)
    # Less than the bound is fine.
    fine = box.exec([*PYTHON, "-c", "b = bytearray(100 << 20); print(len(b))"])
    assert (fine.exit_code, fine.limit) == (0, None)


def test_processes(create):
    box = create(SandboxSpec(processes=40))
    began = time.monotonic()
    result = box.exec(["bash", "-c", ":(){ :|:& };:; sleep 2; exit 1"], timeout_s=10)
    assert time.monotonic() - began < 25
    assert result.limit in ("processes", "time")
    assert alive(box)
    assert int(box.exec(["sh", "-c", "ls -d /proc/[0-9]* | wc -l"]).stdout) <= 5


def test_disk(create):
    box = create(SandboxSpec(disk_mb=16, tmp_mb=8))
    for folder, size in (("/testbed", 16), ("/tmp", 8)):
        result = box.exec(
            ["dd", "if=/dev/zero", f"of={folder}/big", "bs=1M", "count=64"], timeout_s=20
        )
        assert result.exit_code != 0
        assert result.limit == "disk"
        left = int(box.exec(["stat", "-c", "%s", f"{folder}/big"]).stdout)
        assert left <= size << 20
    with pytest.raises(OSError) as caught:
        box.write("/testbed/more", b"x" * (1 << 20))
    assert caught.value.errno == errno.ENOSPC
    assert [e.path for e in box.list() if e.path.startswith(".repogym")] == []
    box.remove("/testbed/big")
    box.write("/testbed/more", b"x" * (1 << 20))


def test_the_disk_bound_holds_over_snapshots(create):
    box = create(SandboxSpec(disk_mb=16))
    for number in range(4):
        box.exec(["dd", "if=/dev/zero", f"of=part{number}", "bs=1M", "count=6"])
        box.snapshot()
    total = sum(e.size for e in box.list() if e.path.startswith("part"))
    assert total <= 17 << 20


@pytest.mark.parametrize("executable", [True, False])
def test_whether_tmp_may_hold_programs(create, executable):
    box = create(SandboxSpec(tmp_exec=executable))
    script = "printf '#!/bin/sh\\necho yes\\n' > /tmp/p; chmod 755 /tmp/p; /tmp/p"
    assert (box.exec(["sh", "-c", script]).stdout == b"yes\n") is executable
    box.reset()
    assert box.exec(["ls", "-A", "/tmp"]).stdout == b""
