import pytest

from repos.mining.changes.heads import NoSliceError
from repos.mining.changes.reach import Reach
from repos.mining.changes.runs import Failed
from repos.mining.changes.slices import Slice, assertion_lines, slice_of
from repos.mining.changes.telling import (
    code_added,
    declared,
    given_away,
    match_bullet,
    untold_names,
    untold_texts,
)
from repos.mining.changes.units import components, group, half_used, merge, minimal_sets
from repos.tasks.sources.reverted.hunks import find_hunks

OLD = {
    "p/a.py": b"import os\n\n\ndef one(x):\n    return x\n\n\ndef two(x):\n    return x\n\n\n"
    b"def three(x):\n    return x\n",
    "p/b.py": b"def four(x):\n    return x\n",
}


def test_hunks_that_share_a_new_name_are_one_unit():
    new = {
        "p/a.py": OLD["p/a.py"]
        .replace(b"one(x):\n    return x", b"one(x):\n    return fresh_name(x)")
        .replace(b"three(x):\n    return x", b"three(x):\n    return x + 1"),
        "p/b.py": b"def fresh_name(x):\n    return x * 2\n\n\n" + OLD["p/b.py"],
    }
    hunks = find_hunks(OLD, new)
    assert [h.path for h in hunks] == ["p/a.py", "p/a.py", "p/b.py"]
    assert group(OLD, new, hunks) == [frozenset({0, 2}), frozenset({1})]
    only_definition = {**new, "p/a.py": OLD["p/a.py"]}
    assert half_used(OLD, OLD, new) == set()
    half = {**OLD, "p/a.py": new["p/a.py"]}
    assert half_used(half, OLD, new) == {"fresh_name"}
    assert half_used(only_definition, OLD, new) == set()
    fixed = {**OLD, "p/b.py": OLD["p/b.py"] + b"\n\nFIELDS = {'fresh': list}\n"}
    half = {**OLD, "p/a.py": OLD["p/a.py"].replace(b"return x\n", b"return x.fresh\n", 1)}
    assert half_used(half, OLD, fixed) == {"fresh"}  # attributes are set by their names


def test_units_that_share_a_failing_test_are_merged():
    units = [frozenset({0}), frozenset({1}), frozenset({2})]
    failing = {units[0]: {"a", "b"}, units[1]: {"c"}, units[2]: {"b"}}
    assert merge(units, failing) == [frozenset({0, 2}), frozenset({1})]


def test_minimal_sets_leave_out_what_no_test_needs():
    needs = {"first": {0, 1}, "second": {1}, "third": {3}}
    asked = []

    def passing(kept):
        asked.append(kept)
        return {test for test, own in needs.items() if own <= kept}

    sets = minimal_sets(range(5), needs, passing)
    assert sets == {test: frozenset(own) for test, own in needs.items()}
    assert len(asked) == len(set(asked))
    assert sorted(map(sorted, components(sets.values()))) == [[0, 1], [3]]


TEST = b"""\
import pytest
from demo import Box, scale as grow

LIMIT = 4


class TestBox:
    def test_size(self, tmp_path):
        unused = grow(9)
        box = Box(LIMIT)
        box.fill(2)
        assert unused
        for size, wanted in [(1, 2), (3, 4)]:
            assert box.grow(size) == wanted

    def test_error(self):
        with pytest.raises(ValueError, match="too big"):
            Box(LIMIT * 100)


def test_path(tmp_path):
    assert Box(tmp_path).size == 1
"""


def failed(function, line, **variables):
    arguments = ("tmp_path",) if "path" in function or "size" in function else ()
    return Failed("AssertionError", "t.py", function, line, variables, arguments)


def test_a_slice_holds_what_the_assertion_needs_and_nothing_else():
    found = slice_of(TEST, failed("TestBox.test_size", 14, size="3", wanted="4"))
    assert found.head == (
        "from demo import Box", "LIMIT = 4", "size = 3", "box = Box(LIMIT)", "box.fill(2)"
    )  # fmt: skip
    assert (found.body, found.raises) == ("box.grow(size)", False)
    whole = slice_of(TEST, failed("TestBox.test_size", 14, size="3", wanted="4"), whole=True)
    assert whole.body == "box.grow(size) == wanted"


def test_a_slice_of_an_expected_exception_is_the_block():
    found = slice_of(TEST, failed("TestBox.test_error", 18))
    assert found.head == ("from demo import Box", "LIMIT = 4")
    assert (found.body, found.raises) == ("Box(LIMIT * 100)", True)


def test_what_has_no_literal_form_gives_no_slice():
    with pytest.raises(NoSliceError, match="capsys has no literal form"):
        slice_of(
            b"def test_out(capsys):\n    assert capsys.readouterr().out == 'a'\n",
            Failed("AssertionError", "t.py", "test_out", 2, {"capsys": None}, ("capsys",)),
        )


GIVEN = b"""\
import demo
import pytest
from demo import Box, grow
from freezegun import freeze_time

SIZES = [(iter([1]), 2), (Box(3), 4)]


@pytest.fixture
def box():
    made = Box(1)
    yield made
    made.close()


@pytest.fixture
def pair(box):
    return box, 2


@pytest.mark.parametrize("thing, wanted", SIZES)
def test_sizes(thing, wanted):
    assert grow(thing) == wanted


@pytest.mark.parametrize(["thing"], [pytest.param(Box(1), id="one"), [Box(2)]])
def test_listed(thing):
    assert grow(thing) == 3


def test_pair(pair):
    assert grow(pair) == 2


def freeze(patch, year):
    patch.setattr(demo, "YEAR", year)


def test_frozen(monkeypatch):
    freeze(monkeypatch, 2024)
    assert grow(4) == 9


def test_env(monkeypatch, tmp_path):
    monkeypatch.setenv("SIZE", "2")
    assert grow(tmp_path) == 2


class TestMore:
    first = 5

    def setUp(self):
        self.box = Box(self.first)
        self.other = Box(7)

    def make(self):
        return Box(self.size())

    @staticmethod
    def size():
        return 1

    def change(self):
        self.box = 2
        return self.box

    @freeze_time("2020-02-02")
    def test_own(self):
        self.assertEqual(grow(self.other), 7)
        self.assertEqual(grow(self.box), 2)

    def test_made(self):
        assert grow(self.make()) == 2
        assert grow(self.change()) == 3
"""


def given(text, function, *arguments, **indices):
    line = next(k for k, x in enumerate(GIVEN.decode().splitlines(), 1) if text in x)
    return slice_of(GIVEN, Failed("E", "t.py", function, line, {}, arguments, indices))


def test_parameters_without_a_literal_form_stand_as_the_test_writes_them():
    found = given("== wanted", "test_sizes", "thing", "wanted", thing=0, wanted=0)
    assert found.text == "from demo import grow\nthing = iter([1])\ngrow(thing)"
    found = given("== 3", "test_listed", "thing", thing=0)
    assert found.head == ("from demo import grow", "from demo import Box", "thing = Box(1)")


def test_fixtures_of_the_file_and_a_few_of_pytest_are_shown():
    found = given("grow(pair)", "test_pair", "pair")
    assert found.head[-2:] == ("box_made = box()\nbox = next(box_made)", "pair = pair(box)")
    assert "def box():\n    made = Box(1)\n    yield made\n    made.close()" in found.head
    found = given("grow(4)", "test_frozen", "monkeypatch")
    assert found.head[-2:] == (
        "monkeypatch = pytest.MonkeyPatch()", "freeze(monkeypatch, 2024)"
    )  # fmt: skip
    found = given("grow(tmp_path)", "test_env", "monkeypatch", "tmp_path")
    assert "monkeypatch = pytest.MonkeyPatch()" in found.head
    assert found.head[-1] == "monkeypatch.setenv('SIZE', '2')"


def test_an_assertion_on_an_exception_shows_what_raised():
    text = b"""\
def test_it():
    a = 1
    with pytest.raises(ValueError) as caught:
        int(f"x{a}")
    assert 'x1' in str(caught.value)
"""
    found = slice_of(text, Failed("E", "t.py", "test_it", 5, {}, ()))
    assert (found.head, found.body, found.raises) == (("a = 1",), "int(f'x{a}')", True)


def test_other_assertions_of_a_test_are_found():
    text = b"""\
def test_all(self):
    def y(a):
        x = a
    y(1)
    assert f(2) == 2
    self.assertEqual(f(3), 3)
    with pytest.raises(ValueError):
        f(4)
    f(5)
"""
    assert assertion_lines(text, Failed("E", "t.py", "test_all", 5, {}, ())) == [6, 7, 4]


def test_attributes_of_a_test_class_become_variables():
    found = given("grow(self.box)", "TestMore.test_own")
    assert found.head[-3:] == (
        "freeze_time('2020-02-02').start()", "first = 5", "box = Box(first)"
    )  # fmt: skip
    assert found.body == "grow(box)"
    made = given("self.make()", "TestMore.test_made")
    assert made.head[-2:] == (
        "def make():\n    return Box(size())", "def size():\n    return 1"
    )  # fmt: skip
    assert made.body == "grow(make())"
    with pytest.raises(NoSliceError, match="a method of the test's class"):
        given("self.change()", "TestMore.test_made")


def test_names_of_a_star_import_are_found():
    text = b"from demo import *\n\n\ndef test_it():\n    assert grow(1) == 2\n"
    found = slice_of(text, Failed("E", "t.py", "test_it", 5, {}, ()))
    assert found == Slice(("from demo import *",), "grow(1)", False)


ITEMS = [
    "Fix `unwrap` moving a key to the end after its value was replaced.",
    "Support Python 3.14.",
    "Faster parsing of dates with time zones.",
]


def test_the_changelog_item_of_a_change_shares_its_rare_words():
    change = "def unwrap(self, key, value): moving = self._replaced"
    number, score = match_bullet(ITEMS, change, "test_unwrap_replaced_value_keeps_order")
    assert number == 0
    assert score >= 2
    assert match_bullet(ITEMS, "def other(): pass", "test_other")[0] is None
    near = [*ITEMS, "Fix `unwrap` of a moved value that has no keys in order."]
    assert match_bullet(near, change, "test_unwrap_moved_value")[0] is None
    assert match_bullet([], change, "test_unwrap") == (None, 0.0)


def test_names_and_texts_that_only_the_fix_brings_must_be_told():
    new = (
        b"def convert(x, strict=False):\n    x = x.timetz()\n    raise ValueError('size is odd')\n"
    )
    brought = declared({"a.py": new}, find_hunks({"a.py": b""}, {"a.py": new}))
    assert brought == {"convert", "x", "strict", "size", "is", "odd"}
    asked = {"convert", "strict", "len"}
    assert untold_names(asked, brought, "def convert(x): ...", "") == {"strict"}
    assert untold_names(asked, brought, "def convert(x): ...", "`strict` is new") == set()
    texts = {"size is odd today"}
    assert untold_texts({"size is odd"}, texts, "", "") == texts
    assert untold_texts({"size is odd"}, texts, "# size is odd today", "") == set()
    assert untold_texts({"anything else"}, texts, "", "") == set()


def test_a_statement_that_holds_code_of_the_fix_gives_it_away():
    brought = "def move(self, key):\n    self.cache.pop(key, None)\n"
    assert given_away(brought, "", "Call `self.cache.pop(key, None)` first") != []
    assert given_away(brought, "", "Keys are moved by def move(self, key):") == []
    new = {"a.py": b'def size():\n    """Its size, i. e. x / 2, f. e."""\n    return f(1)\n'}
    assert code_added(new, find_hunks({"a.py": b""}, new)) == "def size():\n    return f(1)"
    assert given_away(brought, brought, "Call `self.cache.pop(key, None)` first") == []


def test_only_tests_that_run_a_changed_function_can_turn():
    new = {
        "a.py": b"X = 1\n\n\ndef one():\n    return X\n\n\ndef two():\n    y = 2\n    return y\n"
    }
    before = {"a.py": new["a.py"].replace(b"return X", b"return 0")}
    every = {f"t.py::test_{n}" for n in range(9)}
    coverage = {"t.py::test_1": {"a.py": [5]}, "t.py::test_2": {"a.py": [9, 10]}, "bad": {}}
    reach = Reach(coverage, every)
    assert reach.tests(find_hunks(before, new), new) == {"t.py::test_1"}
    before = {"a.py": new["a.py"].replace(b"    y = 2\n", b"    x = y = 3\n    x = 1\n")}
    assert reach.tests(find_hunks(before, new), new) == {"t.py::test_2"}
    before = {"a.py": new["a.py"].replace(b"    return y\n", b"    return y\n    print(y)\n")}
    assert reach.tests(find_hunks(before, new), new) is None  # where it ends, the module goes on
    before = {"a.py": new["a.py"].replace(b"X = 1", b"X = 2")}
    assert reach.tests(find_hunks(before, new), new) is None
    assert Reach({}, every).tests(find_hunks(before, new), new) is None
