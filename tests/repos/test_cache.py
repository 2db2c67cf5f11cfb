import errno
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from repos.cache import cache_root, locked, offline, publish
from repos.environments.choosing import available
from repos.errors import InfrastructureError, NotPreparedError, RepoGymError
from repos.prepare import prepare
from repos.tasks.suite import load_suite


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("REPOGYM_CACHE", str(tmp_path / "cache"))
    return tmp_path


def _build(counter):
    def build(folder):
        with Path(counter).open("a") as handle:
            handle.write("built\n")
        time.sleep(0.2)
        (folder / "a").write_text("whole")

    publish("x/y", build)


def test_two_processes_build_once(tmp_path):
    counter = str(tmp_path / "count")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_build, args=(counter,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert Path(counter).read_text() == "built\n"
    assert (cache_root() / "x/y/a").read_text() == "whole"


def _hang(started):
    def build(folder):
        (folder / "half").write_text("half")
        started.set()
        time.sleep(60)

    publish("x/y", build)


def test_a_killed_build_leaves_nothing_and_the_next_one_works():
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    process = context.Process(target=_hang, args=(started,))
    process.start()
    assert started.wait(30)
    assert not (cache_root() / "x/y").exists()
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    publish("x/y", lambda folder: (folder / "a").write_text("whole"))
    assert sorted(p.name for p in (cache_root() / "x").iterdir()) == ["y"]
    assert [p.name for p in (cache_root() / "x/y").iterdir()] == ["a"]


def test_a_failing_build_leaves_nothing():
    def build(folder):
        (folder / "half").write_text("half")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        publish("x/y", build)
    assert list((cache_root() / "x").iterdir()) == []


def test_locks_of_different_names_do_not_block():
    with locked("a"), locked("b"):
        pass


def test_a_cache_that_cannot_be_made_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("REPOGYM_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(RepoGymError, match="REPOGYM_CACHE"):
        publish("x", lambda folder: None)


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("0", False), ("", False)])
def test_offline(monkeypatch, value, expected):
    monkeypatch.setenv("REPOGYM_OFFLINE", value)
    assert offline() is expected


def test_a_full_disk_is_an_infrastructure_failure_that_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("REPOGYM_CACHE", str(tmp_path))

    def build(folder):
        (folder / "half").write_text("x")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(InfrastructureError, match="is full: make room"):
        publish("tasks/one", build)
    assert list((tmp_path / "tasks").iterdir()) == []


def test_offline_names_the_command_with_the_suite(tmp_path, monkeypatch):
    monkeypatch.setenv("REPOGYM_CACHE", str(tmp_path))
    monkeypatch.setenv("REPOGYM_OFFLINE", "1")
    spec = available(load_suite("swe-lite").specs)[0]
    with pytest.raises(NotPreparedError, match="run `repogym tasks prepare swe-lite` once"):
        prepare(spec, suite="swe-lite")
