"""Triggers stand where jedi would have told the next name."""

import io
import json
import os

import parso.cache
from typer.testing import CliRunner

from agents.training.cli import app
from agents.training.toolgen_data import read_example, write_examples
from run_agent import application

CODE = '''\
import os


class Box:
    """A box."""

    def __init__(self, width):
        """Make it."""
        self.width = width

    def area(self, scale):
        """Its area."""
        total = self.width * scale
        print(total, os.sep, len("x"))
        return self.unknown_thing + total

    def bare(self):
        return self.width
'''


def corpus(tmp_path):
    folder = tmp_path / "corpus"
    (folder / "pkg").mkdir(parents=True)
    (folder / "pkg/box.py").write_text(CODE)
    (folder / "pkg/odd.py").write_text("def f(:\n")
    return folder


def run(*args):
    return CliRunner().invoke(application(), ["toolgen-data", *map(str, args)])


def test_triggers_stand_before_names_that_are_known(tmp_path):
    out = tmp_path / "data.jsonl"
    done = run(corpus(tmp_path), "-o", out)
    assert done.exit_code == 0, done.output
    assert "2 functions" in done.output and "1 functions without a docstring" in done.output
    assert "1 files that are no Python" in done.output
    rows = {row["function"]: row for row in map(json.loads, out.read_text().splitlines())}
    area = rows["Box.area"]
    assert area["path"] == "pkg/box.py"
    assert area["text"].splitlines()[2:] == [
        "        total = <COMP>self.<COMP>width * <COMP>scale",
        '        print(<COMP>total, <COMP>os.<COMP>sep, len("x"))',
        "        return <COMP>self.unknown_thing + <COMP>total",
    ]
    assert area["triggers"] == 8
    assert area["names"] == ["self", "self.width", "scale", "total", "os", "os.sep"]
    # Without its triggers it is the code as it was.
    assert area["text"].replace("<COMP>", "") in CODE


def test_one_function_is_read_documented_or_not(tmp_path):
    folder = corpus(tmp_path)
    line = CODE.splitlines().index("        return self.width") + 1
    bare = read_example(folder, "pkg/box.py", "Box.bare", line)
    assert bare is not None and bare.names == ("self", "self.width")
    area = read_example(folder, "pkg/box.py", "Box.area", 14)
    assert area is not None and area.names[-2:] == ("os", "os.sep")
    assert read_example(folder, "pkg/box.py", "Box.bare", 1) is None


def test_bad_input_is_refused_and_leaves_nothing(tmp_path):
    folder, out = corpus(tmp_path), tmp_path / "data.jsonl"
    runner = CliRunner()
    for args, word in [
        ([tmp_path / "none"], "no folder"),
        ([folder, "--trigger", " "], "is empty"),
        ([folder, "--trigger", "self"], "choose another"),
    ]:
        done = runner.invoke(app, ["toolgen-data", *map(str, args), "-o", str(out)])
        assert word in str(done.exception)
        assert not out.exists()
    out.write_text("mine")
    assert "already" in str(run(folder, "-o", out).exception)
    assert out.read_text() == "mine"


def test_jedi_answers_where_parso_would_have_forgotten_modules(tmp_path, monkeypatch):
    """parso drops parsed modules of old files, from 600 on; here from 5 on."""
    monkeypatch.setattr(parso.cache, "_CACHED_SIZE_TRIGGER", 5)
    (tmp_path / "m0.py").write_text("class C0:\n    def value(self):\n        return 0\n")
    for number in range(1, 10):
        above = number - 1
        (tmp_path / f"m{number}.py").write_text(
            f"from m{above} import C{above}\n\n\nclass C{number}(C{above}):\n    pass\n"
        )
    (tmp_path / "use.py").write_text(
        'from m9 import C9\n\n\ndef use():\n    """Use it."""\n    return C9().value()\n'
    )
    for path in tmp_path.iterdir():
        os.utime(path, (1.5e9, 1.5e9))
    out = io.StringIO()
    counted = write_examples(tmp_path, out)
    assert (counted.unanswered, counted.triggers) == (0, 2)
    assert "<COMP>C9().<COMP>value()" in json.loads(out.getvalue())["text"]
