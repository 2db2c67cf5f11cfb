"""`scoring="async"`: episodes end at once, and their verdicts come later, each once, in order."""

import gymnasium
import pytest

import envs as house
from envs.registration import register_all
from repos.errors import InputError

register_all()
SUBMIT = {"name": "submit", "arguments": "{}"}
TASK = "swe-mini/warmcache-refresh"


def make(**options):
    settings = {"task": TASK, "privileged": True, "scoring": "async", **options}
    return gymnasium.make("repogym/swe-mini-v1", disable_env_checker=True, **settings)


@pytest.fixture
def env():
    made = make()
    yield made
    made.close()


def play(env, fixed):
    env.reset(seed=0)
    if fixed:
        env.unwrapped.apply_reference()
    return env.step(SUBMIT)


def test_the_last_step_does_not_wait_and_the_results_come_in_order(env):
    for fixed in (True, False, True):
        _, reward, terminated, truncated, info = play(env, fixed)
        assert (reward, terminated, truncated) == (0.0, True, False)
        assert info["score_pending"] is True
        assert info["scored"] is False
        assert info["end"] == "submitted"
    first = env.unwrapped.result()
    rest = env.unwrapped.results()
    found = [first, *rest]
    assert [r.reward for r in found] == [1.0, 0.0, 1.0]
    assert [r.outcome.score.resolved for r in found] == [True, False, True]
    assert [r.episode for r in found] == [0, 1, 2]
    assert {r.task for r in found} == {TASK}
    assert env.unwrapped.results() == []
    with pytest.raises(InputError, match="No result is pending"):
        env.unwrapped.result()


def test_a_verdict_is_the_same_as_when_the_step_waits(env):
    play(env, True)
    later = env.unwrapped.result()
    waiting = make(scoring="full")
    _, reward, _, _, info = play(waiting, True)
    assert (later.reward, later.outcome.score) == (reward, waiting.unwrapped.score)
    assert info["score_pending"] is False
    assert info["scored"] is True
    waiting.close()


def test_a_vector_environment_that_resets_by_itself_keeps_its_results():
    vector = gymnasium.vector.SyncVectorEnv([make, make])
    vector.reset(seed=0)
    for _ in range(3):  # the second step is the reset of both
        *_, infos = vector.step((SUBMIT, SUBMIT))
    assert list(infos["score_pending"]) == [True, True]
    results = [env.unwrapped.results() for env in vector.envs]
    assert [[r.episode for r in each] for each in results] == [[0, 1], [0, 1]]
    assert all(r.outcome.score is not None for each in results for r in each)
    vector.close()


def test_a_verdict_comes_though_the_environment_was_closed():
    env = make()
    play(env, True)
    env.close()
    assert env.unwrapped.result().reward == 1.0


def test_a_fork_has_results_of_its_own(env):
    env.reset(seed=0)
    twin = house.fork(env)
    twin.step(SUBMIT)
    assert len(twin.unwrapped.results()) == 1
    assert env.unwrapped.results() == []
    twin.close()


def test_an_unknown_way_of_scoring_is_refused():
    with pytest.raises(InputError, match="use full, async or fast"):
        make(scoring="later")


def test_a_reward_function_that_fails_is_told_with_the_result(env):
    from repos.errors import AgentError

    def broken(score):
        raise RuntimeError("no reward")

    bad = make(reward=broken)
    play(bad, False)
    with pytest.raises(AgentError, match="no reward"):
        bad.unwrapped.result()
    assert bad.unwrapped.results() == []
    bad.close()
