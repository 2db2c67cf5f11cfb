"""Episodes as trainers play them: what is never lost, and what is never left open."""

import threading
import time

import pytest

from agents.training.player import OVER, Player
from agents.training.sessions import Sessions
from repos.errors import InputError
from repos.sandbox.workspace import Workspace

TASK = "swe-mini/warmcache-refresh"


@pytest.fixture
def player():
    made = Player("swe-mini", tools=["bash", "submit"])
    yield made
    made.close()


def test_after_the_end_nothing_happens(player):
    assert "warmcache" in player.start(TASK, seed=1)
    assert player.verdict is None
    assert not player.call("bash", {"command": "true"}).error
    player.call("submit")
    verdict = player.verdict
    assert (verdict.task, verdict.end, verdict.steps) == (TASK, "submitted", 2)
    assert not verdict.mask_sample and not verdict.truncated
    assert player.call("bash", {"command": "true"}).text == OVER
    assert player.verdict == verdict


@pytest.mark.parametrize(
    ("task", "seed", "words"),
    [
        (["x"], 1, "is no text"),
        (TASK, "1", "seed '1'"),
        (TASK, -5, "seed -5"),
        (TASK, True, "seed"),
    ],
)
def test_values_of_another_type_are_one_sentence(player, task, seed, words):
    with pytest.raises(InputError, match=words):
        player.start(task, seed)


def test_what_the_trainer_ends_is_scored_as_truncated(player):
    player.start(TASK)
    verdict = player.finish()
    assert (verdict.end, verdict.truncated, verdict.mask_sample) == ("trainer", True, False)


def test_a_lost_sandbox_is_no_score_of_0(player):
    player.start(TASK)
    assert isinstance(player._episode.environment._state.workspace, Workspace)
    player._episode.environment._state.workspace.close()
    player.call("bash", {"command": "true"})
    player.finish()
    verdict = player.verdict
    assert verdict.mask_sample and verdict.failure_kind == "infrastructure"
    assert verdict.error
    player.start(TASK)
    assert player.verdict is None, "the next episode has a sandbox of its own"
    assert not player.call("bash", {"command": "true"}).error


def test_an_episode_that_is_closed_was_abandoned(player):
    player.start(TASK)
    player.close()
    assert player.verdict.mask_sample and player.verdict.failure_kind == "abandoned"


def failing(score):
    return 1 / 0 if score.checks.get("test_a") is None else 0.0


def test_a_reward_that_fails_is_masked():
    player = Player("swe-mini", reward=failing)
    try:
        player.start(TASK)
        player.call("submit")
        assert player.verdict.failure_kind == "agent_error"
        assert "ZeroDivisionError" in player.verdict.error
    finally:
        player.close()


def test_sessions_are_bounded_and_idle_ones_are_closed():
    sessions = Sessions(lambda: Player("swe-mini"), most=1, idle_seconds=0.3)
    try:
        token, _ = sessions.open(TASK)
        with pytest.raises(InputError, match="1 of 1 episodes are open"):
            sessions.open(TASK)
        slow = threading.Thread(
            target=sessions.call, args=(token, "bash", '{"command": "sleep 2"}')
        )
        slow.start()
        time.sleep(1.0)
        assert sessions.known(token), "a running call keeps its session"
        slow.join()
        deadline = time.monotonic() + 60
        while sessions.known(token) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert sessions.call(token, "bash", '{"command": "true"}').text == OVER
        while sessions.verdict(token) is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert sessions.verdict(token).failure_kind == "abandoned"
    finally:
        sessions.close_all()
    assert len(sessions) == 0
