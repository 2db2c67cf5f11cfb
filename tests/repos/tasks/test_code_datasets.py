"""RepoClassBench's and EvoCodeBench's records over a small repository, built and scored."""

import json
import subprocess

import pytest

from repos.errors import InputError, RecordError
from repos.prepare import prepare
from repos.scoring.score import score
from repos.tasks.sources.swe_bench.options import DATASET, MIRRORS
from repos.tasks.suite import load_suite, missing_suites

STACK = '''\
"""A stack."""


class Stack:
    """Last in, first out."""

    def __init__(self):
        self.items = []

    def push(self, item):
        """Put an item on top."""
        self.items.append(item)
        return len(self.items)


def swapped(pair):
    """Return the other way round."""
    first, second = pair
    return second, first
'''
TESTS = """\
from tools import stack


def test_push():
    assert stack.Stack().push(3) == 1


def test_swapped():
    assert stack.swapped((1, 2)) == (2, 1)
"""
FUNCTION = {
    "namespace": "tools.stack.swapped",
    "type": "function",
    "project_path": "Data/small-tools",
    "completion_path": "Data/small-tools/tools/stack.py",
    "signature_position": [16, 16],
    "body_position": [18, 19],
    "dependency": {"intra_class": [], "intra_file": [], "cross_file": ["tools.other"]},
    "indent": 4,
    "requirement": {"Functionality": "Swap a pair.", "Arguments": ":param pair: two things"},
    "tests": ["tests/test_stack.py::test_swapped"],
}


@pytest.fixture
def mirrors(tmp_path, monkeypatch):
    """The repository as each of the two has it: a commit in git, and a folder below a topic."""
    root = tmp_path / "repositories"
    for folder in ("acme__small-7", "Data/small-tools"):
        tree = root / folder
        (tree / "tools").mkdir(parents=True)
        (tree / "tools/__init__.py").write_text("")
        (tree / "tools/stack.py").write_text(STACK)
        (tree / "tests").mkdir()
        (tree / "tests/test_stack.py").write_text(TESTS)
    git = [
        "git",
        "-C",
        str(root / "acme__small-7"),
        "-c",
        "user.name=T",
        "-c",
        "user.email=t@e.org",
    ]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "All"]):
        subprocess.run([*git, *command], check=True)
    (root / "acme__small-7/tools/stack.py").write_text("changed since\n")
    monkeypatch.setenv(MIRRORS, str(root))
    monkeypatch.setenv("REPOGYM_CACHE", str(tmp_path / "cache"))
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return head.stdout.strip()


def class_row(commit):
    body = STACK[STACK.index("class Stack") : STACK.index("\n\ndef swapped")]
    return {
        "task_id": "acme__small-7_Stack",
        "class_name": "Stack",
        "file": "acme__small-7/tools/stack.py",
        "sketchy_description": "A stack.",
        "detailed_description": "The class 'Stack' has 'push', which returns the size.",
        "repo_metadata": {"commit_id": commit, "issue_id": "acme__small-7", "setup_details": {}},
        "evaluation_metadata": {"test_directives": ["tests/test_stack.py::test_push"]},
        "ground_truth_class_body": body,
    }


def played(spec, backend):
    """Return the task, and the scores of its reference and of nothing."""
    task = prepare(spec)
    return task, *(score(task, d, backend=backend)[0] for d in (task.hidden.reference, b""))


def test_a_class_of_repoclassbench(mirrors, tmp_path, backend):
    path = tmp_path / "python_data.json"
    path.write_text(json.dumps([class_row(mirrors)]))
    (spec,) = load_suite(str(path)).specs
    assert (spec.id, spec.labels["level"]) == ("acme__small-7_Stack", "class")
    task, solved, nothing = played(spec, backend)
    assert (solved.resolved, nothing.resolved) == (True, False)
    assert "which returns the size" in task.public.statement
    assert b"+class Stack:" in task.hidden.reference
    tree = task.layers.testbed[0]
    assert "The class Stack stood here" in (tree / "tools/stack.py").read_text()
    assert "def swapped" in (tree / "tools/stack.py").read_text()
    assert not (tree / "tests/test_stack.py").exists()


def test_a_function_of_evocodebench(mirrors, tmp_path, backend):
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps(FUNCTION) + "\n")
    (spec,) = load_suite(str(path)).specs
    assert spec.labels["dependencies"] == "tools.other"
    task, solved, nothing = played(spec, backend)
    assert (solved.resolved, nothing.resolved) == (True, False)
    assert "Swap a pair." in task.public.statement
    text = (task.layers.testbed[0] / "tools/stack.py").read_text()
    assert '"""Return the other way round."""\n    raise NotImplementedError\n' in text
    assert "second, first" not in text


def test_a_suite_reads_the_file_that_is_named(mirrors, tmp_path, monkeypatch):
    classes, functions = tmp_path / "python_data.json", tmp_path / "data.jsonl"
    classes.write_text(json.dumps([class_row(mirrors)]))
    functions.write_text(json.dumps(FUNCTION) + "\n")
    suites = {"repo-class-bench": classes, "evo-code-bench": functions}
    for name in suites:
        assert name in missing_suites()
        with pytest.raises(InputError, match=f"rows of {name} must be named: --dataset FILE"):
            load_suite(name)
    for name, path in suites.items():
        monkeypatch.setenv(DATASET, str(path))
        suite = load_suite(f"repogym/{name}-v1")
        assert (suite.name, suite.version) == (name, "1")
        assert suite.specs == load_suite(str(path)).specs
        assert {*suites, "swe-bench-lite"} & {*missing_suites()} == {*suites, "swe-bench-lite"} - {
            name
        }
    with pytest.raises(RecordError, match=r"of EvoCodeBench, not of SWE-bench: play it as --env e"):
        load_suite("swe-bench-lite")


def test_published_paths_name_the_repository_in_several_ways(mirrors, tmp_path, monkeypatch):
    path = tmp_path / "python_data.json"

    def place(**changed):
        path.write_text(json.dumps([{**class_row(mirrors), **changed}]))
        (spec,) = load_suite(str(path)).specs
        return spec.source.folder, spec.source.path

    theirs = "/home/author/experiment/repos/small/tools/stack.py"
    assert place(file=theirs) == place() == ("acme__small-7", "tools/stack.py")
    with pytest.raises(RecordError, match=r"row 1: file: .* does not say which repository"):
        place(file="/home/author/stack.py")
    path = tmp_path / "data.json"
    path.write_text(json.dumps([FUNCTION]))
    monkeypatch.delenv(MIRRORS)  # the row itself says how deep the repository lies
    assert load_suite(str(path)).specs[0].source.folder == "Data/small-tools"


def test_what_does_not_fit_is_one_sentence(mirrors, tmp_path, monkeypatch):
    path = tmp_path / "data.jsonl"

    def only(**changed):
        path.write_text(json.dumps({**FUNCTION, **changed}) + "\n")
        (spec,) = load_suite(str(path)).specs
        return spec

    with pytest.raises(RecordError, match="row 1: body_position"):
        only(body_position="all")
    with pytest.raises(RecordError, match="has 19 lines; the record names 18 to 40"):
        prepare(only(body_position=[18, 40]))
    with pytest.raises(RecordError, match=r"no file tests/gone\.py"):
        prepare(only(tests=["tests/gone.py::test_it"]))
    with pytest.raises(InputError, match=r"no folder elsewhere \(--repos-from\)"):
        prepare(only(completion_path="elsewhere/tools/stack.py"))
    (tmp_path / "repositories/Data/small-tools.pins.txt").write_text("attrs\n")
    with pytest.raises(RecordError, match="no exact pin"):
        only(namespace="x.y")
    monkeypatch.delenv(MIRRORS)
    with pytest.raises(InputError, match="by --repos-from"):
        prepare(only(namespace="y.z"))
