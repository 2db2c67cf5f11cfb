"""A drawn neighbourhood: boxes apart, edges in view, the kinds of relation told."""

from pathlib import Path

import pytest

from graphdb import CodeGraph, FolderSource, draw, queries
from graphdb.draw.layout import layout


@pytest.fixture(scope="module")
def star(tmp_path_factory: pytest.TempPathFactory) -> CodeGraph:
    root: Path = tmp_path_factory.mktemp("star")
    callers = "".join(f"def caller_{n}():\n    Hub().run()\n\n" for n in range(40))
    (root / "hub.py").write_text(
        "class Base:\n    def run(self): pass\n\n"
        "class Hub(Base):\n    size = 1\n    def run(self):\n        help_me()\n\n"
        "class Sub(Hub): pass\n\ndef help_me(): pass\n\n" + callers
    )
    return CodeGraph.build(FolderSource(root), store="networkx")


@pytest.mark.parametrize(("symbol", "hops"), [("Hub", 1), ("Hub", 3), ("Hub.run", 2)])
def test_boxes_do_not_overlap(star: CodeGraph, symbol: str, hops: int) -> None:
    found = queries.neighbourhood(star.store, symbol, hops, limit=40)
    boxes = list(layout(found).boxes.values())
    assert {box.node.id for box in boxes} == {node.id for node in found.nodes}
    for place, one in enumerate(boxes):
        for other in boxes[:place]:
            apart_x = abs(one.x - other.x) >= (one.width + other.width) / 2
            apart_y = abs(one.y - other.y) >= (one.height + other.height) / 2
            assert apart_x or apart_y, (one.node.id, other.node.id)


def test_many_callers_do_not_hide_other_relations(star: CodeGraph) -> None:
    found = queries.neighbourhood(star.store, "Hub", limit=12)
    assert found.truncated
    assert {"Base", "Sub", "run", "size"} <= {node.name for node in found.nodes}
    drawn = draw.svg(found)
    for told in ("subclasses", "base classes", "methods", "fields", "called by", "12 nodes"):
        assert told in drawn


def test_edges_run_from_left_to_right(star: CodeGraph) -> None:
    found = queries.neighbourhood(star.store, "help_me")
    boxes = layout(found).boxes
    assert found.edges
    for edge in found.edges:
        assert boxes[edge.source].x < boxes[edge.target].x


def test_a_page_names_every_node_for_pointing_at(star: CodeGraph) -> None:
    found = queries.neighbourhood(star.store, "Hub.run")
    page = draw.page(found)
    for node in found.nodes:
        assert page.count(f'data-id="{node.id}"') == 1
        assert page.count(f"data-id='{node.id}'") == 1
