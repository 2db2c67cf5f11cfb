"""Places of people and of the protocol, on lines with characters outside of ASCII."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.language.positions import Place, from_server, place_of, to_server, units, word_at
from tools.result import ToolError

LINE = "x = '\U0001f600\u00e9'; name.part"


@pytest.mark.parametrize(("encoding", "units_"), [("utf-8", 6), ("utf-16", 3), ("utf-32", 2)])
def test_units_of_an_encoding(encoding, units_):
    assert units("\U0001f600\u00e9", encoding) == units_


def test_columns_are_characters_for_people_and_units_for_servers():
    place = place_of([LINE], "a.py", 1, None, "name")
    assert place == Place(0, LINE.index("name"))
    assert to_server([LINE], place, "utf-16") == {"line": 0, "character": place.column + 1}


@given(st.text(max_size=40), st.data(), st.sampled_from(["utf-8", "utf-16", "utf-32"]))
def test_a_place_comes_back(line, data, encoding):
    lines = line.split("\n")
    number = data.draw(st.integers(0, len(lines) - 1))
    column = data.draw(st.integers(0, len(lines[number])))
    place = Place(number, column)
    assert from_server(lines, to_server(lines, place, encoding), encoding) == place


@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner)))
def test_what_is_no_position_is_none(value):
    assert from_server(["abc"], value, "utf-16") is None
    assert from_server(["abc"], {"line": value, "character": -1}, "utf-16") is None


def test_the_last_part_of_a_dotted_name_is_meant():
    assert place_of(["a.b.c(d)"], "a.py", 1, None, "a.b.c").column == 4
    assert word_at("a.b.c(d)", 4) == (4, 5)
    assert word_at("a  b", 2) == (2, 2)


@pytest.mark.parametrize(
    ("line", "column", "name", "words"),
    [
        (9, None, "", "a.py has 1 lines; line 9 does not exist."),
        (1, 99, "", "has 19 characters; column 99 does not exist."),
        (1, None, "nam", "Line 1 of a.py does not hold the name 'nam'"),
    ],
)
def test_a_place_that_does_not_exist_is_told(line, column, name, words):
    with pytest.raises(ToolError, match=words):
        place_of([LINE], "a.py", line, column, name)
