"""What is special to a place: a default container, an engine elsewhere."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from repos.sandbox.backends.docker.backend import DockerBackend
from repos.sandbox.backends.docker.engine import Engine, bind, is_gone, labels
from repos.sandbox.protocol import Layers, Mount, SandboxSpec

ROOT = Path(__file__).resolve().parents[3]
SMALL = SandboxSpec(memory_mb=512, processes=64, disk_mb=32, tmp_mb=16)
ASK = """
import sys
sys.path[:0] = sys.argv[1].split(":")
from repos.errors import RepoGymError
from repos.sandbox.select import choose
try:
    print("picked", choose().reason)
except RepoGymError as error:
    print(error)
"""


def test_in_a_default_container_the_message_holds_the_remedy(real_backend):
    backend = real_backend("docker")
    engine: Engine = backend.engine
    paths = [str(ROOT), *(p for p in sys.path if p.endswith("-packages"))]
    shown = {"/usr", str(ROOT), os.path.realpath(sys.base_prefix), *paths}
    shown = {path for path in shown if not any(path.startswith(o + "/") for o in shown)}
    with engine.errors("run a container") as api:
        config = api.create_host_config(
            mounts=[bind(path, path) for path in sorted(shown)], network_mode="none"
        )
        made = api.create_container(
            backend.image,
            [backend.interpreter.executable, "-I", "-B", "-c", ASK, ":".join(paths)],
            host_config=config,
            labels=labels(),
        )["Id"]
        try:
            api.start(made)
            api.wait(made, timeout=100)
            said = api.logs(made).decode()
        finally:
            engine.remove(made)
    assert "picked" not in said, said
    assert "No isolated sandbox runs on this machine" in said
    assert "docker run --security-opt seccomp=unconfined" in said
    assert "DOCKER_HOST=" in said
    assert "--sandbox process --allow-unsafe" in said
    assert "Traceback" not in said


def test_an_engine_that_sees_other_files(real_backend, layer, tmp_path):
    real_backend("docker")
    backend = DockerBackend("docker", os.environ.get("REPOGYM_TEST_DOCKER"), shared=False)
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "test.py").write_text("hidden\n")
    (tmp_path / "conf.py").write_text("conf\n")
    mounts = (
        Mount(tmp_path / "t", "/testbed/pkg/t"),
        Mount(tmp_path / "conf.py", "/testbed/conf.py"),
    )
    try:
        sandbox = backend.create(Layers((layer,), mounts), SMALL)
        script = "cat a.txt pkg/t/test.py conf.py && git --version && rg -l print && python3 -V"
        result = sandbox.exec(["sh", "-c", script])
        assert result.exit_code == 0, result.text
        assert result.stdout.startswith(b"one\nhidden\nconf\ngit version")
        assert sandbox.exec(["sh", "-c", "echo x > conf.py"]).exit_code != 0
        sandbox.write("/testbed/new", b"n")
        child = sandbox.fork()
        assert child.read("/testbed/new") == b"n"
        child.close()
        sandbox.close()
    finally:
        backend.close()


def test_owners():
    mine = labels()
    assert not is_gone(mine)
    boot, space, _, _ = mine["repogym.owner"].split("/")
    assert is_gone({**mine, "repogym.owner": f"{boot}/{space}/{os.getpid()}/1"})
    # Of other machines and other process namespaces nothing is known.
    assert not is_gone({**mine, "repogym.owner": f"{boot}/pid:[1]/1/1"})
    assert not is_gone({"repogym.owner": "other/pid:[1]/1/1", "repogym.machine": "elsewhere"})
    assert is_gone({**mine, "repogym.owner": f"earlier-boot/{space}/1/1"})
