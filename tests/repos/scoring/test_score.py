import subprocess
from dataclasses import replace

import pytest

from repos.prepare import NotAvailableError, prepare
from repos.sandbox.workspace import Workspace
from repos.scoring.score import score
from repos.scoring.validation import validate
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
            assert found.stdout == b""
        objects = workspace.exec(["git", "rev-list", "--all", "--count"])
        assert objects.stdout.strip() == b"1"
        assert workspace.exec(["git", "remote"]).stdout == b""
        assert "dangling" not in workspace.exec(["git", "fsck", "--lost-found"]).text


def test_a_minor_version_that_was_not_gated_is_not_available(task):
    spec = task.spec.model_copy(
        update={"expected": {"3.9": next(iter(task.spec.expected.values()))}}
    )
    with pytest.raises(NotAvailableError, match=r"gated on: 3\.9"):
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


def test_scoring_does_not_depend_on_what_the_agent_did_to_git(task, backend):
    with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
        workspace.apply(task.hidden.reference)
        plain = workspace.diff()
        workspace.exec(
            [
                "sh",
                "-c",
                "git add -A; git commit -qm x; git config core.fsmonitor 'touch /tmp/pwned'",
            ]
        )
        workspace.exec(["sh", "-c", "echo '*.py -diff' > .gitattributes; rm -rf .git/objects"])
        assert workspace.diff().startswith(b"diff --git a/.gitattributes")
        assert workspace.diff().endswith(plain)
    assert subprocess.run(["ls", "/tmp/pwned"], capture_output=True).returncode != 0
