import pytest

from repos.scoring.generation import (
    Message,
    dependency_coverage,
    recall_at_k,
    static_validity_rate,
)


def test_recall_takes_the_best_of_the_first_k_samples():
    reference = ["a.load", "a.save", "b.Table", "c.join"]
    samples = [["a.load", "x.y"], ["a.load", "a.save", "b.Table"], ["c.join", *reference]]
    assert recall_at_k(reference, samples, 1) == 0.25
    assert recall_at_k(reference, samples, 2) == 0.75
    assert recall_at_k(reference, samples, 3) == 1.0
    assert recall_at_k(reference, [[]], 1) == 0.0


def test_recall_needs_a_dependency_and_enough_samples():
    with pytest.raises(ValueError, match="no dependency"):
        recall_at_k([], [["a"]], 1)
    for k in (0, 2):
        with pytest.raises(ValueError, match="number of samples, 1"):
            recall_at_k(["a"], [["a"]], k)


def test_dependency_coverage_is_taken_over_all_dependencies_not_over_functions():
    first = (["self.parser", "self.pos"], "return self.parser.search(self.position)\n")
    second = (["join", "Table.rows"], "# join\nx = 'Table.rows'\nreturn rejoin(Table . rows)\n")
    third = (["load", "save", "name"], "load(save)(name)")
    assert dependency_coverage([first]) == 1 / 2  # self.position is not self.pos
    assert dependency_coverage([second]) == 1 / 2  # a comment and rejoin are no join
    assert dependency_coverage([third]) == 1.0
    assert dependency_coverage([first, second, third]) == 5 / 7


def test_dependency_coverage_of_other_receivers_and_unfinished_code():
    assert dependency_coverage([(["pos"], "return self.pos")]) == 0.0
    assert dependency_coverage([(["pos", "end", "half"], "f(pos, end)\nx = 'half")]) == 2 / 3
    assert dependency_coverage([(["pos"], "if not pos:\n        x\n    y")]) == 1.0
    with pytest.raises(ValueError, match="No function has a dependency"):
        dependency_coverage([([], "x")])


def test_dependency_coverage_over_line_breaks_in_brackets():
    assert dependency_coverage([(["rows.first"], "x = (rows  # all\n    .first)")]) == 1.0


def test_static_validity_counts_three_messages_on_the_function_s_lines():
    clean = (range(3, 6), [Message("no-member", 9), Message("unused-import", 4)])
    member = (range(3, 6), [Message("no-member", 5)])
    undefined = (range(3, 6), [Message("undefined-variable", 3)])
    broken = (range(3, 6), [Message("syntax-error", 8)])
    assert static_validity_rate([clean]) == 1.0
    assert static_validity_rate([clean, member, undefined, broken]) == 0.25
    with pytest.raises(ValueError, match="no function"):
        static_validity_rate([])
