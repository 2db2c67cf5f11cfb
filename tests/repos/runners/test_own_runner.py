"""A runner as a user writes it: one file outside of RepoGym, for a project whose checks are TAP."""

import subprocess
import sys

import pytest

from repos.errors import RepoGymError, UnknownNameError
from repos.prepare import prepare
from repos.runners.registry import get_runner
from repos.scoring.score import score
from repos.scoring.validation import validate
from repos.tasks.environments import ToolsEnvironment
from repos.tasks.records import Expected, TaskSpec
from repos.tasks.sources.git import GitSource
from repos.tasks.suite import write_manifest

RUNNER = '''\
"""Runs `make check`, which prints TAP."""

import re

from repos.runners.protocol import Runner, TestId, TestOutcome, TestReport, TestRun

LINE = re.compile(r"^(not ok|ok) \\d+ - (\\S+)", re.MULTILINE)


class TapRunner(Runner):
    """One file holds all checks; an id is `checks.sh:NAME`."""

    def run(self, workspace, ids=(), *, timeout_s=300.0, coverage=False):
        done = workspace.exec(["make", "-s", "check"], timeout_s=timeout_s)
        outcomes = {
            test: outcome
            for test, outcome in self.read(done).items()
            if not ids or test in ids or "checks.sh" in ids
        }
        return TestReport(outcomes, exit_code=done.exit_code, limit=done.limit, output=done.text)

    def grade(self, workspace, request):
        done = workspace.exec(["make", "-s", "check"], timeout_s=request.timeout_s)
        outcomes = self.read(done)
        return TestRun(
            outcomes,
            complete=done.limit is None,
            limit=done.limit,
            log=done.text,
            metrics={"checks_run": float(len(outcomes))},
        )

    def read(self, done):
        text = done.stdout.decode("utf-8", "replace")
        return {
            "checks.sh:" + name: TestOutcome("passed" if said == "ok" else "failed")
            for said, name in LINE.findall(text)
        }

    def split_id(self, test):
        file, _, name = test.partition(":")
        return TestId(file, name)

    def protects(self, path):
        return path.rpartition("/")[2].lower() in ("makefile", "gnumakefile")
'''
MAKEFILE = "check:\n\t@sh checks.sh\n"
SUM = "#!/bin/sh\necho $(($1 {} $2))\n"
CHECKS = """\
test "$(sh sum.sh 2 0)" = 2 && echo "ok 1 - zero" || echo "not ok 1 - zero"
"""
MORE = (
    CHECKS
    + """\
test "$(sh sum.sh 2 3)" = 5 && echo "ok 2 - sum" || echo "not ok 2 - sum"
"""
)


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    (folder / "modules").mkdir()
    (folder / "modules/tap_for_make.py").write_text(RUNNER)
    root = folder / "sums"
    root.mkdir()

    def git(*args):
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *args]
        done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "-q", "-b", "main")
    commits = []
    for sign, checks in (("-", CHECKS), ("+", MORE)):
        (root / "Makefile").write_text(MAKEFILE)
        (root / "sum.sh").write_text(SUM.format(sign))
        (root / "checks.sh").write_text(checks)
        git("add", "-A")
        git("commit", "-qm", "sum.sh subtracted")
        commits.append(git("rev-parse", "HEAD"))
    sys.path.append(str(folder / "modules"))
    yield TaskSpec(
        id="own/sums",
        source=GitSource(path=str(root), base=commits[0], fix=commits[1]),
        runner="tap_for_make:TapRunner",
        test_paths=("checks.sh",),
        environments={"make": ToolsEnvironment(programs=("make",))},
        expected={
            "make": Expected(fail_to_pass=("checks.sh:sum",), pass_to_pass=("checks.sh:zero",))
        },
        seconds={"make": 1.0},
    )
    sys.path.remove(str(folder / "modules"))


def test_a_task_of_it_is_validated_and_scored(spec, backend):
    task = prepare(spec)
    assert validate(task, backend=backend).problems == ()
    good, log = score(task, task.hidden.reference, backend=backend)
    assert good.resolved, log
    assert good.metrics == {"checks_run": 2.0}
    nothing, _ = score(task, b"", backend=backend)
    assert nothing.checks == {"checks.sh:sum": "failed", "checks.sh:zero": "passed"}
    assert nothing.fraction == 0.0


def test_what_it_protects_can_not_be_patched(spec, backend):
    task = prepare(spec)
    forged = MAKEFILE.replace("sh checks.sh", "echo ok 1 - zero; echo ok 2 - sum")
    diff = (
        "diff --git a/Makefile b/Makefile\n--- a/Makefile\n+++ b/Makefile\n@@ -1,2 +1,2 @@\n"
        " check:\n-\t@sh checks.sh\n+" + forged.splitlines()[1] + "\n"
    )
    result, _ = score(task, diff.encode(), backend=backend)
    assert not result.resolved
    assert result.flags == ("touches Makefile",)


def test_its_environment_is_played(spec, tmp_path):
    import envs

    manifest = tmp_path / "own.jsonl"
    write_manifest(manifest, {"suite": "own", "version": "1"}, [spec])
    env = envs.make(str(manifest), task="own/sums")
    env.reset(seed=0)

    def step(name, arguments):
        return env.step({"name": name, "arguments": arguments})

    observation = step("run_tests", '{"tests": ["checks.sh:zero"]}')[0]
    assert "PASSED checks.sh:zero" in str(observation)
    step("edit", '{"path": "sum.sh", "old": "$1 - $2", "new": "$1 + $2"}')
    _, reward, terminated, _, _ = step("submit", "{}")
    env.close()
    assert terminated
    assert reward == 1.0


def test_what_is_no_runner_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "half_a_runner.py").write_text(
        "from repos.runners.protocol import Runner\n\n\nclass Half(Runner):\n    pass\n\n\n"
        "def none():\n    pass\n"
    )
    with pytest.raises(RepoGymError, match="abstract"):
        get_runner("half_a_runner:Half")
    with pytest.raises(RepoGymError, match="is no class that extends"):
        get_runner("half_a_runner:none")
    with pytest.raises(UnknownNameError, match="Did you mean 'pytest'"):
        get_runner("pytets")
