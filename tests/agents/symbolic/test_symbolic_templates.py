"""Templates: each group finds its fix, and every candidate is a valid, unique replacement."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.models.symbolic.candidates import ranked, written
from agents.models.symbolic.facts import Facts
from agents.models.symbolic.project import Project
from agents.models.symbolic.source import Module, apply
from agents.models.symbolic.templates import propose

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
    ("type-check", "def f(a):\n    return isinstance(a, list)\n", "(list, tuple)", Facts()),
    ("exact-type", "def f(a):\n    return type(a) is int\n", "isinstance(a, int)", Facts()),
    ("operator", "def f(a, b):\n    return a - b\n", "a + b", Facts()),
    ("operands", "def f(a, b):\n    return a - b\n", "b - a", Facts()),
    ("off-by-one", "def f(a, b):\n    return a - b\n", "a - b + 1", Facts()),
    ("slice", "def f(a, n):\n    return a[1:n]\n", "a[1:n + 1]", Facts()),
    ("range", "def f(n):\n    return list(range(n))\n", "range(n + 1)", Facts()),
    ("number", "def f(a):\n    return a * 3\n", "a * 4", Facts()),
    ("flag", "def f(a):\n    return g(a, deep=False)\n", "deep=True", Facts()),
    ("shared-default", "def f(a, b=[]):\n    return b\n", "b = []", Facts()),
    (
        "pass-through",
        "def g(a, strict=False):\n    return a\n\n\ndef f(a, strict):\n    return g(a)\n",
        "g(a, strict=strict)",
        Facts(),
    ),
    ("exchanged", "def f(a, b):\n    return g(b, a)\n", "g(a, b)", Facts()),
    ("dropped", "def f(a, b):\n    return g(a, key=b)\n", "g(a)", Facts()),
    ("usual-option", "def f(a):\n    return a.split(',')\n", "a.split(',', 1)", Facts()),
    ("sibling", "def f(a):\n    return a.strip()\n", "a.rstrip()", Facts()),
    ("unwrapped", "def f(a):\n    return str(a)\n", "return a", Facts()),
    ("lookup", "def f(a, k):\n    return a[k]\n", "a.get(k)", Facts(raised=("KeyError",))),
    ("method", "def f(a):\n    return a\n", "a.strip()", Facts()),
    ("function", "def f(a):\n    for x in a:\n        yield x\n", "in list(a)", Facts()),
    ("same-case", "def f(a, b):\n    return a == b\n", "a.lower() == b.lower()", Facts()),
    ("helper", HELPER + "\n\ndef f(a):\n    return a\n", "return tidy(a)", Facts()),
    ("instead", HELPER + "\n\ndef f(a):\n    return show(a)\n", "return tidy(a)", Facts()),
    ("variable", "def f(a, b):\n    return a\n", "return b", Facts()),
    (
        "attribute",
        "class C:\n    def __init__(self):\n        self.a, self.b = 1, 2\n\n"
        "    def f(self):\n        return self.a\n",
        "return self.b",
        Facts(),
    ),
    ("leave", "def f(a):\n    return a.x\n", "if not a:", Facts()),
    ("fallback", "def f(a):\n    return len(a)\n", "if a is None:", Facts()),
    ("only-if", "def f(a, b):\n    b.append(a)\n", "if a not in b:", Facts()),
    (
        "caught",
        "def f(a):\n    try:\n        return int(a)\n    except ValueError:\n        return 0\n",
        "(ValueError, TypeError)",
        Facts(raised=("TypeError",)),
    ),
    (
        "raised",
        "def f(a):\n    raise KeyError(a)\n",
        "raise ValueError(a)",
        Facts(expected=("ValueError",)),
    ),
    (
        "wrapped",
        "def f(a):\n    b = int(a)\n    return b\n",
        "except ValueError",
        Facts(raised=("ValueError",)),
    ),
    (
        "refuse",
        "def f(a):\n    b = g(a)\n    return b\n",
        "raise ValueError",
        Facts(expected=("ValueError",), messages=("Failed: DID NOT RAISE",)),
    ),
    ("removed", "def f(a):\n    a = 1\n    return a\n", "def f(a):\n    return a", Facts()),
    ("lost-result", "def f(a):\n    a.strip()\n    return a\n", "a = a.strip()", Facts()),
    ("missing-return", "def f(a):\n    b = a + 1\n", "return b", Facts()),
    ("flow", "def f(a):\n    for x in a:\n        if x:\n            break\n", "continue", Facts()),
    (
        "outdented",
        "def f(a):\n    for x in a:\n        a.add(x)\n        return a\n",
        "\n    return a",
        Facts(),
    ),
    ("reordered", "def f(a):\n    a.b()\n    a.c()\n", "a.c()\n    a.b()", Facts()),
    (
        "chained",
        "def f(a):\n    if a == 1:\n        a = 2\n    if a == 2:\n        a = 3\n    return a\n",
        "elif a == 2",
        Facts(),
    ),
    ("text", "def f(a):\n    return ', '.join(a)\n", "','.join(a)", Facts()),
    ("member", "KINDS = ('aa', 'bb')\n", "('aa', 'bb', 'cc')", Facts(strings=("cc",))),
    ("pattern", "import re\nP = re.compile(r'\\d+')\n", "r'\\d*'", Facts()),
    ("flags", "import re\nP = re.compile(r'\\d+')\n", "flags=re.IGNORECASE", Facts()),
    (
        "inserted",
        "class C:\n    def g(self):\n        if not self.x:\n            self.x = 1\n"
        "        return self.x\n\n    def f(self):\n        return self.x + 1\n",
        "if not self.x:\n            self.x = 1\n        return self.x + 1",
        Facts(),
    ),
    (
        "condition",
        "def g(a):\n    if a.open:\n        return 1\n\n\n"
        "def f(a):\n    if a.new:\n        return 2\n",
        "a.new and (a.open)",
        Facts(),
    ),
    ("filter", "def f(a):\n    return [x for x in a]\n", "for x in a if x]", Facts()),
    (
        "type-instead",
        "from typing import Mapping\n\n\ndef f(a):\n    return isinstance(a, dict)\n",
        "isinstance(a, Mapping)",
        Facts(),
    ),
    (
        "type-check",
        "def f(a, b):\n    if isinstance(a, OpenDoor):\n        return isinstance(b, ShutDoor)\n",
        "isinstance(b, (ShutDoor, OpenDoor))",
        Facts(),
    ),
    (
        "no-text",
        "def f(a):\n    return isinstance(a, Iterable)\n",
        "isinstance(a, Iterable) and not isinstance(a, (str, bytes))",
        Facts(),
    ),
    (
        "branch-order",
        "def f(a):\n    if a > 1:\n        return 1\n    elif a > 2:\n        return 2\n"
        "    else:\n        return 3\n",
        "if a > 2:\n        return 2\n    elif a > 1:\n        return 1\n    else:",
        Facts(),
    ),
    (
        "caught",
        "def f(a):\n    try:\n        return int(a)\n    except:\n        return 0\n",
        "except Exception:",
        Facts(),
    ),
    (
        "handled",
        "class C:\n    def __eq__(self, o):\n        try:\n            return self.a == o.a\n"
        "        except AttributeError:\n            return False\n",
        "return NotImplemented",
        Facts(),
    ),
    ("regex", "import re\nP = re.compile(r'(a|ab)c')\n", "r'(ab|a)c'", Facts()),
    ("regex", "import re\nP = re.compile(r'(a/)b+')\n", "r'(a/)?b+'", Facts()),
    ("regex", "import re\nP = re.compile(r'[^ab]+ c')\n", "r'[^ab]+\\s*c'", Facts()),
    ("regex", "import re\nP = re.compile(r'[a_]{2}c+')\n", "r'[a_]{2,}c+'", Facts()),
    (
        "keyword-alike",
        "class C:\n    def __init__(self):\n        self.a, self._b = 1, 2\n\n"
        "    def f(self):\n        return g(1, a=self.a)\n",
        "g(1, a=self.a, b=self._b)",
        Facts(),
    ),
    ("keyword-alike", "def f(a, deep):\n    return g(a=a)\n", "g(a=a, deep=deep)", Facts()),
    (
        "member-alike",
        "class C:\n    def __init__(self):\n        self.a, self.b, self.c = 1, 2, 3\n\n"
        "    def key(self):\n        return (self.a, self.b)\n",
        "(self.a, self.b, self.c)",
        Facts(),
    ),
    (
        "used-around",
        "import html\n\n\ndef g(a):\n    return html.escape(a)\n\n\ndef f(a):\n    return a[1]\n",
        "html.escape(a[1])",
        Facts(),
    ),
    (
        "if-present",
        "def f(a):\n    return a['k']\n",
        "return a['k'] if a else None",
        Facts(messages=("TypeError: 'NoneType' object is not subscriptable",)),
    ),
    (
        "unless-kind",
        "def f(a):\n    return a\n",
        "return a if isinstance(a, list) else list(a)",
        Facts(raised=("TypeError",)),
    ),
    (
        "key-guard",
        "def f(a):\n    b = a['k']\n    return b\n",
        "    if 'k' in a:\n        b = a['k']",
        Facts(),
    ),
    (
        "key-part",
        "def f(a, b):\n    if b:\n        return a['k']\n",
        "if 'k' in a and b:",
        Facts(raised=("KeyError",)),
    ),
    (
        "narrower-else",
        "def f(a):\n    if a.b:\n        return 1\n    else:  # rest\n        return a['k']\n",
        "elif 'k' in a:  # rest\n",
        Facts(),
    ),
    (
        "wider-else",
        "def f(a):\n    if a:\n        b = 1\n    elif a is None:\n        b = 2\n    return b\n",
        "    else:\n        b = 2",
        Facts(),
    ),
    (
        "unconditional",
        "def f(a):\n    if a:\n        a.b()\n        a.c()\n    return a\n",
        "def f(a):\n    a.b()\n    a.c()\n    return a",
        Facts(),
    ),
    (
        "only-if-all",
        "def f(a, out):\n    b = a.note\n    b += '.'\n    out.append(b)\n    return out\n",
        "    if a.note:\n        b = a.note\n        b += '.'\n        out.append(b)\n    return",
        Facts(),
    ),
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
    facts = Facts(strings=("a-b",), numbers=(7,), expected=("KeyError",), raised=("TypeError",))
    assert check_all(text, facts, most=120) > 0


def test_candidates_on_a_real_module():
    text = Path(textwrap.__file__).read_text(encoding="utf-8")
    assert check_all(text, most=500) > 450


def test_smaller_and_general_changes_come_first():
    _, ordered = proposals("def f(a, n):\n    return a < n + 1\n", Facts(numbers=(17,)))
    names = [p.template for _, p in ordered]
    assert names.index("comparison") < names.index("test-number")
    assert names.index("comparison") < names.index("wrapped") if "wrapped" in names else True
