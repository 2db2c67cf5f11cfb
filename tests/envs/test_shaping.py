"""Rewards on the way: what shaping may not change, and what it shows on a real task."""

import itertools
import json
from pathlib import Path

import pytest

from envs.env import RepoEnv
from envs.forking import fork
from envs.shaping import PotentialReward, StepPenalty, shaped
from repos.errors import InputError

TASK = "swe-mini/warmcache-refresh"
PATCH = (
    Path(__file__).parents[2] / "repos/data/bundled/swe_mini/warmcache-refresh/reference.patch"
).read_text()

TREE = {
    "": (("a", 0.0), ("b", 1.0)),
    "a": (("c", 0.0), ("d", -2.0)),
    "b": (("e", 0.5), ("f", 0.0)),
    "c": (("g", 3.0), ("h", 0.0)),
}
"""Children of each state with the reward on the way there; any other state is an end."""

POTENTIAL = {"": 0.3, "a": 5.0, "b": -4.0, "c": 0.7, "d": 9.0, "e": 1.0, "f": -1.0, "g": 2.0}


def ways(state=""):
    for child, reward in TREE.get(state, ()):
        if child not in TREE:
            yield [(state, reward)]
        for rest in ways(child):
            yield [(state, reward), *rest]


def gain(rewards, gamma):
    return sum(gamma**step * reward for step, reward in enumerate(rewards))


@pytest.mark.parametrize("gamma", [1.0, 0.9, 0.5, 0.0])
def test_shaping_keeps_the_order_of_all_policies(gamma):
    found = list(ways())
    assert len(found) == 5  # every deterministic policy's way through the tree
    plain = [gain([reward for _, reward in way], gamma) for way in found]
    changed = [
        gain(
            shaped([r for _, r in way], [POTENTIAL.get(s, 0.0) for s, _ in way], gamma),
            gamma,
        )
        for way in found
    ]
    for before, after in zip(plain, changed, strict=True):
        assert after == pytest.approx(before - POTENTIAL[""])
    for one, other in itertools.combinations(range(len(found)), 2):
        assert (plain[one] - plain[other]) == pytest.approx(changed[one] - changed[other])


def test_rewards_on_a_real_task_are_the_change_of_the_visible_share():
    env = PotentialReward(RepoEnv(task=TASK, assist="tests", reward="fraction"))
    env.reset(seed=0)
    assert env.now == 0.0
    action = {"name": "bash", "arguments": json.dumps({"command": f"git apply <<'E'\n{PATCH}E"})}
    looked = env.step({"name": "git_diff", "arguments": "{}"})[1]
    twin = fork(env)
    solved = env.step(action)[1]
    ended = env.step({"name": "submit", "arguments": "{}"})[1]
    assert (looked, solved, ended) == (0.0, 1.0, 0.0)  # 1 for the end less the potential
    given_up = twin.step({"name": "submit", "arguments": "{}"})[1]
    assert given_up == 0.0  # the fork's potential is its own
    twin.close()
    env.close()


def test_steps_and_errors_have_their_price():
    env = StepPenalty(RepoEnv(task=TASK), step=0.25, error=0.5)
    env.reset(seed=0)
    assert env.step({"name": "git_diff", "arguments": "{}"})[1] == -0.25
    assert env.step({"name": "no such tool", "arguments": "{}"})[1] == -0.75
    env.close()


def test_bad_numbers_are_refused():
    with pytest.raises(InputError, match="gamma"):
        PotentialReward(RepoEnv(), gamma=1.5)
    with pytest.raises(InputError, match="Prices"):
        StepPenalty(RepoEnv(), step=-1)
