"""What star imports, match patterns, type aliases and called variables name."""

import pytest

from tests.graphdb.texts import build, calls, uses

STARS = {
    "sa.py": "def f(): return 'a'\ndef g(): return 'ag'\n",
    "sb.py": "def f(): return 'b'\n",
    "pp/__init__.py": "",
    "pp/a.py": "__all__ = ['run']\ndef run(): pass\ndef stop(): pass\ndef _priv(): pass\n",
    "pp/b.py": "__all__ = ('stop',)\ndef run(): pass\ndef stop(): pass\n",
    "pp/c.py": "__all__ = ['_own']\n__all__ += ['run']\ndef _own(): pass\ndef run(): pass\n",
    "pp/d.py": "import sys\n__all__ = dir(sys)\ndef run(): pass\n",
}
A, B = "pp/a.py", "pp/b.py"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("from sa import *\nfrom sb import *\ndef go(): f()", {"sb.py::f"}),
        ("from sb import *\nfrom sa import *\ndef go(): f()", {"sa.py::f"}),
        ("from sa import *\nfrom sb import *\ndef go(): g()", {"sa.py::g"}),
        ("def f(): pass\nfrom sb import *\ndef go(): f()", {"sb.py::f"}),
        ("from sb import *\ndef f(): pass\ndef go(): f()", {"x.py::f"}),
        ("from sa import f\nfrom sb import *\ndef go(): f()", {"sb.py::f"}),
        ("from sb import *\nfrom sa import f\ndef go(): f()", {"sa.py::f"}),
        ("from pp.a import *\nfrom pp.b import *\ndef go(): run(); stop()",
         {f"{A}::run", f"{B}::stop"}),
        ("from pp.b import *\nfrom pp.a import *\ndef go(): run(); stop(); _priv()",
         {f"{A}::run", f"{B}::stop"}),
        ("from pp.c import *\ndef go(): _own(); run()", {"pp/c.py::_own", "pp/c.py::run"}),
        ("from pp.d import *\ndef go(): run()", {"pp/d.py::run"}),
    ],
)  # fmt: skip
def test_star_imports_follow_python(text, wanted):
    assert calls({**STARS, "x.py": text}, "x.py", "go") == wanted


def ends(text, source):
    return {one.target for one in uses({"x.py": text}, "x.py") if one.source == f"x.py::{source}"}


def test_match_patterns_use_what_they_name():
    text = (
        "class Colour:\n    RED = 1\nclass Shape: pass\nclass Sq(Shape): pass\nLIMIT = 3\n"
        "def paint(x):\n    match x:\n        case Colour.RED: return 1\n"
        "        case Shape(): return 2\n        case Sq(a=Colour.RED): return 3\n"
        "        case LIMIT: return LIMIT\n"
    )
    assert {"x.py::Colour.RED", "x.py::Shape", "x.py::Sq"} <= ends(text, "paint")


def test_a_type_alias_is_a_node_with_users():
    text = (
        "type Pair[T] = tuple[T, T]\ntype Tree = Node | None\nclass Node: pass\n"
        "def swap(p: Pair[int]) -> Tree: ...\n"
    )
    assert {node.name for node in build({"x.py": text}).nodes()} >= {"Pair", "Tree"}
    assert {"x.py::Pair", "x.py::Tree"} <= ends(text, "swap")


def test_calling_a_variable_uses_it():
    text = (
        "from collections import namedtuple\nfrom functools import partial\n"
        "Point = namedtuple('Point', 'x y')\nsquare = lambda v: v * v\n"
        "def base(a, b): return a\nadd1 = partial(base, 1)\n_ = base\n"
        "def user():\n    p = Point(1, 2)\n"
        "    square(4)\n    add1(2)\n    _('x', 1)\n    return p\n"
    )
    assert {"x.py::Point", "x.py::square", "x.py::add1"} <= ends(text, "user")
    assert calls({"x.py": text}, "x.py", "user") == {"x.py::base"}


EITHER = """\
import sys
if sys.version_info >= (3, 11):
    def toml(): return 1
    class K:
        def m(self): return 1
else:
    def toml(): return 2
    class K:
        def m(self): return 2
try:
    from fastmod import go
except ImportError:
    def go(): return 2
try:
    def fast(): return 1
except Exception:
    def fast(): return 2
if sys.platform == "win32":
    def plat(): return 1
elif sys.platform == "darwin":
    def plat(): return 2
else:
    def plat(): return 3
    def plat(): return 4
class M:
    if sys.version_info > (3,):
        def a(self): return 1
    else:
        def a(self): return 2
    def b(self): return self.a()
if sys.argv:
    def later(): return 1
def later(): return 2
def user(): toml(); K().m(); go(); fast(); plat(); later()
"""


def test_definitions_in_other_branches_stand_beside_one_another():
    texts = {"fastmod.py": "def go(): return 1\n", "x.py": EITHER}
    assert calls(texts, "x.py", "user") == {
        "x.py::toml", "x.py::toml#2", "x.py::K", "x.py::K#2", "x.py::K.m", "x.py::K#2.m",
        "fastmod.py::go", "x.py::go", "x.py::fast", "x.py::fast#2",
        "x.py::plat", "x.py::plat#2", "x.py::plat#4", "x.py::later#2",
    }  # fmt: skip
    assert calls(texts, "x.py", "M.b") == {"x.py::M.a", "x.py::M.a#2"}
    away = {**texts, "y.py": "from x import toml\ndef far(): toml()\n"}
    assert calls(away, "y.py", "far") == {"x.py::toml", "x.py::toml#2"}
