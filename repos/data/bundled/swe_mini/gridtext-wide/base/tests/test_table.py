import pytest

from gridtext import Column, Table


def sample():
    table = Table([Column("name"), Column("size", align="right")])
    table.add("alpha", 12)
    table.add("b", 3400)
    return table


def test_plain():
    assert sample().render() == "name   size\n-----  ----\nalpha    12\nb      3400"


def test_grid():
    assert sample().render("grid").splitlines() == [
        "+-------+------+",
        "| name  | size |",
        "+=======+======+",
        "| alpha |   12 |",
        "+-------+------+",
        "| b     | 3400 |",
        "+-------+------+",
    ]


def test_rounded():
    assert sample().render("rounded").splitlines()[0] == "╭───────┬──────╮"


def test_markdown():
    table = Table(["a", Column("b", max_width=3)])
    table.add("x|y", "one two")
    assert table.render("markdown").splitlines() == [
        "| a    | b       |",
        "|------|---------|",
        "| x\\|y | one two |",
    ]


def test_wrapped_cells():
    table = Table([Column("n"), Column("text", max_width=7)])
    table.add(1, "one two three")
    table.add(2, "x")
    assert table.render().splitlines()[2:] == ["1  one two", "   three", "2  x"]


def test_wide_characters_line_up():
    table = Table(["name", "n"])
    table.add("日本", 1)
    table.add("ab", 2)
    assert table.render("grid").splitlines()[3:6:2] == ["| 日本 | 1 |", "| ab   | 2 |"]


def test_total_width():
    table = Table(["a", "b"])
    table.add("one two three", "four")
    lines = table.render("grid", width=16).splitlines()
    assert {len(line) for line in lines} == {16}
    assert lines[3:6] == ["| one   | four |", "| two   |      |", "| three |      |"]


def test_min_width_wins():
    table = Table([Column("a", min_width=10)])
    table.add("x")
    assert len(table.render("grid", width=5).splitlines()[0]) == 14


def test_values():
    table = Table([Column("v", format=",.1f", missing="-")])
    for value in (1234.56, None, True, "text"):
        table.add(value)
    assert table.render().splitlines()[2:] == ["1,234.6", "-", "yes", "text"]


def test_from_records():
    table = Table.from_records([{"a": 1}, {"b": 2, "a": 3}])
    assert [column.title for column in table.columns] == ["a", "b"]
    assert table.rows == [[1, None], [3, 2]]


def test_sort():
    table = Table(["a"])
    for value in (2, None, 3, 1):
        table.add(value)
    table.sort("a", reverse=True)
    assert table.rows == [[3], [2], [1], [None]]
    with pytest.raises(KeyError):
        table.sort("b")


def test_problems():
    with pytest.raises(ValueError):
        Table([])
    with pytest.raises(ValueError):
        Table(["a"]).add(1, 2)
    with pytest.raises(ValueError):
        Table(["a"]).render("fancy")
    with pytest.raises(ValueError):
        Column("a", align="top")
    with pytest.raises(ValueError):
        Column("a", min_width=5, max_width=4)
