"""What a person sees while a run goes on."""

import io

from rich.console import Console

from agents.runs.progress import Counts, LiveDisplay, PlainDisplay, display_for
from agents.runs.recorder import call_line
from agents.runs.spec import EpisodeRecord, EpisodeSpec
from envs.episode import ToolCall


def spec(task):
    return EpisodeSpec(suite="swe-mini", task=task, agent="noop", out="out")


def terminal():
    return Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None)


def test_a_live_display_shows_the_latest_call_of_each_episode():
    console = terminal()
    display = display_for(console, Counts(2), {})
    assert isinstance(display, LiveDisplay)
    display.stepped(spec("suite/one"), 3, "view src/a.py")
    display.stepped(spec("suite/two"), 1, "run_tests")
    display.stepped(spec("suite/one"), 4, "edit src/a.py " + "x" * 200)
    display._progress.refresh()
    shown = console.file.getvalue()
    assert "two \u00b7 step 1 \u00b7 run_tests" in shown
    assert "one \u00b7 step 4 \u00b7 edit src/a.py" in shown
    assert all(len(line) <= 80 for line in shown.replace("\r", "\n").splitlines() if "step" in line)
    counts = Counts(2)
    record = EpisodeRecord(task="suite/one", steps=4)
    counts.add(record)
    display.finished(record, counts)
    display.close()
    assert "[1/2] one" in console.file.getvalue()


def test_a_pipe_gets_lines():
    console = Console(file=io.StringIO())
    display = display_for(console, Counts(1), {})
    assert isinstance(display, PlainDisplay)
    display.stepped(spec("one"), 1, "view")
    assert console.file.getvalue() == ""


def test_a_call_in_a_few_words_can_not_steer_the_terminal():
    assert call_line(ToolCall("view", '{"path": "a.py", "start": 3}')) == "view a.py 3"
    assert call_line(ToolCall("bash", '{"command": "ls\\nrm -rf /"}')) == "bash ls"
    assert call_line(ToolCall("bash", "{broken")) == "bash"
    assert len(call_line(ToolCall("bash", '{"command": "%s"}' % ("x" * 500)))) == 100
    assert "\x1b" not in call_line(ToolCall("ba\x1b[2Jsh", '{"command": "\\u001b[31m\\r"}'))
