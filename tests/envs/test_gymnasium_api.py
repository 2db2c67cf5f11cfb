"""Gymnasium's API as people use it: vectors, wrappers, limits, odd actions and options."""

import itertools
import json

import gymnasium
import pytest
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import (
    OrderEnforcing,
    PassiveEnvChecker,
    RecordEpisodeStatistics,
    TimeLimit,
    TransformReward,
)

from envs.env import MAX_TEXT, RepoEnv
from envs.registration import register_all
from repos.errors import RepoGymError

register_all()
TASK = "swe-mini/warmcache-refresh"


def call(name, **arguments):
    return {"name": name, "arguments": json.dumps(arguments)}


def make(**kwargs):
    return RepoEnv(**{"suite": "swe-mini", "task": TASK, **kwargs})


def wrap():
    env = OrderEnforcing(PassiveEnvChecker(make()))
    env = RecordEpisodeStatistics(TimeLimit(env, 5))
    return TransformReward(env, lambda reward: reward + 1)


def vector_of(kind, maker, count, mode):
    if kind == "sync":
        return SyncVectorEnv([maker] * count, autoreset_mode=mode)
    return AsyncVectorEnv(
        [maker] * count, shared_memory=False, context="spawn", autoreset_mode=mode
    )


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize(("kind", "maker", "count"), [("sync", make, 2), ("async", wrap, 2)])
def test_episodes_of_a_vector_end_in_any_order(kind, maker, count, mode):
    for order in itertools.permutations(range(count)):
        # A vector for each: with shared_memory=False, Gymnasium 1.4's AsyncVectorEnv resets an
        # ended environment once more at the first step after an explicit reset.
        vector = vector_of(kind, maker, count, mode)
        try:
            vector.reset(seed=1)
            for ending in order:
                actions = tuple(
                    call("submit") if i == ending else call("git_diff") for i in range(count)
                )
                _, _, ended, truncated, infos = vector.step(actions)
                assert [i for i in range(count) if ended[i]] == [ending]
                assert not truncated.any()
                last = infos["final_info"] if mode == AutoresetMode.SAME_STEP else infos
                assert last["end"][ending] == "submitted"
                assert last["scored"][ending] and last["score_applied"][ending]
                if mode == AutoresetMode.DISABLED:
                    vector.reset(options={"reset_mask": ended})
        finally:
            vector.close(terminate=True)


@pytest.mark.parametrize(
    ("kind", "count"), [*(("sync", count) for count in range(3, 9)), ("async", 8)]
)
def test_environments_of_which_the_last_ends_first(kind, count):
    vector = vector_of(kind, make, count, AutoresetMode.NEXT_STEP)
    rest = count - 1
    try:
        _, first = vector.reset(seed=1)
        *_, ended, _, infos = vector.step((*[call("git_diff")] * rest, call("submit")))
        assert ended.tolist() == infos["scored"].tolist() == [False] * rest + [True]
        assert infos["end"].tolist() == [""] * rest + ["submitted"]
        for key in first:
            assert infos[key].dtype == first[key].dtype
    finally:
        vector.close(terminate=True)


def test_infos_keep_their_keys_and_types():
    env = make(max_steps=2)
    _, first = env.reset()
    infos = [env.step(call(name))[4] for name in ("git_diff", "submit")]
    kinds = {key: type(value) for key, value in first.items()}
    assert all({key: type(value) for key, value in info.items()} == kinds for info in infos)
    assert set(kinds.values()) == {str, int, float, bool}
    env.close()


@pytest.mark.parametrize("way", ["wrapper", "make"])
def test_gymnasiums_step_limit_ends_an_episode_scored(way):
    if way == "make":
        env = gymnasium.make("repogym/swe-mini-v1", task=TASK, max_episode_steps=2, privileged=True)
    else:
        env = TimeLimit(make(privileged=True), 2)
    for _ in range(2):
        env.reset(seed=0)
        assert env.unwrapped.budget.steps == 2
        env.unwrapped.apply_reference()
        assert env.step(call("git_diff"))[3] is False
        _, reward, terminated, truncated, info = env.step(call("git_diff"))
        assert (reward, terminated, truncated) == (1.0, False, True)
        assert (info["end"], info["scored"]) == ("steps", True)
    # Without its wrapper an environment has its own limit again.
    env.unwrapped.reset(seed=0)
    assert env.unwrapped.budget.steps == 100
    env.close()


def test_unknown_options_of_reset_and_make_are_refused_at_once():
    env = make()
    with pytest.raises(RepoGymError, match=r"reset option 'tsk'.*'task'"):
        env.reset(options={"tsk": TASK})
    env.close()
    with pytest.raises(RepoGymError, match=r"argument of make 'max_step'.*'max_steps'"):
        gymnasium.make("repogym/swe-mini-v1", max_step=3)


@pytest.mark.parametrize(
    "action",
    [
        {"name": "bash", "arguments": " " * (MAX_TEXT + 1)},
        {"name": "x" * (MAX_TEXT + 1), "arguments": "{}"},
        {"name": "bash", "arguments": '{"command": "\\ud800"}'},
        {"name": "bash", "arguments": '{"command": "\ud800"}'},
        {"name": "\udc80", "arguments": "{}"},
    ],
    ids=["long", "long name", "escaped surrogate", "surrogate", "surrogate name"],
)
def test_odd_calls_are_answered_by_an_observation(action):
    env = make(render_mode="ansi")
    env.reset()
    observation, reward, terminated, truncated, _ = env.step(action)
    assert (observation["error"], observation["step"], reward) == (1, 1, 0.0)
    assert not (terminated or truncated)
    json.dumps(observation, ensure_ascii=False).encode()
    assert env.observation_space.contains(observation)
    assert env.step(call("bash", command="echo on"))[0]["text"].startswith("on")
    env.close()
