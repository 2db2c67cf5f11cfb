"""Whole runs through the command line; one file, since one played run serves many tests."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agents.models.script import Script
from agents.models.scripted import ScriptedServer
from agents.runs.atif import Trajectory
from agents.runs.journal import read_journal
from agents.runs.trajectory import last_play
from repos.environments.interpreters import minor_version
from repos.tasks.environments import python_id
from repos.tasks.suite import load_suite

ROOT = Path(__file__).parents[2]
TASKS = [spec.id for spec in load_suite("swe-mini").specs]

TIMES = ("seconds", "episode_seconds")


def command(*arguments):
    return [sys.executable, str(ROOT / "run_agent.py"), *arguments]


def environment(**extra):
    return {**os.environ, "PYTHONPATH": str(ROOT), **extra}


def run(*arguments, cwd, status=0):
    done = subprocess.run(
        command(*arguments), cwd=cwd, env=environment(), capture_output=True, text=True, timeout=240
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def summary_of(out):
    return json.loads((out / "summary.json").read_text())


def without_times(summary):
    kept = {key: value for key, value in summary.items() if key not in TIMES}
    kept["episodes"] = [
        {key: value for key, value in episode.items() if key != "seconds"}
        for episode in summary["episodes"]
    ]
    return kept


def episodes(out):
    return sorted(path.parent for path in out.glob("episodes/*/*/record.json"))


@pytest.fixture(scope="module")
def oracle(tmp_path_factory):
    """A finished run of the oracle over the whole suite."""
    cwd = tmp_path_factory.mktemp("oracle")
    text = run("--env", "swe-mini", "--agent", "oracle", "--workers", "2", cwd=cwd)
    (folder,) = (cwd / "runs").iterdir()
    return cwd, folder, text


def test_oracle_resolves_everything(oracle):
    _, folder, text = oracle
    summary = summary_of(folder)
    n = len(TASKS)
    assert (summary["n"], summary["resolved"], summary["rate"]) == (n, n, 1.0)
    assert summary["false_resolved"] == 0
    assert summary["complete"] is True
    assert summary["privileged"] is True
    assert summary["ends"] == {"submitted": n}
    assert summary["interval"][1] == 1.0
    assert f"resolved {n} of {n}" in text
    assert "assist: none" in text
    assert "the agent saw the reference patch" in text
    assert "sandbox: " in text  # which one was picked, and why


def test_every_episode_leaves_its_files(oracle):
    _, folder, _ = oracle
    folders = episodes(folder)
    assert len(folders) == len(TASKS)
    suite = load_suite("swe-mini")
    for place in folders:
        Trajectory.model_validate_json((place / "trajectory.json").read_text())
        score = json.loads((place / "score.json").read_text())
        spec = suite.spec(score["task"])
        expected = spec.expected[python_id(minor_version())]
        assert set(score["checks"]) == {*expected.fail_to_pass, *expected.pass_to_pass}
        assert score["resolved"] is True and score["assist"] == "none"
        assert (place / "patch.diff").read_bytes().startswith(b"diff --git ")
        assert (place / "scoring.log").stat().st_size > 0
        assert not (place / "failure.json").exists()


def test_predictions_hold_every_patch_in_the_suites_order(oracle):
    _, folder, _ = oracle
    lines = [json.loads(line) for line in (folder / "predictions.jsonl").open()]
    assert [line["instance_id"] for line in lines] == TASKS
    assert all(line["model_name_or_path"] == "oracle" for line in lines)
    assert all(line["model_patch"].startswith("diff --git ") for line in lines)


def test_a_finished_run_is_only_read(oracle):
    cwd, folder, _ = oracle
    before = {p: p.stat().st_mtime_ns for p in folder.glob("episodes/*/*/*")}
    old = summary_of(folder)
    arguments = ["--env", "swe-mini", "--agent", "oracle", "--out", str(folder)]
    text = run(*arguments, "--workers", "1", cwd=cwd)
    assert "Going on in" in text
    assert {p: p.stat().st_mtime_ns for p in folder.glob("episodes/*/*/*")} == before
    assert without_times(summary_of(folder)) == without_times(old)


def test_another_command_in_the_folder_is_refused(oracle):
    cwd, folder, _ = oracle
    done = subprocess.run(
        command("--env", "swe-mini", "--agent", "noop", "--out", str(folder)),
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2
    assert "agent oracle instead of noop" in done.stderr


def test_noop_resolves_nothing(tmp_path):
    text = run(
        *["--env", "repogym/swe-mini-v1", "--agent", "noop", "--workers", "2"],
        *["--out", "run", "--json"],
        cwd=tmp_path,
    )
    summary = json.loads(text)
    assert (summary["n"], summary["resolved"]) == (len(TASKS), 0)
    assert summary == summary_of(tmp_path / "run")
    for place in episodes(tmp_path / "run"):
        assert (place / "patch.diff").read_bytes() == b""


def traces(out):
    """Everything that workers could change: verdicts, patches, and what the agent saw."""
    found = {}
    for place in episodes(out):
        steps = [
            (e["name"], e["arguments"], e["observation"])
            for e in last_play(read_journal(place / "episode.jsonl"))
            if e["kind"] == "step"
        ]
        score = json.loads((place / "score.json").read_text())
        found[place.relative_to(out)] = (steps, score, (place / "patch.diff").read_bytes())
    return found


def test_workers_change_nothing(tmp_path):
    arguments = ["--env", "swe-mini", "--agent", "random", "--max-steps", "8", "--limit", "2"]
    arguments += ["--samples", "2", "--seed", "7"]
    run(*arguments, "--workers", "1", "--out", "one", cwd=tmp_path)
    run(*arguments, "--workers", "4", "--out", "four", cwd=tmp_path)
    one, four = traces(tmp_path / "one"), traces(tmp_path / "four")
    assert len(one) == 4
    assert one == four
    steps = {repr(steps) for steps, _, _ in one.values()}
    assert len(steps) == 4, "each sample of each task plays its own episode"
    assert without_times(summary_of(tmp_path / "one")) == without_times(
        summary_of(tmp_path / "four")
    )


OWN_AGENT = """
from envs.episode import ToolCall

class Reader:
    def __init__(self, path="README.md"):
        self.path = path
    def act(self, observation):
        if observation["step"] == 0:
            return {"name": "view", "arguments": {"path": self.path}}
        return ToolCall("submit")

class Broken:
    def run(self, episode):
        episode.step(ToolCall("bash", '{"command": "echo x > NEW.txt"}'))
        raise ZeroDivisionError("my own fault")

class Exits:
    def run(self, episode):
        raise SystemExit(4)

class Leaver:
    def run(self, episode):
        pass
"""


def test_an_agent_of_ones_own_runs_by_its_dotted_path(tmp_path):
    (tmp_path / "mine.py").write_text(OWN_AGENT)
    arguments = ["--env", "swe-mini", "--limit", "1", "--agent"]
    run(*arguments, "mine:Reader", "--agent-arg", "path=README.md", "--out", "a", cwd=tmp_path)
    (place,) = episodes(tmp_path / "a")
    trajectory = Trajectory.model_validate_json((place / "trajectory.json").read_text())
    viewed = trajectory.steps[1].observation
    assert viewed is not None and viewed.results[0].content
    run(*arguments, "mine:Leaver", "--out", "b", cwd=tmp_path)
    assert summary_of(tmp_path / "b")["ends"] == {"returned": 1}


def test_an_agent_that_raises_is_scored_as_it_stands(tmp_path):
    (tmp_path / "mine.py").write_text(OWN_AGENT)
    arguments = ["--env", "swe-mini", "--limit", "1", "--agent", "mine:Broken", "--out", "a"]
    text = run(*arguments, cwd=tmp_path)
    summary = summary_of(tmp_path / "a")
    assert (summary["n"], summary["agent_errors"]) == (1, 1)
    assert summary["ends"] == {"agent_error": 1}
    assert summary["episodes"][0]["agent_error"] == "ZeroDivisionError: my own fault"
    assert "agent errors 1" in text
    (place,) = episodes(tmp_path / "a")
    assert b"NEW.txt" in (place / "patch.diff").read_bytes()


def test_an_agent_that_exits_ends_its_episode_and_not_the_worker(tmp_path):
    (tmp_path / "mine.py").write_text(OWN_AGENT)
    arguments = ["--env", "swe-mini", "--limit", "1", "--agent", "mine:Exits", "--out", "a"]
    run(*arguments, cwd=tmp_path)
    assert summary_of(tmp_path / "a")["episodes"][0]["agent_error"] == "SystemExit: 4"


def bash(text):
    return {"tool_calls": [{"name": "bash", "arguments": {"command": text}}]}


SCRIPT = Script.model_validate(
    [
        bash("ls"),
        bash("echo one > one.txt"),
        bash("sleep 1; cat one.txt"),
        bash("echo two > two.txt"),
        {"content": "Done.", "tool_calls": [{"name": "submit"}]},
    ]
)


def played(out):
    return [
        event
        for path in out.glob("episodes/*/*/episode.jsonl")
        for event in read_journal(path)
        if event["kind"] == "step"
    ]


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def children(pid):
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if parent == pid:
            found.append(int(path.parent.name))
    return found


def wait_for(condition, seconds=90.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def scripted(server, out, workers="1"):
    return [
        *["--env", "swe-mini", "--agent", "react", "--model", "openai/scripted"],
        *["--api-base", server, "--model-arg", "api_key=x", "--price", "1000,1000"],
        *["--budget", "100", "--workers", workers, "--limit", "3", "--out", str(out)],
    ]


def test_kill_9_and_the_same_command_end_as_if_nothing_had_happened(tmp_path):
    with ScriptedServer(SCRIPT) as server:
        arguments = scripted(server.api_base, "whole")
        run(*arguments, cwd=tmp_path)
        whole = summary_of(tmp_path / "whole")
        asked = len(server.requests)
        assert asked == 15

        out = tmp_path / "killed"
        process = subprocess.Popen(
            command(*scripted(server.api_base, "killed", workers="2")),
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(lambda: len(played(out)) >= 3)
        workers = children(process.pid)
        assert workers
        process.kill()
        process.wait()
        wait_for(lambda: not any(alive(pid) for pid in workers), 10)
        assert not (out / "summary.json").exists()
        first = len(server.requests) - asked
        assert 3 <= first < 15
        run(*scripted(server.api_base, "killed"), cwd=tmp_path)
        again = len(server.requests) - asked - first
    killed = summary_of(out)
    assert without_times(killed) == without_times(whole)
    assert traces(out) == traces(tmp_path / "whole")
    # A reply that was on its way to a dying worker is lost; nothing else is asked twice.
    assert 15 <= first + again <= 15 + len(workers)
    reused = sum(
        json.loads((place / "record.json").read_text())["use"]["reused"] for place in episodes(out)
    )
    assert reused >= 2
    resumed = {
        json.loads((place / "record.json").read_text())["resumed"] for place in episodes(out)
    }
    assert "turn" in resumed
    assert resumed <= {"", "turn", "start"}
    for place in episodes(out):
        Trajectory.model_validate_json((place / "trajectory.json").read_text())


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a small disk, which root may")
def test_a_full_disk_is_one_sentence_and_the_same_command_goes_on(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    arguments = command("--env", "swe-mini", "--agent", "noop", "--limit", "2", "--out")
    mounted = f"mount -t tmpfs -o size=24k tmpfs {small} && exec {shlex.join(arguments)} {small}/a"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", mounted],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    if "mount:" in done.stderr or "unshare:" in done.stderr:
        assert not os.environ.get("CI"), done.stderr
        pytest.skip(done.stderr)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "can't be written (No space left on device): make room" in done.stderr
    assert "Traceback" not in done.stderr


SLEEPER = """
from envs.episode import ToolCall

class Sleeper:
    def run(self, episode):
        for number in range(3):
            episode.step(ToolCall("bash", '{"command": "sleep 0.5; echo x >> x.txt"}'))
        episode.step(ToolCall("submit"))
"""


def test_ctrl_c_keeps_what_is_finished_and_says_how_to_go_on(tmp_path):
    (tmp_path / "mine.py").write_text(SLEEPER)
    arguments = ["--env", "swe-mini", "--agent", "mine:Sleeper", "--limit", "2", "--workers", "1"]
    process = subprocess.Popen(
        command(*arguments),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # A shell that runs the tests in the background has Ctrl-C ignored, also by children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    out = tmp_path / "runs" / "swe-mini-mine-Sleeper-1"
    wait_for(lambda: len(played(out)) >= 6)
    os.killpg(process.pid, signal.SIGINT)
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 130, text
    assert "the same command goes on" in text
    assert "Traceback" not in text
    summary = summary_of(out)
    assert (summary["complete"], summary["n"], summary["not_played"]) == (False, 1, 1)
    text = run(*arguments, cwd=tmp_path)
    assert "Going on in runs/swe-mini-mine-Sleeper-1" in text
    assert summary_of(out)["n"] == 2
    for place in episodes(out):
        assert (place / "patch.diff").read_text().count("+x") == 3


def test_a_killed_worker_costs_one_try_and_not_the_run(tmp_path):
    (tmp_path / "mine.py").write_text(SLEEPER)
    process = subprocess.Popen(
        command(
            *["--env", "swe-mini", "--agent", "mine:Sleeper", "--limit", "1", "--workers", "1"],
            *["--out", "run"],
        ),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    out = tmp_path / "run"
    wait_for(lambda: len(played(out)) >= 1)
    for pid in children(process.pid):
        if b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
    text, _ = process.communicate(timeout=120)
    assert process.returncode == 0, text
    assert "trying again: the worker process died (killed by SIGKILL)" in text
    assert summary_of(out)["n"] == 1


def test_the_budget_ends_episodes_and_a_higher_one_goes_on(tmp_path):
    with ScriptedServer(SCRIPT) as server:
        arguments = [*scripted(server.api_base, "run"), "--task", TASKS[0]]
        where = arguments.index("--budget") + 1
        arguments[where] = "0.000001"
        text = run(*arguments, cwd=tmp_path)
        summary = summary_of(tmp_path / "run")
        assert summary["ends"] == {"cost": 1} and summary["complete"] is True
        assert summary["cost_usd"] <= 0.000001
        assert "ended by the budget 1" in text
        assert server.requests == []
        arguments[where] = "100"
        run(*arguments, cwd=tmp_path)
    summary = summary_of(tmp_path / "run")
    assert summary["ends"] == {"submitted": 1}
    assert 0 < summary["cost_usd"] <= 100


def test_a_provider_that_never_answers_is_no_score(tmp_path):
    arguments = [
        *["--env", "swe-mini", "--agent", "react", "--model", "openai/scripted"],
        *["--api-base", "http://127.0.0.1:9/v1", "--model-arg", "api_key=x"],
        *["--model-arg", "retries=0", "--price", "0,0", "--limit", "1", "--out", "run"],
    ]
    text = run(*arguments, cwd=tmp_path, status=3)
    summary = summary_of(tmp_path / "run")
    assert (summary["n"], summary["infrastructure_errors"]) == (0, 1)
    assert summary["complete"] is False
    assert text.count("trying again") == 2
    assert "without a verdict" in text
    assert list((tmp_path / "run").glob("episodes/*/0/failure.json"))
    assert not list((tmp_path / "run").glob("episodes/*/0/score.json"))
