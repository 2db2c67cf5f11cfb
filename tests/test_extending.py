"""What docs/extending.md shows works, from a folder outside of the tree."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "extending.md"


def examples() -> dict[str, tuple[dict[str, str], str]]:
    """Return files and command of each section of the page that has a command."""
    found = {}
    for section in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        blocks = re.findall(r"^```(\w+)\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
        files = {}
        for _, text in blocks:
            named = re.match(r"# (\S+)\n", text)
            if named:
                files[named[1]] = text
        commands = [text.strip() for kind, text in blocks if kind == "sh"]
        if commands:
            found[section.split("\n")[0]] = (files, commands[0])
    return found


EXAMPLES = examples()


def run(command: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    words = shlex.split(command)
    while "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        variables[name] = value
    assert words[0] == "repogym"
    return subprocess.run(
        [sys.executable, str(ROOT / "run_agent.py"), *words[1:]],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )


def put(files: dict[str, str], folder: Path) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


@pytest.fixture
def done(request, tmp_path):
    """The finished command of a section, the folder in which it ran, its summary if any."""
    files, command = EXAMPLES[request.param]
    put(files, tmp_path)
    result = run(command, tmp_path)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return tmp_path, result


def journal(folder: Path) -> list[dict]:
    (path,) = folder.glob("runs/*/episodes/*/*/episode.jsonl")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def summary(folder: Path) -> dict:
    (path,) = folder.glob("runs/*/summary.json")
    return json.loads(path.read_text(encoding="utf-8"))


def test_every_part_has_an_example():
    listed = re.findall(r"^\| ([a-z ]+) \| `", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    shown = {re.sub("^an? ", "", name.lower()) for name in EXAMPLES}
    assert listed and set(listed) == shown


@pytest.mark.parametrize("done", ["An agent"], indirect=True)
def test_agent(done):
    folder, _ = done
    calls = [row["name"] for row in journal(folder) if row["kind"] == "step"]
    assert calls == ["list_files", "submit"]


@pytest.mark.parametrize("done", ["A model"], indirect=True)
def test_model(done):
    folder, _ = done
    rows = journal(folder)
    assert any(row["kind"] == "call" for row in rows) or any("reply" in row for row in rows)
    assert summary(folder)["model"] == "eager:Eager"


@pytest.mark.parametrize("done", ["A tool"], indirect=True)
def test_tool(done):
    folder, _ = done
    steps = [row for row in journal(folder) if row["kind"] == "step"]
    assert steps[0]["name"] == "count_lines"
    assert int(steps[0]["observation"]["text"]) > 0
    assert steps[0]["observation"]["error"] == 0


@pytest.mark.parametrize("done", ["A reward"], indirect=True)
def test_reward(done):
    folder, _ = done
    (path,) = folder.glob("runs/*/episodes/*/*/record.json")
    assert json.loads(path.read_text())["reward"] == 1.0


@pytest.mark.parametrize("done", ["A sandbox back end"], indirect=True)
def test_sandbox(done):
    folder, result = done
    assert "sandbox: audited" in result.stdout + result.stderr
    assert (folder / "sandboxes.txt").read_text().startswith("4096 MiB\n")


@pytest.mark.parametrize("done", ["A graph language"], indirect=True)
def test_graph_language(done):
    _, result = done
    assert result.stdout.split()[-3:-1] == ["all", "test"] or "all" in result.stdout
    assert "test" in result.stdout


@pytest.mark.parametrize(
    "done",
    ["A suite", "An environment id", "A task source", "A test runner"],
    indirect=True,
)
def test_suite_source_and_runner(done):
    folder, _ = done
    found = summary(folder)
    assert (found["n"], found["resolved"]) == (1, 1)


def offer(folder: Path, groups: dict[str, dict[str, str]]) -> None:
    """Lay out an installed distribution that offers entry points."""
    info = folder / "extra-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: extra\nVersion: 1.0\n")
    lines = []
    for group, points in groups.items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


def test_entry_points_are_found_by_name(tmp_path):
    (tmp_path / "site").mkdir()
    for files, _ in EXAMPLES.values():
        put(files, tmp_path / "site")
    offer(
        tmp_path / "site",
        {
            "repogym.agents": {"greeter": "greeter:Greeter"},
            "repogym.models": {"eager": "eager:Eager"},
            "repogym.tools": {"count_lines": "counting:count_lines"},
            "repogym.rewards": {"strict": "strict:strict"},
            "repogym.sandboxes": {"audited": "audited:Audited"},
            "repogym.languages": {"make": "recipes:LANGUAGE"},
            "repogym.suites": {"short": "short:short"},
        },
    )
    found = {"PYTHONPATH": str(tmp_path / "site")}
    listing = json.loads(run("repogym --list --json", tmp_path, **found).stdout)
    assert "greeter" in [row["name"] for row in listing["agents"]]
    assert "eager" in [row["name"] for row in listing["models"]]
    assert "count_lines" in [row["name"] for row in listing["tools"]]
    assert "short" in [row["name"] for row in listing["suites"]]
    command = (
        "repogym --env short --agent greeter --sandbox audited "
        "--reward strict --env-arg tools=+count_lines"
    )
    done = run(command, tmp_path, **found)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "sandboxes.txt").exists()
    done = run(
        "repogym --env swe-mini --task warmcache-refresh --agent react --model eager",
        tmp_path,
        **found,
    )
    assert done.returncode == 0, done.stderr
    query = EXAMPLES["A graph language"][1].partition(" ")[2]
    done = run(query, tmp_path / "site", **found)
    assert done.returncode == 0, done.stderr
    assert "test" in done.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--agent noop --sandbox nobody:Nothing", "there is no module 'nobody'"),
        ("--agent noop --sandbox no-such", "Unknown sandbox 'no-such'"),
        ("--agent react --model nobody:Nothing", "there is no module 'nobody'"),
        ("--agent react --model json:JSONDecoder", "which has no complete()"),
        ("--agent react --model json:JSONDecoder --budget 1", "takes no budget"),
        ("--agent noop --env-arg tools=+no_such", "Unknown tool 'no_such'"),
        ("--agent noop --env-arg tools=view,+submit", "put a + in front of all names"),
        ("--agent noop --reward no_such", "Unknown reward 'no_such'"),
    ],
)
def test_what_is_no_part_is_one_sentence(tmp_path, options, said):
    done = run(f"repogym --env swe-mini {options}", tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_language_that_can_not_be_loaded_is_one_sentence(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    done = run("repogym graph stats .", tmp_path, REPOGYM_LANGUAGES="nobody:LANGUAGE")
    assert done.returncode == 2
    assert "the language nobody:LANGUAGE can't be loaded" in done.stderr
