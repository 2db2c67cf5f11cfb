"""A program that is started before the sandbox has its files, and run once it has them."""

import time

import pytest

from repos.sandbox.backends.bubblewrap.backend import BubblewrapBackend
from repos.sandbox.protocol import Ahead, Layers, SandboxSpec

WAITS = "echo 1 >> /tmp/started; read word; cd /testbed; echo $word $NAME; cat a.txt"


@pytest.fixture
def made(layer):
    """Create sandboxes of a kind with a program; all but the first have it started ahead."""
    backend = BubblewrapBackend()
    running = []

    def make(ahead):
        for sandbox in running:
            sandbox.close()
        running[:] = [backend.create(Layers((layer,)), SandboxSpec(ahead=ahead))]
        return running[0]

    yield make
    for sandbox in running:
        sandbox.close()
    backend.close()


def program(script, **more):
    return Ahead(("sh", "-c", script), (("NAME", "x"),), **more)


def run(sandbox, ahead, **options):
    given = {"env": dict(ahead.env), "max_output": ahead.max_output, **options}
    return sandbox.exec(list(ahead.argv), **given)


def wait_for(sandbox, path):
    for _ in range(600):
        if sandbox.exec(["test", "-e", path]).exit_code == 0:
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} never appears")


def test_it_is_ready_before_it_is_asked_for_and_runs_once(made):
    ahead = program(WAITS)
    assert run(made(ahead), ahead, stdin=b"first\n").stdout == b"first x\none\n"
    sandbox = made(ahead)
    wait_for(sandbox, "/tmp/started")
    other = sandbox.exec(["sh", "-c", WAITS], stdin=b"other\n")
    assert other.stdout == b"other\none\n"  # other variables: another command
    done = run(sandbox, ahead, stdin=b"second\n")
    assert (done.exit_code, done.stdout, done.limit) == (0, b"second x\none\n", None)
    assert sandbox.read("/tmp/started") == b"1\n1\n"
    assert run(sandbox, ahead, stdin=b"third\n").stdout == b"third x\none\n"
    assert sandbox.read("/tmp/started") == b"1\n1\n1\n"


def test_its_bounds_begin_when_it_is_run(made):
    ahead = program(
        "echo 1 > /tmp/started; read word; sleep $word; yes | head -c 9000", max_output=100
    )
    made(ahead)
    sandbox = made(ahead)
    wait_for(sandbox, "/tmp/started")
    done = run(sandbox, ahead, stdin=b"0\n")
    assert (done.limit, len(done.stdout), done.stdout_dropped) == ("output", 100, 8900)
    sandbox = made(ahead)
    wait_for(sandbox, "/tmp/started")
    assert run(sandbox, ahead, stdin=b"60\n", timeout_s=0.3).limit == "time"
    assert sandbox.exec(["pgrep", "-x", "sleep"]).stdout == b""


def test_one_that_has_ended_is_run_again(made):
    ahead = program("echo 1 >> /tmp/started; cat /testbed/a.txt")
    made(ahead)
    sandbox = made(ahead)
    wait_for(sandbox, "/tmp/started")
    time.sleep(0.3)
    assert run(sandbox, ahead).stdout == b"one\n"
    assert sandbox.read("/tmp/started") == b"1\n1\n"
