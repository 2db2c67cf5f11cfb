"""A release with six changes: which become tasks, and why the others do not."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from repos.cache import cache_root
from repos.environments.interpreters import minor_version
from repos.errors import InputError
from repos.mining.batch import Order, mine_names, read_names
from repos.mining.changes.existing import faults
from repos.prepare import prepare
from repos.sandbox.select import get_backend
from repos.scoring.score import score
from repos.tasks.environments import python_id
from repos.tasks.sources.pypi import index
from repos.tasks.sources.pypi.configuration import IndexConfiguration, index_configuration
from repos.tasks.suite import read_manifest

HERE = python_id(minor_version())
ROOT = Path(__file__).parents[3]

OLD_CODE = '''\
def half(number):
    """Return half of a number."""
    return number // 2


def widest(names):
    """Return the longest name."""
    return names[0]


def area(width, height):
    """Return the area of a field."""
    return width + height


def clean(text):
    """Return a text without blanks around it."""
    return text


def ends(text):
    """Return the first letter in capitals, and the last."""
    first = text[0]
    count = len(text)
    assert count
    assert first
    last = text[-2:]
    return first, last


def check(number):
    """Refuse numbers below zero."""
    return number
'''
NEW_CODE = (
    OLD_CODE.replace("number // 2", "number / 2")
    .replace("return names[0]", "return max(names, key=len)")
    .replace("width + height", "width * height")
    .replace("text[0]", "text[0].upper()")
    .replace("text[-2:]", "text[-1:]")
    .replace("    return text\n", "    return text.strip()\n")
    .replace(
        "    return number\n",
        '    if number < 0:\n        raise ValueError("a minus stands before it")\n'
        "    return number\n",
    )
)
OLD_TESTS = "from demo import clean\n\n\ndef test_clean_nothing():\n    assert clean('a') == 'a'\n"
NEW_TESTS = (
    "import pytest\n"
    + OLD_TESTS.replace("import clean", "import area, check, clean, ends, half, widest")
    + """

@pytest.mark.parametrize(("number", "wanted"), [(3, 1.5), (5, 2.5), (7, 3.5)])
def test_half(number, wanted):
    assert half(number) == wanted


def test_widest():
    names = ['a', 'bbb', 'cc']
    assert widest(names) == 'bbb'


def test_area():
    assert area(12, 34) == 408


def test_ends():
    assert ends('abc')[0] == 'A'
    assert ends('abc')[1] == 'c'


def test_clean(capsys):
    print(' b')
    assert clean(capsys.readouterr().out) == 'b'


def test_check():
    with pytest.raises(ValueError, match='^a minus stands before it$'):
        check(-1)


def test_check_again():
    with pytest.raises(ValueError, match='^a minus stands before it$'):
        check(-2)
"""
)


def files(version, code, tests, changes):
    return {
        "PKG-INFO": f"Metadata-Version: 2.1\nName: demo\nVersion: {version}\nLicense: MIT\n",
        "CHANGES.md": f"# Changes\n\n{changes}## 1.0\n\n- First.\n",
        "demo/__init__.py": code,
        "tests/test_demo.py": tests,
    }


@pytest.fixture
def served(local_index, tmp_path, monkeypatch):
    monkeypatch.setenv("REPOGYM_CACHE", str(tmp_path / "cache"))
    others = ("New logo.", "Python 3.14 is supported.", "Docs are on a page of their own.")
    items = ["`half(number)` is exact.", *others, "Wheels are smaller.", "Typing is complete."]
    changes = "## 1.1\n\n" + "".join(f"- {item}\n" for item in items) + "\n"
    local_index.publish(
        "demo",
        {
            "1.0": (files("1.0", OLD_CODE, OLD_TESTS, ""), "2025-01-01T00:00:00Z"),
            "1.1": (files("1.1", NEW_CODE, NEW_TESTS, changes), "2025-02-01T00:00:00Z"),
        },
    )
    configuration = IndexConfiguration((local_index.url, *index_configuration().indexes))
    monkeypatch.setattr(index, "_configured", lambda: configuration)
    return local_index


@pytest.mark.index
def test_single_changes_become_tasks_and_the_same_command_goes_on(served, tmp_path):
    lines = []
    output = tmp_path / "changes.jsonl"
    order = Order(kind="changes")
    assert mine_names(["no-such-package-here", "demo", "Demo"], output, order, lines.append) == 3
    assert any("no-such-package-here: no task: The package index has no proj" in x for x in lines)
    area, check, half = read_manifest(output).specs
    assert [spec.id.rpartition(".")[2] for spec in (area, check, half)] == ["area", "check", "half"]
    assert "gives now: `1`\n\nand should give: `1.5`" in half.symptom
    assert half.source.bullet.number == 0
    assert len(half.expected[HERE].fail_to_pass) == 3
    assert "raises ValueError: a minus stands before it" in check.symptom  # it tells the message
    assert area.source.bullet is None
    assert "from demo import area\narea(12, 34)" in area.symptom
    made = [t for t in area.expected[HERE].fail_to_pass if "test_repogym_more" in t]
    assert len(made) == len(area.source.more) >= 1
    for name, note in (("single", "1 hunks"), ("hidden", "1 tests, "), ("stable", "3 surround")):
        assert area.labels[f"check {name}"].startswith(note)
    told = [line for line in lines if "no task" in line and line.startswith("demo-1.1")]
    reasons = {line.split()[1]: line.partition("no task: ")[2] for line in told}
    assert reasons["demo.widest:"].startswith("hidden: ")  # 'bbb' is easy to guess
    assert reasons["demo.ends:"] == "shown by example: 1 of 2 hunks are not needed for it"
    assert reasons["demo.clean:"].startswith("shown by example: capsys has no literal form")
    assert json.loads((tmp_path / "changes.jsonl.journal").read_text())["tasks"] == 3
    asked = len(served.requests)
    lines.clear()
    assert mine_names(["demo"], output, order, lines.append) == 3
    assert not any("task" in line for line in lines[:-1])
    assert len([r for r in served.requests[asked:] if r.endswith(".gz")]) == 0

    backend = get_backend("auto", allow_unsafe=False)
    try:
        task = prepare(area)
        base = task.layers.testbed[0] / "tests/test_demo.py"
        assert "def test_area" not in base.read_text()
        assert score(task, task.hidden.reference, backend=backend)[0].resolved
        shown = task.hidden.reference.replace(b"+    return width * height", b"+    return 408")
        result, _ = score(task, shown, backend=backend)
        assert result.applied
        assert not result.resolved  # what the statement shows is not all that is asked
        assert faults(task, backend) == {}
    finally:
        backend.close()


@pytest.mark.index
def test_a_killed_run_loses_no_task(served, tmp_path):
    output = tmp_path / "killed.jsonl"
    environment = {
        **os.environ, "UV_DEFAULT_INDEX": served.url, "UV_INDEX": index_configuration().indexes[0],
        "PYTHONPATH": str(ROOT), "REPOGYM_CACHE": str(cache_root()),
    }  # fmt: skip
    program = (
        "from pathlib import Path\nfrom repos.mining.batch import Order, mine_names\n"
        "from repos.tasks.sources.pypi import index\n"
        "from repos.tasks.sources.pypi.configuration import IndexConfiguration\n"
        f"c = IndexConfiguration({index._configured().indexes!r})\n"
        "index._configured = lambda: c\n"
        f"mine_names(['demo'], Path({str(output)!r}), Order(kind='changes'), print)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program], env=environment)
    deadline = time.monotonic() + 300
    while not output.exists() and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait()
    kept = {spec.id for spec in read_manifest(output).specs}
    assert kept
    assert mine_names(["demo"], output, Order(kind="changes"), lambda line: None) == 3
    assert kept <= {spec.id for spec in read_manifest(output).specs}


def test_malformed_names_and_lists_are_refused_before_any_work(tmp_path):
    for name in ("demo:1.0", "demo::", ":1:2"):
        with pytest.raises(InputError, match="neither a package nor a pair"):
            mine_names(["demo", name], tmp_path / "m.jsonl", Order(), lambda line: None)
    names = tmp_path / "names.txt"
    names.write_text("# popular ones\nattrs\n\ntoolz  # quick\n")
    assert read_names(names) == ["attrs", "toolz"]
    names.write_text("# nothing\n")
    with pytest.raises(InputError, match="holds no name"):
        read_names(names)
    with pytest.raises(InputError, match="can't be read"):
        read_names(tmp_path / "gone.txt")
