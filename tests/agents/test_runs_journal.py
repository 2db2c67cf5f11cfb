"""The journal: kept whole through kills, one writer at a time."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from agents.runs.journal import Journal, JournalBusyError, read_journal, write_atomic
from repos.errors import RecordError

ROOT = Path(__file__).parents[2]


def test_events_come_back_in_order(tmp_path):
    path = tmp_path / "deep" / "episode.jsonl"
    with Journal(path) as journal:
        for number in range(3):
            journal.append("step", number=number, text="naïve\u2028\n")
    events = read_journal(path)
    assert [e["number"] for e in events] == [0, 1, 2]
    assert events[0]["text"] == "naïve\u2028\n"
    assert all(e["kind"] == "step" and e["time"] > 0 for e in events)


def test_a_missing_journal_is_empty(tmp_path):
    assert read_journal(tmp_path / "none.jsonl") == []


@pytest.mark.parametrize("cut", [1, 5, 10])
def test_a_torn_last_line_is_left_out_and_cut_off(tmp_path, cut):
    path = tmp_path / "episode.jsonl"
    with Journal(path) as journal:
        journal.append("step", number=1)
        journal.append("step", number=2)
    data = path.read_bytes()
    path.write_bytes(data[:-cut])
    assert [e["number"] for e in read_journal(path)] == [1]
    with Journal(path) as journal:
        journal.append("step", number=3)
    assert [e["number"] for e in read_journal(path)] == [1, 3]


def test_a_long_torn_line_is_cut_off(tmp_path):
    path = tmp_path / "episode.jsonl"
    with Journal(path) as journal:
        journal.append("step", number=1)
    with path.open("ab") as handle:
        handle.write(b'{"kind": "' + b"x" * 300_000)
    with Journal(path) as journal:
        journal.append("step", number=2)
    assert [e["number"] for e in read_journal(path)] == [1, 2]


def test_a_damaged_line_in_the_middle_is_named(tmp_path):
    path = tmp_path / "episode.jsonl"
    path.write_text('{"kind": "a"}\nnot json\n{"kind": "b"}\n')
    with pytest.raises(RecordError, match=r"line 2, is damaged"):
        read_journal(path)


def test_threads_never_mix_their_lines(tmp_path):
    path = tmp_path / "episode.jsonl"
    with Journal(path) as journal:

        def write(thread: int) -> None:
            for number in range(20):
                journal.append("step", thread=thread, number=number, pad="x" * 5000)

        threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    events = read_journal(path)
    assert len(events) == 80
    for thread in range(4):
        assert [e["number"] for e in events if e["thread"] == thread] == list(range(20))


HOLDER = """
import sys
from pathlib import Path
from agents.runs.journal import Journal
journal = Journal(Path(sys.argv[1]))
journal.append("step", number=1)
print("held", flush=True)
sys.stdin.read()
"""


def test_a_lock_dies_with_its_holder(tmp_path):
    path = tmp_path / "episode.jsonl"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(JournalBusyError, match="in use by another running process"):
            Journal(path, patience=0.1)
    finally:
        holder.kill()
        holder.communicate()
    with Journal(path, patience=0.1) as journal:
        journal.append("step", number=2)
    assert [e["number"] for e in read_journal(path)] == [1, 2]


def test_write_atomic_replaces_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "score.json"
    write_atomic(path, "old")
    write_atomic(path, json.dumps({"a": 1}))
    assert path.read_text() == '{"a": 1}'
    assert [p.name for p in tmp_path.iterdir()] == ["score.json"]
