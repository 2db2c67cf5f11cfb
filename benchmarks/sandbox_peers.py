"""The sandbox benchmark's peers: each one answers, or says why it is left out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from repos.cache import platform_key, publish
from repos.environments.interpreters import find_python
from repos.errors import RepoGymError
from repos.sandbox.backends.docker.backend import DockerBackend
from repos.tasks.sources.pypi.configuration import find_uv, index_configuration

HERE = Path(__file__).resolve().parent
SWEREX = "swe-rex==1.4.0"
DEBUG_GYM = "debug-gym==1.3.0"
DEBUG_GYM_PYTHON = (3, 12)


class LeftOutError(Exception):
    """A comparison that can't be made here; the message says why."""


class Driver:
    """A process that times things on request."""

    def __init__(self, argv: list[str], name: str) -> None:
        """Start it.

        Args:
            argv: The program: reads lines `WORD COUNT`, answers JSON lists of milliseconds.
            name: For the message where it ends early.
        """
        self.name = name
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def times(self, word: str, count: int) -> list[float]:
        """Return the milliseconds of `count` repetitions.

        Raises:
            LeftOutError: The process ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f"{word} {count}\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            _, said = self._process.communicate()
            last = said.strip().splitlines()[-1:] or ["no message"]
            raise LeftOutError(f"{self.name} ended: {last[0]}")
        return json.loads(line)

    def close(self) -> None:
        """End it."""
        if self._process.poll() is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def plain_driver(tree: Path) -> Driver:
    """Return the driver for bare mounts, copies and git."""
    return Driver([sys.executable, str(HERE / "sandbox_plain.py"), str(tree)], "sandbox_plain.py")


def swerex_driver() -> Driver:
    """Return the driver for a local SWE-ReX session, its environment made first.

    Raises:
        LeftOutError: The environment can't be made.
    """
    python = environment(SWEREX, sys.executable)
    return Driver([python, str(HERE / "sandbox_swerex.py")], SWEREX)


def debug_gym_driver() -> Driver:
    """Return the driver for debug-gym's local terminal, its environment made first.

    Raises:
        LeftOutError: The environment can't be made.
    """
    if sys.version_info >= DEBUG_GYM_PYTHON:
        python = sys.executable
    else:
        try:
            python = find_python(".".join(map(str, DEBUG_GYM_PYTHON))).executable
        except RepoGymError as error:
            raise LeftOutError(f"{DEBUG_GYM} needs Python 3.12: {error}") from error
    return Driver([environment(DEBUG_GYM, python), str(HERE / "episodes_debug_gym.py")], DEBUG_GYM)


def environment(requirement: str, interpreter: str) -> str:
    """Return the Python of a cached environment that holds one pinned package.

    Raises:
        LeftOutError: It can't be made.
    """

    def build(folder: Path) -> None:
        uv = find_uv()
        configuration = index_configuration()
        python = str(folder / "bin" / "python")
        environ = dict(os.environ)
        if configuration.certificates is not None:
            environ["SSL_CERT_FILE"] = str(configuration.certificates)
        for argv in (
            [uv, "venv", "-q", "--no-project", "--allow-existing", "--relocatable", "--python",
             interpreter, str(folder)],
            [uv, "pip", "install", "-q", "--python", python, *configuration.uv_arguments(),
             requirement],
        ):  # fmt: skip
            done = subprocess.run(argv, capture_output=True, text=True, env=environ)
            if done.returncode:
                raise LeftOutError(
                    f"{requirement} can't be installed: {' '.join(done.stderr.split())[-300:]}"
                )

    try:
        folder = publish(f"benchmarks/{requirement.replace('==', '-')}-{platform_key()}", build)
    except RepoGymError as error:
        raise LeftOutError(f"{requirement} can't be installed: {error}") from error
    return str(folder / "bin" / "python")


def docker_backend() -> DockerBackend:
    """Return the container back end on an engine that answers.

    The engine is the one that REPOGYM_TEST_DOCKER names, else the usual places.

    Raises:
        LeftOutError: No engine answers, or it can't run a command.
    """
    backend = DockerBackend("docker", os.environ.get("REPOGYM_TEST_DOCKER"))
    probe = backend.probe()
    if not probe.works:
        backend.close()
        raise LeftOutError(f"no container engine: {probe.detail}")
    return backend


def exec_run(backend: DockerBackend) -> Callable[[], None]:
    """Return what runs `true` by the engine's own exec in the one sandbox that is open.

    It does what the SDK's `Container.exec_run` does: create, start, inspect.

    Raises:
        LeftOutError: The container was not found.
    """
    from repos.sandbox.backends.docker.engine import OWNER, owner

    api = backend.engine.api
    found = api.containers(filters={"label": [f"{OWNER}={owner()}"]})
    if len(found) != 1:
        raise LeftOutError(f"{len(found)} containers of ours on the engine, not one")
    ident = found[0]["Id"]

    def run() -> None:
        made = api.exec_create(ident, ["true"])
        api.exec_start(made["Id"])
        if api.exec_inspect(made["Id"])["ExitCode"] != 0:
            raise LeftOutError("true failed in the container")

    return run
