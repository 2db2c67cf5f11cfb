"""Templates: each group finds its fix, and every candidate is a valid, unique replacement."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tools.repair.candidates import ranked, written
from tools.repair.facts import Facts
from tools.repair.patch_generation import propose
from tools.repair.project import Project
from tools.repair.source import Module, apply

HELPER = "def tidy(text):\n    return text.strip()\n\n\ndef show(text):\n    return text\n"

# Template group, the file before, the file after, and what the failing tests tell.
FIXES = [
    ("comparison", "def f(a, n):\n    return a < n\n", "a <= n", Facts()),
    ("bound", "def f(a, n):\n    return a < n\n", "a < n + 1", Facts()),
    ("none-or-empty", "def f(a):\n    if a is None:\n        return 1\n", "if not a:", Facts()),
    ("truth", "def f(a):\n    if a:\n        return 1\n", "if a is not None:", Facts()),
    ("negation", "def f(a):\n    if a.ok():\n        return 1\n", "if not (a.ok()):", Facts()),
    ("junction", "def f(a, b):\n    return a and b\n", "a or b", Facts()),
    ("drop-part", "def f(a, b):\n    return a and b\n", "return b", Facts()),
    ("or-default", "def f(a):\n    a = a or 3\n", "a = a if a is not None else 3", Facts()),
    ("further-part", "def f(a, b):\n    if a > 1:\n        return b\n", "a > 1 and b", Facts()),
    ("operator", "def f(a, b):\n    return a - b\n", "a + b", Facts()),
    ("operands", "def f(a, b):\n    return a - b\n", "b - a", Facts()),
    ("off-by-one", "def f(a, b):\n    return a - b\n", "a - b + 1", Facts()),
    ("number", "def f(a):\n    return a * 3\n", "a * 4", Facts()),
    ("flag", "def f(a):\n    return g(a, deep=False)\n", "deep=True", Facts()),
    ("function", "def f(a):\n    for x in a:\n        yield x\n", "in list(a)", Facts()),
    ("helper", HELPER + "\n\ndef f(a):\n    return a\n", "return tidy(a)", Facts()),
    ("instead", HELPER + "\n\ndef f(a):\n    return show(a)\n", "return tidy(a)", Facts()),
    ("leave", "def f(a):\n    return a.x\n", "if not a:", Facts()),
    ("fallback", "def f(a):\n    return len(a)\n", "if a is None:", Facts()),
    ("only-if", "def f(a, b):\n    b.append(a)\n", "if a not in b:", Facts()),
    (
        "wrapped",
        "def f(a):\n    b = int(a)\n    return b\n",
        "except ValueError",
        Facts(raised=("ValueError",)),
    ),
    ("clamp", "def f(a, b):\n    return a - b\n", "max(a - b, 0)", Facts()),
    ("or-else", "def f(a):\n    return g(a)\n", "return g(a or ())", Facts()),
    (
        "helper-each",
        HELPER + "\n\ndef f(items):\n    return items\n",
        "[tidy(each) for each in items]",
        Facts(),
    ),
    ("default", "def f(a, b):\n    return b\n", "def f(a, b=None)", Facts()),
]


def proposals(text, facts=None):
    module = Module.parse("m.py", text)
    assert module is not None
    suspicion = {("m.py", line): 1.0 for line in range(1, len(module.lines) + 1)}
    made = propose(Project({"m.py": module}), facts or Facts(), suspicion)
    return module, ranked(made, seed=0)


@pytest.mark.parametrize(("template", "text", "wanted", "facts"), FIXES, ids=[f[0] for f in FIXES])
def test_each_template_makes_its_change(template, text, wanted, facts):
    _, ordered = proposals(text, facts)
    results = [apply(text, p.edits) for _, p in ordered if p.template == template]
    fixed = [result for result in results if wanted in result and wanted not in text]
    assert fixed, f"{template} made none of {results[:5]}"
    ast.parse(fixed[0])


def check_all(text, facts=None, most=400):
    """Check each candidate: parses, differs, and is one unique exact replacement at a time."""
    module, ordered = proposals(text, facts)
    count = 0
    for score, proposal in ordered[:most]:
        candidate = written(module, proposal, score)
        if candidate is None:
            continue
        count += 1
        now = text
        for snippet in candidate.snippets:
            assert now.count(snippet.old) == 1
            now = now.replace(snippet.old, snippet.new)
        assert now == apply(text, proposal.edits)
        assert now != text
        ast.parse(now)
    return count


NAMES = st.sampled_from(["a", "b", "self.x", "items", "'k, v'", "3", "None", "f(a, b)", "a[1:]"])
CONDITIONS = st.sampled_from(["a", "not b", "a < b", "a is None", "a and b", "x in items"])


@st.composite
def statements(draw, depth=2):
    kinds = ["assign", "return", "call", "raise", "comment"]
    kind = draw(st.sampled_from([*kinds, "if", "for", "try"] if depth else kinds))
    if kind == "assign":
        return [f"a = {draw(NAMES)} + {draw(NAMES)}"]
    if kind == "return":
        return [f"return {draw(NAMES)} if {draw(CONDITIONS)} else {draw(NAMES)}"]
    if kind == "call":
        return [f"g({draw(NAMES)},", f"  key={draw(NAMES)}).h({draw(NAMES)})"]
    if kind == "raise":
        return [f'raise ValueError(f"no {{a!r}} {draw(st.sampled_from(["ä", "x"]))}")']
    if kind == "comment":
        return ["# naïve ☃", f"b = [{draw(NAMES)}, {draw(NAMES)}]; a = b"]
    inner = [f"    {line}" for line in draw(statements(depth=depth - 1))]
    if kind == "if":
        return [f"if {draw(CONDITIONS)}:", *inner, "else:", "    pass"]
    if kind == "for":
        return ["for x in items:", *inner, "    continue"]
    return ["try:", *inner, "except KeyError:", "    pass"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(statements(), min_size=1, max_size=4), st.booleans())
def test_every_candidate_is_valid_and_unique(blocks, method):
    body = [line for block in blocks for line in block]
    lines = ["def f(self, a, b=None, items=()):", *[f"    {line}" for line in body]]
    if method:
        lines = ["class C:", "    x = 1", "", *[f"    {line}" for line in lines]]
    text = "\n".join(lines) + "\n"
    ast.parse(text)
    facts = Facts(numbers=(7,), expected=("KeyError",), raised=("TypeError",))
    assert check_all(text, facts, most=120) > 0


def test_candidates_on_a_real_module():
    text = Path(textwrap.__file__).read_text(encoding="utf-8")
    assert check_all(text, most=500) > 450


def test_smaller_and_general_changes_come_first():
    _, ordered = proposals("def f(a, n):\n    return a < n + 1\n", Facts(numbers=(17,)))
    names = [p.template for _, p in ordered]
    assert names.index("comparison") < names.index("test-number")
    assert names.index("comparison") < names.index("wrapped") if "wrapped" in names else True
