import pytest

from repos.prepare import prepare
from repos.runners.registry import get_runner
from repos.sandbox.workspace import Workspace
from repos.tasks.suite import load_suite

MODULE = "src/warmcache/__init__.py"


@pytest.fixture
def workspace(backend):
    task = prepare(load_suite("swe-mini").spec("warmcache-refresh"))
    with Workspace(backend.create(task.layers, task.sandbox)) as made:
        yield made


def statuses(report):
    return {test: outcome.status for test, outcome in report.outcomes.items()}


def test_warm_runs_say_what_cold_runs_say_and_see_every_edit(workspace):
    runner = get_runner("pytest")
    cold = runner.run(workspace)
    warm = runner.warm(workspace)
    assert statuses(warm.run()) == statuses(cold)
    source = workspace.read(MODULE)
    workspace.write(MODULE, b"raise RuntimeError('broken')\n")
    broken = warm.run()
    assert not broken.outcomes
    assert any("broken" in text for text in broken.collection_errors.values()) or (
        "broken" in broken.output
    )
    workspace.write(MODULE, source)
    assert statuses(warm.run()) == statuses(cold)
    warm.close()


def test_a_time_out_ends_what_the_tests_started_and_the_next_run_works(workspace):
    warm = get_runner("pytest").warm(workspace)
    source = workspace.read(MODULE)
    daemon = b"import os, subprocess\nsubprocess.Popen(['setsid', 'sleep', '1000'])\n"
    workspace.write(MODULE, daemon + b"while True: pass\n")
    assert warm.run(timeout_s=2.0).limit == "time"
    workspace.write(MODULE, source)
    assert warm.run(["tests"]).complete
    assert workspace.exec(["pgrep", "-f", "sleep 1000"]).stdout == b""
    warm.close()


def test_tests_that_kill_the_warm_process_are_run_alone(workspace):
    warm = get_runner("pytest").warm(workspace)
    assert warm.run(["tests"]).complete
    source = workspace.read(MODULE)
    workspace.write(MODULE, b"import os\nos.kill(os.getppid(), 9)\n" + source)
    killed = warm.run(["tests"], timeout_s=20.0)
    assert statuses(killed) == statuses(get_runner("pytest").run(workspace, ["tests"]))
    assert killed.outcomes
    workspace.write(MODULE, source)
    assert warm.run(["tests"]).complete
    warm.close()


def test_rewritten_tests_are_kept_by_content(workspace):
    warm = get_runner("pytest").warm(workspace)
    path = "tests/test_kept.py"
    for wanted, status in ((5, "passed"), (6, "failed"), (5, "passed"), (6, "failed")):
        workspace.write(path, f"def test_sum():\n    assert 2 + 3 == {wanted}\n".encode())
        outcome = warm.run([path]).outcomes[f"{path}::test_sum"]
        assert outcome.status == status
        assert status == "passed" or "(2 + 3) == 6" in outcome.message
    kept = workspace.exec(["sh", "-c", "ls /tmp/.rewritten-*"]).stdout.split()
    assert len(kept) == len(set(kept)) >= 2
    warm.close()


def test_a_file_that_can_not_be_collected_does_not_hide_the_others(workspace):
    runner = get_runner("pytest")
    whole = statuses(runner.run(workspace))
    workspace.write("tests/test_torn.py", b"import no_such_module\n")
    warm = runner.warm(workspace)
    for report in (runner.run(workspace), warm.run()):
        assert statuses(report) == whole
        assert list(report.collection_errors) == ["tests/test_torn.py"]
    warm.close()


def test_a_test_that_waits_costs_no_processor_time(workspace):
    waits = b"import time\n\ndef test_waits():\n    time.sleep(0.6)\n"
    computes = b"""

def test_computes():
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass
"""
    workspace.write("tests/test_cost.py", waits + computes)
    told = get_runner("pytest").run(workspace, ["tests/test_cost.py"]).outcomes
    waited, computed = (told[f"tests/test_cost.py::test_{n}"] for n in ("waits", "computes"))
    assert waited.seconds >= 0.6 > 0.5 > waited.cpu_seconds
    assert computed.cpu_seconds >= 0.2  # the kernel counts in hundredths
