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
sandbox = backend.create(Layers((Path(sys.argv[1]),)), SandboxSpec())
sandbox.write("/testbed/x", b"x")
child = sandbox.fork()
process = child.spawn(["sh", "-c", "exec sleep 10811081"])
import threading
busy = ["sh", "-c", "sleep 10811081 & sleep 10811081"]
threading.Thread(target=sandbox.exec, args=(busy,)).start()
time.sleep(0.5)
print("daemon", backend.daemon.pid, flush=True)
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
    sandboxes = [backend.create(Layers((layer,)), SandboxSpec()) for _ in range(3)]
    sandboxes.append(sandboxes[0].fork())
    sandboxes[0].reset()
    sandboxes[1].spawn(["sleep", "10821082"])
    daemon = backend.daemon.pid
    inside = Path(f"/proc/{daemon}/mountinfo").read_text
    before = len(inside().splitlines())
    for sandbox in sandboxes:
        sandbox.close()
    # The zygote stays. All were of one kind, for which one is ready ahead.
    assert wait_until(lambda: len(below(daemon)) == 1 + min(spares, 1))
    last = below(daemon)
    assert not running("10821082")
    # Uppers are mounted in namespaces of their families, which are gone.
    assert len(inside().splitlines()) <= before
    backend.close()
    assert not Path(f"/proc/{daemon}").exists()
    assert wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in last))
    assert not groups(str(os.getpid()) + f"-{daemon}")
    assert mounts() == before_all
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors


@pytest.mark.parametrize("victim", ["parent", "daemon", "zygote"])
def test_a_kill_leaves_nothing(layer, victim):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(layer)], stdout=subprocess.PIPE, env=environment
    )
    assert parent.stdout is not None
    daemon = int(parent.stdout.readline().split()[1])
    assert len(running("10811081")) == 3
    zygote = below(daemon)[0]  # the oldest
    os.kill({"parent": parent.pid, "daemon": daemon, "zygote": zygote}[victim], signal.SIGKILL)
    assert wait_until(lambda: not running("10811081"))
    if victim != "parent":
        parent.kill()
        parent.wait()
        # Its control groups go at the next start.
        BubblewrapBackend().probe()
    parent.wait()
    parent.stdout.close()
    assert wait_until(lambda: not Path(f"/proc/{daemon}").exists())
    assert wait_until(lambda: not groups(str(parent.pid)))


def test_a_sandbox_that_is_forgotten_is_closed(layer):
    backend = BubblewrapBackend()
    sandbox = backend.create(Layers((layer,)), SandboxSpec())
    sandbox.spawn(["sleep", "10831083"])
    assert wait_until(lambda: running("10831083"))
    del sandbox
    assert wait_until(lambda: not running("10831083"))
    backend.close()


def test_a_forked_parent_starts_a_daemon_of_its_own(backend, layer):
    backend.create(Layers((layer,)), SandboxSpec()).close()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            sandbox = backend.create(Layers((layer,)), SandboxSpec())
            status = 0 if sandbox.exec(["true"]).exit_code == 0 else 2
            sandbox.close()
            backend.close()
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0
    sandbox = backend.create(Layers((layer,)), SandboxSpec())
    assert sandbox.exec(["true"]).exit_code == 0
    sandbox.close()
