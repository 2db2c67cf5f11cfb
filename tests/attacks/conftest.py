"""The victim task, and every isolated back end that runs on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from repos.prepare import prepare
from repos.sandbox.protocol import Backend
from repos.sandbox.select import BACKENDS, get_backend
from repos.tasks.records import Task
from tests.attacks.catalogue import attacks
from tests.attacks.victim import make_spec

ISOLATED = [name for name, entry in BACKENDS.items() if entry.isolation == "isolated"]


ADDRESSES = {
    "docker": ("REPOGYM_TEST_DOCKER", "DOCKER_HOST"),
    "podman": ("REPOGYM_TEST_PODMAN", "CONTAINER_HOST"),
}


# Themes that meet the scorer alone, which is the same on every back end: tried on the first one,
# or on all with REPOGYM_TEST_ALL_ATTACKS=1.
SCORER_ALONE = ("answerers", "framework", "introspection", "knowledge", "records", "values")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out attacks on the scorer alone from the second back end on."""
    if os.environ.get("REPOGYM_TEST_ALL_ATTACKS"):
        return
    catalogue = attacks()
    alone = {attack.name for theme in SCORER_ALONE for attack in catalogue[theme]}
    again = []
    for item in items:
        callspec = getattr(item, "callspec", None)
        params = callspec.params if callspec else {}
        attack = params.get("attack")
        if attack is not None and attack.name in alone and params.get("isolated") in ISOLATED[1:]:
            again.append(item)
    if again:
        config.hook.pytest_deselected(items=again)
        items[:] = [item for item in items if item not in set(again)]


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
