"""Which class a value is of, and conditions over the fields of two objects of one class."""

from __future__ import annotations

import ast

import pytest

from tools.repair.facts import Facts
from tools.repair.fault_localisation import words_of
from tools.repair.patch_generation import propose
from tools.repair.project import Project
from tools.repair.source import Module, apply
from tools.repair.templates.atoms import field_pairs
from tools.repair.templates.site import Site
from tools.repair.templates.types import class_of, declared, fields_of

POINTS = """\
from dataclasses import dataclass


@dataclass
class Point:
    x: int
    y: int
    _cache: dict

    @property
    def norm(self) -> int:
        return self.x + self.y


class Mark:
    def __init__(self, at: Point, label, shown=True):
        self.at = at
        self.label: str = label
        self.shown = shown

    def near(self, other: "Mark") -> bool:
        return other.shown
"""
MARKS = """\
from points import Mark, Point


def seen(point: Point, marks: list[Mark]):
    last_mark = marks[-1]
    return any(mark.shown for mark in marks if last_mark)
"""


@pytest.fixture
def site():
    files = {"points.py": POINTS, "marks.py": MARKS}
    modules = {path: Module.parse(path, text) for path, text in files.items()}
    return Site(Project(modules), modules["marks.py"], Facts(), {})


def shown(site):
    """Return the node `mark.shown` of the generator."""
    found = (n for n in ast.walk(site.module.tree) if isinstance(n, ast.Attribute))
    return next(n for n in found if n.attr == "shown")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("point", "Point"),  # annotated
        ("mark", "Mark"),  # goes over what is annotated as a list of them
        ("last_mark", "Mark"),  # called after the class
        ("mark.at", "Point"),  # a field that a parameter of the constructor gives
        ("mark.at.x", None),
        ("mark.label", None),
        ("marks[0]", None),
        ("nothing", None),
    ],
)
def test_the_class_of_a_value(site, text, name):
    found = class_of(site, shown(site), text)
    assert (found.name if found else None) == name


def test_the_fields_of_a_class(site):
    assert fields_of(site.project.classes["Point"]) == ["x", "y", "norm"]
    assert list(declared(site.project.classes["Mark"])) == ["at", "label", "shown"]


def test_the_same_field_of_two_objects(site):
    node = shown(site)
    pairs = dict(field_pairs(site, node))
    assert "last_mark.at == mark.at" in pairs and "last_mark.shown != mark.shown" in pairs
    assert not any("_cache" in text or "near" in text for text in pairs)
    # What the statement speaks of comes first, the more the oftener.
    words = words_of("The label of a mark. Labels: each label counts.")
    spoken = Site(site.project, site.module, Facts(words=words), {})
    assert "label" in field_pairs(spoken, node)[0][0]


def test_what_any_goes_over_is_a_condition(site):
    assert site.is_test(shown(site))
    lines = {("marks.py", line): 1.0 for line in range(4, 7)}
    made = [p for p, _ in propose(site.project, site.facts, lines) if p.template == "same-field"]
    texts = [apply(MARKS, proposal.edits) for proposal in made]
    assert all(ast.parse(text) for text in texts)
    assert any("any((mark.shown and last_mark.at == mark.at) for mark in" in t for t in texts)
