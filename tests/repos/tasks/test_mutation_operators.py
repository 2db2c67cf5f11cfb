import ast
from random import Random

import pytest

from repos.tasks.sources.mutants.operators import WEIGHTS, mutations, pick

SOURCE = '''\
LIMIT = 3


class Größe:
    def wide(self, scale, other=True):
        """Whether it is wide."""
        if not scale:
            return None
        if scale < 10 and other:
            name = self.text("ö", scale, flag=True).strip()
        else:
            name = ""
        self.seen = scale + 1
        self.count += 1
        self.note(scale)
        return name in self.names
'''.encode()


def lines(operator):
    found = [m for m in mutations(SOURCE) if m.operator == operator]
    return {m.apply(SOURCE).decode().splitlines()[m.start[0] - 1].strip() for m in found}


@pytest.mark.parametrize(
    ("operator", "line"),
    [
        ("negated-condition", "if not (not scale):"),
        ("dropped-guard", "pass"),
        ("moved-boundary", "if scale <= 10 and other:"),
        ("other-connective", "if (scale < 10) or (other):"),
        ("dropped-clause", "if (other):"),
        ("off-by-one", "self.seen = scale + 2"),
        ("other-operator", "self.seen = scale - 1"),
        ("flipped-boolean", "def wide(self, scale, other=False):"),
        ("dropped-argument", 'name = self.text("ö", scale).strip()'),
        ("swapped-arguments", 'name = self.text(scale, "ö", flag=True).strip()'),
        ("dropped-method", 'name = self.text("ö", scale, flag=True)'),
        ("dropped-call", "pass"),
        ("dropped-assignment", "pass"),
        ("dropped-else", "pass"),
        ("other-comparison", "return name not in self.names"),
        ("wrong-variable", "self.note(other)"),
    ],
)
def test_each_kind_of_bug(operator, line):
    found = lines(operator)
    if operator == "flipped-boolean":  # defaults stand outside of the function's body
        assert found == {'name = self.text("ö", scale, flag=False).strip()'}
    else:
        assert line in found


def test_every_bug_parses_differs_and_stands_in_a_function():
    whole = ast.dump(ast.parse(SOURCE))
    found = mutations(SOURCE)
    assert {m.operator for m in found} == set(WEIGHTS)
    for mutation in found:
        assert mutation.function == "Größe.wide"
        assert ast.dump(ast.parse(mutation.apply(SOURCE))) != whole
    assert found == mutations(SOURCE)
    assert len({m.apply(SOURCE) for m in found}) >= len(found) - 3


def test_drawing_is_decided_by_the_seed_and_repeats_nothing():
    found = mutations(SOURCE)
    drawn = pick(found, 10, Random(7))
    assert drawn == pick(found, 10, Random(7))
    assert drawn != pick(found, 10, Random(8))
    every = pick(found, 10_000, Random(7))
    assert len(every) == len(found)
    assert set(every) == set(found)
