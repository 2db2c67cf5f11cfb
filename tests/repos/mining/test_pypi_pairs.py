import subprocess

import pytest

from repos.errors import RecordError
from repos.tasks.sources.pypi.archives import Member
from repos.tasks.sources.pypi.pairs import diff_trees, read_pair, sort_pair, write_pair
from repos.tasks.sources.pypi.records import PyPIPairSource


@pytest.fixture
def pair(demo_index, tmp_path):
    client = demo_index.index()
    old, new = client.releases("demo")
    source = PyPIPairSource(package="demo", old=old.archive, new=new.archive)
    return read_pair(source, tmp_path / "store", client)


def files(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_files_of_a_task(pair, tmp_path):
    built = write_pair(pair, tmp_path)
    assert files(built.hidden) == {"tests/test_core.py", "tests/data.txt"}
    assert "def test_three" in (built.hidden / "tests/test_core.py").read_text()
    assert built.removed == ("tests/test_gone.py",)
    assert files(built.base) == set(pair.old)
    assert "def test_three" not in (built.base / "tests/test_core.py").read_text()
    assert (built.repository, built.base_revision) == ("demo", "1.0")
    assert "Fix `half` of odd numbers" in built.statement
    assert "#3" not in built.statement


def test_reference_holds_source_and_data_only_and_applies(pair, tmp_path):
    built = write_pair(pair, tmp_path)
    named = [line for line in built.reference.splitlines() if line.startswith(b"diff --git")]
    assert [line.split(b" b/")[1] for line in named] == [
        b"src/demo/core.py",
        b"src/demo/extra.bin",
        b"src/demo/table.json",
    ]
    subprocess.run(["git", "apply", "-"], cwd=built.base, input=built.reference, check=True)
    for path in ("src/demo/core.py", "src/demo/extra.bin", "src/demo/table.json"):
        assert (built.base / path).read_bytes() == pair.new[path].data
    assert '"1.0"' in (built.base / "src/demo/_version.py").read_text()


def test_building_twice_gives_the_same_bytes(pair, tmp_path):
    one, two = write_pair(pair, tmp_path / "one"), write_pair(pair, tmp_path / "two")
    assert (one.reference, one.statement) == (two.reference, two.statement)
    assert files(one.hidden) == files(two.hidden)


def test_diffs_keep_deletions_links_and_modes():
    before = {
        "gone.py": Member(b"x\n"),
        "keep.py": Member(b"1\n", executable=True),
        "crlf.py": Member(b"a\r\nb\r\n"),
    }
    after = {
        "keep.py": Member(b"2\n", executable=True),
        "crlf.py": Member(b"a\r\nc\r\n"),
        "link": Member(b"keep.py", link=True),
        "näme.py": Member("é\n".encode()),
    }
    text = diff_trees(before, after)
    assert b"deleted file mode 100644" in text
    assert b"new file mode 120000" in text
    assert b"old mode" not in text
    assert b"-b\r\n+c\r\n" in text
    assert diff_trees(before, before) == b""


@pytest.mark.parametrize(
    ("path", "text", "match"),
    [("src/demo/core.py", "x = 1\n", "no test file"), ("tests/test_core.py", "", "no source file")],
)
def test_a_pair_without_source_or_test_change_makes_no_task(pair, tmp_path, path, text, match):
    new = {**pair.old, path: Member(text.encode())}
    with pytest.raises(RecordError, match=match):
        write_pair(sort_pair("demo", pair.old, new, "1.0", "1.1"), tmp_path)
