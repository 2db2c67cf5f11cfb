"""The model in whole episodes: a real repository in a real sandbox, scored by hidden tests."""

from __future__ import annotations

import json

import pytest

import envs
from agents.models.protocol import Message, ModelToolCall
from agents.models.registry import make_model
from agents.models.symbolic import SymbolicModel
from agents.registry import make_agent
from envs.episode import Episode
from repos.errors import RepoGymError
from tests.agents.symbolic.recorded import Recorded
from tests.repositories import commit, new_task
from tools.records import TestRun

STOCK = '''\
"""What is on the shelves."""


class Shelf:
    """Counts items up to a capacity."""

    def __init__(self, capacity):
        self.capacity = capacity
        self.items = {}

    def total(self):
        """How many items there are."""
        return sum(self.items.values())

    def room(self):
        """How many items fit in."""
        return self.capacity - self.total()

    def put(self, name, count=1):
        """Put items in; refuses more than fit."""
        if count >= self.room():
            raise ValueError(f"no room for {count}")
        self.items[name] = self.items.get(name, 0) + count

    def take(self, name, count=1):
        """Take items out; none are left behind at zero."""
        have = self.items.get(name, 0)
        if have < count:
            raise KeyError(name)
        self.items[name] = have - count
        if not self.items[name]:
            del self.items[name]
'''
FIXED = STOCK.replace("count >= self.room()", "count > self.room()")
TESTS = """\
import pytest

from stock import Shelf


def test_put_and_take():
    shelf = Shelf(5)
    shelf.put("tea", 3)
    shelf.take("tea")
    assert shelf.items == {"tea": 2} and shelf.room() == 3


def test_too_many_at_once():
    with pytest.raises(ValueError):
        Shelf(2).put("tea", 3)


def test_take_all():
    shelf = Shelf(3)
    shelf.put("tea", 2)
    shelf.take("tea", 2)
    assert shelf.items == {}
"""
MORE = """

def test_too_many_in_all():
    shelf = Shelf(4)
    shelf.put("tea", 3)
    with pytest.raises(ValueError):
        shelf.put("milk", 2)
    shelf.put("milk", 1)


def test_full():
    shelf = Shelf(1)
    shelf.put("tea")
    with pytest.raises(ValueError):
        shelf.put("tea")
"""


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """A task of a small repository of two commits."""
    root = tmp_path_factory.mktemp("own") / "stock"
    commit(root, {"src/stock/__init__.py": STOCK, "tests/test_stock.py": TESTS}, "First")
    after = {"src/stock/__init__.py": FIXED, "tests/test_stock.py": TESTS + MORE}
    commit(root, after, "put() refuses what just fits")
    return new_task(root)


@pytest.fixture(scope="module")
def env(manifest):
    made = envs.make(str(manifest), assist="tests")
    yield made
    made.close()


@pytest.mark.parametrize("agent", ["planner", "react"])
def test_it_repairs_a_real_repository(env, agent):
    model = Recorded(SymbolicModel(candidates=120))
    episode = Episode(env, seed=0)
    make_agent(agent, model=model).run(episode)
    assert episode.done and episode.end == "submitted"
    assert episode.info["score_resolved"], env.unwrapped.diff().decode()
    used = {call.name for _, _, reply in model.turns for call in reply.tool_calls}
    assert {"run_tests", "view", "try_edits", "edit"} <= used
    # Every reply follows from the messages alone: a fresh model says the same at any point.
    for messages, tools, reply in model.turns[:: max(1, len(model.turns) // 5)]:
        assert SymbolicModel(candidates=120).complete(messages, tools) == reply


def tool(name):
    return {"type": "function", "function": {"name": name}}


TOOLS = [tool(n) for n in ("run_tests", "view", "try_edits", "edit", "undo", "submit")]


def after(*exchanges, statement="Something is wrong."):
    messages = [Message("system", "s"), Message("user", f"<problem>\n{statement}\n</problem>")]
    for number, (name, arguments, text) in enumerate(exchanges):
        call = ModelToolCall(f"c{number}", name, json.dumps(arguments))
        messages.append(Message("assistant", "", (call,)))
        messages.append(Message("tool", text, tool_call_id=call.id))
    return messages


def test_without_a_failing_test_it_gives_up_honestly():
    model = SymbolicModel()
    first = model.complete(after(), TOOLS)
    assert [c.name for c in first.tool_calls] == ["run_tests"]
    text = '{"counts": {"passed": 3}, "coverage": {}}'
    reply = model.complete(after(("run_tests", {"tests": []}, text)), TOOLS)
    assert [c.name for c in reply.tool_calls] == ["submit"]
    assert "no failing test" in reply.text


def test_without_its_tools_it_says_which_are_missing():
    reply = SymbolicModel().complete(after(), [tool("bash"), tool("submit"), tool("view")])
    assert "run_tests" in reply.text and "try_edits" in reply.text
    assert [c.name for c in reply.tool_calls] == ["submit"]


@pytest.mark.parametrize("args", [{"candidates": 0}, {"batch": "many"}, {"seed": 1.5}])
def test_bad_arguments_are_refused(args):
    with pytest.raises(RepoGymError, match=next(iter(args))):
        make_model("symbolic", args=args)


CART = """\
class Cart:
    def __init__(self, owner, lines=()):
        self.owner = owner
        self.lines = list(lines)

    def merge(self, other):
        moved = 0
        for line in other.lines:
            self.lines = [*self.lines, line]
            moved += 1
        return moved
"""
CART_TESTS = """\
from cart import Cart


def test_own_cart():
    mine = Cart("ann", ["tea"])
    assert mine.merge(Cart("ann", ["tea"])) == 0 and mine.lines == ["tea"]


def test_own_two():
    mine = Cart("bob", ["rye", "oat"])
    assert mine.merge(Cart("bob", ["jam"])) == 0 and mine.lines == ["rye", "oat"]


def test_merge():
    mine = Cart("ann", ["tea"])
    assert mine.merge(Cart("bob", ["jam", "rye"])) == 2 and mine.lines == ["tea", "jam", "rye"]


def test_merge_nothing():
    mine = Cart("ann")
    assert mine.merge(Cart("cid", ["oat"])) == 1 and mine.lines == ["oat"]
"""


def test_a_probe_leads_to_a_guard_that_breaks_nothing(converse):
    failing = [f"tests/test_cart.py::{name}" for name in ("test_own_cart", "test_own_two")]
    talk = converse({"cart.py": CART, "tests/test_cart.py": CART_TESTS}, failing)
    talk.play(SymbolicModel())
    text = talk.source("cart.py")
    assert "owner" in text.partition("def merge")[2].partition("return moved")[0], text
    run = TestRun.model_validate_json(talk.call("run_tests", format="json"))
    assert run.counts == {"passed": 4}
