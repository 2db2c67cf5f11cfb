"""Data sets of episodes: written, loaded again, and their environment made again."""

import pytest

from agents.random import Random
from envs.spaces import ToolCalls
from repos.errors import InputError

TASK = "swe-mini/warmcache-refresh"


@pytest.fixture
def adapter(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    from agents.training.adapters import minari

    return minari


def test_a_data_set_comes_back_as_it_was_played(adapter):
    import minari

    made = adapter.record(
        "swe-mini", Random(seed=1), "repogym/swe-mini/random-v0", tasks=[TASK], seed=5, max_steps=3
    )
    assert (made.total_episodes, made.total_steps) == (1, 3)
    loaded = minari.load_dataset("repogym/swe-mini/random-v0")
    (episode,) = loaded.iterate_episodes()
    assert all(loaded.action_space.contains(action) for action in episode.actions)
    assert isinstance(loaded.action_space, ToolCalls)
    assert [type(text) for text in episode.observations["text"]] == [str] * 4
    assert list(episode.observations["step"]) == [0, 1, 2, 3]
    assert list(episode.truncations) == [False, False, True]
    assert episode.infos["end"][-1] == "steps" and episode.infos["scored"][-1]
    env = loaded.recover_environment()
    try:
        observation, info = env.reset(seed=5, options={"task": TASK})
        assert info["task"] == TASK
        assert observation["text"] == episode.observations["text"][0]
    finally:
        env.close()
    with pytest.raises(InputError, match="there already"):
        adapter.record("swe-mini", Random(seed=1), "repogym/swe-mini/random-v0", tasks=[TASK])


def test_a_suite_that_nobody_could_make_again_is_refused(adapter):
    with pytest.raises(InputError, match="can be made again"):
        adapter.record("tasks.jsonl", Random(seed=1), "repogym/mine/x-v0")
