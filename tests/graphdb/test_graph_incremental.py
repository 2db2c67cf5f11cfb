"""After any edit the graph is what a full build of the edited files gives."""

import random
import re
from pathlib import Path

import pytest

from graphdb import CodeGraph, FolderSource, queries
from graphdb.index import Index
from tests.graphdb.conftest import SHOP
from tests.graphdb.texts import TextSource, build

PIECES = [
    "def f{n}(x): return x.f{m}()\n",
    "class K{n}(K{m}):\n    def f{m}(self): return self.f{n}()\n",
    "from mod{n} import f{m}, K{n}\n",
    "import mod{m} as a{n}\n",
    "V{n} = K{m}()\n",
    "def g{n}():\n    f{m}()\n    K{n}().f{m}()\n    V{m}.f{n}()\n    a{n}.f{m}()\n",
    "from mod{m} import *\n",
    "class K{n}:\n    def __init__(self): self.k = K{m}()\n    def f{n}(self): return self.k\n",
]


def assert_same(index: Index, fresh: Index) -> None:
    assert set(index.nodes()) ^ set(fresh.nodes()) == set()
    assert set(index.edges()) ^ set(fresh.edges()) == set()


def random_file(rng: random.Random) -> str:
    count = rng.randrange(1, 6)
    return "".join(
        rng.choice(PIECES).format(n=rng.randrange(4), m=rng.randrange(4)) for _ in range(count)
    )


@pytest.mark.parametrize("seed", range(25))
def test_random_edits_equal_a_full_build(seed: int) -> None:
    rng = random.Random(seed)
    names = [f"mod{n}.py" for n in range(4)] + ["pkg/__init__.py", "pkg/mod0.py", "mod1.pyi"]
    source = TextSource({name: random_file(rng) for name in names})
    index = Index()
    index.update(source, names)
    stores = {kind: CodeGraph.build(source, store=kind) for kind in ("networkx", "kglite")}
    for _ in range(8):
        name = rng.choice(names)
        if rng.random() < 0.25:
            source.files.pop(name, None)
        else:
            source.files[name] = random_file(rng)
        index.update(source, [name])
        assert_same(index, build(source.files))
        for graph in stores.values():
            graph.update([name])
    wanted = stored(CodeGraph.build(source, store="networkx"))
    for graph in stores.values():
        assert stored(graph) == wanted


def stored(graph: CodeGraph) -> tuple:
    """Everything a store says of itself, read through its own operations."""
    store = graph.store
    labels, types = store.counts()
    ids = store.ids(tuple(labels))
    nodes = store.nodes(ids)
    links = [store.links(nodes, tuple(types), direction) for direction in ("out", "in")]
    return labels, types, nodes, links


C_PIECES = [
    "int f{n}(void) {{ return f{m}() + M{n}; }}\n",
    "static int f{n}(void) {{ return M{m}(1); }}\n",
    '#include "h{n}.h"\n',
    "#define M{n} {m}\n",
    "#define M{n}(x) f{m}()\n",
    "struct s{n} {{ int a; struct s{m} *b; }};\n",
    "int f{n}(void);\n",
]


@pytest.mark.parametrize("seed", range(15))
def test_random_c_edits_equal_a_full_build(seed: int) -> None:
    rng = random.Random(seed)
    names = ["a.c", "b.c", "h0.h", "h1.h", "h2.h", "sub/h0.h"]

    def text() -> str:
        return "".join(
            rng.choice(C_PIECES).format(n=rng.randrange(3), m=rng.randrange(3)) for _ in range(5)
        )

    source = TextSource({name: text() for name in names})
    index = Index()
    index.update(source, names)
    for _ in range(8):
        name = rng.choice(names)
        if rng.random() < 0.2:
            source.files.pop(name, None)
        else:
            source.files[name] = text()
        index.update(source, [name])
        assert_same(index, build(source.files))


def test_only_dependents_are_resolved_again() -> None:
    files = {
        "a.py": "def f(): return 1\ndef other(): pass\n",
        "b.py": "from a import f\ndef g(): f()\n",
        "c.py": "from a import other\nother()\n",
        "d.py": "x = 1\n",
    }
    source = TextSource(files)
    index = Index()
    index.update(source, sorted(files))
    source.files["a.py"] = files["a.py"].replace("return 1", "pass")
    assert index.update(source, ["a.py"]).files == ["a.py", "b.py"]
    source.files["a.py"] = files["a.py"].replace("def other(): pass", "def other():\n    len(3)")
    index.update(source, ["a.py"])
    source.files["a.py"] = source.files["a.py"].replace("len(3)", "len(4) + 5")
    assert index.update(source, ["a.py"]).files == ["a.py"]
    assert not index.update(source, ["a.py", "b.py", "nothing.py"])


@pytest.mark.parametrize("kind", ["networkx", "kglite"])
def test_a_name_that_becomes_another_kind_of_thing_is_one_node(kind: str) -> None:
    source = TextSource({"a.py": "class x: pass\n", "b.py": "from a import x\nx()\n"})
    graph = CodeGraph.build(source, store=kind)
    for text in ("def x(): pass\n", "x = 1\n", "class x: pass\n"):
        source.files["a.py"] = text
        graph.update(["a.py"])
        assert stored(graph) == stored(CodeGraph.build(source, store="networkx"))
        assert [node.name for node in queries.find_symbol(graph.store, "x")] == ["x"]


def test_a_module_that_appears_is_found_by_waiting_imports() -> None:
    source = TextSource({"b.py": "from late import f\ndef g(): f()\n"})
    index = Index()
    index.update(source, ["b.py"])
    assert ("python:b.py::g", "CALLS", "external:late.f") in {e.key for e in index.edges()}
    source.files["late.py"] = "def f(): pass\n"
    delta = index.update(source, ["late.py"])
    assert ("python:b.py::g", "CALLS", "external:late.f") in delta.removed_edges
    assert "external:late.f" in {node.id for node in delta.removed_nodes}
    assert ("python:b.py::g", "CALLS", "python:late.py::f") in {e.key for e in index.edges()}


@pytest.mark.parametrize("kind", ["networkx", "kglite"])
def test_forks_part_ways(shop: Path, tmp_path: Path, kind: str) -> None:
    import shutil

    base = CodeGraph.build(FolderSource(shop), store=kind)
    before = stored(base)
    copies = []
    for name in ("one", "two"):
        shutil.copytree(shop, tmp_path / name)
        copies.append(base.fork(FolderSource(tmp_path / name)))
    target = tmp_path / "one" / "shop" / "money.py"
    target.write_text(target.read_text().replace("def add", "def plus"))
    copies[0].refresh()
    assert queries.find_symbol(copies[0].store, "plus")[0].file_path == "shop/money.py"
    assert stored(copies[1]) == before == stored(base)
    grandchild = copies[0].fork(FolderSource(tmp_path / "one"))
    assert stored(grandchild) == stored(copies[0])
    base_file = shop / "shop" / "money.py"
    base_file.write_text("")
    late = base.fork(FolderSource(tmp_path / "two"))
    base.refresh()
    assert not queries.find_symbol(base.store, "rounded")
    assert stored(late) == before == stored(copies[1])


def test_folder_source_tells_what_changed(shop: Path) -> None:
    source = FolderSource(shop)
    paths, token = source.changes("")
    assert set(paths) == set(SHOP)
    assert source.changes(token)[0] == []
    _, token = source.changes("")
    (shop / "new.py").write_text("x = 1\n")
    (shop / "shop" / "main.py").unlink()
    assert source.changes(token)[0] == ["new.py", "shop/main.py"]


def test_kept_index_is_used_and_a_damaged_one_made_anew(shop: Path, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    first = CodeGraph.build(FolderSource(shop), folder)
    assert first.report.indexed == len(SHOP)
    wanted = stored(first)
    again = CodeGraph.build(FolderSource(shop), folder)
    assert again.report.indexed == 0
    assert stored(again) == wanted
    text = (shop / "shop" / "money.py").read_text()
    (shop / "shop" / "money.py").write_text(re.sub(r"CENT = .*", "CENT = 0.5", text))
    assert CodeGraph.build(FolderSource(shop), folder).report.indexed >= 1
    for name in ("index.bin", "graph.kgl"):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])
        assert stored(CodeGraph.build(FolderSource(shop), folder))[2]
    assert stored(CodeGraph.build(FolderSource(shop), folder)) == stored(
        CodeGraph.build(FolderSource(shop))
    )
