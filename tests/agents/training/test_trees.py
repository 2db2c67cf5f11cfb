"""Advantages of a tree worked out by hand, and a tree that is played."""

import json

import pytest

from agents.training.player import Verdict
from agents.training.trees import Node, Turn, advantages, tree_rollout
from envs.env import RepoEnv
from envs.episode import Episode, ToolCall
from repos.errors import InputError

CALL = ToolCall("submit")


def part(*rewards, children=(), masked=False):
    verdict = None if children else Verdict(mask_sample=masked)
    return Node([Turn(CALL, "", one) for one in rewards], list(children), verdict)


def test_a_tree_that_was_worked_out_by_hand():
    #            root (0.5)
    #           /           \
    #      left (0)        right (0, 1): 1
    #      /   |   \
    #     1    0    0          left: mean(1, 0, 0) = 1/3, before it 0, so 1/3 follows
    # what follows the root: mean(1/3, 1) = 2/3; with its own reward 7/6.
    ends = [part(1.0), part(0.0), part(0.0)]
    left, right = part(0.0, children=ends), part(0.0, 1.0)
    root = advantages(part(0.5, children=[left, right]))
    assert left.value == pytest.approx(1 / 3)
    assert [end.advantage for end in ends] == pytest.approx([2 / 3, -1 / 3, -1 / 3])
    assert root.value == pytest.approx(2 / 3)
    assert left.advantage == pytest.approx(-1 / 3)
    assert right.advantage == pytest.approx(1 / 3)
    assert root.advantage == 0.0
    assert len(list(root.leaves())) == 4


def test_discounts_count_steps():
    left, right = part(0.0, 0.0, 1.0), part(1.0)
    root = advantages(part(children=[left, right]), gamma=0.5)
    assert root.value == pytest.approx((0.25 + 1.0) / 2)
    assert left.advantage == pytest.approx(0.25 - 0.625)


def test_what_has_no_verdict_is_left_out():
    lost, good, bad = part(0.0, masked=True), part(1.0), part(0.0)
    alone = part(children=[part(0.0, masked=True)])
    root = advantages(part(children=[lost, good, bad, alone]))
    assert root.value == pytest.approx(0.5)
    assert (lost.advantage, alone.advantage, alone.value) == (None, None, None)
    assert (good.advantage, bad.advantage) == (0.5, -0.5)


def writing(problem, turns, chance):
    assert "warmcache" in problem
    if len(turns) == 3:
        return ToolCall("submit")
    text = str(chance.randrange(1000))
    return ToolCall("bash", json.dumps({"command": f"echo {text} >> notes; cat notes"}))


def play(seed):
    env = RepoEnv(task="swe-mini/warmcache-refresh", tools=["bash", "submit"])
    try:
        episode = Episode(env, seed=0)
        return tree_rollout(episode, writing, {1: 2, 2: 2}, seed=seed)
    finally:
        env.close()


def test_branches_share_what_was_before_and_nothing_else():
    root = play(1)
    paths = list(root.leaves())
    assert len(paths) == 4
    assert [len(node.turns) for node in paths[0]] == [1, 1, 2]
    notes = []
    for path in paths:
        turns = [turn for node in path for turn in node.turns]
        written = [turn.call.arguments.split()[2] for turn in turns[:3]]
        assert turns[2].text.split()[:3] == written  # files are those of this path alone
        assert path[-1].verdict.end == "submitted"
        notes.append(tuple(written))
    assert len({one[0] for one in notes}) == 1
    assert len({one[:2] for one in notes}) == 2
    assert len(set(notes)) == 4
    assert root.value == 0.0
    again = play(1)
    assert [n.turns for p in again.leaves() for n in p] == [n.turns for p in paths for n in p]
    assert [n.turns for p in play(2).leaves() for n in p] != [n.turns for p in paths for n in p]


def test_bad_branches_are_refused():
    env = RepoEnv(task="swe-mini/warmcache-refresh")
    with pytest.raises(InputError, match="Branches"):
        tree_rollout(Episode(env, seed=0), writing, {0: 0})
    env.close()
