"""Sandboxes of each back end, on a small layer."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from repos.sandbox.backends.bubblewrap.backend import own_layer
from repos.sandbox.protocol import Backend, Layers, Sandbox, SandboxSpec
from repos.sandbox.select import BACKENDS, get_backend

SMALL = SandboxSpec(memory_mb=512, processes=64, disk_mb=32, tmp_mb=16)
Create = Callable[..., Sandbox]


@pytest.fixture(scope="session")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layer")
    (folder / "a.txt").write_text("one\n")
    (folder / "pkg" / "sub").mkdir(parents=True)
    (folder / "pkg" / "m.py").write_text("print('m')\n")
    (folder / "pkg" / "sub" / "n.bin").write_bytes(bytes(range(256)))
    (folder / "run.sh").write_text("#!/bin/sh\necho ran\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("a.txt")
    own_layer(folder)
    return folder


@pytest.fixture(scope="session", params=["bubblewrap", "process"])
def any_backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    backend = get_backend(request.param, allow_unsafe=True)
    yield backend
    backend.close()


@pytest.fixture(scope="session")
def backend() -> Iterator[Backend]:
    backend = get_backend("bubblewrap")
    yield backend
    backend.close()


@pytest.fixture(scope="session")
def real_backend() -> Iterator[Callable[[str], Backend]]:
    """A back end by its name, with the engines that `.ci/engines` started.

    One that does not run here is skipped with the reason; in CI it fails.
    """
    made: dict[str, Backend] = {}

    def get(name: str) -> Backend:
        if name not in made:
            if name in ("docker", "podman"):
                from repos.sandbox.backends.docker.backend import DockerBackend

                address = os.environ.get(f"REPOGYM_TEST_{name.upper()}")
                backend: Backend = DockerBackend(name, address)
            else:
                backend = BACKENDS[name].make()
            probe = backend.probe()
            if not probe.works:
                backend.close()
                # As an ordinary user the engines' sockets are out of reach, in CI too.
                if os.environ.get("CI") and os.geteuid() == 0:
                    pytest.fail(f"{name} must run here: {probe.detail}")
                pytest.skip(f"{name} does not run here: {probe.detail}")
            made[name] = backend
        return made[name]

    yield get
    for backend in made.values():
        backend.close()


@contextlib.contextmanager
def creator(backend: Backend, layer: Path) -> Iterator[Create]:
    made: list[Sandbox] = []

    def create(spec: SandboxSpec = SMALL, layers: Layers | None = None) -> Sandbox:
        made.append(backend.create(layers or Layers((layer,)), spec))
        return made[-1]

    yield create
    for sandbox in made:
        sandbox.close()


@pytest.fixture
def create(backend: Backend, layer: Path) -> Iterator[Create]:
    """Make bubblewrap sandboxes."""
    with creator(backend, layer) as make:
        yield make


@pytest.fixture
def sandbox(any_backend: Backend, layer: Path) -> Iterator[Sandbox]:
    """A sandbox of each back end."""
    with creator(any_backend, layer) as make:
        yield make()
