# Paths are strings here: they may be undecodable, and pathlib costs start-up time.
# ruff: noqa: PTH208
"""Nothing stays behind: not after closing, and not after the parent was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from repos import cachetool
from repos.sandbox.backends.copies import COPIES, SNAPSHOTS
from repos.sandbox.protocol import Layers, SandboxSpec

NAMES = ("bubblewrap", "docker", "podman", "process")
WORD = "20171"
PARENT = """
import json, os, sys, threading, time
from pathlib import Path
from repos.sandbox.backends.copies import COPIES, SNAPSHOTS
from repos.sandbox.protocol import Layers, SandboxSpec
from repos.sandbox.select import BACKENDS
backend = BACKENDS[sys.argv[1]].make()
sandbox = backend.create(Layers((Path(sys.argv[2]),)), SandboxSpec(disk_mb=8))
sandbox.write("/testbed/x", b"x")
snapshot = sandbox.snapshot()
child = sandbox.fork()
for each in (sandbox, child):
    each.spawn(["sh", "-c", "(setsid sleep 20171 &) ; exec sleep 20171"])
busy = ["sh", "-c", "setsid sleep 20171 & sleep 20171"]
threading.Thread(target=sandbox.exec, args=(busy,)).start()
time.sleep(0.7)
print("ready", flush=True)
time.sleep(120)
"""


def sleepers() -> list[str]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if WORD.encode() in (folder / "cmdline").read_bytes().split(b"\0"):
                    found.append(folder.name)
            except OSError:
                continue
    return found


def containers(name: str) -> list[str]:
    address = os.environ.get(f"REPOGYM_TEST_{name.upper()}")
    if address is None:
        return []
    from repos.sandbox.backends.docker.engine import Engine

    engine = Engine(address)
    with engine.errors("list") as api:
        found = api.containers(all=True, filters={"label": ["repogym.owner"]})
        volumes = (api.volumes(filters={"label": ["repogym.owner"]}) or {}).get("Volumes") or []
    engine.close()
    mine = [c["Id"] for c in found if c["Labels"]["repogym.owner"].split("/")[2] in PIDS]
    return mine + [v["Name"] for v in volumes]


PIDS: set[str] = {str(os.getpid())}


def folders(pid: int) -> set[str]:
    top = Path(tempfile.gettempdir())
    return {path.name for mark in (COPIES, SNAPSHOTS) for path in top.glob(f"{mark}{pid}-*")}


def mounts() -> list[str]:
    """Return this machine's mounts but those that an engine keeps for itself."""
    own = os.environ.get("REPOGYM_TEST_ENGINES", "/var/lib") + "/"
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line for line in lines if not line.split()[4].startswith(own)]


def wait_until(condition, seconds: float = 20.0) -> bool:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def engines(monkeypatch):
    """The engines of the tests are the ones that are found."""
    for name, variable in (("docker", "DOCKER_HOST"), ("podman", "CONTAINER_HOST")):
        address = os.environ.get(f"REPOGYM_TEST_{name.upper()}")
        if address is not None:
            monkeypatch.setenv(variable, address)


@pytest.mark.parametrize("name", NAMES)
def test_closing_leaves_nothing(name, real_backend, layer):
    backend = real_backend(name)
    already = (mounts(), set(containers(name)))
    sandboxes = [backend.create(Layers((layer,)), SandboxSpec(disk_mb=8)) for _ in range(2)]
    sandboxes.append(sandboxes[0].fork())
    sandboxes[0].snapshot()
    for sandbox in sandboxes:
        sandbox.spawn(["sh", "-c", f"(setsid sleep {WORD} &) ; exec sleep {WORD}"])
    sandboxes[1].reset()
    assert wait_until(sleepers)
    descriptors = len(os.listdir("/proc/self/fd"))
    for sandbox in sandboxes:
        sandbox.close()
    assert wait_until(lambda: not sleepers())
    # The engines' client keeps a few idle connections in the place of the streams.
    spare = 1 if name in ("docker", "podman") else 0
    assert len(os.listdir("/proc/self/fd")) < descriptors + spare
    assert set(containers(name)) == already[1]
    assert mounts() == already[0]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("cure", ["gc", "start"])
def test_killing_the_parent_leaves_nothing(name, cure, real_backend, layer, engines):
    real_backend(name)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, name, str(layer)], stdout=subprocess.PIPE, env=environment
    )
    assert parent.stdout is not None
    PIDS.add(str(parent.pid))
    try:
        assert parent.stdout.readline() == b"ready\n"
        assert len(sleepers()) >= 5
        if name in ("docker", "podman"):
            assert len(containers(name)) == 2
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        parent.stdout.close()
    if cure == "gc":
        cachetool.gc()
    else:
        from repos.sandbox.select import BACKENDS

        backend = BACKENDS[name].make()
        assert backend.probe().works
        backend.close()
    assert wait_until(lambda: not sleepers())
    assert wait_until(lambda: not containers(name))
    assert wait_until(lambda: not folders(parent.pid))
    PIDS.discard(str(parent.pid))


def test_the_cache_is_shown_and_freed(monkeypatch, tmp_path):
    monkeypatch.setenv("REPOGYM_CACHE", str(tmp_path))
    (tmp_path / "envs" / "one").mkdir(parents=True)
    (tmp_path / "envs" / "one" / "f").write_bytes(b"x" * 100_000)
    (tmp_path / "envs" / "two").mkdir()
    os.link(tmp_path / "envs" / "one" / "f", tmp_path / "envs" / "two" / "f")
    (tmp_path / "archives").mkdir()
    (tmp_path / "archives" / "a.tar").write_bytes(b"y" * 5000)
    rows = {row.kind: row for row in cachetool.show() if row.kind != "images"}
    assert set(rows) == {"envs", "archives"}
    assert rows["envs"].entries == 2
    assert 100_000 <= rows["envs"].bytes < 150_000  # a file with two names counts once
    assert cachetool.free(["envs"]) == ["envs: one", "envs: two"]
    assert not list((tmp_path / "envs").iterdir())
    assert (tmp_path / "archives" / "a.tar").exists()
    json.dumps([vars(row) for row in cachetool.show()])


@pytest.mark.parametrize("name", ["docker", "podman", "process"])
def test_a_snapshot_goes_with_the_last_sandbox_that_may_use_it(name, real_backend, layer):
    box = real_backend(name).create(Layers((layer,)), SandboxSpec(disk_mb=8))
    kept = Path(box.snapshot().layers[0])
    child = box.fork()
    box.close()
    assert kept.is_file()
    child.close()
    assert not kept.exists()
