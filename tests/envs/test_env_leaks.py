"""What an agent can see of a task, whatever it reads: nothing of what is hidden."""

from __future__ import annotations

import json
import re

import pytest

import envs
from repos.tasks.suite import load_suite

LOOK = (
    r"grep -rhoE 'def test_\w+' / --include=*.py --exclude-dir=proc --exclude-dir=sys "
    "--exclude-dir=usr --exclude-dir=.pyenv 2>/dev/null | sort -u | sed 's/def //'; "
    "git log --all --format=%s; git ls-files; cat .git/packed-refs .git/logs/HEAD 2>/dev/null; env"
)


def function(test):
    """Return the name of a test id's function."""
    return test.rpartition("::")[2].partition("[")[0]


@pytest.mark.parametrize("task", [spec.id for spec in load_suite("swe-mini").specs])
@pytest.mark.parametrize("level", ["none", "tests"])
def test_hidden_tests_are_nowhere_in_the_workspace(task, level):
    env = envs.make("swe-mini", task=task, assist=level)
    observation, _ = env.reset(seed=0)
    raw = env.unwrapped
    hidden = raw._episode().task.hidden
    shown = set(raw.task.visible_tests)
    assert shown < set(hidden.expected.fail_to_pass) and bool(shown) == (level == "tests")
    concealed = {function(t) for t in hidden.expected.fail_to_pass if t not in shown}
    held_out = "".join(path.read_text() for path in hidden.held_out.rglob("*.py"))
    kept = {function(test) for test in hidden.expected.pass_to_pass}
    concealed |= set(re.findall(r"def (test_\w+)", held_out)) - kept
    assert concealed - {function(test) for test in shown} == concealed
    action = {"name": "bash", "arguments": json.dumps({"command": LOOK})}
    seen = env.step(action)[0]["text"]
    assert "tests/" in seen
    words = set(re.findall(r"\w+", seen + observation["text"]))
    assert kept & words, "nothing was searched"
    assert not concealed & words
    env.close()
