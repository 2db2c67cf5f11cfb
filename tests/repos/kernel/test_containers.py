"""The same scoring of a kernel task in containers; its kernel is built once for all tests."""

import os

import pytest

from repos.kernel.trees import missing_programs
from repos.prepare import prepare
from repos.sandbox.backends.docker.backend import DockerBackend
from repos.scoring.score import score
from repos.tasks.suite import load_suite

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.index,
    pytest.mark.skipif(
        bool(missing_programs()) and not os.environ.get("CI"),
        reason="`repogym kernel doctor` says what is missing",
    ),
]


@pytest.mark.parametrize("name", ["docker", "podman"])
def test_a_fix_resolves_in_a_container(name):
    address = os.environ.get(f"REPOGYM_TEST_{name.upper()}")
    backend = DockerBackend(name, address)
    try:
        probe = backend.probe()
        if not probe.works:
            if os.environ.get("CI") and os.geteuid() == 0:
                pytest.fail(f"{name} must run here: {probe.detail}")
            pytest.skip(f"{name} does not run here: {probe.detail}")
        suite = load_suite("kernel-lite")
        task = prepare(suite.spec("key-read-bounds"), suite=suite.name)
        fixed, log = score(task, task.hidden.reference, backend=backend)
        assert fixed.resolved and fixed.asked == len(fixed.checks), log[-3000:]
        assert fixed.metrics == {"kernel_compiles": 1.0, "crashes": 0.0}
    finally:
        backend.close()
