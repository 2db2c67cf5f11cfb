"""What a diff can matter to, by the lines that tests run."""

import pytest

from repos.prepare import prepare
from repos.sandbox.workspace import Workspace
from repos.scoring.blind import ask_touched
from repos.scoring.coverage import COLLECTING, lines_run, touched
from repos.scoring.score import score
from repos.tasks.suite import load_suite

MODULE = "src/gridtext/wrap.py"


@pytest.fixture(scope="module")
def task():
    return prepare(load_suite("swe-mini").spec("gridtext-wide"), suite="swe-mini")


@pytest.fixture(scope="module")
def lines(task, backend):
    return lines_run(task, backend=backend)


def changed(task, backend, edit):
    """Return the diff of editing the module's lines in place."""
    with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
        rows = workspace.read(MODULE).decode().split("\n")
        edit(rows)
        workspace.write(MODULE, "\n".join(rows).encode())
        return workspace.diff()


def first_of_body(rows):
    """Return the line of the first function's first statement, behind its docstring."""
    at = next(n for n, row in enumerate(rows) if row.startswith("def "))
    ends = [n for n in range(at, len(rows)) if rows[n].rstrip().endswith('"""')]
    return ends[0] + 1 if ends[0] > at + 1 or rows[ends[0]].count('"""') == 2 else ends[1] + 1


def test_tests_that_a_broken_function_breaks_are_among_those_that_it_concerns(task, lines, backend):
    def breaks(rows):
        rows.insert(first_of_body(rows), "    raise RuntimeError('broken')")

    diff = changed(task, backend, breaks)
    concerned = touched(task, diff, lines)
    passing = {(t.split("::")[0], t.split("::", 1)[1]) for t in task.hidden.expected.pass_to_pass}
    result, _ = score(task, diff, backend=backend)
    plain = {(file, name.partition("[")[0].replace("::", ".")) for file, name in passing}
    broken = {
        (test.split("::")[0], test.split("::", 1)[1].partition("[")[0].replace("::", "."))
        for test in task.hidden.expected.pass_to_pass
        if result.checks[test] != "passed"
    }
    assert broken
    assert broken <= concerned
    assert plain - concerned  # some are left out
    told = ask_touched(task, diff, backend=backend)
    assert told.untouched
    assert not told.untouched & told.answered.asked
    fast, _ = score(task, diff, backend=backend, fast=True)
    assert (fast.scoring, fast.resolved) == ("fast", False)
    assert fast.fraction < 0


@pytest.mark.parametrize(
    "edit",
    [
        lambda rows: rows.insert(0, "LATER = 1"),
        lambda rows: rows.append("LATER = 1"),
        lambda rows: rows.insert(first_of_body(rows), "    x = 1\n\n\ndef later():"),
        lambda rows: rows.__setitem__(slice(0, 3), []),
        lambda rows: [rows.__setitem__(n, r.replace("def ", "def x")) for n, r in enumerate(rows)],
    ],
    ids=["first", "last", "function", "gone", "names"],
)
def test_what_runs_on_import_concerns_all(task, lines, backend, edit):
    assert touched(task, changed(task, backend, edit), lines) is None


def test_new_and_other_files_concern_all(task, lines, backend):
    for name in ("src/gridtext/more.py", "src/gridtext/table.txt"):
        with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
            workspace.write(name, b"X = 1\n")
            assert touched(task, workspace.diff(), lines) is None


def test_nothing_concerns_nothing(task, lines):
    assert touched(task, b"", lines) == frozenset()
    assert COLLECTING in lines
