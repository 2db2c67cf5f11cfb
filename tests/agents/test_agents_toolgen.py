"""ToolGen: where it asks for names, what it is held to, and the body that it writes."""

import json

import gymnasium
import pytest

import envs
from agents.guided import cut, generate, in_code
from agents.models.litellm_model import LiteLLMModel
from agents.registry import make_agent
from agents.toolgen import NO_PLACE, Hole, names_of, prompt
from envs.episode import Episode
from repos.errors import RepoGymError
from tests.agents.completion_endpoint import CompletionEndpoint

TASK = "warmcache-refresh"
FILE = "src/warmcache/stats.py"
STATEMENT = (
    f"The body of the function `Stats.removed` in `{FILE}` was removed: on line 31, "
    "`raise NotImplementedError` stands in its place. Write it again."
)
MAKE_HOLE = f"sed -i -e '32,33d' -e '31s/.*/        raise NotImplementedError/' {FILE}"
BEGIN = "def removed(self, reason: str) -> None:\n       "
FREE = " if reason not in reasons.NOTHING:\n            return\n"
AFTER = (
    ":\n            raise ValueError(reason)\n"
    "        self.removals[reason] += 1\n\n    def reset(self)"
)


class Removed(gymnasium.ObservationWrapper):
    """An episode in which a body was removed, as `repo-lite` tells it."""

    statement = STATEMENT

    def reset(self, **kwargs):
        observation, info = self.env.reset(**kwargs)
        self.env.step({"name": "bash", "arguments": json.dumps({"command": MAKE_HOLE})})
        return observation | {"text": self.statement}, info

    def observation(self, observation):
        return observation


@pytest.fixture(scope="module")
def env():
    env = Removed(envs.make("swe-mini", task=TASK))
    yield env
    env.close()


def model_at(endpoint):
    return LiteLLMModel(
        "openai/m", api_base=endpoint.api_base, args={"api_key": "k"}, price=(1.0, 1.0)
    )


@pytest.mark.parametrize("grammars", ["gbnf", "structured"])
def test_a_body_is_written_with_names_that_exist(env, grammars):
    said = {BEGIN: FREE, "not in reasons.ALL": AFTER}
    with CompletionEndpoint(said, grammars=grammars) as endpoint:
        episode = Episode(env, seed=0)
        make_agent("toolgen", model=model_at(endpoint)).run(episode)
    assert episode.end == "submitted"
    diff = env.unwrapped.diff().decode()
    assert "NOTHING" not in diff and "NotImplementedError" not in diff
    changed = [row for row in diff.splitlines() if row[:2] in ("+ ", "- ")]
    assert [row[0] for row in changed] == ["-", "+"]
    assert "+            raise ValueError(reason)" in diff
    asked = [r for r in endpoint.requests if "ALL" in str(r.get("grammar", r))]
    assert asked


def test_without_the_tool_the_text_is_free(env):
    with CompletionEndpoint({BEGIN: FREE}) as endpoint:
        episode = Episode(env, seed=0)
        make_agent("toolgen", model=model_at(endpoint), args={"tool": False}).run(episode)
    assert "reasons.NOTHING" in env.unwrapped.diff().decode()
    assert all("grammar" not in request for request in endpoint.requests)


def test_a_statement_without_a_body_ends_the_episode():
    with CompletionEndpoint({}) as endpoint, envs.make("swe-mini", task=TASK) as env:
        episode = Episode(env, seed=0)
        make_agent("toolgen", model=model_at(endpoint)).run(episode)
        assert episode.end == NO_PLACE


def test_a_model_without_completions_is_refused(env):
    class Chat:
        name = "chat"

    with pytest.raises(RepoGymError, match="can't continue text"):
        make_agent("toolgen", model=Chat()).run(Episode(env, seed=0))


def test_a_trained_trigger_is_cut_and_answered():
    said = {"x = ": "<COMP>", "x = alpha": "\ny"}
    with CompletionEndpoint(said) as endpoint:
        written = generate(
            model_at(endpoint), "x = ", names=lambda text: ["alpha", "beta"],
            max_tokens=30, indent=0, trigger="<COMP>",
        )  # fmt: skip
    assert written.text.startswith("alpha\ny")
    assert [(a.offered, a.chosen) for a in written.asked] == [(2, "alpha")]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a.", True),
        ("f(x).", True),
        ("'a.", False),
        ("'a'.", True),
        ("# a.", False),
        ("1.", False),
        ("x = '''one\ntwo.", False),
        ("if x:\n    self.", True),
        ("f(a, b.", True),
    ],
)
def test_dots_that_ask_for_a_member(text, code):
    assert in_code(text) is code


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a = 1\n    b\nc", "a = 1\n    b"),
        ("a(\n1,\n)\n    b\nx", "a(\n1,\n)\n    b"),
        ("s = '''\nfree\n'''\n    b\ndef f", "s = '''\nfree\n'''\n    b"),
        ("a\n\n\n    b", "a\n\n\n    b"),
        ("if a:\n        b\n    else:\n        c\nelse:", "if a:\n        b\n    else:\n        c"),
    ],
)
def test_a_block_ends_where_the_code_goes_back(text, kept):
    assert cut(text, 4) == kept


def test_a_prompt_keeps_the_imports_of_a_long_file():
    before = ("import os", *(f"x{n} = {n}" for n in range(300)), "def f():")
    told = prompt(Hole("a.py", 303, "...", 4, before), 400)
    assert told.startswith("import os\n\n") and told.endswith("x299 = 299\ndef f():\n   ")
    assert len(told) < 520


def test_names_of_an_answer():
    text = "__init__ method x\nhits field int\nrésumé\n[... 3 more names: type more letters]"
    assert names_of(text) == ["hits", "résumé"]
    assert names_of("No name is known at line 3 of a.py.") == []
