"""Folders of processes that were killed, hidden tests in them, go at the next start."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from repos import cache


def make(place, kind="score"):
    return tempfile.mkdtemp(prefix=cache.owned_prefix(kind), dir=place)


def test_folders_of_killed_processes_go_and_others_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "LOOK_AGAIN_S", 0.0)
    code = (
        "import sys, tempfile, time; from repos import cache\n"
        "print(tempfile.mkdtemp(prefix=cache.owned_prefix('score'), dir=sys.argv[1]), flush=True)\n"
        "time.sleep(100)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, env=environment
    )
    assert other.stdout is not None
    theirs = other.stdout.readline().decode().strip()
    ours = make(tmp_path)
    Path(theirs, "test_hidden.py").write_text("hidden")
    elsewhere = tmp_path / "score-0123456789-1-2-abc"  # of another machine or container
    elsewhere.mkdir()
    assert cache.remove_abandoned(tmp_path) == []
    other.send_signal(signal.SIGKILL)
    other.wait()
    other.stdout.close()
    assert [str(path) for path in cache.remove_abandoned(tmp_path)] == [theirs]
    assert Path(ours).is_dir()
    assert elsewhere.is_dir()
    assert not Path(theirs).exists()


def test_a_number_that_another_process_has_now_does_not_keep_a_folder(tmp_path):
    before = make(tmp_path)
    parts = Path(before).name.split("-")
    reused = tmp_path / "-".join([*parts[:3], "1", parts[4]])
    reused.mkdir()
    assert cache.remove_abandoned(tmp_path) == [reused]
