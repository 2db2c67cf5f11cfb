"""Episodes over the real OpenEnv: its server, its client.

OpenEnv wants an older mcp than our pins, so it has an environment of its own: see
docs/trainers.md.
"""

import json
import os
import threading
import time
from pathlib import Path

import pytest

if "REPOGYM_TEST_OPENENV" not in os.environ:
    pytest.skip("needs REPOGYM_TEST_OPENENV=1 and openenv", allow_module_level=True)

import uvicorn

from agents.training.adapters.openenv import RepoGymClient, ToolAction, create_server
from repos.errors import InputError

ROOT = Path(__file__).parents[4]
PATCH = (ROOT / "repos/data/bundled/swe_mini/warmcache-refresh/reference.patch").read_text()
TASK = "swe-mini/warmcache-refresh"


class Running:
    """A server in a thread."""

    def __init__(self, **options):
        self.app = create_server("swe-mini", tools=["bash", "submit"], **options)
        self.sessions = self.app.state.sessions
        config = uvicorn.Config(self.app, port=0, log_level="error")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        while not self.server.started:
            time.sleep(0.02)
        return self

    def __exit__(self, *_):
        self.server.should_exit = True
        self.thread.join()

    def client(self):
        port = self.server.servers[0].sockets[0].getsockname()[1]
        return RepoGymClient(base_url=f"http://127.0.0.1:{port}").sync()


def call(env, name, **arguments):
    return env.step(ToolAction(name=name, arguments=json.dumps(arguments)))


def gone(sessions, seconds=20.0):
    """Whether all sessions end within some time."""
    ends = time.monotonic() + seconds
    while len(sessions) and time.monotonic() < ends:
        time.sleep(0.05)
    return len(sessions) == 0


def test_two_clients_play_their_own_episodes():
    with Running(most=2) as server:
        with server.client() as good, server.client() as bad:
            first = good.reset(seed=3, task=TASK)
            assert "warmcache" in first.observation.text and first.reward is None
            assert {t["function"]["name"] for t in first.observation.tools} == {"bash", "submit"}
            assert bad.reset(seed=3, task=TASK).observation.text == first.observation.text
            call(good, "bash", command=f"git apply <<'END'\n{PATCH}END\n")
            assert (
                "cache.py" not in call(bad, "bash", command="git status --short").observation.text
            )
            wrong = call(bad, "bash", wrong=1)
            assert wrong.observation.error and not wrong.done
            with server.client() as third, pytest.raises(Exception, match=r"[Cc]apacity|sessions"):
                third.reset(task=TASK)
            last = call(good, "submit")
            assert (last.done, last.reward) == (True, 1.0)
            assert last.observation.verdict["resolved"] and not last.observation.truncated
            again = call(good, "bash", command="true")
            assert again.observation.error and again.done and again.reward == 1.0
            assert good.state().open is False and good.state().step_count == 2
            assert bad.state().open is True
        assert gone(server.sessions)


def test_a_bound_truncates_and_a_wrong_task_is_a_sentence():
    with Running(max_steps=1) as server, server.client() as env:
        refused = env.reset(task="no-such-task")
        assert refused.done and "no-such-task" in refused.observation.text
        env.reset(task=TASK)
        last = call(env, "bash", command="true")
        assert last.done and last.observation.truncated
        assert last.observation.verdict["end"] == "steps"


def test_an_idle_episode_is_closed_and_masked():
    with Running(idle_seconds=0.5) as server, server.client() as env:
        env.reset(task=TASK)
        assert gone(server.sessions)
        late = call(env, "bash", command="true")
        assert late.done and late.observation.mask_sample
        assert late.observation.failure_kind == "abandoned"


def test_a_failed_sandbox_is_masked():
    with Running() as server, server.client() as env:
        env.reset(task=TASK)
        (session,) = server.sessions._open.values()
        session.player._episode.environment._state.workspace.close()
        last = call(env, "bash", command="true")
        assert last.done and last.observation.failure_kind == "infrastructure"


def test_nothing_stays_when_the_server_ends():
    with Running() as server:
        env = server.client()
        env.__enter__()
        env.reset(task=TASK)
        assert len(server.sessions) == 1
    assert len(server.sessions) == 0
    with pytest.raises(InputError, match="At least one"):
        create_server("swe-mini", most=0)
