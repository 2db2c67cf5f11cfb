import hashlib

import pytest

from repos.errors import RecordError
from repos.tasks.sources.mutants.build import build as build_mutant
from repos.tasks.sources.mutants.operators import mutations
from repos.tasks.sources.mutants.records import MutantSource
from repos.tasks.sources.pypi import index
from repos.tasks.sources.pypi.configuration import IndexConfiguration
from repos.tasks.sources.removed.records import TestPart
from repos.tasks.sources.reverted.build import build as build_reverted
from repos.tasks.sources.reverted.bullets import bullet_digest, bullets
from repos.tasks.sources.reverted.hunks import find_hunks, live_hunks, take_back
from repos.tasks.sources.reverted.records import Bullet, RevertedChangeSource
from tests.repos.mining.conftest import LocalIndex

CORE = """\
def half(n):
    \"\"\"Old words.\"\"\"
    return n // 2


def third(n: int) -> int:
    return n // 3


def fourth(n):
    return n / 4
"""
FIXED = CORE.replace("// 2", "/ 2").replace("Old words", "New words").replace("// 3", "/ 3")
TESTS = (
    "from demo import half\n\n\ndef test_two():\n    assert half(2) == 1\n\n\n"
    "def test_three():\n    assert half(3) == 1.5\n"
)
OLD = {
    "PKG-INFO": "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n",
    "CHANGES.md": "# Changes\n\n## 1.0\n\n- First one.\n",
    "demo/__init__.py": CORE,
    "tests/test_demo.py": "def test_nothing():\n    pass\n",
}
NEW = {
    "PKG-INFO": "Metadata-Version: 2.1\nName: demo\nVersion: 1.1\n\nNews: `half` was repaired.\n",
    "CHANGES.md": "# Changes\n\n## 1.1\n\n- Fix `half` of odd numbers (#3).\n- Repair `third`.\n\n"
    "## 1.0\n\n- First one.\n",
    "demo/__init__.py": FIXED,
    "tests/test_demo.py": TESTS,
}


@pytest.fixture
def served(tmp_path, monkeypatch):
    root = tmp_path / "served"
    root.mkdir()
    local = LocalIndex(root)
    local.publish("demo", {"1.0": (OLD, "2025-01-01"), "1.1": (NEW, "2025-02-01")})
    monkeypatch.setattr(index, "_configured", lambda: IndexConfiguration((local.url,)))
    yield [release.archive for release in local.index().releases("demo")]
    local.server.shutdown()
    local.server.server_close()


def sides():
    return {"a.py": CORE.encode()}, {"a.py": FIXED.encode()}


def test_hunks_have_no_context_and_are_taken_back_one_by_one():
    old, new = sides()
    hunks = find_hunks(old, new)
    assert [(h.old, h.new) for h in hunks] == [((1, 2), (1, 2)), ((6, 1), (6, 1))]
    assert take_back(old, new, hunks) == old
    (second,) = take_back(old, new, hunks[1:]).values()
    assert second == FIXED.replace("n / 3", "n // 3").encode()
    assert find_hunks(old, old) == ()


def test_hunks_that_only_add_or_only_remove_are_taken_back():
    old = {"a.py": b"one\ntwo\nthree"}
    for text in (b"zero\none\ntwo\nthree", b"one\nthree", b"", b"one\ntwo\nthree\nfour\n"):
        new = {"a.py": text}
        hunks = find_hunks(old, new)
        assert take_back(old, new, hunks) == old
        assert take_back(new, old, find_hunks(new, old)) == new


def test_hunks_that_change_words_alone_are_not_live():
    old, new = sides()
    spoken = {"a.py": new["a.py"].replace(b"    return n / 4", b"    # four\n    return n / 4")}
    hunks = find_hunks(old, spoken)
    assert len(hunks) == 3
    assert live_hunks(old, spoken, hunks) == hunks[:2]


def test_a_hunk_of_other_text_is_refused():
    old, new = sides()
    hunk = find_hunks(old, new)[0].model_copy(update={"new": (2, 2)})
    with pytest.raises(RecordError, match="line 3 is not what the record names"):
        take_back(old, new, [hunk])


def test_bullets_are_items_on_one_line():
    entry = "Fixes:\n\n- Fix `half` of\n  odd numbers.\n* Repair `third` too.\n"
    entry += "\n## More\n\nPlain words stand here."
    assert bullets(entry) == [
        "Fix `half` of odd numbers.", "Repair `third` too.", "Plain words stand here."
    ]  # fmt: skip


def reverted(served, **fields):
    old, new = served
    hunks = find_hunks({"demo/__init__.py": CORE.encode()}, {"demo/__init__.py": FIXED.encode()})
    test = TestPart(path="tests/test_demo.py", name="test_three", first=8, last=9)
    return RevertedChangeSource(
        package="demo", old=old, new=new, hunks=hunks[:1], tests=(test,), **fields
    )


def test_a_reverted_change_is_a_release_without_it(served, tmp_path):
    text = "Fix `half` of odd numbers."
    bullet = Bullet(number=0, sha256=bullet_digest(text))
    (tmp_path / "task").mkdir()
    files = build_reverted(reverted(served, bullet=bullet), tmp_path / "task", tmp_path / "store")
    base = (files.base / "demo/__init__.py").read_text()
    assert "n // 2" in base
    assert "n / 3" in base
    assert "test_three" not in (files.base / "tests/test_demo.py").read_text()
    assert "test_two" in (files.base / "tests/test_demo.py").read_text()
    assert (files.hidden / "tests/test_demo.py").read_text() == TESTS
    for name in ("CHANGES.md", "PKG-INFO"):
        assert "half" not in (files.base / name).read_text()
    assert "Version: 1.1" in (files.base / "PKG-INFO").read_text()
    assert b"+    return n / 2" in files.reference
    assert files.reference.count(b"\n+") == 3  # the header, and two lines
    assert f"> {text}" in files.statement
    assert "third" not in files.statement


def test_another_changelog_item_than_the_record_names_is_refused(served, tmp_path):
    bullet = Bullet(number=1, sha256=bullet_digest("something else entirely"))
    with pytest.raises(RecordError, match="Item 1 of the changelog"):
        build_reverted(reverted(served, bullet=bullet), tmp_path, tmp_path / "store")


def test_a_mutant_is_a_release_with_one_bug(served, tmp_path):
    new = served[1]
    text = FIXED.encode()
    bug = next(m for m in mutations(text) if m.operator == "other-operator")
    record = MutantSource(
        package="demo", archive=new, path="demo/__init__.py", operator=bug.operator,
        start=bug.start, end=bug.end, sha256=hashlib.sha256(bug.apply(text)).hexdigest(),
        tests=(TestPart(path="tests/test_demo.py", name="test_three", first=8, last=9),),
    )  # fmt: skip
    (tmp_path / "task").mkdir()
    files = build_mutant(record, tmp_path / "task", tmp_path / "store")
    assert (files.base / "demo/__init__.py").read_bytes() == bug.apply(text)
    assert "test_three" not in (files.base / "tests/test_demo.py").read_text()
    assert b"+    return n / 2" in files.reference
    for change, message in (
        ({"sha256": "0" * 64}, "does not give what the record names"),
        ({"variant": 9}, "there is no other-operator"),
        ({"path": "demo/gone.py"}, "has no file demo/gone.py"),
    ):
        with pytest.raises(RecordError, match=message):
            build_mutant(record.model_copy(update=change), tmp_path, tmp_path / "store")
