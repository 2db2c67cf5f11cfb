"""Task folders of Harbor as a suite: played and scored without Docker, or refused in a sentence."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agents.training.harbor_tasks import export_tasks
from envs.rewards import compute_reward, reported
from repos.environments.choosing import choose_environment
from repos.environments.interpreters import NotAvailableError
from repos.errors import InputError, RecordError, SandboxUnavailableError
from repos.prepare import prepare
from repos.runners.harbor.runner import parse_reward
from repos.sandbox.backends.process import ProcessBackend
from repos.sandbox.protocol import Layers, SandboxSpec
from repos.sandbox.select import get_backend
from repos.sandbox.workspace import Workspace
from repos.scoring.score import score
from repos.tasks.sources.harbor.dockerfile import Copy
from repos.tasks.sources.harbor.records import CHECK
from repos.tasks.sources.harbor.shell import read_installs
from repos.tasks.sources.harbor.source import copy_files
from repos.tasks.suite import load_suite

TOML = """\
schema_version = "1.4"

[metadata]

[verifier]
timeout_sec = 900.0

[agent]
timeout_sec = 900.0

[environment]
build_timeout_sec = 600.0
"""

# As `harbor init` writes it for tests in the agent's environment (0.26.0).
TEST_SH = """\
#!/bin/bash

# Install test dependencies and run the tests after the agent finishes.

apt-get update
apt-get install -y curl

curl -LsSf https://astral.sh/uv/0.9.7/install.sh | sh

source "$HOME/.local/bin/env"

# CTRF produces a standard test report in JSON format which is useful for logging.
if uvx \\
  --with pytest==8.4.1 \\
  --with pytest-json-ctrf==0.3.5 \\
  pytest --ctrf /logs/verifier/ctrf.json /tests/test_outputs.py -rA; then
  echo 1 > /logs/verifier/reward.txt
else
  echo 0 > /logs/verifier/reward.txt
fi
"""

TEST = """\
from pathlib import Path


def test_outputs():
    assert Path("/app/hello.txt").read_text() == "Hello, world!\\n"
    assert Path("/app/names.txt").read_text() == "world\\n"
"""


@pytest.fixture(scope="module")
def backend():
    backend = get_backend("bubblewrap")
    yield backend
    backend.close()


def write_task(folder: Path, *, test: str = TEST_SH, more: str = "") -> Path:
    for name in ("environment", "tests", "solution"):
        (folder / name).mkdir(parents=True)
    (folder / "task.toml").write_text(TOML)
    (folder / "instruction.md").write_text("Greet who stands in /app/names.txt.\n")
    (folder / "environment" / "names.txt").write_text("world\n")
    (folder / "environment" / "Dockerfile").write_text(
        "FROM ubuntu:24.04\nENV GREETING=Hello\nWORKDIR /app\nCOPY names.txt .\n"
        f"RUN mkdir sub && echo made > sub/made.txt\n{more}"
    )
    (folder / "tests" / "test.sh").write_text(test)
    (folder / "tests" / "test_outputs.py").write_text(TEST)
    (folder / "solution" / "solve.sh").write_text(
        "#!/bin/bash\nset -e\ncat sub/made.txt /solution/solve.sh > /dev/null\n"
        'echo "$GREETING, $(cat /app/names.txt)!" > /app/hello.txt\n'
    )
    return folder


@pytest.mark.index
def test_a_task_of_harbors_own_template_is_played(tmp_path, backend):
    write_task(tmp_path / "tasks" / "greet")
    suite = load_suite(str(tmp_path / "tasks"))
    task = prepare(suite.spec("greet"), suite=suite.name)
    assert b"+Hello, world!" in task.hidden.reference
    assert "names.txt" in task.public.statement and not task.public.visible_tests
    with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
        seen = workspace.exec(
            ["bash", "-c", "cat /app/sub/made.txt; echo $GREETING; ls -A /tests /logs; ls -A"]
        )
        assert seen.stdout.decode().split()[:2] == ["made", "Hello"]
        assert b"test.sh" not in seen.stdout and b"solve" not in seen.stdout
    right, log = score(task, task.hidden.reference, backend=backend)
    assert right.resolved and right.checks == {CHECK: "passed"}, log
    assert right.metrics == {"reward": 1.0} and not right.weak and "1 passed" in log
    nothing, log = score(task, b"", backend=backend)
    assert not nothing.resolved and nothing.metrics == {"reward": 0.0}, log
    assert "FileNotFoundError" in log


@pytest.mark.index
def test_the_command_line_plays_what_can_be_had(tmp_path):
    write_task(tmp_path / "tasks" / "greet")
    bad = write_task(tmp_path / "tasks" / "image") / "environment" / "Dockerfile"
    bad.write_text("FROM node:20\n")
    suite, out = str(tmp_path / "tasks"), tmp_path / "run"
    command = ["--env", suite, "--agent", "oracle", "--workers", "1", "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "run_agent.py", *command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = f"{done.stdout}{done.stderr}"
    assert "Left out: Task image has no environment that can be played here: it is built" in said
    assert json.loads((out / "summary.json").read_text())["resolved"] == 1
    shown = subprocess.run(
        [sys.executable, "run_agent.py", "tasks", "show", suite, "greet", "--hidden"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "+Hello, world!" in shown.stdout


@pytest.mark.index
def test_an_exported_task_comes_back(tmp_path, backend):
    mini = load_suite("swe-mini")
    export_tasks(mini, tmp_path / "tasks", name="swe-mini", tasks=["warmcache-refresh"])
    suite = load_suite(str(tmp_path / "tasks"))
    (spec,) = suite.specs
    task = prepare(spec, suite=suite.name)
    known = prepare(mini.spec("warmcache-refresh"))
    assert spec.licence == "Apache-2.0" and known.public.statement.strip() in task.public.statement
    changed = "src/warmcache/cache.py"
    assert changed.encode() in task.hidden.reference
    right, log = score(task, known.hidden.reference, backend=backend)
    assert right.resolved and right.metrics == {"reward": 1.0}, log
    nothing, log = score(task, b"", backend=backend)
    assert not nothing.resolved and nothing.checks == {CHECK: "failed"}, log


def new_file(path: str, text: str) -> bytes:
    lines = text.splitlines()
    head = f"diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n"
    return (head + f"@@ -0,0 +1,{len(lines)} @@\n" + "".join(f"+{x}\n" for x in lines)).encode()


def test_a_reward_is_hostile_data(tmp_path, backend):
    """What the tested code leaves in place of a reward is a verdict, whatever it is."""
    check = '[ "$SECRET" = "it\'s" ] && bash /app/answer.sh\n'
    folder = write_task(tmp_path / "tasks" / "hostile", test=check)
    facts = TOML.replace("[agent]", '[verifier.env]\nSECRET = "it\'s"\n[agent]')
    (folder / "task.toml").write_text(facts)
    suite = load_suite(str(tmp_path / "tasks" / "hostile"))
    task = prepare(suite.specs[0], suite=suite.name)
    with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
        assert b"SECRET" not in workspace.exec(["env"]).stdout  # the tests' alone
    place = "/logs/verifier/reward"
    tries = {
        f"echo nan > {place}.txt": "error",
        f"mkfifo {place}.txt": "error",
        f"ln -s /dev/zero {place}.txt": "error",
        f"yes 1 | head -c 100000 > {place}.txt": "error",
        f"mkdir {place}.json; echo 1 > {place}.txt": "error",
        "true": "error",
        f"echo 0.5 > {place}.txt": "failed",
        f'echo \'{{"reward": 1, "speed": 3}}\' > {place}.json': "passed",
    }
    for command, verdict in tries.items():
        found, log = score(task, new_file("answer.sh", command), backend=backend)
        assert found.checks == {CHECK: verdict}, (command, log)
        assert compute_reward(reported, found) == {"failed": 0.5, "passed": 1.0}.get(verdict, 0.0)
    hidden = new_file(CHECK, f"echo 1 > {place}.txt")  # the tests are the harness's
    found, log = score(task, hidden, backend=backend)
    assert not found.resolved, log


@pytest.mark.parametrize(
    ("name", "data", "value"),
    [
        ("reward.txt", b" 1\n", 1.0),
        ("reward.txt", b"-0.25", -0.25),
        ("reward.txt", b"1_0", None),
        ("reward.txt", b"inf", None),
        ("reward.txt", b"1e99", None),
        ("reward.txt", b"\xff1", None),
        ("reward.json", b"0.5", 0.5),
        ("reward.json", b'{"score": 0.5}', 0.5),
        ("reward.json", b'{"a": 1, "b": 1}', None),
        ("reward.json", b'{"reward": true}', None),
        ("reward.json", b'{"reward": NaN}', None),
        ("reward.json", b"[" * 4000, None),
    ],
)
def test_a_reward_is_one_bounded_number(name, data, value):
    if value is None:
        with pytest.raises(ValueError, match=name):
            parse_reward(name, data)
    else:
        assert parse_reward(name, data) == value


def test_what_scripts_install_is_read():
    found = read_installs(
        "apt-get update && apt-get install -y --no-install-recommends jq \\\n  git=1:2 "
        "&& rm -rf /var/lib/apt/lists/* && pip install --no-cache-dir -q 'a>=1' b[x]==2 "
        "&& echo 'c; d'",
        "it",
    )
    assert found.packages == ["jq", "git"] and found.requirements == ["a>=1", "b[x]==2"]
    assert found.others == ["echo 'c; d'"] and not found.project
    script = read_installs(TEST_SH, "it", opaque=False)
    assert script.requirements == ["pytest==8.4.1", "pytest-json-ctrf==0.3.5"]
    piped = "curl -f https://a | tar x && pip install a"
    assert read_installs(piped, "it").others == [piped]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (("environment/Dockerfile", "ubuntu:24.04", "node:20"), "image node:20.*needs Docker"),
        (("environment/Dockerfile", "names.txt .", "names.txt /etc/x"), "outside of its working"),
        (("environment/Dockerfile", "/app", "/usr/src"), "working folder is /usr/src"),
        (("environment/Dockerfile", "GREETING", "LD_PRELOAD"), "variable LD_PRELOAD"),
        (("environment/Dockerfile", "mkdir sub &&", "pip install -r x.txt &&"), "installs from -r"),
        (("environment/Dockerfile", "mkdir sub &&", "apt install nocow &&"), "nocow.*lacks"),
        (("task.toml", "build_timeout_sec", "gpus = 1\nbuild_timeout_sec"), "needs a GPU"),
        (("task.toml", "schema_v", 'artifacts = ["/var/db"]\nschema_v'), "hands over /var/db"),
        (("task.toml", "[agent]", 'env = {KEY = "${KEY}"}\n[agent]'), "KEY of your machine"),
        (("task.toml", "[agent]", 'env = {GIT_DIR = "/x"}\n[agent]'), "variable GIT_DIR"),
    ],
)
def test_what_needs_docker_is_one_sentence(tmp_path, edit, said):
    folder = write_task(tmp_path / "tasks" / "bad")
    path, old, new = edit
    text = (folder / path).read_text()
    assert old in text
    (folder / path).write_text(text.replace(old, new))
    suite = load_suite(str(tmp_path / "tasks"))
    with pytest.raises(NotAvailableError, match=said):
        choose_environment(suite.spec("bad"))


def test_a_broken_folder_is_refused(tmp_path):
    folder = write_task(tmp_path / "tasks" / "bad")
    (folder / "task.toml").write_text("[[[")
    with pytest.raises(RecordError, match="can't be read"):
        load_suite(str(tmp_path / "tasks"))
    shutil.copy(folder / "instruction.md", folder / "task.toml")
    (folder / "tests" / "test.sh").unlink()
    with pytest.raises(RecordError, match=r"has no tests/test\.sh"):
        load_suite(str(tmp_path / "tasks"))


@pytest.mark.parametrize("name", ["way", "way/inner.txt", "single.txt"])
def test_no_link_of_an_earlier_copy_leads_a_later_one_out(tmp_path, name):
    outside = tmp_path / "outside"
    outside.mkdir()
    environment = tmp_path / "environment"
    (environment / "first").mkdir(parents=True)
    (environment / "first/way").symlink_to(outside)
    (environment / "first/single.txt").symlink_to(outside / "single.txt")
    place = environment / "second" / name
    place.parent.mkdir(parents=True)
    place.write_text("written")
    base = tmp_path / "base"
    copy_files(environment, Copy(("first/",), "/app"), base, "/app")
    later = [Copy(("second/",), "/app"), Copy((f"second/{name}",), f"/app/{Path(name).parent}")]
    for step in later:
        with pytest.raises(InputError, match="which is a link"):
            copy_files(environment, step, base, "/app")
    assert list(outside.iterdir()) == []


def test_a_task_folder_is_no_way_to_other_files(tmp_path):
    folder = write_task(tmp_path / "linked")
    (folder / "instruction.md").unlink()
    (folder / "instruction.md").symlink_to("/etc/hostname")
    with pytest.raises(RecordError, match=r"instruction\.md is a link"):
        load_suite(str(tmp_path))


def test_other_back_ends_refuse_links(tmp_path):
    with pytest.raises(SandboxUnavailableError, match="/app"):
        ProcessBackend().create(Layers((tmp_path,), links=(("/app", "/testbed"),)), SandboxSpec())
