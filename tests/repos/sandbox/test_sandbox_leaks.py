from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from repos.sandbox.backends.bubblewrap.backend import BubblewrapBackend
from repos.sandbox.protocol import Layers, SandboxSpec

PARENT = """
import sys, time
from pathlib import Path
from repos.sandbox.backends.bubblewrap.backend import BubblewrapBackend
from repos.sandbox.protocol import Layers, SandboxSpec
backend = BubblewrapBackend()
box = backend.create(Layers((Path(sys.argv[1]),)), SandboxSpec())
box.write("/testbed/x", b"x")
child = box.fork()
process = child.spawn(["sh", "-c", "exec sleep 10811081"])
import threading
threading.Thread(target=lambda: box.exec(["sh", "-c", "sleep 10811081 & sleep 10811081"])).start()
time.sleep(0.5)
print("keeper", backend.keeper.pid, flush=True)
time.sleep(60)
"""


def running(word: str) -> list[str]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if word.encode() in words:
                found.append(folder.name)
    return found


def mounts() -> list[str]:
    """This machine's mounts but those of container engines, which come and go."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [x for x in lines if not any(word in x for word in ("docker", "podman", "netns"))]


def groups(mark: str) -> list[str]:
    """Control groups of ours; others may come and go meanwhile."""
    return [
        name
        for line in Path("/proc/self/mountinfo").read_text().splitlines()
        if " - cgroup" in line
        for _, names, _ in os.walk(line.split()[4])
        for name in names
        if name.startswith(f"repogym-{mark}-")
    ]


def below(pid: int) -> list[int]:
    """The processes that descend from one."""
    found = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (thread / "children").read_text().split()):
            found += [child, *below(child)]
    return found


def wait_until(condition, seconds: float = 15.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


@pytest.mark.parametrize("spares", [0, 2])
def test_closing_leaves_nothing(layer, spares):
    before_all = mounts()
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    backend = BubblewrapBackend(spares=spares)
    boxes = [backend.create(Layers((layer,)), SandboxSpec()) for _ in range(3)]
    boxes.append(boxes[0].fork())
    boxes[0].reset()
    boxes[1].spawn(["sleep", "10821082"])
    keeper = backend.keeper.pid
    inside = Path(f"/proc/{keeper}/mountinfo").read_text
    before = len(inside().splitlines())
    for box in boxes:
        box.close()
    # The zygote stays. All were of one kind, for which one is ready ahead.
    assert wait_until(lambda: len(below(keeper)) == 1 + min(spares, 1))
    last = below(keeper)
    assert not running("10821082")
    # Uppers are mounted in namespaces of their families, which are gone.
    assert len(inside().splitlines()) <= before
    backend.close()
    assert not Path(f"/proc/{keeper}").exists()
    assert wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in last))
    assert not groups(str(os.getpid()) + f"-{keeper}")
    assert mounts() == before_all
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors


@pytest.mark.parametrize("victim", ["parent", "keeper", "zygote"])
def test_a_kill_leaves_nothing(layer, victim):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(layer)], stdout=subprocess.PIPE, env=environment
    )
    assert parent.stdout is not None
    keeper = int(parent.stdout.readline().split()[1])
    assert len(running("10811081")) == 3
    zygote = below(keeper)[0]  # the oldest
    os.kill({"parent": parent.pid, "keeper": keeper, "zygote": zygote}[victim], signal.SIGKILL)
    assert wait_until(lambda: not running("10811081"))
    if victim != "parent":
        parent.kill()
        parent.wait()
        # Its control groups go at the next start.
        BubblewrapBackend().probe()
    parent.wait()
    parent.stdout.close()
    assert wait_until(lambda: not Path(f"/proc/{keeper}").exists())
    assert wait_until(lambda: not groups(str(parent.pid)))


def test_a_sandbox_that_is_forgotten_is_closed(layer):
    backend = BubblewrapBackend()
    box = backend.create(Layers((layer,)), SandboxSpec())
    box.spawn(["sleep", "10831083"])
    assert wait_until(lambda: running("10831083"))
    del box
    assert wait_until(lambda: not running("10831083"))
    backend.close()


def test_a_forked_parent_starts_a_keeper_of_its_own(backend, layer):
    backend.create(Layers((layer,)), SandboxSpec()).close()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            box = backend.create(Layers((layer,)), SandboxSpec())
            status = 0 if box.exec(["true"]).exit_code == 0 else 2
            box.close()
            backend.close()
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0
    box = backend.create(Layers((layer,)), SandboxSpec())
    assert box.exec(["true"]).exit_code == 0
    box.close()
