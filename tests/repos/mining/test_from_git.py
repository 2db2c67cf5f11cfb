import json

import pytest
from typer.testing import CliRunner

from repos.cli import app
from repos.errors import RecordError, RepoGymError
from repos.mining.from_git import task_from_repository
from repos.prepare import prepare
from repos.scoring.score import score
from repos.tasks.suite import load_suite
from tests.repositories import commit

BUGGY = """\
def total(numbers):
    return sum(numbers[1:])


def count(numbers):
    return len(numbers)
"""
TESTS = "from calc import count, total\n\n\ndef test_count():\n    assert count([1, 2]) == 2\n"
MORE = """

def test_total():
    assert total([1, 2]) == 3


def test_empty():
    assert total([]) == 0
"""


@pytest.fixture
def repository(tmp_path):
    root = tmp_path / "calculator"
    other = {"tests/test_other.py": "def test_other():\n    pass\n"}
    commit(root, {"src/calc/__init__.py": BUGGY, "tests/test_calc.py": TESTS, **other}, "First")
    fixed = BUGGY.replace("numbers[1:]", "numbers")
    after = {"src/calc/__init__.py": fixed, "tests/test_calc.py": TESTS + MORE}
    commit(root, after, "total() left out the first number")
    return root


def test_two_revisions_become_a_task(repository, backend):
    spec = task_from_repository(str(repository), base="HEAD^", fix="HEAD")
    (expected,) = spec.expected.values()
    assert expected.fail_to_pass == ("tests/test_calc.py::test_total",)
    assert expected.pass_to_pass == (
        "tests/test_calc.py::test_count",
        "tests/test_calc.py::test_empty",
    )
    assert spec.source_dirs == ("src",)
    task = prepare(spec)
    assert "total() left out" in task.public.statement
    assert score(task, task.hidden.reference, backend=backend)[0].resolved
    assert not score(task, b"", backend=backend)[0].resolved


def test_a_manifest_keeps_its_tasks(repository, tmp_path):
    manifest = tmp_path / "own.jsonl"
    other = load_suite("swe-mini").specs[0].to_json()
    manifest.write_text('{"suite": "mine", "version": "3"}\n' + other + "\n")
    said = tmp_path / "said.md"
    said.write_text("`total([1, 2])` gives 2.\n")
    command = ["tasks", "new", str(repository), "--fix", "HEAD", "-o", str(manifest)]
    done = CliRunner().invoke(app, [*command, "--statement", str(said), "--all-tests"])
    assert done.exit_code == 0, done.output
    assert "tests: tests/test_calc.py, tests/test_other.py (pytest)" in done.output
    assert "1 tests fail before the fix and pass after, 3 pass on both" in done.output
    assert '"path":"calculator"' in manifest.read_text()  # relative to the manifest
    suite = load_suite(str(manifest))
    assert (suite.name, suite.version, len(suite.specs)) == ("mine", "3", 2)
    (spec,) = [s for s in suite.specs if s.source.kind == "git"]
    assert prepare(spec).public.statement.startswith("`total([1, 2])` gives 2.")
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    repository.rename(moved / "calculator")
    manifest.rename(moved / "own.jsonl")
    assert load_suite(str(moved / "own.jsonl")).digest == suite.digest


def test_a_statement_that_is_not_there_is_refused_before_any_work(repository, tmp_path):
    command = ["tasks", "new", str(repository), "--fix", "HEAD", "-o", str(tmp_path / "a.jsonl")]
    done = CliRunner().invoke(app, [*command, "--statement", str(tmp_path / "none.md")])
    assert "none.md can't be read" in str(done.exception)


def test_where_nothing_passes_after_the_fix_its_error_is_told(repository):
    broken = {"src/calc/__init__.py": "import no_such_module_here\n"}
    commit(repository, {**broken, "tests/test_calc.py": TESTS + MORE}, "Broken")
    more = TESTS + MORE + "\n\ndef test_x():\n    pass\n"
    commit(repository, {**broken, "tests/test_calc.py": more}, "One more test")
    with pytest.raises(RepoGymError, match=r"no test passes after the fix.*no_such_module_here"):
        task_from_repository(str(repository), base="HEAD^", fix="HEAD")


def test_the_verb_writes_a_manifest_that_other_verbs_take(repository, tmp_path):
    run = CliRunner().invoke
    manifest = tmp_path / "own.jsonl"
    done = run(app, ["tasks", "new", str(repository), "--fix", "HEAD", "--out", str(manifest)])
    assert done.exit_code == 0, done.output
    suite = load_suite(str(manifest))
    assert (suite.name, len(suite.specs)) == ("own", 1)
    listed = run(app, ["tasks", "list", str(manifest), "--json"])
    assert json.loads(listed.stdout)[0]["available"] is True
    shown = run(app, ["tasks", "show", str(manifest), suite.specs[0].id])
    assert "total() left out" in shown.output
    assert "numbers[1:]" not in shown.output
    seen = run(app, ["shell", str(manifest), suite.specs[0].id, "-c", "cat src/calc/__init__.py"])
    assert seen.exit_code == 0
    patch = tmp_path / "p.diff"
    patch.write_bytes(prepare(suite.specs[0]).hidden.reference)
    scored = run(app, ["score", str(manifest), suite.specs[0].id, str(patch), "--json"])
    assert json.loads(scored.stdout)["resolved"] is True


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"fix": "HEAD^", "base": "HEAD^"}, RepoGymError, "No test file changed"),
        ({"fix": "nowhere", "base": "HEAD"}, RecordError, "no revision 'nowhere'"),
    ],
)
def test_what_cannot_be_a_task_says_why(repository, arguments, error, says):
    with pytest.raises(error, match=says):
        task_from_repository(str(repository), **arguments)


def test_a_folder_that_is_no_repository_says_so(tmp_path):
    with pytest.raises(RecordError, match="not a git repository"):
        task_from_repository(str(tmp_path / "none"), base="a", fix="b")


def test_a_fix_that_fixes_nothing_is_refused(repository):
    more = TESTS + MORE + "\n\ndef test_x():\n    pass\n"
    commit(repository, {"tests/test_calc.py": more}, "One more test")
    nothing = {"src/calc/other.py": "x = 1\n", "tests/test_calc.py": TESTS + MORE}
    commit(repository, nothing, "Nothing")
    with pytest.raises(RepoGymError, match="no test fails before"):
        task_from_repository(str(repository), base="HEAD^", fix="HEAD")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"tests": ("docs",)}, "No test file in docs changed"),
        ({"source_dirs": ("lib",)}, "--source lib: there is no such folder in HEAD\\^"),
        ({"source_dirs": ("src/calc/__init__.py",)}, "no such folder"),
        (
            {"requirements": ("no requirement!!",)},
            "--requires 'no requirement!!' is no requirement",
        ),
    ],
)
def test_options_that_do_not_fit_are_one_sentence(repository, options, says):
    with pytest.raises(RepoGymError, match=says) as caught:
        task_from_repository(str(repository), base="HEAD^", fix="HEAD", **options)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_status == 2
