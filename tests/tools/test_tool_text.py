from hypothesis import given
from hypothesis import strategies as st

from repos.sandbox.protocol import ExecResult
from tools.text import captured, clip, plural, printable, scrub


def test_clip_keeps_head_and_tail_and_counts():
    text = "\n".join(f"line {number}" for number in range(1_000))
    short = clip(text, 200)
    assert short.startswith("line 0\nline 1\n")
    assert short.endswith("line 999")
    assert "left out" in short
    assert len(short) < 280
    kept = sum(line.startswith("line ") for line in short.split("\n"))
    assert f"{1_000 - kept:,} lines left out" in short


@given(st.text(), st.integers(2, 50))
def test_clip_is_bounded_and_loses_nothing_silently(text, room):
    short = clip(text, room)
    if len(text) <= room:
        assert short == text
    else:
        _, note, tail = short.partition("[... ")
        assert note
        count = int(tail.split(" characters")[0].replace(",", ""))
        assert 0 < count <= len(text)
        assert len(short) <= room + 70


def test_scrub():
    assert scrub("<A object at 0x7f3b2c4d5e60>") == "<A object at 0x...>"
    assert scrub("mask = 0xDEADBEEF") == "mask = 0xDEADBEEF"
    assert scrub("===== 3 passed in 0.12s =====") == "===== 3 passed in N s ====="
    assert scrub("Ran 3 tests in 0.003s") == "Ran 3 tests in N s"
    assert scrub("/tmp/tmpab12cd_x/f.py") == "/tmp/tmp/f.py"
    assert scrub("/tmp/pytest-of-root/pytest-12/test_a0") == "/tmp/pytest/test_a0"
    assert scrub("bash: line 1:   123 Killed   sleep 1") == "bash: line 1: Killed   sleep 1"
    assert scrub("started, pid 4711") == "started, pid N"


@given(st.text())
def test_scrub_settles(text):
    once = scrub(text)
    assert scrub(once) == once


def test_captured_joins_the_halves_with_a_note():
    data = "é".encode() * 50
    result = ExecResult(0, data, b"err\n", 0.1, "output", stdout_dropped=1_000)
    text = captured(result, 1_000)
    assert text == "é" * 25 + "\n[... 1,000 bytes left out ...]\n" + "é" * 25 + "\nerr"


def test_printable_drops_colours_and_progress():
    assert printable("\x1b[31mred\x1b[0m\r\n10%\r20%\rdone\n") == "red\ndone\n"


def test_plural():
    words = [plural(1, "file"), plural(2_000, "file"), plural(2, "match")]
    assert words == ["1 file", "2,000 files", "2 matches"]
