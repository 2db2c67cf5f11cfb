"""CodexGraph on a real task: questions, translations, repairs, bounds, and the planner's prompt."""

import json

import pytest

import envs
from agents.codexgraph import CodexGraph, questions_of
from agents.codexgraph_translator import query_of
from agents.models.budget import Budget
from agents.models.litellm_model import LiteLLMModel
from agents.models.registry import make_model
from agents.models.script import Script
from agents.models.scripted import ScriptedServer
from agents.registry import make_agent
from agents.runs.episode import run_episode
from agents.runs.journal import read_journal
from agents.runs.spec import EpisodeSpec
from envs.episode import Episode
from repos.errors import RepoGymError

TASK = "warmcache-refresh"
FILE = "src/warmcache/stats.py"
CHANGE = f"echo '# changed' >> {FILE}"

CLASSES = "MATCH (c:CLASS) RETURN c.qualified_name, c.file_path ORDER BY c.qualified_name"
WRONG = "MATCH (c:CLAS) RETURN c.name"
RIGHT = f"Here it is:\n```cypher\n{CLASSES}\n```"


@pytest.fixture(scope="module")
def env():
    env = envs.make("swe-mini", task=TASK)
    yield env
    env.close()


@pytest.fixture
def play(env, tmp_path):
    """Play with a script for the primary and translations by what the question holds."""
    servers = []

    def start(primary, translations=None, args=None, budget_usd=None, end=None):
        said = [{"when": "<problem>", "replies": primary, **({"after": end} if end else {})}]
        for when, replies in (translations or {}).items():
            said.append({"when": when, "replies": replies})
        server = ScriptedServer(Script.model_validate({"conversations": said}))
        servers.append(server)
        model = LiteLLMModel(
            "openai/t",
            api_base=server.api_base,
            args={"api_key": "k", "backoff_s": 0.01, "max_tokens": 1000},
            budget=None if budget_usd is None else Budget(tmp_path / "ledger", budget_usd),
            price=(1.0, 1000.0),
        )
        episode = Episode(env, seed=0)
        make_agent("codexgraph", model=model, args=args).run(episode)
        return episode, server.requests

    yield start
    for server in servers:
        server.close()


def calls(name, **arguments):
    return {"tool_calls": [{"name": name, "arguments": arguments}]}


SUBMIT = calls("submit")
EDIT = calls("bash", command=CHANGE)


def texts(request, role):
    return [m["content"] for m in request["messages"] if m["role"] == role]


def split(requests):
    """Return the primary's requests and the translator's."""
    first = [texts(request, "user")[0] for request in requests]
    primary = [r for r, text in zip(requests, first, strict=True) if "<problem>" in text]
    return primary, [r for r in requests if r not in primary]


def test_questions_are_translated_and_answered_then_the_primary_works(play):
    episode, requests = play(
        ["I wonder.\nQuestion: Which classes are there?", "It is in the stats.", EDIT, SUBMIT],
        {"Which classes": [RIGHT]},
    )
    assert episode.end == "submitted"
    assert b"+# changed" in episode.env.unwrapped.diff()
    assert episode.info["step"] == 3
    primary, translator = split(requests)
    assert episode.task.statement.strip()[:60] in texts(primary[0], "user")[0]
    assert {tool["function"]["name"] for tool in primary[0]["tools"]} >= {"bash", "graph_query"}
    answered = texts(primary[1], "user")[-1]
    assert answered.startswith("Answers, round 1 of 5:\n\nQuestion: Which classes are there?\n")
    assert f"Cypher: {CLASSES}\nc.qualified_name | c.file_path\n" in answered
    assert "warmcache.stats.Stats | src/warmcache/stats.py\n" in answered
    assert texts(primary[2], "user")[-1].startswith("Questions are over.")
    # The translator knows the schema and the question, not the problem, and has no tools.
    (asked,) = translator
    assert "INHERITS" in texts(asked, "system")[0]
    assert texts(asked, "user") == ["Question: Which classes are there?"]
    assert "tools" not in asked


def test_a_wrong_query_is_repaired(play):
    episode, requests = play(
        ["Question: Which classes are there?", "I see.", SUBMIT],
        {"Which classes": [f"```\n{WRONG}\n```", "I can't.", CLASSES]},
    )
    assert episode.end == "submitted"
    assert episode.info["step"] == 3
    primary, translator = split(requests)
    assert len(translator) == 3
    assert "unknown label 'CLAS'" in texts(translator[1], "user")[-1]
    assert "did you mean CLASS?" in texts(translator[1], "user")[-1]
    assert "held no query" in texts(translator[2], "user")[-1]
    answered = texts(primary[1], "user")[-1]
    assert "src/warmcache/stats.py" in answered
    assert "CLAS)" not in answered


def test_repairs_are_bounded_and_the_primary_is_told(play):
    episode, requests = play(
        ["Question: Which classes are there?\nQuestion: Why?", "So be it.", SUBMIT],
        {"Which classes": [WRONG] * 9, "Why": ["No idea."] * 9},
        args={"repairs": 1},
    )
    assert episode.end == "submitted"
    primary, translator = split(requests)
    assert len(translator) == 4
    answered = texts(primary[1], "user")[-1]
    assert f"No query that works was found. The last one:\n{WRONG}\n" in answered
    assert answered.endswith("Question: Why?\nNo query that works was found.")


def test_rounds_are_bounded(play):
    ask = "Question: Which classes are there?"
    episode, requests = play([ask] * 3 + [SUBMIT], {"Which": [RIGHT]}, args={"rounds": 2})
    assert episode.end == "submitted"
    primary, translator = split(requests)
    assert len(translator) == 2
    said = texts(primary[2], "user")[-1]
    assert "Answers, round 2 of 2:" in said
    assert "That was the last round of questions." in said
    assert "Questions are over." in said
    # The third reply asked once more: it gets no answer but the usual hint.
    assert "called no tool" in texts(primary[3], "user")[-1]


def test_questions_of_one_reply_are_bounded_and_tools_may_be_used_between(play):
    many = "\n".join(f"{n}. **Question:** Which classes, {n}?" for n in range(1, 8))
    episode, requests = play(
        [calls("view", path=FILE), {"content": many, **calls("list_files")}, "Seen.", SUBMIT],
        {"Which classes": [RIGHT]},
    )
    primary, translator = split(requests)
    assert len(translator) == 5
    assert episode.info["step"] == 8
    assert len(texts(primary[-1], "tool")) == 2
    assert (
        "Only the first 5 questions of a reply are answered; 2 were left out."
        in (texts(primary[2], "user")[-1])
    )


def test_asking_ends_after_so_many_replies(play):
    look = calls("list_files", path="src")
    episode, requests = play([look] * 3 + [SUBMIT], args={"phase_calls": 3})
    assert episode.end == "submitted"
    assert texts(requests[3], "user")[-1].startswith("Questions are over.")


def test_a_bound_of_the_episode_inside_a_translation_ends_it(env, play):
    limit, env.unwrapped.max_steps = env.unwrapped.max_steps, 2
    try:
        episode, requests = play(
            ["Question: Which classes are there?"], {"Which": [WRONG, WRONG, WRONG]}
        )
    finally:
        env.unwrapped.max_steps = limit
    assert episode.end == "steps"
    assert len(requests) == 3


def test_a_spent_budget_ends_the_episode_in_the_translation_too(play):
    usage = {"prompt_tokens": 100, "completion_tokens": 900}
    ask = {"content": "Question: Which classes are there?", "usage": usage}
    episode, requests = play([ask], {"Which": [RIGHT]}, budget_usd=1.5)
    assert episode.end == "cost"
    assert len(requests) == 1
    assert episode.environment.outcome.score is not None


def test_an_environment_without_the_graph_is_one_sentence(play):
    env = envs.make("swe-mini", task=TASK, tools=["view", "edit", "submit"])
    try:
        episode = Episode(env, seed=0)
        with pytest.raises(RepoGymError, match="graph_query, which this environment does not"):
            make_agent("codexgraph", model=make_model("symbolic")).run(episode)
    finally:
        env.close()


def test_bad_arguments_are_one_sentence():
    model = make_model("symbolic")
    for name, value in (("rounds", 0), ("repairs", -1), ("phase_calls", "x")):
        with pytest.raises(RepoGymError, match=f"--agent-arg {name}={value}: give a whole number"):
            make_agent("codexgraph", model=model, args={name: value})
    with pytest.raises(RepoGymError, match="cannot be read"):
        make_agent("codexgraph", model=model, args={"translator": "scripted:/nowhere.json"})
    assert CodexGraph(model).translator is model
    assert CodexGraph(model, translator=make_model("symbolic")).translator is not model


def test_questions_and_queries_are_read_as_models_write_them():
    text = "Hm.\n- **Question 1:** What calls `a`?\nquestion: Where is b?\nNo questions: none"
    assert questions_of(text) == ["What calls `a`?", "Where is b?"]
    assert questions_of("The question is: why?") == []
    assert query_of("```cypher\nMATCH (c:CLASS)\nRETURN c.name\n```\nDone.") == (
        "MATCH (c:CLASS)\nRETURN c.name"
    )
    assert query_of("```\nMATCH (c:CLASS) RETURN c.name") == "MATCH (c:CLASS) RETURN c.name"
    assert query_of(" `match (c:CLASS) return c.name` ") == "match (c:CLASS) return c.name"
    assert query_of("There is no such query.") == ""


def test_in_a_run_the_second_model_is_recorded_counted_and_replayed(tmp_path):
    primary, other = tmp_path / "primary.json", tmp_path / "other.json"
    primary.write_text(json.dumps(["Question: Which classes are there?", "I see.", SUBMIT]))
    other.write_text(json.dumps([WRONG, RIGHT]))
    spec = EpisodeSpec(
        suite="swe-mini",
        task=TASK,
        agent="codexgraph",
        agent_args={"translator": f"scripted:{other}"},
        model=f"scripted:{primary}",
        budget_usd=1.0,
        budget_file=str(tmp_path / "budget.sqlite"),
        out=str(tmp_path / "episode"),
    )
    record = run_episode(spec)
    assert (record.status, record.end, record.steps) == ("done", "submitted", 3)
    assert record.use.calls == 5
    assert record.use.reused == 0
    replies = [e for e in read_journal(spec.folder / "episode.jsonl") if e["kind"] == "reply"]
    names = [event["model"] for event in replies]
    assert names == ["scripted:primary.json", *["scripted:other.json"] * 2, *names[:1] * 2]
    trajectory = json.loads((spec.folder / "trajectory.json").read_text())
    asked = [s for s in trajectory["steps"] if s.get("model_name") == "scripted:other.json"]
    assert [s["tool_calls"][0]["function_name"] for s in asked] == ["graph_query"] * 2
    # A play that was cut off is played again without a question to either model.
    (spec.folder / "record.json").unlink()
    again = run_episode(spec)
    assert again.use.reused == 5
    assert again.end == "submitted"


def test_the_planner_names_the_graph_where_it_is_offered(tmp_path):
    look = {"tool_calls": [{"name": "view", "arguments": {"path": "."}}]}
    replies = [look, "?", "1. Look", "?", *["Nothing."] * 3, "Verdict: give up"]
    for tools, named in ((None, True), (["view", "edit", "callers", "submit"], True), (
        ["view", "edit", "submit"], False,
    )):  # fmt: skip
        server = ScriptedServer(Script.model_validate(replies))
        model = LiteLLMModel("openai/t", api_base=server.api_base, args={"api_key": "k"})
        env = envs.make("swe-mini", task=TASK, tools=tools)
        try:
            make_agent("planner", model=model).run(Episode(env, seed=0))
        finally:
            env.close()
            server.close()
        told = texts(server.requests[-1], "user")
        localise = next(text for text in told if text.startswith("Phase: localise"))
        assert ("callers (what calls it)" in localise) is named
        assert ("graph_query (" in localise) is (tools is None)
        assert sum("The code graph" in text for text in told) == named
