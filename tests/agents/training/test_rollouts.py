"""Groups of episodes: the same for the same seed, bounded, forked from one prepared episode."""

import asyncio
import json
import random
import threading
import time
from pathlib import Path

import pytest

import agents.training.rollouts as module
from agents.models.symbolic import SymbolicModel
from agents.training.rollouts import rollouts
from envs.episode import ToolCall
from envs.shaping import StepPenalty
from repos.errors import InputError

MINI = Path(__file__).parents[3] / "repos/data/bundled/swe_mini"
TASKS = ["swe-mini/warmcache-refresh", "swe-mini/linkwise-segments", "swe-mini/gridtext-wide"]


class Gambler:
    """Solves its task or gives up, as its seed says."""

    def __init__(self, seed):
        self.chance = random.Random(seed)

    def run(self, episode):
        episode.step(ToolCall("bash", json.dumps({"command": f"echo {self.chance.random()}"})))
        if self.chance.random() < 0.5:
            name = episode.task.id.partition("/")[2]
            patch = (MINI / name / "reference.patch").read_text()
            command = json.dumps({"command": f"git apply <<'E'\n{patch}E"})
            episode.step(ToolCall("bash", command))
        episode.step(ToolCall("submit"))


def play(tasks, agent, **options):
    async def collect():
        found = rollouts(tasks, agent, suite="swe-mini", **options)
        return [group async for group in found]

    return asyncio.run(collect())


def test_the_same_seed_gives_the_same_groups():
    first = play(TASKS, Gambler, k=3, concurrency=3, seed=5)
    assert [group.task for group in first] == TASKS
    assert [[one.index for one in group.rollouts] for group in first] == [[0, 1, 2]] * 3
    rewards = [[one.reward for one in group.rollouts] for group in first]
    assert {reward for group in rewards for reward in group} == {0.0, 1.0}
    second = play(TASKS, Gambler, k=3, concurrency=1, seed=5)
    assert second == first
    assert play(TASKS[:1], Gambler, k=3, concurrency=2, seed=6) != first[:1]
    for group in first:
        for one in group.rollouts:
            assert bool(one.diff) == (one.reward == 1.0) == one.verdict.resolved
            assert one.turns[-1].call.name == "submit"


def test_a_group_has_one_reset_and_agents_are_bounded(monkeypatch):
    resets, playing, most = [], [0], [0]
    lock = threading.Lock()
    make = module.make

    def counted(*arguments, **options):
        resets.append(options["task"])
        return make(*arguments, **options)

    class Slow:
        def __init__(self, seed):
            pass

        def run(self, episode):
            with lock:
                playing[0] += 1
                most[0] = max(most[0], playing[0])
            time.sleep(0.2)
            with lock:
                playing[0] -= 1
            episode.step(ToolCall("submit"))

    monkeypatch.setattr(module, "make", counted)
    play(TASKS, Slow, k=4, concurrency=2)
    assert resets == TASKS
    assert most[0] == 2


def test_who_takes_slowly_makes_the_rollouts_wait():
    read = []

    def many():
        for number in range(100):
            read.append(number)
            yield TASKS[0]

    class Quick:
        def __init__(self, seed):
            pass

        def run(self, episode):
            episode.step(ToolCall("submit"))

    async def some():
        found = rollouts(many(), Quick, suite="swe-mini", k=2, concurrency=2)
        first = await anext(found)
        await asyncio.sleep(1.0)
        held = len(read)
        await found.aclose()
        return first, held

    first, held = asyncio.run(some())
    assert len(first.rollouts) == 2
    assert held == 3  # one was taken; two more play or wait


def test_failures_are_masked_and_rewards_are_ones_own():
    class Failing:
        def __init__(self, seed):
            self.fails = seed % 2 == 0

        def run(self, episode):
            if self.fails:
                raise ValueError("its own fault")
            episode.step(ToolCall("git_diff"))

    (group,) = play(
        TASKS[:1],
        Failing,
        k=6,
        concurrency=3,
        wrap=lambda env: StepPenalty(env, step=0.5),
        reward=lambda rollout: rollout.reward - len(rollout.turns),
    )
    kinds = {one.seed % 2: one for one in group.rollouts}
    assert len(kinds) == 2
    assert kinds[0].verdict.failure_kind == "agent_error"
    assert kinds[0].verdict.mask_sample
    assert "its own fault" in kinds[0].verdict.error
    assert kinds[1].verdict.end == "returned"
    assert kinds[1].reward == -1.0 - 2  # two steps at 0.5, and two for their number


def test_bad_numbers_and_names_are_refused_before_anything_is_played():
    with pytest.raises(InputError, match="k and concurrency"):
        play(TASKS, Gambler, k=0)
    with pytest.raises(InputError, match="nobody"):
        play(TASKS, "nobody")
    with pytest.raises(InputError, match="nothing"):
        play(["swe-mini/nothing"], Gambler)


def test_bad_input_that_shows_only_in_play_is_no_episode_of_the_agents():
    class Reader:
        def __init__(self, seed):
            pass

        def run(self, episode):
            episode.environment.reference  # noqa: B018 - refused: nobody made it privileged

    with pytest.raises(InputError, match="privileged=True"):
        play(TASKS[:1], Reader, k=2)
    with pytest.raises(InputError, match="assist level"):
        play(TASKS[:1], Reader, k=2, assist="all")
    with pytest.raises(InputError, match="codexgraph needs the tool graph_query"):
        play(TASKS[:1], "codexgraph", k=1, model=SymbolicModel(), tools=["bash", "submit"])


def test_the_example_of_the_page(capsys):
    page = (Path(__file__).parents[3] / "docs" / "rollouts.md").read_text()
    code = page.partition("```python\n")[2].partition("```")[0]
    exec(compile(code, "docs/rollouts.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" ")[0] for line in lines] == [TASKS[0], TASKS[2]]
