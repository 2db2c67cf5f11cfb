"""A drawn neighbourhood: boxes apart, edges in view, the kinds of relation told."""

import re
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


def test_what_the_centre_calls_stands_right_though_its_module_stands_left(star: CodeGraph) -> None:
    found = queries.neighbourhood(star.store, "Hub.run", 2, limit=40)
    boxes = {box.node.id: box for box in layout(found).boxes.values()}
    assert boxes["python:hub.py::help_me"].column == 1
    assert boxes["python:hub.py::caller_0"].column == -1


def test_everything_drawn_lies_in_the_picture(star: CodeGraph) -> None:
    found = queries.neighbourhood(star.store, "Hub", 3, limit=40)
    drawn = draw.svg(found)
    left, top, width, height = map(float, re.search(r'viewBox="([^"]+)"', drawn)[1].split())
    curves = re.findall(r'd="M(\S+) (\S+)C(\S+) (\S+) (\S+) (\S+) (\S+) (\S+)"', drawn)
    assert len(curves) == len(found.edges)
    for curve in curves:
        x0, y0, x1, y1, x2, y2, x3, y3 = map(float, curve)
        for part in range(11):
            t, u = part / 10, 1 - part / 10
            x = u**3 * x0 + 3 * u * u * t * x1 + 3 * u * t * t * x2 + t**3 * x3
            y = u**3 * y0 + 3 * u * u * t * y1 + 3 * u * t * t * y2 + t**3 * y3
            assert left <= x <= left + width
            assert top <= y <= top + height


def test_a_page_names_every_node_for_pointing_at(star: CodeGraph) -> None:
    found = queries.neighbourhood(star.store, "Hub.run")
    page = draw.page(found)
    for node in found.nodes:
        assert page.count(f'data-id="{node.id}"') == 1
        assert page.count(f"data-id='{node.id}'") == 1
