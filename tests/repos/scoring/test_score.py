import threading
from dataclasses import replace

import pytest

from repos.errors import InfrastructureError
from repos.prepare import NotAvailableError, prepare
from repos.runners.protocol import GradeRequest
from repos.runners.registry import get_runner
from repos.sandbox.workspace import Workspace
from repos.scoring.blind import ask
from repos.scoring.grading import Stop, files_of, grade_files
from repos.scoring.keys import answer_key
from repos.scoring.parts import held_out_part, hidden_part
from repos.scoring.score import score, score_with_retries
from repos.scoring.validation import validate
from repos.tasks.environments import PythonEnvironment
from repos.tasks.suite import load_suite

SUITE = load_suite("swe-mini")
TASK = "warmcache-refresh"


@pytest.fixture(scope="module")
def task():
    return prepare(SUITE.spec(TASK), suite="swe-mini")


@pytest.mark.parametrize("name", [spec.id for spec in SUITE.specs])
def test_every_bundled_task_passes_the_gate(name, backend):
    verdict = validate(prepare(SUITE.spec(name)), backend=backend, repetitions=1)
    assert verdict.problems == ()
    assert verdict.valid


def test_the_reference_resolves_and_is_no_false_success(task, backend):
    result, log = score(task, task.hidden.reference, backend=backend)
    assert result.resolved
    assert result.false_resolved is False
    assert result.fraction == 1.0
    assert set(result.checks.values()) == {"passed"}
    assert "passed" in log


def test_an_empty_diff_resolves_nothing(task, backend):
    result, _ = score(task, b"", backend=backend)
    assert not result.resolved
    assert result.fraction == 0.0
    expected = task.hidden.expected
    assert {result.checks[t] for t in expected.fail_to_pass} <= {"failed", "error"}
    assert {result.checks[t] for t in expected.pass_to_pass} == {"passed"}


def test_a_diff_that_does_not_apply_is_a_verdict(task, backend):
    broken = task.hidden.reference.replace(b"\n-", b"\n-no such line ")
    result, _ = score(task, broken, backend=backend)
    assert not result.applied
    assert not result.resolved


def test_a_diff_that_breaks_everything_has_a_negative_fraction(task, backend):
    with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
        module = next(
            e.path for e in workspace.list("src", recursive=True) if e.path.endswith("__init__.py")
        )
        workspace.write(f"src/{module}", b"raise RuntimeError('broken')\n")
        diff = workspace.diff()
    result, _ = score(task, diff, backend=backend)
    assert result.fraction == -1.0
    assert set(result.checks.values()) == {"missing"}


def test_changes_to_test_files_do_not_count(task, backend):
    with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
        for entry in workspace.list("tests", recursive=True):
            if entry.path.endswith(".py"):
                workspace.write(f"tests/{entry.path}", b"def test_nothing():\n    pass\n")
        workspace.write("conftest.py", b"raise SystemExit(0)\n")
        diff = workspace.diff()
    alone, _ = score(task, diff, backend=backend)
    beside, _ = score(task, diff + task.hidden.reference, backend=backend)
    assert not alone.resolved
    assert alone.fraction == 0.0
    assert beside.resolved


def test_an_endless_loop_is_a_timeout_and_not_an_infrastructure_failure(task, backend, monkeypatch):
    monkeypatch.setattr("repos.scoring.grading.LEAST_SECONDS", 2.0)
    with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
        workspace.exec(
            ["sh", "-c", "for f in src/*/__init__.py; do echo 'while True: pass' >> $f; done"]
        )
        diff = workspace.diff()
    result, _ = score(replace(task, seconds=0.1), diff, backend=backend)
    assert set(result.checks.values()) == {"timeout"}
    assert not result.resolved


def test_the_hidden_tests_are_nowhere_in_the_workspace(task, backend):
    names = {t.partition("::")[2].partition("[")[0] for t in task.hidden.expected.fail_to_pass}
    with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
        for name in names:
            found = workspace.exec(
                ["grep", "-rl", name.split("::")[-1], "/testbed", "/opt", "/env", "/tmp", "/home"]
            )
            assert (found.exit_code, found.stdout) == (1, b"")
        objects = workspace.exec(["git", "rev-list", "--all", "--count"])
        assert objects.stdout.strip() == b"1"
        assert workspace.exec(["git", "remote"]).stdout == b""
        assert "dangling" not in workspace.exec(["git", "fsck", "--lost-found"]).text


def test_a_task_whose_python_is_not_installed_is_not_available(task):
    spec = task.spec.model_copy(
        update={
            "environments": {"python3.99": PythonEnvironment(python="3.99")},
            "expected": {"python3.99": next(iter(task.spec.expected.values()))},
        }
    )
    with pytest.raises(NotAvailableError, match=r"uv python install 3\.99"):
        prepare(spec)


def test_assist_tests_shows_half_and_hides_the_rest(backend):
    shown = prepare(SUITE.spec(TASK), assist="tests", seed=3)
    visible = set(shown.public.visible_tests)
    everything = set(shown.hidden.expected.fail_to_pass)
    assert visible
    assert visible < everything
    assert not shown.public.plausible_only
    with Workspace(backend.create(shown.layers, shown.sandbox)) as workspace:
        assert workspace.diff() == b""
        done = workspace.exec(["python", "-m", "pytest", "-q", *sorted(visible)], timeout_s=60)
        assert done.exit_code == 1
        for test in everything - visible:
            name = test.partition("::")[2].partition("[")[0].rpartition("::")[2]
            if not any(f"::{name}" in v for v in visible):
                assert workspace.exec(["grep", "-r", f"def {name}(", "tests"]).exit_code == 1
        workspace.apply(shown.hidden.reference)
        done = workspace.exec(["python", "-m", "pytest", "-q", *sorted(visible)], timeout_s=60)
        assert done.exit_code == 0
        result, _ = score(shown, workspace.diff(), backend=backend)
        assert result.resolved


def test_a_test_that_is_shown_is_not_asked(task, backend):
    shown = prepare(SUITE.spec(TASK), assist="tests", seed=3)
    visible = {test.partition("[")[0] for test in shown.public.visible_tests}
    plain, cut = (ask(each, b"", hidden_part(each), backend=backend) for each in (task, shown))
    assert {test.partition("[")[0] for test in plain.asked} & visible
    assert not {test.partition("[")[0] for test in cut.asked} & visible


@pytest.mark.parametrize("name", [spec.id for spec in SUITE.specs])
def test_the_reference_answers_rightly_and_the_base_does_not(name, backend):
    task = prepare(SUITE.spec(name))
    failing = set(task.hidden.expected.fail_to_pass)
    part = hidden_part(task)
    right = ask(task, task.hidden.reference, part, backend=backend)
    wrong = ask(task, b"", part, backend=backend)
    assert right.wrong == frozenset()
    assert right.asked == wrong.asked >= failing
    assert wrong.wrong == failing


def test_a_key_is_made_by_two_whole_runs_of_the_reference_or_not_at_all(task, backend):
    key = answer_key(task, hidden_part(task), backend=backend)
    assert key.keys
    assert type(key).from_json(key.to_json()) == key
    other = task.hidden.reference.replace(b"\n+", b"\n+ )", 1)
    hidden = replace(task.hidden, reference=other)
    broken = replace(task, hidden=hidden, spec=task.spec.model_copy(update={"test_paths": ("x",)}))
    with pytest.raises(InfrastructureError, match="nothing can be scored"):
        answer_key(broken, hidden_part(broken), backend=backend)


def test_scoring_does_not_depend_on_what_the_agent_did_to_git(task, backend):
    with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
        workspace.apply(task.hidden.reference)
        plain = workspace.diff()
        hook = "git add -A; git commit -qm x; git config core.fsmonitor 'touch /tmp/pwned'"
        assert workspace.exec(["sh", "-c", hook]).exit_code == 0
        # The workspace's own git does run the hook: had the harness asked that git, it would show.
        hooked = "git status >/tmp/status 2>&1; rm /tmp/pwned"
        assert workspace.exec(["sh", "-c", hooked]).exit_code == 0
        workspace.exec(["sh", "-c", "echo '*.py -diff' > .gitattributes"])
        for spoil in ("true", "rm -rf .git/objects"):
            workspace.exec(["sh", "-c", spoil])
            assert workspace.diff().startswith(b"diff --git a/.gitattributes")
            assert workspace.diff().endswith(plain)
            assert workspace.exec(["test", "-e", "/tmp/pwned"]).exit_code == 1


class Unsteady:
    """A back end whose first sandboxes can't be made; it counts all that are asked for."""

    def __init__(self, backend, failures=0):
        self.name = backend.name
        self.backend, self.failures, self.asked = backend, failures, 0

    def create(self, layers, spec):
        self.asked += 1
        if self.asked <= self.failures:
            raise InfrastructureError(f"failure {self.asked}")
        return self.backend.create(layers, spec)


def test_infrastructure_failures_are_repeated_twice(task, backend):
    answer_key(task, hidden_part(task), backend=backend)
    answer_key(task, held_out_part(task), backend=backend)
    result, _ = score_with_retries(
        task, task.hidden.reference, backend=Unsteady(backend, failures=2)
    )
    assert result.resolved
    broken = Unsteady(backend, failures=99)
    with pytest.raises(InfrastructureError, match=r"failure [56]"):
        score_with_retries(task, task.hidden.reference, backend=broken)
    assert broken.asked == 6  # hidden and held-out tests are asked at the same time


@pytest.mark.parametrize(("tries", "asked"), [(1, 1), (2, 2)])
def test_a_time_out_is_repeated_once_and_nothing_else_is(task, backend, monkeypatch, tries, asked):
    monkeypatch.setattr("repos.scoring.grading.LEAST_SECONDS", 2.0)
    with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
        workspace.exec(
            ["sh", "-c", "for f in src/*/__init__.py; do echo 'while True: pass' >> $f; done"]
        )
        endless = workspace.diff()
    tests = task.hidden.files
    files = files_of(task.hidden.expected.fail_to_pass, get_runner(task.public.runner))
    hasty, counting = replace(task, seconds=0.1), Unsteady(backend)
    run = grade_files(hasty, endless, tests, files, counting, tries=tries)
    assert run.limit == "time"
    assert counting.asked == asked
    monkeypatch.setattr("repos.scoring.grading.LEAST_SECONDS", 60.0)
    counting = Unsteady(backend)
    assert grade_files(task, b"", tests, files, counting, tries=tries).limit is None
    assert counting.asked == 1


def test_a_run_that_nobody_waits_for_is_ended(task, backend):
    with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
        workspace.exec(
            ["sh", "-c", "for f in src/*/__init__.py; do echo 'while True: pass' >> $f; done"]
        )
        endless = workspace.diff()
    files = files_of(task.hidden.expected.fail_to_pass, get_runner(task.public.runner))
    stop = Stop()
    threading.Timer(1.0, stop.now).start()
    with pytest.raises(InfrastructureError):
        grade_files(task, endless, task.hidden.files, files, backend, stop=stop)
    with pytest.raises(InfrastructureError, match="not wanted"):
        grade_files(task, b"", task.hidden.files, files, backend, stop=stop)


SECOND_RECORDS = b"""\
import sys


def send(name, status):
    frame = sys._getframe()
    while not callable(frame.f_locals.get("emit")):
        frame = frame.f_back
    test = f"tests/test_second.py::{name}"
    frame.f_locals["emit"]({"kind": "test", "id": test, "status": status, "seconds": 0.0})


def test_fails():
    assert False


def test_passes():
    pass


def test_sends():
    send("test_fails", "passed")
    send("test_passes", "failed")
"""


def test_a_second_record_never_mends_a_first_one(task, backend):
    path = "tests/test_second.py"
    with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
        workspace.write(path, SECOND_RECORDS)
        run = get_runner("pytest").grade(workspace, GradeRequest((path,), {}, 60.0))
    assert run.complete
    assert {test.rpartition(":")[2]: outcome.status for test, outcome in run.outcomes.items()} == {
        "test_fails": "failed",
        "test_passes": "failed",
        "test_sends": "passed",
    }
