"""RRR on a real task: its phases, the tools of each, its feedback and its end."""

import json

import pytest

import envs
from agents.models.litellm_model import LiteLLMModel
from agents.models.script import Script
from agents.models.scripted import ScriptedServer
from agents.registry import make_agent
from agents.rrr import RRR, STATIC_TOOLS, named_tests, passed, written_lines
from envs.episode import Episode
from repos.errors import InputError

TASK = "warmcache-refresh"
FILE = "src/warmcache/stats.py"


def calls(name, **arguments):
    return {"tool_calls": [{"name": name, "arguments": arguments}]}


def write(line):
    return calls("bash", command=f"printf '%s\\n' '{line}' >> {FILE}")


@pytest.fixture(scope="module")
def env():
    tools = [f"+{name}" for name in STATIC_TOOLS if name.startswith("get_")]
    env = envs.make("swe-mini", task=TASK, tools=tools)
    yield env
    env.close()


@pytest.fixture
def play(env):
    servers = []

    def start(replies, **args):
        script = {"conversations": [{"when": "<problem>", "replies": replies}]}
        server = ScriptedServer(Script.model_validate(script))
        servers.append(server)
        model = LiteLLMModel(
            "openai/t", api_base=server.api_base, args={"api_key": "k"}, price=(1.0, 1.0)
        )
        episode = Episode(env, seed=0)
        make_agent("rrr", model=model, args=args).run(episode)
        return episode, server.requests

    yield start
    for server in servers:
        server.close()


def phases(requests):
    """Return (phase, names of the tools on offer) of each request."""
    found = []
    for request in requests:
        said = [m["content"] for m in request["messages"] if m["role"] == "user"]
        phase = next(t for t in reversed(said) if t.startswith("Phase: ")).split()[1]
        found.append((phase, {t["function"]["name"] for t in request.get("tools", ())}))
    return found


def test_a_wrong_version_is_looked_at_reflected_on_and_improved(play):
    episode, requests = play(
        [
            write("total = undefined_thing + 1"),
            "A first version.",
            calls("get_imports", path=FILE),
            "I know.",
            "The name does not exist.",
            calls("bash", command=f"sed -i '/undefined_thing/d' {FILE}; echo '# ok' >> {FILE}"),
            "Better.",
        ],
        rounds=1,
    )
    assert episode.end == "submitted"
    assert b"+# ok" in episode.env.unwrapped.diff()
    told = phases(requests)
    assert [phase for phase, _ in told] == [
        *["generate"] * 2, *["look"] * 2, "reflect", *["improve"] * 2,
    ]  # fmt: skip
    assert {"edit", "bash"} <= told[0][1] and not {"run_tests", "submit"} & told[0][1]
    assert told[2][1] == set(STATIC_TOOLS)
    assert told[4][1] == set()
    first = requests[0]["messages"][1]["content"]
    assert "Places of the repository that look like it:" in first and "src/warmcache/" in first
    looked = json.dumps(requests[2]["messages"])
    assert "Names and members:" in looked and "undefined_thing" in looked
    assert "Visible tests:" in looked


def test_a_version_that_passes_is_submitted_without_a_look(play):
    episode, requests = play([write("# nothing wrong"), "Done."])
    assert episode.end == "submitted"
    assert {phase for phase, _ in phases(requests)} == {"generate"}


def test_words_without_an_edit_are_asked_for_one(play):
    episode, requests = play(["It is done.", write("# here"), "Done."], rounds=0)
    assert episode.end == "submitted" and b"+# here" in episode.env.unwrapped.diff()
    assert "a reply changes no file" in requests[1]["messages"][-1]["content"]


def test_a_model_that_never_acts_ends_unheard(play):
    episode, _ = play(["No."] * 20, rounds=1, phase_calls=2)
    assert episode.end == "no_tool_calls"


def test_without_its_tools_it_says_which_one_is_missing():
    with envs.make("swe-mini", task=TASK) as env, pytest.raises(InputError, match="get_imports"):
        RRR(model=None).run(Episode(env, seed=0))


def test_tests_that_a_statement_names():
    text = "`test_basic` in `tests/test_search.py`, tests/a_b.py::test_c[1-x] and src/app.py."
    assert named_tests(text) == ["tests/test_search.py", "tests/a_b.py::test_c[1-x]"]


@pytest.mark.parametrize(
    ("report", "right"),
    [
        ("SUMMARY 3 passed\nPASSED a", True),
        ("SUMMARY 1 failed, 3 passed\nFAILED a", False),
        ("SUMMARY 1 error, 3 passed", False),
        ("SUMMARY 10 passed, 2 skipped", True),
        ("SUMMARY 3 passed\nINCOMPLETE it ran into its time-out", False),
        ("SUMMARY no tests ran", False),
        ("run_tests: no such test", False),
    ],
)
def test_what_a_passing_report_is(report, right):
    assert passed(report) is right


def test_lines_that_a_diff_wrote():
    diff = (
        b"diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -1,3 +1,4 @@\n a\n-b\n+c\n+d\n e\n"
        b"@@ -9 +10,2 @@\n z\n+y\ndiff --git a/n.txt b/n.txt\n--- a/n.txt\n+++ b/n.txt\n"
        b"@@ -0,0 +1 @@\n+t\n"
    )
    assert written_lines(diff) == {"x.py": {2, 3, 11}}
