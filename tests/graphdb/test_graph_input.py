"""Bad input: the index goes on, says what it left out, and ends."""

import os
import time
from pathlib import Path

import pytest

from graphdb import CodeGraph, FolderSource
from graphdb.errors import SourceError
from graphdb.index import Index
from tests.graphdb.texts import TextSource, build


def indexed(files: dict[str, str | bytes]) -> Index:
    index = Index()
    index.update(TextSource(files), sorted(files))
    return index


def names(index: Index) -> set[str]:
    return {node.id.partition("::")[2] for node in index.nodes()} - {""}


def test_broken_file_is_indexed_in_part() -> None:
    index = indexed({"a.py": "def good(): pass\n\ndef bad(:\n  x = (\n\nclass Fine:\n    pass\n"})
    assert "good" in names(index)
    assert [path for path, _ in index.broken] == ["a.py"]
    assert index.broken[0][1] >= 3


def test_old_python_is_indexed() -> None:
    index = indexed({"a.py": "def f():\n    print 'x'\n    raise E, 'm'\ndef g(): f()\n"})
    assert names(index) == {"f", "g"}


def test_encodings() -> None:
    index = indexed(
        {
            "latin.py": b"# -*- coding: latin-1 -*-\ndef caf\xe9(): pass\ndef f(): return '\xe9'\n",
            "unmarked.c": b"/* caf\xe9 */ int plain(void) { return 0; }\n",
            "bom.py": b"\xef\xbb\xbfdef with_bom(): pass\n",
            "wide.py": "def wide(): pass\n".encode("utf-16"),
            "greek.py": "def αβγ(): pass\ndef f(): αβγ()\n",
            "binary.py": b"def f(): pass\0\0\0",
        }
    )
    assert {"f", "café", "with_bom", "wide", "αβγ", "plain"} <= names(index)
    assert not index.broken
    assert [(item.path, item.reason) for item in index.left_out] == [
        ("binary.py", "binary: it holds null bytes")
    ]
    assert ("python:greek.py::f", "CALLS", "python:greek.py::αβγ") in {e.key for e in index.edges()}


def test_generated_megabytes_are_left_out_and_told() -> None:
    index = indexed({"big.py": "x = 1\n" * 400_000, "small.py": "x = 1\n"})
    assert [item.path for item in index.left_out] == ["big.py"]
    assert "2,400,000 bytes, the limit is 2,000,000" in index.left_out[0].reason
    assert "small.py" in index.entries


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "(" * 100_000,
        "x = " + "(" * 50_000 + ")" * 50_000,
        "x = a" + ".b" * 100_000,
        "x = f" + "()" * 100_000,
        "x = " + "[" * 30_000 + "]" * 30_000,
        "".join(f"{'  ' * n}def f{n}():\n" for n in range(300)),
        "\n".join(f"class C{n}(C{n + 1}): pass" for n in range(3000)),
        "class A(B): pass\nclass B(A): pass\nA().x()\n",
        "def f(): return f()()()\nx = f()\n",
        "\x01\x02(((" * 20_000,
        "from . import *\nfrom .a import *\nfrom ....... import x\n",
    ],
    ids=lambda text: repr(text[:12]),
)
def test_hostile_text_ends(text: str) -> None:
    begin = time.process_time()
    build({"a.py": text, "a.c": text})
    assert time.process_time() - begin < 20


def test_symlinks_are_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.py").write_text("def f(): pass\n")
    (root / "loop").symlink_to(root)
    (root / "self.py").symlink_to("self.py")
    (root / "gone.py").symlink_to("nowhere")
    (tmp_path / "secret.py").write_text("def secret(): pass\n")
    (root / "out.py").symlink_to(tmp_path / "secret.py")
    os.mkfifo(root / "pipe.py")
    graph = CodeGraph.build(FolderSource(root))
    assert list(graph.index.entries) == ["a.py"]
    left_out = [item.path for item in graph.report.left_out]
    assert left_out == ["gone.py", "loop", "out.py", "self.py"]
    assert {item.reason for item in graph.report.left_out} == {"symbolic link: not followed"}


@pytest.mark.parametrize("store", ["kglite", "networkx"])
def test_names_that_are_not_text_are_left_out_and_told(tmp_path: Path, store: str) -> None:
    (tmp_path / os.fsdecode(b"nam\xe9.py")).write_text("def odd(): pass\n")
    (tmp_path / "naïve.py").write_text("def even(): pass\n")
    graph = CodeGraph.build(FolderSource(tmp_path), tmp_path / "kept", store)
    assert [node.name for node in graph.store.named("even", ("FUNCTION",))] == ["even"]
    assert [item.reason for item in graph.report.left_out] == ["its name is not valid UTF-8"]
    again = CodeGraph.build(FolderSource(tmp_path), tmp_path / "kept", store)
    assert again.report.left_out == graph.report.left_out


def test_folder_that_refuses_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shut").mkdir()
    (tmp_path / "shut" / "a.py").write_text("x = 1\n")
    (tmp_path / "b.py").write_text("x = 1\n")
    real = os.scandir

    def scandir(path: str) -> object:  # root may read what permissions forbid
        if path.endswith("shut"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    graph = CodeGraph.build(FolderSource(tmp_path))
    assert list(graph.index.entries) == ["b.py"]
    assert [tuple(item) for item in graph.report.left_out] == [
        ("shut/", "can't be listed: Permission denied")
    ]


def test_file_that_vanishes_or_refuses() -> None:
    class Refusing(TextSource):
        def read(self, path: str) -> bytes:
            if path == "locked.py":
                raise PermissionError(13, "Permission denied")
            if path == "gone.py":
                raise FileNotFoundError(path)
            return super().read(path)

    index = Index()
    index.update(Refusing({"a.py": "x = 1"}), ["a.py", "gone.py", "locked.py"])
    assert list(index.entries) == ["a.py"]
    assert [tuple(i) for i in index.left_out] == [("locked.py", "can't be read: Permission denied")]


def test_empty_and_missing_folders(tmp_path: Path) -> None:
    graph = CodeGraph.build(FolderSource(tmp_path))
    assert graph.report.files == 0
    assert sum(graph.store.counts()[0].values()) == 0
    with pytest.raises(SourceError, match="does not exist; give a folder"):
        FolderSource(tmp_path / "nothing")
    (tmp_path / "file.py").write_text("")
    with pytest.raises(SourceError, match="it is a file"):
        FolderSource(tmp_path / "file.py")


def test_names_that_need_quoting(tmp_path: Path) -> None:
    folder = tmp_path / 'it\'s "odd" {$x}'
    folder.mkdir()
    (folder / "mod`ule.py").write_text("def f(): pass\ndef g(): f()\n")
    from graphdb import queries

    for store in ("kglite", "networkx"):
        graph = CodeGraph.build(FolderSource(tmp_path), store=store)
        assert [row.node.name for row in queries.callers(graph.store, "f")] == ["g"]
