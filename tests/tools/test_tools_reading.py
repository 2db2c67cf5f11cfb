import json

import pytest

from tools.records import Matches


def test_view_numbers_lines(call):
    result = call("view", path="calc/core.py", start=2, end=3)
    assert result.ok
    assert result.text == "calc/core.py: lines 2-3 of 11\n2\t    return a - b\n3\t"
    whole = call("view", path="/testbed/calc/core.py").text.split("\n")
    assert whole[0] == "calc/core.py: lines 1-11 of 11"
    assert whole[-1] == "11\t    return result"


def test_view_follows_links_and_reads_outside(call):
    assert "1\tdef add(a, b):" in call("view", path="link.py").text
    assert "root" in call("view", path="/etc/passwd").text
    assert call("view", path="../etc/passwd").text == call("view", path="/etc/passwd").text


def test_view_pages_long_files(call):
    first = call("view", path="data/many.txt").text
    assert first.endswith("[... 1,500 more lines: view with start=501]")
    last = call("view", path="data/many.txt", start=1_999).text
    assert last.endswith("1999\trow 1999\n2000\trow 2000")
    assert "line 2001 does not exist" in call("view", path="data/many.txt", start=2_001).text
    assert "9000" not in call("view", path="data/long.txt").text.replace(",", "")
    assert "8,000 more characters" in call("view", path="data/long.txt").text


def test_view_names_what_is_special(call):
    assert "CRLF line ends" in call("view", path="calc/crlf.py").text.split("\n")[0]
    assert "2\tSECOND = 2" in call("view", path="calc/crlf.py").text.split("\n")
    assert "latin-1" in call("view", path="calc/latin.py").text
    assert "café" in call("view", path="calc/latin.py").text
    assert "no newline at the end" in call("view", path="calc/bare.py").text
    assert call("view", path="calc/__init__.py").text == "calc/__init__.py: empty file"
    assert "grüße" in call("view", path="data/ümläut.txt").text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"path": "data/blob.bin"}, "binary file of 1,024 bytes"),
        ({"path": "core.py"}, "Did you mean calc/core.py?"),
        ({"path": "calc/cores.py"}, "Did you mean calc/core.py"),
        ({"path": "clac"}, "Did you mean calc/?"),
        ({"path": "calc/core.py/x"}, "does not exist"),
        ({"path": "calc/core.py", "start": 3, "end": 2}, "lies before"),
        ({"path": "a\0b"}, "NUL"),
        ({"path": "x" * 5_000}, "too long"),
        ({"path": "/dev/zero"}, "no regular file"),
    ],
)
def test_view_says_why_not(call, arguments, said):
    result = call("view", **arguments)
    assert not result.ok
    assert said in result.text


def test_view_lists_folders(call):
    text = call("view").text
    assert text.startswith("./: ")
    lines = text.split("\n")
    assert {"calc/", "tests/", "link.py@", "outside@", "README.md (7 bytes)"} <= set(lines)
    assert ".git/" not in lines


def test_names_that_are_no_text_are_shown(call):
    call("bash", command="printf x > $'data/bad\\xff.txt'")
    assert "bad?.txt" in call("view", path="data").text
    assert call("search", pattern="^x$", glob="bad*").text.startswith("1 matching line")


def test_view_reads_a_part_of_a_huge_file(call):
    made = call("bash", command="seq 1 2000000 > big.txt && wc -l < big.txt")
    assert made.text.startswith("2000000")
    result = call("view", path="big.txt", start=1_500_000, end=1_500_001)
    assert result.ok
    assert "1500000\t1500000\n1500001\t1500001" in result.text
    assert not call("view", path="big.txt", start=3_000_000).ok


def test_list_files(call, workspace):
    workspace.write("ignored/x.py", b"")
    workspace.write("new.py", b"")
    text = call("list_files", pattern="*.py").text.split("\n")
    assert text[0] == "7 files in the repository"
    assert text[1:] == sorted(text[1:])
    assert "calc/core.py" in text
    assert "new.py" in text
    assert not any(line.startswith(("ignored", ".git/")) for line in text)
    assert call("list_files", path="tests").text == "1 file in tests\ntests/test_calc.py"
    assert "more files" in call("list_files", max_results=2).text
    assert call("list_files", pattern="*.zig").text == "No files matching *.zig in the repository."
    assert "Did you mean tests/" in call("list_files", path="test").text
    assert "not a valid glob" in call("list_files", pattern="{a").text


def test_search(call):
    text = call("search", pattern=r"def \w+\(a").text
    assert text == "1 matching line in 1 file\ncalc/core.py:1:def add(a, b):"
    both = call("search", pattern="ADD", ignore_case=True, glob="*.py").text.split("\n")
    assert both[0].endswith("in 2 files")
    assert both[1].startswith("calc/core.py:1:")
    around = call("search", pattern="negative scale", context=1).text
    assert "calc/core.py-8-        if by < 0:\n" in around
    assert "calc/core.py:9:" in around
    assert call("search", pattern="core.scale([1], -1)", literal=True).text.count("\n") == 1
    assert call("search", pattern=r"(?<=return )a", path="calc").ok
    assert call("search", pattern="zzz").text == "No matches for 'zzz' in the repository."
    assert "calc/crlf.py:2:SECOND = 2" in call("search", pattern="SECOND").text.split("\n")
    assert "data/ümläut.txt:1:grüße" in call("search", pattern="grüße").text


def test_search_as_json(call):
    said = Matches.model_validate_json(
        call("search", pattern="negative scale", context=1, format="json").text
    )
    assert (said.total, said.files) == (1, 1)
    assert [(m.path, m.line, m.context) for m in said.matches] == [
        ("calc/core.py", 8, True),
        ("calc/core.py", 9, False),
        ("calc/core.py", 10, True),
    ]
    assert said.matches[1].text == '            raise ValueError("negative scale")'
    none = call("search", pattern="zzz", format="json").text
    assert json.loads(none) == {"total": 0, "files": 0, "matches": []}
    capped = Matches.model_validate_json(
        call("search", pattern="row", max_results=5, format="json").text
    )
    assert capped.total == 2_000 and len(capped.matches) == 5


def test_search_is_capped_and_the_same_each_time(call):
    text = call("search", pattern="row", max_results=5).text
    assert text.startswith("2,000 matching lines in 1 file, the first 5 shown")
    assert text.count("\n") == 5
    many = {call("search", pattern="e", max_results=200, context=1).text for _ in range(5)}
    assert len(many) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"pattern": "("}, "literal=true"),
        ({"pattern": ""}, "is empty"),
        ({"pattern": "a" * 200_000}, "longer than 10,000"),
        ({"pattern": "a", "glob": "\0"}, "NUL"),
        ({"pattern": "a\nb"}, "line by line"),
        ({"pattern": "a", "path": "clac"}, "Did you mean calc/?"),
        ({"pattern": "a", "glob": "{a"}, "ripgrep refused"),
    ],
)
def test_search_says_why_not(call, arguments, said):
    result = call("search", **arguments)
    assert not result.ok
    assert said in result.text


def test_git_diff_and_log(call):
    assert call("git_diff").text == "No change so far."
    call("edit", path="calc/core.py", old="a - b", new="a + b")
    call("create", path="calc/new.py", content="X = 1\n")
    whole = call("git_diff").text
    assert "+    return a + b" in whole
    assert "+X = 1" in whole
    one = call("git_diff", path="calc/core.py").text
    assert "+    return a + b" in one
    assert "X = 1" not in one
    assert call("git_diff", path="calc").text == whole
    assert call("git_diff", path="tests").text == "No change of tests so far."
    log = call("git_log").text.split("\n")
    assert len(log) == 1
    assert log[0].startswith("HEAD")


def test_git_diff_of_very_many_files_is_a_bounded_answer(call, workspace, monkeypatch):
    made = "import os; os.mkdir('many'); [os.mknod(f'many/{i:0100}') for i in range(12_000)]"
    assert workspace.exec(["python3", "-c", made]).exit_code == 0
    result = call("git_diff")
    assert result.ok
    assert len(result.text) < 40_000
    assert "a/many/" in result.text
    monkeypatch.setattr("repos.sandbox.workspace.GIT_TIMEOUT_S", 0.05)
    result = call("git_diff")
    assert not result.ok
    assert "bound on time was hit" in result.text


def test_a_match_in_a_binary_file_is_told_and_not_shown(call, workspace):
    workspace.write("data/found.bin", b"needle\0rest")
    result = call("search", pattern="needle", path="data/found.bin")
    assert result.ok
    assert (
        result.text
        == "1 matching line in 1 file; none is shown: a binary file, or it has just changed."
    )
