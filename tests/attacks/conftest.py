"""The victim task, and every isolated back end that runs on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from repos.prepare import prepare
from repos.sandbox.protocol import Backend
from repos.sandbox.select import BACKENDS, get_backend
from repos.tasks.records import Task
from tests.attacks.victim import make_spec

ISOLATED = [name for name, entry in BACKENDS.items() if entry.isolation == "isolated"]


ADDRESSES = {
    "docker": ("REPOGYM_TEST_DOCKER", "DOCKER_HOST"),
    "podman": ("REPOGYM_TEST_PODMAN", "CONTAINER_HOST"),
}


@pytest.fixture(scope="session", params=ISOLATED)
def isolated(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """Each isolated back end; one that does not run is skipped with its reason, in CI it fails."""
    ours, theirs = ADDRESSES.get(request.param, ("", ""))
    if ours in os.environ:
        os.environ[theirs] = os.environ[ours]
    made = BACKENDS[request.param].make()
    probe = made.probe()
    made.close()
    if not probe.works:
        # As an ordinary user the engines' sockets are out of reach, in CI too.
        if os.environ.get("CI") and os.geteuid() == 0:
            pytest.fail(f"{request.param} must run here: {probe.detail}")
        pytest.skip(f"{request.param} does not run here: {probe.detail}")
    backend = get_backend(request.param)
    yield backend
    backend.close()


@pytest.fixture(scope="session")
def victim(tmp_path_factory: pytest.TempPathFactory, shared_cache: None) -> Task:
    """The prepared task that all attacks are made on."""
    return prepare(make_spec(tmp_path_factory.mktemp("measure")))
