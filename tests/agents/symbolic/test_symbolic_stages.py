"""A whole conversation without a sandbox: probes first, then conditions, then the feedback.

The tools' answers are made here, in the tools' own format, by really running each candidate.
"""

from __future__ import annotations

import json

from agents.models.protocol import Message
from agents.models.symbolic import SymbolicModel
from agents.models.symbolic.history import read_history
from agents.models.symbolic.knowledge import Knowledge
from agents.models.symbolic.pool import make_pool
from agents.models.symbolic.search import Search

# No candidate may run for ever here: a list that grows while it is iterated would.
SOURCE = """\
class Cart:
    def __init__(self, owner, lines=()):
        self.owner = owner
        self.lines = list(lines)

    def merge(self, other):
        moved = 0
        for line in other.lines:
            self.lines = [*self.lines, line]
            moved += 1
        return moved


def shout(text):
    if not text:
        return ""
    return text.upper()
"""
TEST_IDS = {
    "tests/test_cart.py::test_own_cart": True,
    "tests/test_cart.py::test_own_empty_note": True,
    "tests/test_cart.py::test_merge": False,
    "tests/test_cart.py::test_merge_nothing": False,
}


def own_cart(cart):
    mine, yours = cart("ann", ["tea"]), cart("ann", ["tea"])
    assert mine.merge(yours) == 0 and mine.lines == ["tea"]


def own_two(cart):
    mine = cart("bob", ["rye", "oat"])
    assert mine.merge(cart("bob", ["jam"])) == 0 and mine.lines == ["rye", "oat"]


def merge(cart):
    mine = cart("ann", ["tea"])
    assert mine.merge(cart("bob", ["jam", "rye"])) == 2 and mine.lines == ["tea", "jam", "rye"]


def merge_nothing(cart):
    mine = cart("ann")
    assert mine.merge(cart("cid", ["oat"])) == 1 and mine.lines == ["oat"]


CHECKS = dict(zip(TEST_IDS, (own_cart, own_two, merge, merge_nothing), strict=True))


def outcome(text, test):
    """Return "" where a test passes on a source text, else the exception."""
    names = {}
    try:
        exec(compile(text, "cart.py", "exec"), names)
        CHECKS[test](names["Cart"])
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def run_tests(text, coverage):
    bad = [test for test in TEST_IDS if outcome(text, test)]
    good = [test for test in TEST_IDS if test not in bad]
    lines = [
        f"SUMMARY {len(bad)} failed, {len(good)} passed" if bad else f"SUMMARY {len(good)} passed"
    ]
    for test in bad:
        lines += [
            f"FAILED {test}",
            "  AssertionError: assert (2 == 0)",
            "    tests/test_cart.py:9:",
        ]
    if coverage:
        lines += [
            "COVERAGE",
            "SPECTRUM cart.py",
            f"  3-4,7-11 failed={len(bad)} passed={len(good)}",
        ]
        for test in [*bad, *good]:
            lines += [f"COVERS {test}", "  cart.py: 3-4,7-11"]
    return "\n".join(lines)


def try_edits(candidates, tests):
    names = list(TEST_IDS) if tests == ["tests"] else tests
    lines = [f"TESTS {len(names)}", *[f"T{n} {name}" for n, name in enumerate(sorted(names), 1)]]
    passing = []
    for number, edits in enumerate(candidates, 1):
        text = SOURCE
        for edit in edits:
            assert text.count(edit["old"]) == 1
            text = text.replace(edit["old"], edit["new"])
        said = {test: outcome(text, test) for test in sorted(names)}
        bad = {test: message for test, message in said.items() if message}
        marks = "".join("F" if test in bad else "." for test in said)
        counts = f"passed={len(said) - len(bad)} failed={len(bad)} {marks}"
        lines.append(f"CANDIDATE {number} {'FAIL' if bad else 'PASS'} {counts}")
        lines += [f"  FAILED {test}: {message}" for test, message in list(bad.items())[:3]]
        if not bad:
            passing.append(str(number))
    return "\n".join([*lines, f"PASSING {','.join(passing) or 'none'}"])


def play(model, most=40):
    """Play an episode; return its messages and the source as it was left."""
    listed = "\n".join(f"- {test}" for test, bad in TEST_IDS.items() if bad)
    statement = f"<problem>\nSomething is wrong.\nThese tests fail:\n{listed}\n</problem>"
    messages, text = [Message("system", "s"), Message("user", statement)], SOURCE
    names = ("run_tests", "view", "try_edits", "edit", "undo", "submit")
    tools = [{"type": "function", "function": {"name": name}} for name in names]
    for _ in range(most):
        reply = model.complete(messages, tools)
        messages.append(Message("assistant", reply.text, reply.tool_calls))
        for call in reply.tool_calls:
            given = json.loads(call.arguments)
            if call.name == "submit":
                return messages, text
            if call.name == "run_tests":
                said = run_tests(text, given.get("coverage", False))
            elif call.name == "view" and given["path"] == "cart.py":
                rows = SOURCE.rstrip("\n").split("\n")
                shown = [f"{number}\t{row}" for number, row in enumerate(rows, 1)]
                said = "\n".join([f"cart.py: lines 1-{len(rows)} of {len(rows)}", *shown])
            elif call.name == "try_edits":
                said = try_edits(given["candidates"], given["tests"])
            elif call.name == "edit":
                assert text.count(given["old"]) == 1
                text = text.replace(given["old"], given["new"])
                said = "cart.py: changed at line 1"
            else:
                said = "there is nothing to see"
            messages.append(Message("tool", said, tool_call_id=call.id))
    raise AssertionError("it came to no end")


def tried(messages):
    return [e.arguments for e in read_history(messages).of("try_edits")]


def test_a_probe_leads_to_a_guard_that_breaks_nothing():
    messages, text = play(SymbolicModel())
    assert not any(outcome(text, test) for test in TEST_IDS), text
    assert "owner" in text.partition("def merge")[2].partition("return moved")[0]
    # Where conditions were tried, passing tests that run the line were tried along.
    search = [t for t, bad in TEST_IDS.items() if bad]
    longer = [call["tests"] for call in tried(messages) if len(call["tests"]) > len(search)]
    assert longer and all(tests[: len(search)] == search for tests in longer)


def test_conditions_are_asked_before_they_are_tried():
    messages, _ = play(SymbolicModel())
    trials = [m.content for m in messages if m.role == "tool" and m.content.startswith("TESTS")]
    batches = [
        [edit["new"] for edits in call["candidates"] for edit in edits] for call in tried(messages)
    ]
    asking = next(n for n, texts in enumerate(batches) if any("repogym_ask" in t for t in texts))
    guarded = next(n for n, texts in enumerate(batches) if any("if other." in t for t in texts))
    assert asking < guarded
    assert "RuntimeError: asked y" in trials[asking]
    # Nothing is tried that would not have been true in any failing test.
    assert not any("if not other.lines:" in t for texts in batches for t in texts)


def test_every_reply_follows_from_the_messages_alone():
    messages, _ = play(SymbolicModel(seed=3))
    names = ("run_tests", "view", "try_edits", "edit", "undo", "submit")
    tools = [{"type": "function", "function": {"name": name}} for name in names]
    for place, message in enumerate(messages):
        if message.role == "assistant":
            again = SymbolicModel(seed=3).complete(messages[:place], tools)
            assert (again.text, again.tool_calls) == (message.content, message.tool_calls)


def test_lines_where_nothing_makes_a_difference_lose_their_rank():
    messages, _ = play(SymbolicModel(batch=8, candidates=60))
    calls = [i for i, m in enumerate(messages) if any(c.name == "try_edits" for c in m.tool_calls)]
    know = Knowledge(read_history(messages[: calls[-1]]))
    search = Search(make_pool(know, 0), know, 60)
    from agents.models.symbolic.feedback import Feedback

    factors = Feedback(search)
    idle = {c.proposal.line for c in map(search.known, search.tried) if c is not None}
    fresh = [p for _, p in search.pool.ordered if p.line not in idle]
    used = [p for _, p in search.pool.ordered if p.line in idle]
    assert used
    assert all(factors.of(p) <= 1.0 for p in fresh)
    assert any(factors.of(p) != 1.0 for p in used)
