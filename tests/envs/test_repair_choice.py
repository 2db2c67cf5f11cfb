"""The environment in plain spaces, on real tasks with real executions."""

import hashlib

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import repogym  # noqa: F401 - registers the environments
from envs.repair_choice import RepairChoiceEnv
from repos.errors import InputError
from repos.tasks.suite import load_suite
from tools.repair.choices import GENERATOR
from tools.repair.features import FEATURES, STATE
from tools.repair.store import TrialStore

TASK = "swe-mini/linkwise-segments"
RIGHT = 5
"""The candidate that repairs it; the generator is frozen."""

FROZEN = {
    "repair-templates-1": {
        "swe-mini/gridtext-wide": "c2ee3a327cc21489",
        "swe-mini/linkwise-segments": "d1f2925d99d1ac97",
        "swe-mini/warmcache-refresh": "1fec20d7339bfa87",
    }
}
"""Digests of the lists of 64 candidates, by the generator's name and version."""


@pytest.fixture
def env(tmp_path):
    made = RepairChoiceEnv(tasks=[TASK], candidates=16, tries=3)
    made.store = TrialStore(tmp_path / "trials.sqlite")
    yield made
    made.close()


def test_gymnasiums_checker_finds_nothing(env):
    check_env(gymnasium.make("repogym/repair-choice-v1", tasks=[TASK], candidates=8).unwrapped)
    for seed in range(20):
        env.action_space.seed(seed)
        env.reset(seed=seed)
        ended = False
        while not ended:
            observation, reward, terminated, truncated, _ = env.step(env.action_space.sample())
            assert env.observation_space.contains(observation)
            assert 0.0 <= reward <= 1.0
            ended = terminated or truncated
        assert not (terminated and truncated)


def test_a_repair_ends_the_episode_and_hidden_tests_agree(env):
    env.scoring = True
    observation, info = env.reset(seed=0)
    assert observation["candidates"].shape == (16, len(FEATURES))
    assert info["action_mask"].sum() == 16
    _, reward, terminated, truncated, info = env.step(0)
    assert (reward, terminated, truncated, info["end"]) == (0.0, False, False, "")
    assert not info["scored"]
    assert not info["action_mask"][0]
    assert not env.action_masks()[0]
    observation, reward, terminated, truncated, info = env.step(RIGHT)
    assert (reward, terminated, truncated, info["end"]) == (1.0, True, False, "found")
    assert info["scored"]
    assert info["score_resolved"]
    assert observation["state"][STATE.index("tried")] == pytest.approx(2 / 3)
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(1)


def test_tries_end_and_a_masked_action_uses_one_up(env):
    env.scoring = True
    env.reset(seed=0)
    for _ in range(3):
        *_, terminated, truncated, info = env.step(0)
    assert (terminated, truncated, info["end"]) == (False, True, "tries")
    assert env.executions == {"run": 1, "cached": 0}
    assert info["scored"]
    assert not info["score_resolved"]


def test_the_first_execution_is_real_and_the_next_is_looked_up(env, tmp_path):
    env.reset(seed=0)
    env.step(RIGHT)
    assert env.executions == {"run": 1, "cached": 0}
    other = RepairChoiceEnv(tasks=[TASK], candidates=16)
    other.store = TrialStore(tmp_path / "trials.sqlite")
    other.reset(seed=0)
    _, reward, *_ = other.step(RIGHT)
    assert reward == 1.0
    assert other.executions == {"run": 0, "cached": 1}
    assert other.cached_share == 1.0
    assert other._fork is None  # nothing ran, so no sandbox was needed
    other.close()


def test_no_number_knows_an_outcome(env):
    before, _ = env.reset(seed=0)
    for number in (RIGHT, 0):
        env.reset(seed=0)
        env.step(number)
    after, _ = env.reset(seed=0)
    assert np.array_equal(before["candidates"], after["candidates"])
    assert np.array_equal(before["state"], after["state"])
    assert before["candidates"].min() >= 0.0
    assert before["candidates"].max() <= 1.0


def test_short_lists_are_padded_and_masked():
    env = RepairChoiceEnv(tasks=[TASK], candidates=8192)
    observation, info = env.reset(seed=0)
    filled = len(env.situation.candidates)
    assert 0 < filled < 8192
    assert not observation["candidates"][filled:].any()
    assert info["action_mask"].sum() == filled
    _, reward, *_ = env.step(8191)
    assert reward == 0.0
    assert env.executions == {"run": 0, "cached": 0}
    env.close()


def test_tasks_without_candidates_are_skipped_and_counted(monkeypatch):
    env = RepairChoiceEnv(tasks=[TASK, "swe-mini/gridtext-wide"], candidates=16)
    env._situations["swe-mini/gridtext-wide"] = None  # as where no template fits
    for seed in range(8):
        _, info = env.reset(seed=seed)
        assert info["task"] == TASK
    assert env.skipped == {"swe-mini/gridtext-wide"}
    with pytest.raises(InputError, match="has no candidate repair"):
        env.reset(options={"task": "swe-mini/gridtext-wide"})
    env.close()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"candidates": 0}, "candidates is 0"),
        ({"tries": 0}, "tries is 0"),
        ({"tasks": ["nothing"]}, "nothing"),
        ({"candidate": 3}, "candidate"),
        ({"render_mode": "human"}, "render mode"),
    ],
)
def test_bad_options_are_refused_in_a_sentence(options, said):
    with pytest.raises(InputError, match=said):
        RepairChoiceEnv(**options)


def test_the_generator_is_frozen():
    assert GENERATOR in FROZEN, "a new version needs its digests here"
    env = RepairChoiceEnv(tasks=list(FROZEN[GENERATOR]), candidates=64)
    made = {}
    for task in FROZEN[GENERATOR]:
        situation = env.situation_of(task)
        assert situation is not None
        keys = ",".join(one.key for one in situation.candidates)
        made[task] = hashlib.sha256(keys.encode()).hexdigest()[:16]
    env.close()
    assert made == FROZEN[GENERATOR]
    assert {spec.id for spec in load_suite("swe-mini").specs} >= set(made)
