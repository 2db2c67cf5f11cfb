import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.files import BinaryFileError, decode
from tools.replace import replace_exact
from tools.result import ToolError


@given(st.binary(max_size=200))
def test_decoding_loses_nothing(data):
    try:
        file = decode(data, "f")
    except BinaryFileError:
        assert b"\0" in data
        return
    assert file.encode() == data


@given(st.text(st.characters(codec="cp1251"), max_size=50), st.sampled_from(["\n", "\r\n"]))
def test_declared_charsets(text, newline):
    data = f"# -*- coding: cp1251 -*-{newline}{text}".encode("cp1251")
    file = decode(data, "f.py") if "\0" not in text else None
    if file is not None:
        assert file.encode() == data


def test_encodings_are_found():
    assert decode("é".encode(), "f").encoding == "utf-8"
    assert decode("é".encode("latin-1"), "f").encoding == "latin-1"
    declared = "# vim: set fileencoding=koi8-r :\nтекст".encode("koi8-r")
    assert decode(declared, "f").text.endswith("текст")
    # Codecs that are no character sets are not believed.
    assert decode(b"# coding: punycode\n\xff", "f").encoding == "latin-1"
    wide = b"\xff\xfe" + "hé".encode("utf-16-le")
    assert decode(wide, "f").text == "hé"
    assert "utf-8 with byte order mark" in decode(b"\xef\xbb\xbfx\n", "f").notes


def test_lines_are_those_of_compilers():
    assert decode(b"a\x0cb\x0bc\xe2\x80\xa8d\r\ne", "f").lines == ["a\x0cb\x0bc\u2028d", "e"]
    assert decode(b"", "f").lines == []
    assert decode(b"\n\n", "f").lines == ["", ""]


line = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=5)


@given(
    st.lists(st.tuples(line, st.sampled_from(["\n", "\r\n"])), min_size=1, max_size=8),
    st.data(),
)
def test_replacing_changes_only_what_was_asked(parts, data):
    source = "".join(text + end for text, end in parts)
    file = decode(source.encode(), "f")
    plain = file.text.replace("\r\n", "\n")
    first = data.draw(st.integers(0, len(plain) - 1))
    last = data.draw(st.integers(first + 1, len(plain)))
    old, new = plain[first:last], data.draw(st.lists(line, max_size=3).map("\n".join))
    if old == new:
        return
    if plain.count(old) != 1 or plain.find(old, plain.find(old) + 1) >= 0:
        return
    changed, lines = replace_exact(file, old, new, "f")
    assert changed.text.replace("\r\n", "\n") == plain.replace(old, new)
    assert lines == [plain.count("\n", 0, first) + 1]
    # Lines before and after the replaced ones keep their own line ends.
    whole = file.text.split("\n")
    untouched = plain.count("\n", 0, first)
    assert changed.text.split("\n")[:untouched] == whole[:untouched]
    after = len(plain[last:].split("\n")) - 1
    if after:
        assert changed.text.split("\n")[-after:] == whole[-after:]


def test_crlf_stays():
    file = decode(b"a\r\nb\r\nc", "f")
    changed, _ = replace_exact(file, "b\n", "x\ny\n", "f")
    assert changed.encode() == b"a\r\nx\r\ny\r\nc"
    changed, _ = replace_exact(file, "a\r\nb", "b", "f")
    assert changed.encode() == b"b\r\nc"


def test_errors_show_where_to_look():
    file = decode(b"def f():\n    return  1\n\n\ndef g():\n    return 2\n", "f.py")
    with pytest.raises(ToolError, match=r"(?s)Only white space differs.*2\t    return  1"):
        replace_exact(file, "def f():\n    return 1", "x", "f.py")
    with pytest.raises(ToolError, match=r"(?s)nearest lines are:\n5\tdef g"):
        replace_exact(file, "def gg():", "x", "f.py")
    with pytest.raises(ToolError, match="line numbers that view shows"):
        replace_exact(file, "5\tdef g():\n6\t    return 2", "x", "f.py")
    with pytest.raises(ToolError, match=r"(?s)occurs 2 times.*1\tdef f\(\):\n5\tdef g"):
        replace_exact(file, "def ", "x", "f.py")
    with pytest.raises(ToolError, match="no line of it looks like it"):
        replace_exact(file, "§§§§§§§§§§§", "x", "f.py")
    with pytest.raises(ToolError, match="is empty"):
        replace_exact(file, "", "x", "f.py")
    with pytest.raises(ToolError, match="are equal"):
        replace_exact(file, "x", "x", "f.py")


def test_a_character_that_the_encoding_lacks():
    file = decode("é".encode("latin-1"), "f")
    changed, _ = replace_exact(file, "é", "→", "f")
    with pytest.raises(ToolError, match="latin-1, which has no character '→'"):
        changed.encode()


def test_replace_all():
    changed, lines = replace_exact(decode(b"aa\naa\n", "f"), "a", "b", "f", replace_all=True)
    assert changed.text == "bb\nbb\n"
    assert lines == [1, 1, 2, 2]
