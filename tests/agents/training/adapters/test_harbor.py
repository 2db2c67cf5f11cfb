"""Harbor's own program on exported and foreign tasks, in RepoGym's sandbox.

Harbor needs Python 3.12 and other packages than our pins, so it has an environment of its own:
see docs/trainers.md.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

if "REPOGYM_TEST_HARBOR" not in os.environ:
    pytest.skip("needs REPOGYM_TEST_HARBOR=1 and harbor", allow_module_level=True)

from harbor.environments.base import SandboxBuildFailedError
from harbor.models.task.config import EnvironmentConfig, NetworkMode, NetworkPolicy
from harbor.models.trial.paths import TrialPaths

from agents.training.adapters.harbor import SandboxEnvironment, exported_task
from agents.training.harbor_tasks import export_tasks
from repos.cache import SCRATCH, cache_root
from repos.errors import InputError
from repos.tasks.suite import load_suite

ROOT = Path(__file__).parents[4]
ADAPTER = "agents.training.adapters.harbor"
DOCKERFILE = """\
FROM ubuntu:24.04
ARG WHERE=/app
WORKDIR $WHERE
ENV GREETING="hello there"
COPY data/ ./
COPY data/numbers.txt /srv/copy.txt
RUN mkdir -p made && \\
    echo "$GREETING" > made/greeting
"""
TEST = """\
[ "$(cat /app/out.txt)" = 6 ] && [ "$(cat /app/made/greeting)" = "hello there" ] \\
    && [ -f /srv/copy.txt ] && [ "$GREETING" = "hello there" ]
echo $((1 - $?)) > /logs/verifier/reward.txt
"""


@pytest.fixture
def tasks(tmp_path):
    """A folder with a task of ours and one of somebody else's."""
    folder = tmp_path / "tasks"
    made = export_tasks(
        load_suite("swe-mini"), folder, name="swe-mini", tasks=["warmcache-refresh"]
    )
    assert [one.name for one in made.folders] == ["warmcache-refresh"]
    foreign = folder / "hello"
    for name in ("environment/data", "tests", "solution"):
        (foreign / name).mkdir(parents=True)
    (foreign / "instruction.md").write_text("Write the sum of numbers.txt to /app/out.txt.\n")
    (foreign / "environment/Dockerfile").write_text(DOCKERFILE)
    (foreign / "environment/data/numbers.txt").write_text("1\n2\n3\n")
    (foreign / "task.toml").write_text(
        'schema_version = "1.4"\n[task]\nname = "mine/hello"\n'
        '[environment]\nnetwork_mode = "no-network"\n'
    )
    (foreign / "tests/test.sh").write_text(TEST)
    (foreign / "solution/solve.sh").write_text(
        "awk '{s+=$1} END {print s}' numbers.txt > out.txt\n"
    )
    return folder


def run(tmp_path, folder, agent, *options):
    """Run Harbor as a user would and return its verdicts by task."""
    command = [
        str(Path(sys.executable).with_name("harbor")), "run", "-p", str(folder), "-a", agent,
        *("--env", f"{ADAPTER}:SandboxEnvironment", "-o", str(tmp_path / agent), *options),
    ]  # fmt: skip
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    results = [json.loads(p.read_text()) for p in (tmp_path / agent).glob("*/*/result.json")]
    return {one["task_name"].split("/")[-1]: one for one in results}


def test_the_reference_is_rewarded_by_the_tasks_own_checks(tasks, tmp_path):
    results = run(tmp_path, tasks, "oracle")
    assert {name: one["exception_info"] for name, one in results.items()} == {
        "warmcache-refresh": None,
        "hello": None,
    }
    assert results["warmcache-refresh"]["verifier_result"]["rewards"]["reward"] == 1.0
    assert results["hello"]["verifier_result"]["rewards"]["reward"] == 1.0


@pytest.mark.parametrize(("agent", "reward"), [("oracle", 1.0), ("nop", 0.0)])
def test_our_scorer_as_the_verifier(tasks, tmp_path, agent, reward):
    results = run(
        tmp_path, tasks / "warmcache-refresh", agent, "--verifier", f"{ADAPTER}:ScoringVerifier"
    )
    rewards = results["warmcache-refresh"]["verifier_result"]["rewards"]
    assert (rewards["reward"], rewards["tampered"]) == (reward, 0.0)


def environment(tmp_path, folder, **options):
    paths = TrialPaths(tmp_path / "trial")
    return SandboxEnvironment(
        environment_dir=folder / "environment",
        environment_name="one",
        session_id="one",
        trial_paths=paths,
        task_env_config=EnvironmentConfig(network_mode=NetworkMode.NO_NETWORK),
        network_policy=NetworkPolicy(network_mode=NetworkMode.NO_NETWORK),
        **options,
    )


async def use(one, tmp_path):
    await one.start(force_build=False)
    try:
        began = time.monotonic()
        slow = await one.exec("sleep 60", timeout_sec=1)
        assert slow.return_code == 124 and "bound on time" in slow.stderr
        assert time.monotonic() - began < 30
        net = await one.exec("cat /proc/net/route | wc -l; ls /tests /solution; pwd")
        assert net.stdout.split() == ["1", "/solution:", "/tests:", "/app"]
        (tmp_path / "up/deep").mkdir(parents=True)
        (tmp_path / "up/deep/a").write_text("a")
        await one.upload_dir(tmp_path / "up", "/app/up")
        await one.exec("ln -s /etc/passwd /app/up/link; echo b >> /app/up/deep/a; mkfifo up/pipe")
        with pytest.raises(Exception, match="link"):
            await one.download_dir("/app/up", tmp_path / "bad")
        await one.exec("rm /app/up/link")
        await one.download_dir("/app/up", tmp_path / "down")
        assert (tmp_path / "down/deep/a").read_text() == "ab\n"
        await one.exec("setsid sleep 300 &")
    finally:
        await one.stop(delete=True)


def test_bounds_files_and_leaving_nothing_behind(tasks, tmp_path):
    import asyncio

    asyncio.run(use(environment(tmp_path, tasks / "hello"), tmp_path))
    left = (cache_root() / SCRATCH).glob("*")
    assert not [path for path in left if path.name.startswith("harbor")]


def test_what_can_not_be_followed_is_said(tasks, tmp_path):
    import asyncio

    dockerfile = tasks / "hello/environment/Dockerfile"
    dockerfile.write_text("FROM a AS b\nFROM c\n")
    with pytest.raises(InputError, match="several stages"):
        environment(tmp_path, tasks / "hello")
    dockerfile.write_text("FROM a\nRUN touch /usr/new\n")
    one = environment(tmp_path, tasks / "hello")
    with pytest.raises(SandboxBuildFailedError, match="touch /usr/new"):
        asyncio.run(one.start(force_build=False))
    asyncio.run(one.stop(delete=True))
    origin = tasks / "warmcache-refresh/environment/repogym.json"
    facts = json.loads(origin.read_text())
    origin.write_text(json.dumps(facts | {"digest": "0"}))
    with pytest.raises(InputError, match="export it again"):
        exported_task(origin)
