"""A diff is scored once: what was reached before is looked up, and never what may change."""

import secrets
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from repos.cache import cache_root
from repos.prepare import prepare
from repos.sandbox.workspace import Workspace
from repos.scoring.score import score
from repos.scoring.verdicts import score_once, verdict_key
from repos.tasks.suite import load_suite


class Counting:
    """A back end that counts the sandboxes that are asked for."""

    def __init__(self, backend):
        self.backend, self.name, self.asked = backend, backend.name, 0

    def create(self, layers, spec):
        self.asked += 1
        return self.backend.create(layers, spec)


@pytest.fixture
def task():
    return prepare(load_suite("swe-mini").spec("warmcache-refresh"), suite="swe-mini")


@pytest.fixture(autouse=True)
def folder(monkeypatch):
    """Other test runs of the machine may share the cache, so each test has a folder of its own."""
    name = f"scratch/verdicts-{secrets.token_hex(8)}"
    monkeypatch.setattr("repos.scoring.verdicts.FOLDER", name)
    yield cache_root() / name
    shutil.rmtree(cache_root() / name, ignore_errors=True)


def test_an_equal_diff_is_looked_up_and_says_the_same(task, backend):
    counting = Counting(backend)
    for diff in (b"", task.hidden.reference):
        first = score_once(task, diff, backend=counting)
        asked = counting.asked
        assert asked
        assert score_once(task, diff, backend=counting) == first
        assert counting.asked == asked
        assert first[0] == score(task, diff, backend=backend)[0]
        counting.asked = 0


def test_equal_diffs_that_come_together_are_one_scoring(task, backend):
    score_once(task, task.hidden.reference, backend=backend)  # makes the key
    alone = Counting(backend)
    score_once(task, b"", backend=alone)
    no_more = Counting(backend)
    diff = task.hidden.reference + b"\n"
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: score_once(task, diff, backend=no_more)[0], range(4)))
    assert len(set(map(repr, found))) == 1
    assert no_more.asked <= alone.asked + 1  # held-out tests run for what is resolved


def test_a_time_out_is_never_kept(task, backend, monkeypatch):
    monkeypatch.setattr("repos.scoring.grading.LEAST_SECONDS", 2.0)
    hasty = replace(task, seconds=0.1)
    with Workspace(backend.create(task.layers, task.sandbox)) as workspace:
        workspace.exec(
            ["sh", "-c", "for f in src/*/__init__.py; do echo 'while True: pass' >> $f; done"]
        )
        endless = workspace.diff()
    for _ in range(2):
        counting = Counting(backend)
        result, _ = score_once(hasty, endless, backend=counting)
        assert set(result.checks.values()) == {"timeout"}
        assert counting.asked


def test_a_damaged_verdict_is_reached_anew(task, backend, folder):
    first = score_once(task, b"", backend=backend)
    (path,) = folder.rglob("*.gz")
    whole = path.read_bytes()
    for damaged in (b"", whole[:-9], whole[: len(whole) // 2], b"x" * len(whole)):
        path.write_bytes(damaged)
        counting = Counting(backend)
        assert score_once(task, b"", backend=counting)[0] == first[0]
        assert counting.asked


def test_what_a_verdict_depends_on_changes_its_key(task, backend):
    shown = prepare(load_suite("swe-mini").spec("warmcache-refresh"), assist="tests", seed=3)
    limited = replace(task, sandbox=replace(task.sandbox, memory_mb=task.sandbox.memory_mb + 1))
    keys = [verdict_key(each, b"", backend) for each in (task, shown, limited)]
    keys.append(verdict_key(task, b"\n", backend))
    assert len(set(keys)) == len(keys)


def test_fast_scoring_says_so_and_is_kept_apart(task, backend):
    score(task, b"\n", backend=backend, fast=True)  # makes the keys
    counting = Counting(backend)
    fast, _ = score_once(task, task.hidden.reference, backend=counting, fast=True)
    assert (fast.resolved, fast.scoring, counting.asked) == (True, "fast", 1)
    assert fast.false_resolved is None
    assert set(fast.checks.values()) <= {"passed", "unasked"}
    full, _ = score_once(task, task.hidden.reference, backend=counting)
    assert (full.resolved, full.scoring) == (True, "full")
    assert counting.asked > 2
    wrong, _ = score(task, b"", backend=backend, fast=True)
    assert (wrong.resolved, wrong.scoring) == (False, "fast")
    assert wrong.fraction < 1
    assert verdict_key(task, b"", backend) != verdict_key(task, b"", backend, fast=True)


def test_fast_scoring_is_full_where_a_failing_test_has_no_question(task, backend, monkeypatch):
    monkeypatch.setattr("repos.scoring.score.ask_touched", lambda *_, **__: None)
    result, _ = score(task, task.hidden.reference, backend=backend, fast=True)
    assert (result.resolved, result.scoring) == (True, "full")
