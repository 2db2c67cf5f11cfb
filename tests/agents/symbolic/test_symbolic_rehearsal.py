"""Many changes in one run of the tests: the carriers really run, under a real pytest."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.models.protocol import Message, ModelToolCall
from agents.models.symbolic import SymbolicModel, rehearsal
from agents.models.symbolic.candidates import Proposal
from agents.models.symbolic.formats import Trial, read_trials
from agents.models.symbolic.hearing import SYNTHESISED, hits
from agents.models.symbolic.history import read_history
from agents.models.symbolic.inside import BASE, DIGITS
from agents.models.symbolic.inside_operations import pure, sign
from agents.models.symbolic.inside_values import Node, cost, replaced
from agents.models.symbolic.knowledge import Knowledge
from agents.models.symbolic.pool import make_pool
from agents.models.symbolic.rehearsal import REHEARSE, Carrier, Place, carried, confirming
from agents.models.symbolic.search import Search
from agents.models.symbolic.source import Edit
from agents.models.symbolic.travelling import inside_text

PAGES = '''\
"""Pages of results."""


def window(page, size, count):
    """Return first and last item of a page, from 1."""
    first = (page - 1) * size + 1
    last = page * size
    return first, last


def slug(title, limit):
    """Return a title as part of an address."""
    text = "-".join(title.lower().split(" "))
    return text[:limit]
'''
TESTS = """\
import unittest

import pytest
from pages import slug, window


@pytest.mark.parametrize("page", [1, 2])
def test_window(page):
    assert window(page, 5, 10) == (5 * page - 4, 5 * page)


def test_slug():
    assert slug("The Old Mill", 5) == "the-o"


class TestLast(unittest.TestCase):
    def setUp(self):
        self.count = 8

    def test_last(self):
        self.assertEqual(window(2, 5, self.count), (6, 8))


def test_at_a_word():
    assert slug("The Old Mill", 8) == "the-old"
"""
BAD = ["test_pages.py::TestLast::test_last", "test_pages.py::test_at_a_word"]
GOOD = [
    "test_pages.py::test_window[1]",
    "test_pages.py::test_window[2]",
    "test_pages.py::test_slug",
]
LINES = {True: "6-8", False: "13-14"}
NAMES = ("run_tests", "view", "try_edits", "edit", "undo", "submit")
TOOLS = [{"type": "function", "function": {"name": name}} for name in NAMES]


def run(folder, text, tests):
    """Run tests on a source text; return the message of each that fails and who passed."""
    (folder / "pages.py").write_text(text)
    (folder / "test_pages.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "2000", "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
    )
    bad = dict(re.findall(r"^(?:FAILED|ERROR) (\S+) - (.*)$", done.stdout, re.MULTILINE))
    return bad, re.findall(r"^PASSED (\S+)$", done.stdout, re.MULTILINE)


def first_messages(bad):
    """Return a conversation up to the first trial: two answers of tools, in their formats."""
    listed = "\n".join(f"- {test}" for test in bad)
    statement = f"<problem>\nSomething is wrong.\nThese tests fail:\n{listed}\n</problem>"
    lines = [f"SUMMARY {len(bad)} failed, {len(GOOD)} passed"]
    for test in bad:
        lines += [f"FAILED {test}", "  AssertionError: assert 1 == 2", "    test_pages.py:9:"]
    lines += ["COVERAGE", "SPECTRUM pages.py"]
    for about in (True, False):
        failed = sum(("last" in test) == about for test in bad)
        passed = 2 if about else 1
        if failed:
            lines.append(f"  {LINES[about]} failed={failed} passed={passed}")
    for test in [*bad, *GOOD]:
        lines += [f"COVERS {test}", f"  pages.py: {LINES['last' in test or 'window' in test]}"]
    rows = PAGES.rstrip("\n").split("\n")
    shown = "\n".join(f"{number}\t{row}" for number, row in enumerate(rows, 1))
    view = f"pages.py: lines 1-{len(rows)} of {len(rows)}\n{shown}"
    calls = [
        ("run_tests", {"coverage": True}, "\n".join(lines)),
        ("view", {"path": "pages.py"}, view),
    ]
    messages = [Message("system", "s"), Message("user", statement)]
    for number, (name, arguments, said) in enumerate(calls):
        call = ModelToolCall(f"c{number}", name, json.dumps(arguments))
        messages.append(Message("assistant", "", (call,)))
        messages.append(Message("tool", said, tool_call_id=call.id))
    return messages


def edited(edits):
    text = PAGES
    for edit in edits:
        assert text.count(edit["old"]) == 1
        text = text.replace(edit["old"], edit["new"])
    return text


def try_edits(folder, candidates, tests):
    """Answer as the tool does, by really running each candidate."""
    names = [*BAD, *GOOD] if tests == ["test_pages.py"] else tests
    lines = [f"TESTS {len(names)}", *[f"T{n} {name}" for n, name in enumerate(names, 1)]]
    passing = []
    for number, edits in enumerate(candidates, 1):
        bad, good = run(folder, edited(edits), names)
        marks = "".join("." if n in good else "F" if n in bad else "s" for n in names)
        fine = good and not bad
        counts = f"passed={len(good)} failed={len(bad)} {marks}"
        lines.append(f"CANDIDATE {number} {'PASS' if fine else 'FAIL'} {counts}")
        lines += [f"  FAILED {test}: {said[:300]}" for test, said in list(bad.items())[:3]]
        passing += [str(number)] if fine else []
        if len(passing) >= 2:
            lines += [f"CANDIDATE {n} SKIPPED" for n in range(number + 1, len(candidates) + 1)]
            break
    return "\n".join([*lines, f"PASSING {','.join(passing) or 'none'}"])


@pytest.fixture(scope="module", autouse=True)
def quick():
    """So small a module needs less time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rehearsal, "SECONDS", 3.0)
        yield


@pytest.fixture(scope="module")
def heard(tmp_path_factory):
    """The first turn about one failing test, and what its carriers heard."""
    messages = first_messages(BAD[:1])
    know = Knowledge(read_history(messages))
    pool = make_pool(know, 0)
    folder = tmp_path_factory.mktemp("pages")
    found = []
    for carrier, candidate in pool.carried:
        bad, _ = run(folder, edited(candidate.arguments), [*BAD[:1], *GOOD])
        trial = Trial("FAIL", errors=tuple((test, said[:300]) for test, said in bad.items()))
        found.append((carrier, candidate, bad, *hits(know, carrier, trial)))
    return know, pool, found


def test_one_run_tries_hundreds_of_changes(heard):
    _know, _pool, found = heard
    _, candidate, bad, tried, good = found[0]
    assert candidate.proposal.template == REHEARSE and candidate.proposal.probe
    assert tried == len(found[0][0].changes) > 100
    # The failing test answers, and so do the last passing ones; others are skipped.
    assert set(bad) <= {*BAD[:1], *GOOD} and all(
        m.startswith("repogym.Heard") for m in bad.values()
    )
    # What it says is true: each of its first hits repairs the test when it is tried alone.
    assert good
    for hit in good[:3]:
        text = PAGES
        for edit in sorted(hit.proposal.edits, key=lambda e: -e.start):
            text = text[: edit.start] + edit.new + text[edit.end :]
        names = {}
        exec(compile(text, "pages.py", "exec"), names)
        assert names["window"](2, 5, 8) == (6, 8)


def test_expressions_that_no_template_has_are_found_by_their_values(heard):
    _know, pool, found = heard
    carrier, _, _, _, good = found[-1]
    assert carrier.places and good
    texts = {edit.new for hit in good for edit in hit.proposal.edits}
    assert any("count" in text for text in texts), texts
    assert all(h.proposal.template == SYNTHESISED and h.fixed == 1 for h in good)
    best = max((h for h in good if not h.broken), key=lambda h: h.score)
    assert "count" in best.proposal.edits[0].new
    known = {edit.new for _, proposal in pool.ordered for edit in proposal.edits}
    assert texts - known


def test_expressions_are_looked_for_again_where_a_test_minds(heard, tmp_path):
    know, _pool, found = heard
    first = [hit for hit in found[-1][4] if not hit.broken]
    carrier = confirming(know, first, GOOD[-1:])[-1]
    assert carrier.places and {p.line for p in carrier.places} <= {h.proposal.line for h in first}
    candidate = carried(know.modules, carrier.proposal)
    bad, _ = run(tmp_path, edited(candidate.arguments), [*BAD[:1], *GOOD])
    trial = Trial("FAIL", errors=tuple((test, said[:300]) for test, said in bad.items()))
    _, again = hits(know, carrier, trial)
    assert any("count" in edit.new for hit in again for edit in hit.proposal.edits)
    # The passing tests that run the function were asked, and told equal ones apart.
    assert max(hit.seen for hit in again) == 2
    kept = next(p for p in (hit.proposal for hit in again if not hit.broken))
    names = {}
    edit = kept.edits[0]
    exec(compile(PAGES[: edit.start] + edit.new + PAGES[edit.end :], "pages.py", "exec"), names)
    assert names["window"](2, 5, 8) == (6, 8)


def play(folder, model, most=30):
    messages, text = first_messages(BAD), PAGES
    for _ in range(most):
        reply = model.complete(messages, TOOLS)
        messages.append(Message("assistant", reply.text, reply.tool_calls))
        for call in reply.tool_calls:
            given = json.loads(call.arguments)
            if call.name == "submit":
                return messages, text
            if call.name == "try_edits":
                said = try_edits(folder, given["candidates"], given["tests"])
            elif call.name == "edit":
                text = text.replace(given["old"], given["new"])
                said = "pages.py: changed at line 1"
            elif call.name == "run_tests":
                bad, good = run(folder, text, [])
                said = f"SUMMARY {len(bad)} failed, {len(good)} passed"
            else:
                said = "there is nothing to see"
            messages.append(Message("tool", said, tool_call_id=call.id))
    raise AssertionError("it came to no end")


def one_bug(monkeypatch):
    monkeypatch.setitem(globals(), "BAD", BAD[1:])
    monkeypatch.setitem(globals(), "TESTS", TESTS.replace("(6, 8))", "(6, 10))"))


def test_a_composed_expression_is_found_and_kept(tmp_path, monkeypatch):
    one_bug(monkeypatch)
    messages, text = play(tmp_path, SymbolicModel(candidates=60))
    names = {}
    exec(compile(text, "pages.py", "exec"), names)
    assert names["slug"]("The Old Mill", 8) == "the-old", text
    # It is general: the test shows one title only.
    assert names["slug"]("A Bad-Word", 2) == "a" and names["slug"]("Ab Cd", 5) == "ab-cd"
    # Every reply follows from the messages alone, whatever a model has seen before.
    for place, message in enumerate(messages):
        if message.role == "assistant" and place > 5:
            again = SymbolicModel(candidates=60).complete(messages[:place], TOOLS)
            assert (again.text, again.tool_calls) == (message.content, message.tool_calls)


CUT = """\
def cut(text, most=None):
    end = len(text) if most is None else most
    return "".join(text[place] for place in range(end))
"""


def answered(messages, number, candidates, tests, lines):
    """Add a call of the tool with its answer."""
    said = "\n".join(
        [f"TESTS {len(tests)}", *(f"T{n} {t}" for n, t in enumerate(tests, 1)), *lines]
    )
    arguments = json.dumps({"candidates": [c.arguments for c in candidates], "tests": tests})
    call = ModelToolCall(f"a{number}", "try_edits", arguments)
    messages.append(Message("assistant", "", (call,)))
    messages.append(Message("tool", f"{said}\nPASSING none", tool_call_id=call.id))
    know = Knowledge(read_history(messages))
    return Search(make_pool(know, 0), know, 200)


def test_whether_a_condition_matters_is_asked_of_all_tests(monkeypatch):
    monkeypatch.setitem(globals(), "PAGES", CUT)
    monkeypatch.setitem(globals(), "LINES", {True: "2-3", False: "2-3"})
    bad, file = BAD[:1], ["test_pages.py"]
    messages = first_messages(bad)
    pool = make_pool(Knowledge(read_history(messages)), 0)
    carrier, asking = pool.carried[0]
    # The rehearsal hears that the condition may as well be true; its few tests don't mind.
    number, probe = next(
        (n, p) for n, (_, p) in enumerate(carrier.changes) if p.note == "most is None -> True"
    )
    code = DIGITS[number // BASE] + DIGITS[number % BASE] + "10"
    count = len(carrier.changes)
    lines = ["CANDIDATE 1 FAIL passed=0 failed=1 F"]
    lines.append(f"  FAILED {bad[0]}: repogym.Heard: swap 1 {count} 3 {code} (line 9)")
    answered(messages, 1, [asking], bad, lines)
    score, proposal = next(
        (s, p) for s, p in pool.ordered if p.edits[0].start == probe.edits[0].start and not p.probe
    )
    survivor = pool.write(score, proposal)
    search = answered(messages, 2, [survivor], bad, ["CANDIDATE 1 PASS passed=1 failed=0 ."])
    assert not search.survivors() and not search.valid()
    (asked,) = search.to_validate()
    assert asked.proposal.note == probe.note
    told = ["CANDIDATE 1 {} passed=3 failed={} ..F", f"  FAILED {GOOD[0]}: AssertionError (line 3)"]
    fails = [told[0].format("FAIL", 1), told[1]]
    # Another test minds: changes of the condition are survivors like others.
    minded = answered([*messages], 3, [asked], file, fails)
    assert [c.key for c in minded.to_validate()] == [survivor.key]
    # None minds: no test would show what is put there, so nothing of it is kept.
    settled = answered([*messages], 3, [asked], file, ["CANDIDATE 1 PASS passed=4 failed=0 ...."])
    assert not settled.to_validate() and not settled.survivors()


def test_what_repaired_nothing_comes_late(heard):
    _know, _pool, found = heard
    trials = {c.key: bad for _, c, bad, _, _ in found}
    messages = first_messages(BAD[:1])
    given = [candidate.arguments for _, candidate, _, _, _ in found]
    said = [
        f"TESTS 4\n{''.join(f'T{n} {t}' + chr(10) for n, t in enumerate([*BAD[:1], *GOOD], 1))}"
    ]
    for number, bad in enumerate(trials.values(), 1):
        said.append(f"CANDIDATE {number} FAIL passed=0 failed={len(bad)} FFFF\n")
        said += [f"  FAILED {test}: {text[:300]}\n" for test, text in list(bad.items())[:3]]
    call = ModelToolCall("c9", "try_edits", json.dumps({"candidates": given, "tests": BAD[:1]}))
    messages.append(Message("assistant", "", (call,)))
    messages.append(Message("tool", "".join(said) + "PASSING none", tool_call_id="c9"))
    assert len(read_trials(messages[-1].content)) == len(found)
    now = Knowledge(read_history(messages))
    search = Search(make_pool(now, 0), now, 200)
    batch = search.batch(40)
    # Conditional forms of what helped but broke tests are rehearsed before anything is tried.
    assert [c.proposal.template for c in batch] == [REHEARSE]
    assert "if " in batch[0].note or "rehearse" in batch[0].note


def test_the_text_that_travels_stands_alone():
    for values in (False, True):
        text = inside_text(values)
        tree = ast.parse(text)
        imported = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
        assert not [n for n in imported if (n.module or "").startswith("agents")]
        space = {"__name__": "repogym"}
        exec(text, space)
        plan = {"functions": {}, "failing": [], "passing": [], "reporters": [], "seconds": 1.0}
        rehearse = space["begin"](json.dumps({**plan, "changes": [], "places": []}))
        assert rehearse("anywhere") is None


class Touchy:
    """Must never be asked for anything."""

    def __eq__(self, other):
        raise AssertionError("asked")

    __hash__ = __repr__ = __bool__ = __len__ = __iter__ = __eq__  # type: ignore[assignment]


def test_project_values_are_never_asked():
    one = Touchy()
    assert not pure(one) and not pure([1, [one]])
    assert sign([one]) == sign([one]) != sign([Touchy()])
    assert sign({"a": 1}) == sign({"a": 1}) != sign({"a": True})


def test_texts_are_put_together_as_they_bind():
    assert replaced("a.join(b) + 'a'", "a", "(x + y)") == "(x + y).join(b) + 'a'"
    assert replaced("[x for x in a if x.a]", "a", "q") == "[x for x in q if x.a]"
    assert Node("x + 1", [2], False).operand() == "(x + 1)"


@pytest.mark.parametrize(
    ("better", "worse", "old"),
    [
        ("text.strip('-')", "max(title.split())", "text"),
        ("min(last, count)", "2 * (count - 4)", "last"),
        ("text.strip('-')", "text.strip('-') if count else text", "text"),
    ],
)
def test_what_keeps_the_old_expression_and_needs_less_is_likelier(better, worse, old):
    assert cost(better, old) < cost(worse, old)


@given(st.text(max_size=80), st.sampled_from(["swap", "value"]))
def test_any_answer_can_be_read(text, kind):
    know = Knowledge(read_history(first_messages(BAD[:1])))
    start = PAGES.index("page * size")
    place = Place("pages.py", start, start + len("page * size"), 7, 1.0)
    empty = Proposal((Edit("pages.py", 0, 0, ""),), REHEARSE, 1.0, 1, "")
    carrier = Carrier(empty, places=(place,))
    for said in (text, f" ; 0.1.0 {text}", f" ; 0.1.0 (last{text}", f" ; 0.1.0  {text} "):
        message = f"repogym.Heard: {kind} 1 2 3{said}"
        count, found = hits(know, carrier, Trial("FAIL", errors=(("t", message),)))
        assert count >= 0 and all(hit.proposal.edits for hit in found)
