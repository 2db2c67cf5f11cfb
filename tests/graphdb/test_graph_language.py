"""A language is added by one file in the folder of languages."""

from pathlib import Path

import pytest

import graphdb.languages as registry
from graphdb import CodeGraph, queries
from tests.graphdb.texts import TextSource

MAKE = '''
"""Makefiles: rules are functions, prerequisites are calls."""

import re
from zlib import crc32

from graphdb.facts import Definition, FileFacts, Reference
from graphdb.languages import Resolved
from graphdb.schema import CALLS, FUNCTION, Edge, external_id, external_node, symbol_id

_RULE = re.compile(r"^([\\w.-]+)\\s*:(?!=)(.*)$")


class Resolver:
    def __init__(self, files):
        self.files = files

    def module_name(self, path):
        return path

    def presence(self, path):
        return ()

    def resolve(self, path, references):
        own = {item.dotted for item in self.files[path].definitions}
        edges, externals = [], {}
        for scope, _, name, line, count in references:
            target = symbol_id("make", path, name) if name in own else external_id(name)
            if name not in own:
                externals[name] = external_node(name)
            source = symbol_id("make", path, scope)
            edges.append(Edge(source, CALLS, target, times=count, line=line, how="scope"))
        return Resolved(sorted(edges), list(externals.values()), frozenset())


class Make:
    name, suffixes, separator = "make", (".mk",), ""

    def extract(self, path, source):
        lines = source.decode("utf-8", "replace").split("\\n")
        rules, uses = [], []
        for number, line in enumerate(lines, 1):
            found = _RULE.match(line)
            if found:
                rules.append(Definition(found[1], FUNCTION, number, number, line, "", ""))
                uses += [Reference(found[1], "call", item, number, 1) for item in found[2].split()]
        symbols = {item.dotted: crc32(item.dotted.encode()) for item in rules}
        return FileFacts(path, "make", len(lines), 0, rules, uses, symbols, None)

    def resolver(self, files):
        return Resolver(files)


LANGUAGE = Make()
'''


@pytest.fixture
def make_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "make.py").write_text(MAKE)
    monkeypatch.setattr(registry, "__path__", [*registry.__path__, str(tmp_path)])
    registry.languages.cache_clear()
    registry._by_suffix.cache_clear()
    yield
    monkeypatch.undo()
    registry.languages.cache_clear()
    registry._by_suffix.cache_clear()


@pytest.mark.parametrize("store", ["kglite", "networkx"])
def test_one_file_adds_a_language(make_language: None, store: str) -> None:
    source = TextSource(
        {"build/all.mk": "all: lib test\nlib: gcc\ntest: lib\n", "a.py": "def all(): pass\n"}
    )
    graph = CodeGraph.build(source, store=store)
    assert graph.report.files == 2
    assert [row.node.id for row in queries.callers(graph.store, "lib")] == [
        "make:build/all.mk::all",
        "make:build/all.mk::test",
    ]
    assert [row.node.label for row in queries.callees(graph.store, "lib")] == ["EXTERNAL"]
    (module,) = queries.find_symbol(graph.store, "build/all.mk", ("MODULE",))
    assert (module.language, module.qualified_name) == ("make", "build/all.mk")
    # and follows edits like any other
    source.files["build/all.mk"] = "all: test\nlib: gcc\ntest: lib\n"
    graph.update(["build/all.mk"])
    assert [row.node.name for row in queries.callers(graph.store, "lib")] == ["test"]
