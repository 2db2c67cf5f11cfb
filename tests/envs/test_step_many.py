"""Several calls of one reply: read-only ones at the same time, everything in order."""

import json
import sys

import pytest

import envs
from envs.calls import OwnToolError
from envs.episode import Episode, ToolCall

TASK = "swe-mini/warmcache-refresh"

OWN = '''
import threading

from tools.context import ToolContext
from tools.registry import tool

BARRIER = threading.Barrier(2, timeout=20)


@tool(read_only=True)
def meet(ctx: ToolContext, *, name: str) -> str:
    """Wait for another call.

    Args:
        name: Who comes.
    """
    BARRIER.wait()
    return f"{name} met: " + ctx.workspace.exec(["echo", name]).stdout.decode().strip()


@tool(read_only=True)
def fails(ctx: ToolContext) -> str:
    """Fail as someone's own code fails."""
    raise ZeroDivisionError("my own fault")
'''


class Tape:
    """Writes down what a recorder is told."""

    def __init__(self):
        self.told = []

    def on_reset(self, episode):
        self.told.append(("reset", episode.branch))

    def on_step_begin(self, episode):
        self.told.append(("begin", episode.branch))

    def on_step(self, episode, call, seconds):
        assert seconds >= 0
        self.told.append(("step", episode.branch, call.name, episode.observation["step"]))

    def on_error(self, episode, error):
        self.told.append(("error", episode.branch, type(error).__name__))

    def on_stop(self, episode, reason):
        self.told.append(("stop", episode.branch, reason))

    def on_fork(self, parent, child):
        self.told.append(("fork", parent.branch, child.branch))


def call(name, /, **arguments):
    return ToolCall(name, json.dumps(arguments))


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Names of tools with two of one's own among them."""
    (tmp_path / "own_tools.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_tools", raising=False)
    yield ["view", "bash", "create", "submit", "own_tools:meet", "own_tools:fails"]
    from tools import registry

    for name in ("meet", "fails"):
        registry._registered.pop(name, None)


@pytest.fixture
def start(own):
    opened = []

    def make(recorder=None, **kwargs):
        env = envs.make("swe-mini", task=TASK, tools=own, **kwargs)
        opened.append(env)
        return Episode(env, seed=0, recorder=recorder)

    yield make
    for env in opened:
        env.close()


def texts(observations):
    return [observation["text"] for observation in observations]


def test_read_only_calls_run_at_the_same_time_and_answer_in_order(start):
    tape = Tape()
    episode = start(tape)
    seen = episode.step_many([call("meet", name="ann"), call("meet", name="bob")])
    assert texts(seen) == ["ann met: ann", "bob met: bob"]
    assert [observation["step"] for observation in seen] == [1, 2]
    steps = [told for told in tape.told if told[0] == "step"]
    assert steps == [("step", 0, "meet", 1), ("step", 0, "meet", 2)]


MIXED = [
    call("view", path="README.md"),
    call("bash", command="echo one > x.txt"),
    call("view", path="x.txt"),
    call("view", path="README.md"),
    ToolCall("view", "{broken"),
    call("nope"),
    call("bash", command="echo two > x.txt"),
    call("view", path="x.txt"),
]


def test_a_mix_gives_what_single_steps_give(start):
    many, single = start(), start()
    seen = many.step_many(MIXED)
    assert seen == [single.step(one) for one in MIXED]
    assert "one" in seen[2]["text"] and "two" in seen[7]["text"]
    assert many.environment.diff() == single.environment.diff()
    assert many.environment.budget == single.environment.budget


def test_the_end_of_an_episode_cuts_off_the_rest(start):
    episode = start(max_steps=2)
    seen = episode.step_many([call("view", path="README.md")] * 3)
    assert (len(seen), episode.done, episode.end) == (2, True, "steps")
    episode = start()
    look = call("view", path="README.md")
    seen = episode.step_many([look, call("submit"), look])
    assert (len(seen), episode.end) == (2, "submitted")


def test_what_ran_ahead_is_forgotten_where_it_was_not_taken(start):
    episode = start(Tape())
    look = call("view", path="README.md")
    with pytest.raises(OwnToolError, match="The tool fails failed: ZeroDivisionError: my own"):
        episode.step_many([look, call("fails"), look])
    episode.env.step({"name": "bash", "arguments": '{"command": "echo new > README.md"}'})
    assert "new" in episode.step(look)["text"]


def test_a_recorder_is_told_of_steps_errors_stops_and_forks(start):
    tape = Tape()
    episode = start(tape)
    with pytest.raises(OwnToolError):
        episode.step(call("fails"))
    twin = episode.fork()
    other = episode.fork()
    twin.step(call("view", path="README.md"))
    episode.stop("enough")
    assert tape.told == [
        ("reset", 0),
        ("begin", 0),
        ("error", 0, "OwnToolError"),
        ("fork", 0, 1),
        ("fork", 0, 2),
        ("begin", 1),
        ("step", 1, "view", 2),
        ("stop", 0, "enough"),
        ("begin", 0),
        ("step", 0, "submit", 2),
    ]
    assert episode.done and not twin.done and not other.done
    for fork in (twin, other):
        fork.env.close()
