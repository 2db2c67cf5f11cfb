"""The command and the import: usage errors, listings, and what is not imported too early."""

import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import repogym
import run_agent
from agents.cli import run

ROOT = Path(__file__).parent.parent


def call(monkeypatch, capsys, *arguments):
    """Run the command in this process; return exit status, standard output and error."""
    monkeypatch.setattr(sys, "argv", ["run_agent.py", *arguments])
    with pytest.raises(SystemExit) as ended:
        run_agent.main()
    printed = capsys.readouterr()
    return ended.value.code, printed.out, printed.err


def python(code, *, path=(), cwd=ROOT):
    """Run code in a new interpreter with `path` in front of RepoGym's folder."""
    search = os.pathsep.join([*map(str, path), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": search},
        capture_output=True,
        text=True,
        timeout=120,
    )


RUN = ["--env", "swe-mini", "--agent", "noop"]

BAD = {
    "nothing": ([], "--env and --agent missing"),
    "no agent": (["--env", "swe-mini"], "--agent missing"),
    "unknown suite": (
        ["--env", "swe-mino", "--agent", "noop"],
        "Unknown suite 'swe-mino'. Did you mean 'swe-mini'",
    ),
    "no manifest": (["--env", "./no.jsonl", "--agent", "noop"], "There is no manifest ./no.jsonl"),
    "unknown agent": (
        ["--env", "swe-mini", "--agent", "plannr"],
        "Unknown agent 'plannr'. Did you mean 'planner'?",
    ),
    "agent's module": (
        ["--env", "swe-mini", "--agent", "no_such_module:Agent"],
        "there is no module 'no_such_module'",
    ),
    "agent's class": (
        ["--env", "swe-mini", "--agent", "agents.noop:Nope"],
        "Unknown agent in agents.noop 'Nope'",
    ),
    "unknown task": ([*RUN, "--task", "no-such-task"], "Unknown task of swe-mini 'no-such-task'"),
    "unknown second task": ([*RUN, "--task", "x1,x2"], "Unknown task of swe-mini 'x1'"),
    "no K=V": ([*RUN, "--agent-arg", "patience"], "--agent-arg 'patience': write it as NAME=VALUE"),
    "K twice": ([*RUN, "--env-arg", "a=1", "--env-arg", "a=2"], "--env-arg a stands there twice"),
    "unknown agent-arg": ([*RUN, "--agent-arg", "patience=3"], "patience"),
    "unknown env-arg": ([*RUN, "--env-arg", "colour=1"], "Unknown --env-arg 'colour'"),
    "env-arg with an option": ([*RUN, "--env-arg", "reward=x"], "use --reward"),
    "unknown tool": ([*RUN, "--env-arg", 'tools=["teleport"]'], "teleport"),
    "unknown sandbox": ([*RUN, "--sandbox", "sandcastle"], "sandcastle"),
    "unsafe sandbox": ([*RUN, "--sandbox", "process"], "--allow-unsafe"),
    "unknown reward": ([*RUN, "--reward", "resolve"], "Unknown reward 'resolve'"),
    "reward's module": ([*RUN, "--reward", "no_such_module:f"], "no_such_module"),
    "unknown split": (
        ["--env", "swe-lite", "--agent", "noop", "--split", "trian"],
        "Unknown split 'trian'. Did you mean 'train'?",
    ),
    "unknown assist": ([*RUN, "--assist", "test"], "Unknown assist level 'test'"),
    "symbolic with none": (
        ["--env", "swe-mini", "--agent", "react", "--assist", "none"],
        "--assist none does not go with the model symbolic",
    ),
    "unknown tool format": ([*RUN, "--tool-format", "xml"], "Unknown tool format 'xml'"),
    "no list of tools": ([*RUN, "--env-arg", "tools=5"], "tools is 5: give a list of names"),
    "no tools": ([*RUN, "--env-arg", "tools=[]"], "give a list of names"),
    "empty task": ([*RUN, "--task", ""], "--task is empty"),
    "seed": ([*RUN, "--seed", "-1"], "--seed is -1"),
    "limit": ([*RUN, "--limit", "0"], "--limit is 0"),
    "samples": ([*RUN, "--samples", "0"], "--samples is 0"),
    "workers": ([*RUN, "--workers", "-1"], "--workers is -1"),
    "steps": ([*RUN, "--max-steps", "0"], "--max-steps is 0"),
    "seconds": ([*RUN, "--seconds", "0"], "--seconds is 0"),
    "budget": ([*RUN, "--budget", "-1"], "--budget is -1"),
    "price": ([*RUN, "--price", "cheap"], "--price 'cheap': write IN,OUT"),
    "price of nobody": (
        [
            *["--env", "swe-mini", "--agent", "react", "--model", "openai/nobody-knows"],
            *["--api-base", "http://127.0.0.1:9/v1", "--model-arg", "api_key=x", "--budget", "1"],
        ],
        "--price",
    ),
}


OWN = """
def raises(score):
    return 1 / 0

def words(score):
    return "much"

def two(score, more):
    return 1.0

class NoEpisode:
    def run(self):
        pass
"""

BAD_OWN = {
    "reward raises": ([*RUN, "--reward", "own_parts:raises"], "ZeroDivisionError"),
    "reward is text": ([*RUN, "--reward", "own_parts:words"], "gave 'much'"),
    "reward's arguments": ([*RUN, "--reward", "own_parts:two"], "TypeError"),
    "reward's syntax": ([*RUN, "--reward", "own_broken:f"], "SyntaxError"),
    "tool's syntax": ([*RUN, "--env-arg", 'tools=["own_broken:f"]'], "SyntaxError"),
    "agent's run": (
        ["--env", "swe-mini", "--agent", "own_parts:NoEpisode"],
        "write `def run(self, episode)`",
    ),
}


@pytest.mark.parametrize("case", BAD_OWN)
def test_parts_of_ones_own_that_do_not_work_are_one_sentence_before_any_work(
    case, monkeypatch, capsys, tmp_path
):
    (tmp_path / "own_parts.py").write_text(OWN)
    (tmp_path / "own_broken.py").write_text("def f(:\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("own_parts", "own_broken"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    arguments, expected = BAD_OWN[case]
    status, out, err = call(monkeypatch, capsys, *arguments)
    assert (status, out) == (2, "")
    assert expected in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("case", BAD)
def test_bad_usage_is_one_sentence_before_any_work(case, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    arguments, expected = BAD[case]
    status, out, err = call(monkeypatch, capsys, *arguments)
    assert status == 2
    assert expected in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert out == ""
    assert list(tmp_path.iterdir()) == []


def test_every_option_is_a_field_of_the_request():
    from agents.cli import FIELDS, NO_FIELDS
    from agents.runs.request import Request

    options = {*inspect.signature(run).parameters} - {"context", *NO_FIELDS}
    assert {FIELDS.get(name, name) for name in options} == set(Request.model_fields)


def test_an_unknown_option_is_bad_usage(monkeypatch, capsys):
    status, _, err = call(monkeypatch, capsys, "--evn", "swe-mini")
    assert status == 2
    assert "No such option: --evn" in err


def test_a_failure_of_the_infrastructure_has_a_status_of_its_own(monkeypatch, capsys, tmp_path):
    from repos.tasks.sources.pypi.configuration import index_configuration

    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setattr("repos.tasks.sources.pypi.index.time.sleep", lambda seconds: None)
    # A process asks for its index once; another test may have done that here.
    monkeypatch.setattr("repos.tasks.sources.pypi.index._configured", index_configuration)
    manifest = tmp_path / "m.jsonl"
    status, _, err = call(monkeypatch, capsys, "tasks", "mine", "demo", "-o", str(manifest))
    assert status == 3
    assert err.count("error: ") == err.count("\n") == 1
    assert "The package index does not answer" in err
    assert not manifest.exists()


def test_an_unwritable_folder_is_bad_usage(monkeypatch, capsys, tmp_path):
    (tmp_path / "file").write_text("")
    status, _, err = call(monkeypatch, capsys, *RUN, "--out", str(tmp_path / "file" / "run"))
    assert status == 2
    assert "can't be written" in err


def test_the_listing_names_everything(monkeypatch, capsys):
    status, out, _ = call(monkeypatch, capsys, "--list", "--json")
    assert status == 0
    found = json.loads(out)
    assert {"swe-mini"} <= {row["name"] for row in found["suites"]}
    assert {"planner", "react", "oracle", "noop", "random"} <= {r["name"] for r in found["agents"]}
    assert {"symbolic"} <= {row["name"] for row in found["models"]}
    assert {"view", "edit", "bash", "run_tests", "submit"} <= {r["name"] for r in found["tools"]}
    assert all(row["description"] for rows in found.values() for row in rows)
    status, out, _ = call(monkeypatch, capsys, "--list")
    assert status == 0 and "swe-mini" in out


@pytest.mark.parametrize("verb", run_agent.VERBS)
def test_every_verb_is_mounted(verb, monkeypatch, capsys):
    status, out, _ = call(monkeypatch, capsys, verb, "--help")
    assert status == 0
    # What stands before depends on how the tests were started.
    assert re.search(rf"Usage: .*run_agent(\.py)? {verb} ", out)


def test_help_imports_no_room_but_its_own():
    code = (
        "import sys, run_agent\n"
        "sys.argv = ['run_agent.py', '--help']\n"
        "try: run_agent.main()\n"
        "except SystemExit: pass\n"
        "heavy = ('gymnasium', 'litellm', 'repos.cli', 'graphdb.cli', 'envs.env', 'pydantic')\n"
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)\n"
    )
    done = python(code)
    assert "tasks" in done.stdout and "--env" in done.stdout
    assert done.stderr.strip() == "[]"


def test_import_repogym_brings_gymnasium_and_little_else():
    code = (
        "import sys, gymnasium, repogym\n"
        "heavy = ('pydantic', 'litellm', 'rich', 'typer', 'networkx', 'tree_sitter')\n"
        "print([name for name in heavy if name in sys.modules])\n"
        "print('repogym/swe-mini-v1' in gymnasium.registry)\n"
    )
    assert python(code).stdout.split("\n")[:2] == ["[]", "True"]


@pytest.mark.parametrize("name", repogym.__all__)
def test_every_public_name_resolves(name):
    value = getattr(repogym, name)
    assert value.__module__.split(".")[0] in repogym.ROOMS


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'makee'"):
        repogym.makee  # noqa: B018


def test_a_foreign_package_of_a_rooms_name_is_named(tmp_path):
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "__init__.py").write_text("")
    done = python("import repogym", path=[tmp_path], cwd=tmp_path)
    assert done.returncode == 1
    assert f"'tools' is shadowed by the folder {tmp_path / 'tools'}" in done.stderr


def test_a_foreign_distribution_of_a_rooms_name_is_named(tmp_path):
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs" / "__init__.py").write_text("")
    info = tmp_path / "environs_of_old-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: environs-of-old\nVersion: 1.0\n")
    (info / "top_level.txt").write_text("envs\n")
    (info / "RECORD").write_text("envs/__init__.py,,\n")
    done = python("import repogym", path=[tmp_path], cwd=tmp_path)
    assert "'envs' is shadowed by the distribution environs-of-old" in done.stderr


def test_a_graph_of_nothing_is_one_sentence():
    done = subprocess.run(
        [sys.executable, "run_agent.py", "graph", "build", "/no/such/folder"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_the_module_is_the_command_too():
    home = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, str(home / "repogym.py"), "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0 and "--agent" in done.stdout


def test_the_version_names_the_commit_of_a_checkout():
    from agents.runs.report import repogym_version

    home = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        ["git", "-C", str(home), "rev-parse", "HEAD"], capture_output=True, text=True
    )
    if done.returncode == 0:
        assert f"+g{done.stdout.strip()[:12]}" in repogym_version()


def test_only_a_modules_own_names_are_offered(tmp_path, monkeypatch):
    from repos.errors import UnknownNameError
    from repos.plugins import load_dotted

    (tmp_path / "mine_own.py").write_text(
        "from __future__ import annotations\nimport json\nfrom pathlib import Path\n\n"
        "class Mine:\n    pass\n"
    )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownNameError, match=r"Known: Mine\.$"):
        load_dotted("mine_own:Zzzz", "agent")
