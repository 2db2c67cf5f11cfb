"""A httpbin of its own for tests that need one: in the sandbox, without any network."""

import subprocess

import pytest

from repos.prepare import prepare
from repos.sandbox.workspace import Workspace
from repos.tasks.environments import SweBenchEnvironment
from repos.tasks.records import Expected
from repos.tasks.sources.swe_bench.instances import read_instances
from repos.tasks.sources.swe_bench.options import MIRRORS
from repos.tasks.sources.swe_bench.recipes import find_recipe
from tests.repositories import commit

TESTS = """\
import json
import socket
import ssl
import urllib.request

import pytest


def told(url):
    context = ssl.create_default_context()
    return json.load(urllib.request.urlopen(url, context=context, timeout=20))


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_pages(scheme):
    assert told(scheme + "://httpbin.org/get?a=1")["args"] == {"a": "1"}


def test_the_fixture(httpbin):
    assert told(httpbin.url + "/get?b=2")["args"] == {"b": "2"}


def test_a_silent_address():
    with pytest.raises(socket.timeout):
        socket.create_connection(("10.255.255.1", 80), timeout=0.1)


def test_nothing_else_is_there():
    with pytest.raises(OSError):
        socket.create_connection(("example.org", 80), timeout=1)
"""


@pytest.mark.index
def test_httpbin_runs_in_the_sandbox(backend, tmp_path, monkeypatch):
    commit(tmp_path / "somebody__web", {"test_web.py": TESTS, "web.py": ""}, "base")
    head = ["git", "-C", str(tmp_path / "somebody__web"), "rev-parse", "HEAD"]
    base = subprocess.run(head, check=True, capture_output=True, text=True).stdout.strip()
    monkeypatch.setenv(MIRRORS, str(tmp_path))
    recipe = find_recipe("psf/requests", "2.4")
    assert recipe is not None and recipe.network == "httpbin"
    row = {
        "repo": "somebody/web", "instance_id": "web-1", "base_commit": base, "patch": "",
        "test_patch": "", "problem_statement": "", "FAIL_TO_PASS": ["test_web.py::test_pages"],
        "PASS_TO_PASS": [],
    }  # fmt: skip
    (spec,) = read_instances([row], "rows")
    environment = SweBenchEnvironment(
        python=recipe.python, requirements=recipe.requirements, network="httpbin"
    )
    expected = Expected(fail_to_pass=("test_web.py::test_pages",))
    spec = spec.model_copy(
        update={"environments": {"web": environment}, "expected": {"web": expected},
                "runner": "swe-bench-pytest"}
    )  # fmt: skip
    task = prepare(spec)
    with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
        done = workspace.exec(["pytest", "-q", "test_web.py"], timeout_s=120.0)
        assert done.exit_code == 0 and b"5 passed" in done.stdout, done.text
        left = workspace.exec(["pgrep", "-f", "gunicorn"], timeout_s=20.0)
        assert not left.stdout.strip()
