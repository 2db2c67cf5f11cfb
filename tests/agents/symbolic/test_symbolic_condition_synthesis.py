"""Staged repair: probes, conditions over what is in scope, and conditional forms of changes."""

from __future__ import annotations

import ast
import textwrap
from typing import Any

from agents.models.symbolic.condition_synthesis import conditioned
from tools.repair.candidates import Proposal, written
from tools.repair.facts import Facts
from tools.repair.fault_localisation import Words
from tools.repair.patch_generation import propose
from tools.repair.project import Project
from tools.repair.source import Module, apply
from tools.repair.templates.atoms import conditions, scope_names
from tools.repair.templates.site import Site

CART = textwrap.dedent(
    '''\
    class Cart:
        def __init__(self, owner, lines=()):
            self.owner = owner
            self.lines = list(lines)
            self.closed = False

        def merge(self, other, note=None):
            """Take the lines of another cart."""
            if not isinstance(note, Tag):
                note = None
            for line in other.lines:
                self.lines.append(line)
            return self

        def open_lines(self, limit):
            if limit > 3 or limit == 9:
                limit = 3
            return [line for line in self.lines if line.open]
    '''
)


def project(text=CART, path="cart.py"):
    module = Module.parse(path, text)
    assert module is not None
    return Project({path: module}), module


def site_of(module, facts=None):
    return Site(Project({module.path: module}), module, facts or Facts(), {})


def node_of(module, kind, holds) -> Any:
    return next(
        n for n in ast.walk(module.tree) if isinstance(n, kind) and holds in module.segment(n)
    )


def conditions_at(module, kind, holds, facts=None):
    return [text for text, _ in conditions(site_of(module, facts), node_of(module, kind, holds))]


def test_conditions_are_valid_and_speak_of_what_is_in_scope():
    _, module = project()
    found = conditions_at(module, ast.For, "other.lines")
    assert found[0] and len(found) == len(set(found))
    for text in found:
        names = {n.id for n in ast.walk(ast.parse(text, mode="eval")) if isinstance(n, ast.Name)}
        assert names <= {"self", "other", "note", "len", "isinstance", "str", "bytes", "int",
                         "list", "tuple", "dict", "bool", "Tag"}, text  # fmt: skip
    assert {"not other", "note is None", "self.closed", "isinstance(note, Tag)"} <= set(found)
    # The same attribute of two objects of one kind.
    assert "other.owner == self.owner" in found


def test_the_loop_variable_is_not_set_in_front_of_its_loop():
    _, module = project()
    site = site_of(module)
    assert "line" not in scope_names(site, node_of(module, ast.For, "other.lines"))
    inside = node_of(module, ast.Attribute, "line.open")
    assert "line" in scope_names(site, inside)


def test_literals_that_the_file_compares_with_are_used():
    _, module = project()
    found = conditions_at(module, ast.Return, "line.open")
    assert "limit == 9" in found and "limit > 0" in found


def test_words_of_the_statement_raise_a_condition():
    _, module = project()
    words = Words(frozenset({"closed"}), frozenset({"closed"}))
    plain = conditions_at(module, ast.For, "other.lines")
    told = conditions_at(module, ast.For, "other.lines", Facts(words=words))
    assert told.index("self.closed") < plain.index("self.closed")


def proposals_at(made, module, template, line):
    suspicion = {(module.path, n): 1.0 for n in range(1, len(module.lines) + 1)}
    found = [p for p, _ in propose(made, Facts(), suspicion)]
    return [p for p in found if p.template == template and p.line == line]


def forms(made, module, proposal):
    done = []
    for one in conditioned(made, Facts(), proposal):
        candidate = written(module, one, 1.0)
        assert candidate is not None, one.note
        assert not one.probe
        done.append(apply(module.text, one.edits))
    return done


def test_leaving_early_becomes_a_guard():
    made, module = project()
    loop = node_of(module, ast.For, "other.lines")
    probe = next(
        p for p in proposals_at(made, module, "probe-leave", loop.lineno) if "self" in p.note
    )
    assert probe.probe
    texts = forms(made, module, probe)
    wanted = "        if other.owner == self.owner:\n            return self\n        for line in"
    assert any(wanted in text for text in texts)


def test_a_forced_condition_is_widened_or_narrowed():
    made, module = project()
    test = node_of(module, ast.If, "isinstance(note")
    probes = proposals_at(made, module, "probe", test.lineno)
    assert {p.edits[0].new for p in probes} == {"True", "False"}
    texts = [text for probe in probes for text in forms(made, module, probe)]
    assert any("if (not isinstance(note, Tag)) or self.closed:" in text for text in texts)
    assert any("if (not isinstance(note, Tag)) and not note:" in text for text in texts)


def test_a_filter_of_a_comprehension_is_narrowed_by_its_own_variable():
    made, module = project()
    line = node_of(module, ast.ListComp, "line.open").lineno
    probe = next(p for p in proposals_at(made, module, "probe", line) if p.edits[0].new == "True")
    assert any("if (line.open or line is None)]" in text for text in forms(made, module, probe))


def test_a_change_that_breaks_other_tests_becomes_conditional():
    made, module = project()
    node = node_of(module, ast.Attribute, "other.lines")
    start, end = module.span(node)
    edit = site_of(module).edit(start, end, "reversed(other.lines)")
    change = Proposal((edit,), "function", 0.5, node.lineno, "reversed")
    texts = forms(made, module, change)
    assert any("(reversed(other.lines) if note else other.lines)" in text for text in texts)


def test_a_statement_that_is_exchanged_is_done_only_under_a_condition():
    made, module = project()
    node = node_of(module, ast.Expr, "self.lines.append(line)")
    start, end = site_of(module).lines_of(node)
    edit = site_of(module).edit(start, end, f"{module.indent(node)}pass")
    texts = forms(made, module, Proposal((edit,), "removed", 0.5, node.lineno, "leave it out"))
    wanted = "            if line not in self.lines:\n                self.lines.append(line)"
    assert any(wanted in text for text in texts)
