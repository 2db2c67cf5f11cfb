"""What Python names mean: scope, imports, method resolution order, inferred types."""

import pytest

from tests.graphdb.texts import calls, edges_of, uses

CASES = {
    "the last assignment before a call counts": (
        "class A:\n    def f(self): pass\nclass B:\n    def f(self): pass\n"
        "def g():\n    x = A()\n    x = B()\n    x.f()",
        "g",
        {"A", "B", "B.f"},
    ),
    "each call sees its own assignment": (
        "class A:\n    def f(self): pass\nclass B:\n    def h(self): pass\n"
        "def g():\n    x = A()\n    x.f()\n    x.h()\n    x = B()\n    x.h()",
        "g",
        {"A", "B", "A.f", "B.h"},
    ),
    "an assignment may use the value before it": (
        "class A:\n    def f(self): return B()\nclass B:\n    def f(self): pass\n"
        "def g():\n    x = A()\n    x = x.f()\n    x.f()",
        "g",
        {"A", "A.f", "B.f"},
    ),
    "an assignment in a branch adds": (
        "class A:\n    def f(self): pass\nclass B:\n    def f(self): pass\n"
        "def g(c):\n    x = None\n    x = A()\n    if c:\n        x = B()\n    x.f()",
        "g",
        {"A", "B", "A.f", "B.f"},
    ),
    "what is assigned anew and unknown ends what was known": (
        "class A:\n    def f(self): pass\ndef g(h):\n    x = A()\n    x = h()\n    x.f()",
        "g",
        {"A"},
    ),
    "a declared type stays": (
        "class A:\n    def f(self): pass\ndef g(x: A, h):\n    x = h()\n    x.f()",
        "g",
        {"A.f"},
    ),
    "a closure sees all assignments": (
        "class A:\n    def f(self): pass\nclass B:\n    def f(self): pass\n"
        "def g():\n    x = A()\n    def h():\n        x.f()\n    x = B()",
        "g.h",
        {"A.f", "B.f"},
    ),
    "what a Callable gives": (
        "from typing import Callable, Optional\nclass A:\n    def f(self): pass\n"
        "def g(make: Optional[Callable[[int], 'A']]):\n    make(1).f()\n    make.f()",
        "g",
        {"A.f"},
    ),
    "local function": ("def f(): pass\ndef g(): f()", "g", {"f"}),
    "nested shadows module": (
        "def f(): pass\ndef g():\n    def f(): pass\n    f()",
        "g",
        {"g.f"},
    ),
    "parameter hides function": ("def f(): pass\ndef g(f): f()", "g", set()),
    "class scope is not seen from methods": (
        "def f(): pass\nclass A:\n    def f(self): pass\n    def g(self): f()",
        "A.g",
        {"f"},
    ),
    "self by method resolution order": (
        "class A:\n    def f(self): pass\nclass B(A): pass\n"
        "class C(A):\n    def f(self): pass\nclass D(B, C):\n    def g(self): self.f()",
        "D.g",
        {"C.f"},
    ),
    "super skips the own class": (
        "class A:\n    def f(self): pass\nclass B(A):\n    def f(self): super().f()",
        "B.f",
        {"A.f"},
    ),
    "constructor and initializer": (
        "class A:\n    def __init__(self): pass\nclass B(A): pass\ndef g(): B()",
        "g",
        {"B", "A.__init__"},
    ),
    "type of a local variable": (
        "class A:\n    def f(self): pass\ndef g():\n    a = A()\n    a.f()",
        "g",
        {"A", "A.f"},
    ),
    "two possible types": (
        "class A:\n    def f(self): pass\nclass B:\n    def f(self): pass\n"
        "def g(x):\n    a = A if x else B\n    a().f()",
        "g",
        {"A", "B", "A.f", "B.f"},
    ),
    "annotation of a parameter": (
        "class A:\n    def f(self): pass\ndef g(a: 'A | None'): a.f()",
        "g",
        {"A.f"},
    ),
    "elements of an annotated list": (
        "class A:\n    def f(self): pass\ndef g(items: list[A]):\n    for a in items: a.f()",
        "g",
        {"A.f"},
    ),
    "returned type": (
        "class A:\n    def f(self): pass\ndef make(): return A()\ndef g(): make().f()",
        "g",
        {"make", "A.f"},
    ),
    "chain that returns self": (
        "class A:\n    def f(self): return self\n    def h(self): pass\n"
        "class B(A):\n    def h(self): pass\ndef g(): B().f().h()",
        "g",
        {"B", "A.f", "B.h"},
    ),
    "attribute set in a method": (
        "class A:\n    def f(self): pass\nclass B:\n    def __init__(self): self.a = A()\n"
        "    def g(self): self.a.f()",
        "B.g",
        {"A.f"},
    ),
    "property": (
        "class A:\n    def f(self): pass\nclass B:\n    @property\n    def a(self): return A()\n"
        "    def g(self): self.a.f()",
        "B.g",
        {"A.f"},
    ),
    "class method and cls": (
        "class A:\n    @classmethod\n    def make(cls): return cls()\n    def f(self): pass\n"
        "class B(A):\n    def f(self): pass\ndef g(): B.make().f()",
        "g",
        {"A.make", "B.f"},
    ),
    "context manager": (
        "class A:\n    def __enter__(self): return self\n    def f(self): pass\n"
        "def g():\n    with A() as a: a.f()",
        "g",
        {"A", "A.f"},
    ),
    "callable instance": (
        "class A:\n    def __call__(self): pass\na = A()\ndef g(): a()",
        "g",
        {"A.__call__"},
    ),
    "global variable": (
        "class A:\n    def f(self): pass\none = A()\ndef g(): one.f()",
        "g",
        {"A.f"},
    ),
    "name alone is no evidence": (
        "class A:\n    def save(self): pass\ndef g(x): x.save()",
        "g",
        set(),
    ),
    "recursion ends": ("def f(): return g()\ndef g(): return f().x()", "g", {"f"}),
    "star tuple and lambda do not break": (
        "def f(*a, **k): pass\ng = lambda x: f(x)\na, *b = f(), 2",
        "",
        {"f"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_call_targets(name: str) -> None:
    text, scope, expected = CASES[name]
    assert calls({"m.py": text}, "m.py", scope) == {f"m.py::{target}" for target in expected}


def test_imports_across_packages() -> None:
    files = {
        "src/pkg/__init__.py": "from .core import *\nfrom . import util as u\n",
        "src/pkg/core.py": "def shown(): pass\ndef _hidden(): pass\n",
        "src/pkg/util/__init__.py": "from ..core import shown as renamed\n",
        "src/pkg/util/deep.py": "from ...pkg import shown\nimport pkg.core\n"
        "def g():\n    shown()\n    pkg.core._hidden()\n",
        "tests/test_it.py": "import pkg\nfrom pkg.util import renamed\n"
        "def t():\n    pkg.shown()\n    renamed()\n    pkg.u.renamed()\n    pkg._hidden()\n",
    }
    shown = "src/pkg/core.py::shown"
    assert calls(files, "tests/test_it.py", "t") == {shown}
    assert calls(files, "src/pkg/util/deep.py", "g") == {shown, "src/pkg/core.py::_hidden"}
    found = [e for e in edges_of(files, "tests/test_it.py") if e.type == "CALLS"]
    assert [(e.times, e.how) for e in found] == [(3, "import")]


def test_import_cycle_resolves() -> None:
    files = {
        "a.py": "from b import g\ndef f(): g()\n",
        "b.py": "from a import f\ndef g(): f()\n",
    }
    assert calls(files, "a.py", "f") == {"b.py::g"}
    assert calls(files, "b.py", "g") == {"a.py::f"}


def test_external_calls_and_bases_are_named_not_builtins() -> None:
    text = (
        "import os.path as p\nclass E(ValueError): pass\ndef g():\n    p.join('a')\n    len('b')\n"
    )
    found = {(e.type, e.target) for e in edges_of({"m.py": text}, "m.py")}
    assert ("CALLS", "external:os.path.join") in found
    assert ("INHERITS", "external:builtins.ValueError") in found
    assert not any("len" in target for _, target in found)


def test_how_and_confidence() -> None:
    text = (
        "from n import A, f\n"
        "class B(A):\n"
        "    def g(self):\n        f()\n        self.m()\n        super().m()\n        A().m()\n"
    )
    files = {"m.py": text, "n.py": "def f(): pass\nclass A:\n    def m(self): pass\n"}
    found = {e.target: e for e in edges_of(files, "m.py") if e.type == "CALLS"}
    assert found["python:n.py::f"].how == "import"
    assert found["python:n.py::A"].how == "constructor"
    method = found["python:n.py::A.m"]
    assert (method.how, method.times, method.line, method.confidence) == ("super", 3, 5, 1.0)


def test_redefinitions_keep_apart_and_ids_hold_no_lines() -> None:
    from tests.graphdb.texts import build

    text = "if 1:\n    def f(): pass\nelse:\n    def f(): pass\n"
    ids = {node.id for node in build({"m.py": text}).nodes()}
    assert {"python:m.py::f", "python:m.py::f#2"} <= ids
    moved = {node.id for node in build({"m.py": "# comment\n\n" + text}).nodes()}
    assert ids == moved


def test_uses() -> None:
    text = (
        "LIMIT = 1\n"
        "class A:\n    size = 0\n    def f(self):\n        self.size = LIMIT\n"
        "def deco(fn): return fn\n"
        "@deco\ndef g(a: A):\n    global LIMIT\n    LIMIT = 2\n    return isinstance(a, A)\n"
    )
    found = {(e.source, e.target, e.kind) for e in uses({"m.py": text}, "m.py")}
    assert ("m.py::A.f", "m.py::A.size", "write") in found
    assert ("m.py::A.f", "m.py::LIMIT", "read") in found
    assert ("m.py::g", "m.py::deco", "decorator") in found
    assert ("m.py::g", "m.py::LIMIT", "write") in found
    assert ("m.py::g", "m.py::A", "annotation") in found


def test_overrides() -> None:
    text = (
        "class A:\n    def f(self): pass\nclass B(A):\n    x = 1\n"
        "class C(B):\n    def f(self): pass\n    def g(self): pass\n"
    )
    found = [e for e in edges_of({"m.py": text}, "m.py") if e.type == "OVERRIDES"]
    assert [(e.source, e.target) for e in found] == [("python:m.py::C.f", "python:m.py::A.f")]
