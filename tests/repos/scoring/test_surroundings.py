"""What depends on the day, the place or the machine is found by validation and never decides."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from repos.mining.from_git import task_from_repository
from repos.prepare import prepare
from repos.sandbox.select import get_backend
from repos.sandbox.surroundings import single_changes, varied
from repos.scoring.keys import answer_key
from repos.scoring.parts import hidden_part
from repos.scoring.score import run_expected, score
from repos.scoring.validation import validate
from tests.repositories import commit

KINDS = {
    "clock days": "datetime.date.today()",
    "timezone": "time.strftime('%z')",
    "locale": "locale.setlocale(locale.LC_ALL, '')",
    "hostname": "socket.gethostname()",
    "user": "getpass.getuser() + pwd.getpwuid(os.getuid()).pw_name",
    "home": "os.path.expanduser('~')",
    "directory order": "'-'.join(n for n in os.listdir(os.path.join(ROOT, 'data')))",
    "hash seed": "hash('words') % 1000",
    "processors": "os.cpu_count()",
    "umask": "os.umask(0o22)",
    "screen": "shutil.get_terminal_size().columns",
}
"""What a program sees, by what it depends on."""

TESTS = """\
import datetime, getpass, locale, os, pwd, shutil, socket, time
import pytest
import small
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(small.__file__)))
SEEN = {SEEN_VALUES}

@pytest.mark.parametrize("value", ["%s=%s" % each for each in SEEN.items()])
def test_seen(value):
    pass

def test_same_everywhere():
    assert small.double(0) == 0

def test_double():
    assert small.double(2) == 4
""".replace("SEEN_VALUES", ", ".join(f"{name!r}: {how}" for name, how in KINDS.items()))


@pytest.fixture(scope="module")
def backend():
    made = get_backend("auto")
    yield made
    made.close()


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    """A task made of a repository whose test ids hold what they see."""
    root = tmp_path_factory.mktemp("surroundings") / "small"
    data = {f"data/{number:02}.txt": "" for number in range(12)}
    commit(
        root, {"small/__init__.py": "def double(x):\n    return x + 1 if x else 0\n", **data}, "a"
    )
    fixed = {"small/__init__.py": "def double(x):\n    return 2 * x\n", "tests/test_seen.py": TESTS}
    commit(root, fixed, "b")
    return task_from_repository(str(root), base="HEAD^", fix="HEAD")


@pytest.fixture(scope="module")
def naive(spec, backend):
    """The same task as one would make it by runs on one machine on one day."""
    task = prepare(spec)
    run = run_expected(task, task.hidden.reference, backend=backend)
    assert run is not None
    seen = tuple(sorted(t for t in run.outcomes if "::test_seen" in t))
    assert len(seen) == len(KINDS)
    expected = task.hidden.expected
    kept = expected.model_copy(update={"pass_to_pass": (*expected.pass_to_pass, *seen)})
    return replace(task, hidden=replace(task.hidden, expected=kept))


@pytest.fixture(scope="module")
def verdict(naive, backend):
    return validate(naive, backend=backend)


def test_the_surroundings_of_repetitions_differ_in_everything():
    assert set(single_changes(varied(1))) == set(KINDS)
    assert set(single_changes(varied(2))) == set(KINDS)
    for number in (1, 2):
        assert varied(number).clock_days in (1, 400)


def test_a_new_task_expects_no_id_that_changes(spec):
    (expected,) = spec.expected.values()
    assert expected.fail_to_pass == ("tests/test_seen.py::test_double",)
    assert expected.pass_to_pass == ("tests/test_seen.py::test_same_everywhere",)


@pytest.mark.parametrize("kind", KINDS)
def test_validation_finds_an_id_that_depends_on(kind, verdict):
    assert not verdict.valid
    assert [t for t in verdict.unstable if f"[{kind}=" in t]
    assert any(kind in problem.partition("(")[2] for problem in verdict.problems)


def test_a_task_whose_deciding_id_changes_is_refused_with_the_reason(naive, backend):
    day = next(t for t in naive.hidden.expected.pass_to_pass if "[clock days=" in t)
    expected = naive.hidden.expected.model_copy(update={"fail_to_pass": (day,), "pass_to_pass": ()})
    task = replace(naive, hidden=replace(naive.hidden, expected=expected))
    verdict = validate(task, backend=backend)
    assert not verdict.valid
    assert verdict.unstable == ()


def test_scores_do_not_depend_on_the_machine(spec, backend, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("COLUMNS", "33")
    monkeypatch.setenv("PYTHONHASHSEED", "5")
    task = prepare(spec)
    run = run_expected(task, b"", backend=backend)
    assert run is not None
    seen = " ".join(run.outcomes)
    for said in ("timezone=+0000", "locale=C.UTF-8", "hostname=sandbox", "user=agentagent",
                 "home=/home/agent", "umask=18", "screen=80", "processors=2"):  # fmt: skip
        assert said in seen
    assert score(task, task.hidden.reference, backend=backend)[0].resolved


WAITS = """\
import queue, threading, time

def test_waits():
    began = time.monotonic()
    time.sleep(0.05)
    threading.Event().wait(0.05)
    try:
        queue.Queue().get(timeout=0.05)
    except queue.Empty:
        pass
    assert 0.14 < time.monotonic() - began

def test_new():
    import small
    assert small.triple(2) == 6
"""


def test_waits_of_threads_last_as_long_as_ever_where_the_clock_is_shifted(tmp_path):
    root = tmp_path / "small"
    commit(root, {"small.py": "def double(x):\n    return 2 * x\n"}, "a")
    fixed = {"small.py": "def triple(x):\n    return 3 * x\n", "tests/test_waits.py": WAITS}
    commit(root, fixed, "b")
    spec = task_from_repository(str(root), base="HEAD^", fix="HEAD")
    (expected,) = spec.expected.values()
    assert expected.pass_to_pass == ("tests/test_waits.py::test_waits",)


def test_no_key_holds_for_one_day_only(tmp_path, backend):
    start = "import datetime\ndef double(x):\n    return %s\ndef today():\n    return %s\n"
    today = "datetime.date.today().isoformat()"
    test = (
        "import datetime, small\ndef test_both():\n    assert small.double(2) == 4\n"
        f"    assert small.today() == {today}\n"
    )
    commit(tmp_path / "small", {"small/__init__.py": start % ("x", "''")}, "a")
    fixed = {"small/__init__.py": start % ("2 * x", today), "tests/test_both.py": test}
    commit(tmp_path / "small", fixed, "b")
    task = prepare(task_from_repository(str(tmp_path / "small"), base="HEAD^", fix="HEAD"))
    key = answer_key(task, hidden_part(task), backend=backend)
    assert [at for _, _, at in key.keys] == [0]
    assert [at for _, _, at in key.dropped] == [1]
    assert date.today().isoformat() not in key.to_json()
    assert score(task, task.hidden.reference, backend=backend)[0].resolved
