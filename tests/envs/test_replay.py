"""What a journal keeps of a workspace is put back: files, undo stack, the state of git."""

import json

import pytest

from envs.checkpoint import Checkpoint, from_plain, plain
from envs.env import RepoEnv
from envs.episode import Episode, ToolCall
from envs.replay import PlayedStep

TASK = "swe-mini/warmcache-refresh"


def call(name, **arguments):
    return ToolCall(name, json.dumps(arguments))


CALLS = [
    call("create", path="notes.txt", content="one\n"),
    call("bash", command="echo '*.bin' > .gitignore; head -c 9 /dev/urandom > \u00e9.bin"),
    call("bash", command="chmod +x \u00e9.bin; git add -A; git commit -qm mine; rm README.md"),
    call("edit", path="notes.txt", old="one", new="two"),
    call("view", path="nothing.txt"),
]

STATE = call(
    "bash",
    command="git log --format=%H; git status --short; sha256sum \u00e9.bin notes.txt; ls -l *.bin",
)


def through_json(steps):
    """Return steps as a journal gives them."""
    found, before, told = [], Checkpoint(), Checkpoint()
    for step in steps:
        data = json.loads(json.dumps(plain(step.after, before)))
        before, told = step.after, from_plain(data, told)
        values = {**vars(step), "after": told, "reused": False}
        found.append(PlayedStep(**values))
    return found


@pytest.fixture
def episode():
    env = RepoEnv(task=TASK)
    yield Episode(env, seed=0)
    env.close()


@pytest.fixture(scope="module")
def first():
    """The steps of a play, and what the repository was like after them."""
    env = RepoEnv(task=TASK)
    episode = Episode(env, seed=0)
    steps = []
    for one in CALLS:
        episode.step(one)
        steps.append(env.played_step())
    state = episode.step(STATE)["text"]
    undone = episode.step(call("undo"))["text"], episode.step(call("undo"))["text"]
    env.close()
    return through_json(steps), state, undone


def test_files_come_back_and_nothing_runs_for_them(episode, first):
    steps, state, undone = first
    env = episode.environment
    env.resume_from(steps)
    for one, step in zip(CALLS[:-1], steps[:-1], strict=True):
        seen = episode.step(one)
        assert (seen["text"], seen["error"]) == (step.text, step.error)
        assert env.played_step().reused
        assert env.diff().decode() == step.after.diff
        assert env.resumed == ""  # nothing was put back yet
    assert episode.step(CALLS[-1])["error"] == 1
    assert env.resumed == "turn"
    assert episode.step(STATE)["text"] == state
    assert not env.played_step().reused
    assert (episode.step(call("undo"))["text"], episode.step(call("undo"))["text"]) == undone


def test_another_call_goes_on_from_what_came_before_it(episode, first):
    steps, _, _ = first
    episode.environment.resume_from(steps)
    episode.step(CALLS[0])
    assert episode.step(call("bash", command="ls; cat notes.txt"))["text"].split()[-4] == "one"
    assert episode.environment.resumed == "turn"


def test_a_fork_goes_on_from_the_same_files(episode, first):
    steps, state, _ = first
    episode.environment.resume_from(steps)
    for one in CALLS[:-1]:
        episode.step(one)
    fork = episode.fork()
    assert fork.step(STATE)["text"] == state
    fork.env.close()


@pytest.mark.parametrize("damage", [{"diff": "nonsense"}, {"missing": "too large"}])
def test_where_the_files_can_not_be_put_back_the_steps_run_again(episode, first, damage):
    steps, _, _ = first
    after = Checkpoint(**{**vars(steps[0].after), **damage})
    episode.environment.resume_from([PlayedStep(**{**vars(steps[0]), "after": after})])
    assert episode.step(CALLS[0])["text"] == steps[0].text
    assert episode.environment.resumed == "start"
    assert "one" in episode.step(call("view", path="notes.txt"))["text"]


def test_what_is_too_large_or_lies_outside_is_said(episode):
    env = episode.environment
    episode.step(call("bash", command="echo 1 > ~/mine"))
    assert env.played_step().after.missing == "/home/agent/mine lies outside of the repository"
    episode.step(call("bash", command="rm ~/mine; echo 1 > here"))
    assert "+1" in env.played_step().after.diff
    episode.step(call("bash", command="head -c 3000000 /dev/urandom > large"))
    assert "characters" in env.played_step().after.missing
