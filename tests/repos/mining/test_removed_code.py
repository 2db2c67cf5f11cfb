import ast

import pytest

from repos.cache import cache_root
from repos.environments.interpreters import minor_version
from repos.errors import InputError, RecordError
from repos.mining.pypi.selection import NoTaskError
from repos.mining.removed import release
from repos.mining.removed.candidates import Candidate, RemovalRule
from repos.mining.removed.command import removal_rule, remove_from
from repos.mining.removed.miner import RemovalMiner
from repos.prepare import prepare
from repos.sandbox.select import get_backend
from repos.scoring.score import score
from repos.tasks.environments import PythonEnvironment, python_id
from repos.tasks.records import Expected, TaskSpec, parse_record
from repos.tasks.sources.pypi.archives import Member
from repos.tasks.sources.pypi.records import Archive, PyPIPairSource
from repos.tasks.sources.removed.records import RemovedCodeSource, TestPart
from repos.tasks.sources.removed.statement import compose
from repos.tasks.sources.removed.text import part_text, parts, remove_part, without_tests

HERE = python_id(minor_version())

SOURCE = '''\
class Größe:
    """A size."""

    @property
    def wide(self):
        """Whether it is wide."""
        limit = self.scale * 2
        if limit > 3:
            limit -= 1
            return "ö" + str(limit)
        return str(limit)
'''


def found(level):
    return [p for p in parts(SOURCE.encode()) if p.level == level]


def text(part):
    return part_text(SOURCE.encode(), part.start, part.end).decode()


def test_parts_are_bodies_without_docstrings_and_masked_nodes():
    (whole,) = found("class")
    assert whole.name == "Größe"
    assert text(whole).startswith("@property\n    def wide(self):")
    (body,) = found("function")
    assert body.name == "Größe.wide"
    assert text(body).startswith("limit = self.scale * 2\n")
    assert text(body).endswith("return str(limit)")
    assert [text(p) for p in found("expression")] == [
        "self.scale * 2", "str(limit)", '"ö" + str(limit)'
    ]  # fmt: skip
    assert 'return "ö" + str(limit)' in [text(p) for p in found("statement")]
    assert [text(p) for p in found("block")] == ['limit -= 1\n            return "ö" + str(limit)']


def test_of_two_definitions_of_a_name_the_statement_shows_the_one_with_the_part():
    pair = (
        "class Box:\n    @property\n    def size(self):\n        return self.width * 2\n\n"
        "    @size.setter\n    def size(self, value):\n        self.width = value // 2\n"
    )
    archive = Archive(filename="box-1.0.tar.gz", sha256="0" * 64, version="1.0")
    test = TestPart(path="t.py", name="test_box", first=1, last=2)
    wholes = [part for part in parts(pair.encode()) if part.level in ("class", "function")]
    for part, head in zip(wholes, ("class Box", "@property", "@size"), strict=True):
        source = RemovedCodeSource(
            package="box", archive=archive, path="box.py", name=part.name, level=part.level,
            start=part.start, end=part.end, text_sha256="0" * 64, tests=(test,), shown=test,
        )  # fmt: skip
        told = compose(source, "1.0", pair.encode(), b"def test_box():\n    assert box\n")
        assert f"```python\n{head}" in told


def test_what_is_left_parses_and_no_longer_holds_the_part():
    for part in parts(SOURCE.encode()):
        left = remove_part(SOURCE.encode(), part.start, part.end, part.level)
        ast.parse(left)
        filling = b"raise NotImplementedError" if part.level == "function" else b"..."
        assert filling in left
        first = SOURCE.encode().find(text(part).encode())
        assert len(left) == len(SOURCE.encode()) - len(text(part).encode()) + len(filling)
        assert left[:first] == SOURCE.encode()[:first]


def test_removed_tests_leave_a_file_that_parses():
    test = (
        b"class TestA:\n    def test_a(self):\n        assert 1\n\n\ndef test_b():\n    assert 2\n"
    )
    first = TestPart(path="t.py", name="TestA.test_a", first=2, last=3)
    second = TestPart(path="t.py", name="test_b", first=6, last=7)
    assert without_tests(test, [second]) == test[: test.index(b"def test_b")]
    left = without_tests(test, [first, second])
    ast.parse(left)
    assert b"assert" not in left
    assert b"class TestA:\n    pass\n" in left


OLD = {
    "PKG-INFO": "Metadata-Version: 2.1\nName: shapes\nVersion: 1.0\nLicense: MIT\n",
    "src/shapes/__init__.py": "",
    "src/shapes/units.py": 'def metres(n):\n    """In metres."""\n    return n / 100\n',
    "src/shapes/area.py": (
        "from shapes.units import metres\n\n\n"
        "def area(width, height):\n"
        '    """Return the area in square metres, of sides in centimetres."""\n'
        "    if width < 0 or height < 0:\n"
        '        raise ValueError("a side is negative")\n'
        "    return metres(width) * metres(height)\n"
    ),
    "tests/test_area.py": (
        "import pytest\n\nfrom shapes.area import area\n\n\n"
        "def test_square():\n    assert area(200, 200) == 4.0\n\n\n"
        "def test_flat():\n    assert area(0, 300) == 0.0\n    assert area(300, 0) == 0.0\n\n\n"
        "def test_negative():\n    with pytest.raises(ValueError):\n        area(-1, 2)\n\n\n"
        "def test_nothing():\n    assert True\n"
    ),
}
NEW = {**OLD, "PKG-INFO": OLD["PKG-INFO"].replace("1.0", "1.1")}
NEW["src/shapes/units.py"] = NEW["src/shapes/units.py"].replace("100", "100.0")
NEW["tests/test_area.py"] = NEW["tests/test_area.py"].replace("(200, 200)", "(100, 400)")


@pytest.fixture
def origin(local_index, tmp_path, monkeypatch):
    """A pair of releases whose archives lie in an empty cache."""
    monkeypatch.setenv("REPOGYM_CACHE", str(tmp_path / "cache"))
    local_index.publish(
        "shapes", {"1.0": (OLD, "2025-01-01T00:00:00Z"), "1.1": (NEW, "2025-02-01T00:00:00Z")}
    )
    index = local_index.index()
    old, new = (release.archive for release in index.releases("shapes"))
    for archive in (old, new):
        index.fetch("shapes", archive, cache_root() / "archives")
    return TaskSpec(
        id="shapes-1.1",
        source=PyPIPairSource(package="shapes", old=old, new=new),
        source_dirs=("src",),
        test_paths=("tests",),
        environments={HERE: PythonEnvironment(python=minor_version())},
        expected={HERE: Expected(fail_to_pass=("tests/test_area.py::test_square",))},
        seconds={HERE: 1.0},
        date="2025-02-01",
    )


@pytest.fixture
def backend():
    made = get_backend("auto", allow_unsafe=False)
    yield made
    made.close()


def test_a_covered_function_becomes_a_task_that_only_its_code_resolves(origin, backend):
    lines = []
    miner = RemovalMiner(backend, minor_version(), RemovalRule(), lines.append)
    (spec,) = miner.mine(origin)  # its statements and expressions overlap with it
    assert lines == [f"{spec.id}: task (3 fail to pass)"]
    assert list(miner.mine(origin, {spec.id: spec})) == []
    statements = RemovalRule(levels=("statement",))
    other = RemovalMiner(backend, minor_version(), statements, lines.append)
    assert list(other.mine(origin, {spec.id: spec})) == []  # all share code with it
    assert lines == [f"{spec.id}: task (3 fail to pass)"]
    assert spec.id == "shapes-1.1-shapes.area.area"
    assert spec.labels == {"level": "function", "lines": "3", "dependencies": "shapes.units.metres"}
    assert spec.expected[HERE].pass_to_pass == ("tests/test_area.py::test_nothing",)
    again = parse_record(TaskSpec, spec.to_json(), "here")
    assert again == spec
    task = prepare(again)
    base = (task.layers.testbed[0] / "src/shapes/area.py").read_text()
    assert base.endswith('centimetres."""\n    raise NotImplementedError\n')
    kept = (task.layers.testbed[0] / "tests/test_area.py").read_text()
    assert "def test_square" in kept and "def test_nothing" in kept
    assert "def test_flat" not in kept and "def test_negative" not in kept
    assert "def area(width, height):" in task.public.statement
    assert "assert area(100, 400) == 4.0" in task.public.statement
    assert "metres(width)" not in task.public.statement
    assert score(task, task.hidden.reference, backend=backend)[0].resolved
    assert not score(task, b"", backend=backend)[0].resolved


@pytest.mark.parametrize("spent", ["waiting", "working"])
def test_what_tests_may_take_is_processor_time(spent, origin, backend, monkeypatch):
    monkeypatch.setattr(release, "RUN_S", 1.0)
    monkeypatch.setattr(release, "BUSY", 100.0)  # the clock decides nothing
    (area,) = [p for p in parts(NEW["src/shapes/area.py"].encode()) if p.level == "function"]
    does = {
        "waiting": "time.sleep(1.5)",  # as all tests do where others have the processor
        "working": "while time.process_time() < 1.5:\n        pass",
    }
    text = NEW["tests/test_area.py"] + f"\n\ndef test_long():\n    import time\n    {does[spent]}\n"
    files = {**NEW, "tests/test_area.py": text}
    tree = {path: Member(data.encode()) for path, data in files.items()}
    named = (TestPart(path="tests/test_area.py", name="test_square", first=6, last=7),)
    candidate = Candidate("src/shapes/area.py", area, b"", named, ())
    with release.Release(prepare(origin), tree, backend) as opened:
        passing = opened.coverage()
        if spent == "working":
            with pytest.raises(NoTaskError, match=r"without it the tests take \d s"):
                opened.failing(passing, candidate)
        else:
            names = {name for _, name in opened.failing(passing, candidate)}
            assert names == {"test_square", "test_flat", "test_negative"}


def test_a_record_that_does_not_fit_its_archive_is_refused(origin, backend):
    rule = RemovalRule(wanted=1, levels=("function",))
    (spec,) = RemovalMiner(backend, minor_version(), rule).mine(origin)
    for change in ({"text_sha256": "0" * 64}, {"path": "src/shapes/gone.py"}, {"end": (99, 0)}):
        source = spec.source.model_copy(update=change)
        with pytest.raises(RecordError, match=r"not what the record|no file|fewer lines"):
            prepare(spec.model_copy(update={"source": source}))


def test_the_number_of_tasks_and_their_levels_can_be_chosen():
    assert removal_rule(12) == RemovalRule()
    rule = removal_rule(5, ["block", "class"])
    assert (rule.wanted, set(rule.levels)) == (5, {"class", "block"})
    with pytest.raises(InputError, match=r"--level is one of block, class, .* not 'line'"):
        removal_rule(5, ["function", "line"])


def test_an_unknown_package_is_named(tmp_path):
    with pytest.raises(InputError, match="no package 'nope'"):
        remove_from(
            ["nope"], tmp_path / "m.jsonl", suite="swe-releases", python="", sandbox="auto",
            allow_unsafe=False, report=print,
        )  # fmt: skip
