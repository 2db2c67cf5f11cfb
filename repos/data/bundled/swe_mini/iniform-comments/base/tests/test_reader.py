import pytest

import iniform
from iniform import SyntaxProblem

SAMPLE = """\
# a comment
name = demo

[paths]
root: /srv/app          ; where it lives
logs = ${root}/logs     # below it

[server]   ; main
Port = 8080
hosts = a.example.org,
        b.example.org   ; the spare
"""


def test_sample():
    config = iniform.loads(SAMPLE)
    assert list(config) == ["", "paths", "server"]
    assert config[""]["name"] == "demo"
    assert dict(config["paths"]) == {"root": "/srv/app", "logs": "/srv/app/logs"}
    assert config["server"]["hosts"] == "a.example.org,\nb.example.org"


def test_keys_fold_case():
    section = iniform.loads(SAMPLE)["server"]
    assert section["PORT"] == "8080"
    assert list(section) == ["Port", "hosts"]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("key = value", "value"),
        ("key=value", "value"),
        ("key: a = b", "a = b"),
        ("key =", ""),
        ("key = # nothing", ""),
        ("key =; nothing", ""),
        ("key = value ; comment # again", "value"),
        ("key = value\t# comment", "value"),
        ("key = two words   # comment", "two words"),
        ('key = "a # b"', "a # b"),
        ('key = "a;b" ; comment', "a;b"),
        (r'key = "say \"hi\"\n"', 'say "hi"\n'),
        ('key = ""', ""),
        ("key = it's", "it's"),
    ],
)
def test_values(line, value):
    assert iniform.loads(line)[""]["key"] == value


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[open", 1),
        ("[]", 1),
        ("\n[a] b", 2),
        ("just words", 1),
        ("   indented", 1),
        ("a = 1\nA = 2", 2),
        ('a = "open', 1),
        ('a = "x" y', 1),
        (r'a = "\q"', 1),
        ('a = "x"\n  more', 2),
        ("a = 1\n\n  more", 3),
    ],
)
def test_problems_have_line_numbers(text, line):
    with pytest.raises(SyntaxProblem) as caught:
        iniform.loads(text)
    assert caught.value.line == line


def test_comment_lines_do_not_end_a_value():
    config = iniform.loads("a = 1\n  # between\n  2\n")
    assert config[""]["a"] == "1\n2"


def test_sections_may_come_back():
    config = iniform.loads("[a]\nx = 1\n[b]\n[a]\ny = 2\n")
    assert dict(config["a"]) == {"x": "1", "y": "2"}


def test_files(tmp_path):
    path = tmp_path / "x.ini"
    path.write_bytes(b"\xef\xbb\xbfname = caf\xc3\xa9\n")
    config = iniform.load(path)
    assert config[""]["name"] == "caf\u00e9"
    iniform.dump(config, path)
    assert iniform.load(path)[""]["name"] == "caf\u00e9"
