from repos.mining.changes.examples import Example
from repos.mining.changes.narrow import (
    binding_constants,
    new_constants,
    private_names,
    renamed,
    untold_constants,
)
from repos.mining.changes.variants import _altered
from repos.tasks.sources.assertions import Assertion, more_tests
from repos.tasks.sources.reverted.hunks import find_hunks

OLD = {"a.py": b'def size(x):\n    """Its size."""\n    return x\n'}
NEW = {
    "a.py": b'def size(x):\n    """Its size, 77 at most."""\n    if x > 77:\n'
    b'        raise ValueError(f"size {x} is too large")\n    return _halved(x, "plain")\n\n\n'
    b"def _halved(x, how):\n    return x // 2\n"
}


def constants():
    return list(new_constants(OLD, NEW, find_hunks(OLD, NEW)))


def test_constants_of_code_and_whole_messages_are_altered():
    found = {c.value: c for c in constants()}
    assert set(found) == {77, " is too large", "plain"}
    assert b"if x > 78:" in found[77].altered(NEW["a.py"])
    message = found[" is too large"]
    assert message.message
    assert b"raise ValueError('other words stand here')" in message.altered(NEW["a.py"])


def test_constants_that_tests_want_must_be_told():
    binding = binding_constants(
        constants(), NEW, lambda texts: [] if b"'plainqq'" in texts["a.py"] else ["test_size"]
    )
    assert {c.value for c in binding} == {77, " is too large"}
    asked = ["ValueError: size 99", "{'limit': '77'}"]
    assert set(untold_constants(binding, asked, "", "")) == {"77", "is too large"}
    assert untold_constants(binding, asked, "", "more than 77: size 78 is too large") == []
    assert untold_constants(binding, [], "size is too large", "") == []


def test_private_functions_get_other_names():
    names = private_names(OLD, NEW, find_hunks(OLD, NEW))
    assert names == {"a.py": {"_halved"}}
    text = renamed(NEW, names)["a.py"]
    assert text.count(b"_halved_other") == 2
    assert renamed(OLD, {}) == {}


def test_examples_are_altered_one_literal_at_a_time():
    example = Example(
        "t", ("from a import size", "x = [1, 2]"), "size(x, 'ab')", False, "1", "2", ""
    )
    made = list(_altered(example))
    heads = {head for head, body in made if body == "size(x, 'ab')"}
    bodies = {body for head, body in made if head.endswith("x = [1, 2]")}
    assert "from a import size\nx = [1]" in heads
    assert "from a import size\nx = [2, 2]" in heads
    assert {"size(x, 'a')", "size(x, 'AB')"} <= bodies
    assert all(
        (head, body) != ("from a import size\nx = [1, 2]", "size(x, 'ab')") for head, body in made
    )


def test_the_hidden_file_runs_each_assertion():
    text = more_tests(
        [
            Assertion(head="x = 2", body="x + 1", outcome="3"),
            Assertion(head="x = 2", body="int('a')", raises=True, outcome="raises ValueError"),
            Assertion(head="", body="1 / 0", outcome="raises ZeroDivisionError"),
            Assertion(head="", body="'a'", outcome="'b'"),
        ]
    )
    names: dict = {}
    exec(text, names)  # our own text
    for number in range(3):
        names[f"test_more_{number}"]()
    try:
        names["test_more_3"]()
    except AssertionError:
        return
    raise SystemError("a wrong outcome passed")


def test_arguments_of_different_kinds_keep_their_places():
    example = Example("t", (), "size(*([4, -1], lambda x: x))", False, "1", "2", "")
    made = {body for _, body in _altered(example)}
    assert {"size(*([4], lambda x: x))", "size(*([-1, 4], lambda x: x))"} <= made
    assert not any("(lambda x: x, [4" in body or "([4, -1],)" in body for body in made)
