import pytest

from tools.history import Change, History


def test_edit_and_undo(call, workspace):
    before = workspace.read("calc/core.py")
    result = call("edit", path="calc/core.py", old="a - b", new="a + b")
    assert result.ok
    assert "calc/core.py: changed at line 2." in result.text
    assert "2\t    return a + b" in result.text
    assert workspace.read("calc/core.py") == before.replace(b"a - b", b"a + b")
    assert call("undo").ok
    assert workspace.read("calc/core.py") == before
    assert not call("undo").ok


def test_edit_keeps_line_ends_encoding_mode_and_links(call, workspace):
    assert call("edit", path="calc/crlf.py", old="FIRST = 1\n", new="FIRST = 1\nHALF = 3\n").ok
    assert workspace.read("calc/crlf.py") == b"FIRST = 1\r\nHALF = 3\r\nSECOND = 2\r\n"
    assert call("edit", path="calc/latin.py", old="café", new="thé").ok
    assert workspace.read("calc/latin.py").endswith(b"NAME = 'th\xe9'\n")
    assert not call("edit", path="calc/latin.py", old="thé", new="→").ok
    assert call("edit", path="calc/bare.py", old="1", new="2").ok
    assert workspace.read("calc/bare.py") == b"LAST = 2"
    assert call("edit", path="run.sh", old="echo run", new="echo ran").ok
    assert workspace.exec(["./run.sh"]).stdout == b"ran\n"
    assert call("edit", path="link.py", old="a - b", new="a + b").text.startswith("calc/core.py:")
    assert b"a + b" in workspace.read("calc/core.py")
    kinds = {entry.path: entry.kind for entry in workspace.list(".")}
    assert kinds["link.py"] == "symlink"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"path": "calc/core.py", "old": "return", "new": "x"}, "occurs 2 times"),
        ({"path": "calc/core.py", "old": "return a  - b", "new": "x"}, "Only white space differs"),
        ({"path": "calc/cor.py", "old": "a", "new": "b"}, "Did you mean calc/core.py"),
        ({"path": "/etc/passwd", "old": "root", "new": "b"}, "lies outside /testbed"),
        ({"path": "../etc/passwd", "old": "root", "new": "b"}, "lies outside /testbed"),
        ({"path": "outside/x", "old": "root", "new": "b"}, "links to a place outside"),
        ({"path": "calc", "old": "root", "new": "b"}, "is a folder"),
        ({"path": ".", "old": "root", "new": "b"}, "root folder"),
        ({"path": "data/blob.bin", "old": "a", "new": "b"}, "binary file"),
        ({"path": "calc/core.py/x", "old": "a", "new": "b"}, "does not exist"),
    ],
)
def test_edit_says_why_not(call, workspace, arguments, said):
    result = call("edit", **arguments)
    assert not result.ok
    assert said in result.text
    assert workspace.diff() == b""


def test_create(call, workspace):
    assert call("create", path="a/b/c.txt", content="one\ntwo").text.endswith("2 lines.")
    assert workspace.read("a/b/c.txt") == b"one\ntwo"
    assert "exists: use edit" in call("create", path="a/b/c.txt", content="x").text
    assert call("create", path="a/b/c.txt", content="x", overwrite=True).ok
    assert "is a folder" in call("create", path="a/b", content="x").text
    assert not call("create", path="README.md/x", content="x").ok
    assert not call("create", path="/tmp/x", content="x").ok
    assert not call("create", path="outside/x", content="x").ok
    assert call("undo").ok
    assert workspace.read("a/b/c.txt") == b"one\ntwo"
    assert "did not exist before" in call("undo").text
    with pytest.raises(FileNotFoundError):
        workspace.read("a/b/c.txt")


def test_undo_of_one_file_and_after_other_changes(call, workspace):
    call("edit", path="calc/core.py", old="a - b", new="a + b")
    call("edit", path="README.md", old="calc", new="calculator")
    assert call("undo", path="calc/core.py").text.startswith("calc/core.py: put back")
    workspace.write("README.md", b"other\n")
    refused = call("undo")
    assert not refused.ok
    assert "changed by something else" in refused.text
    assert call("undo", force=True).ok
    assert workspace.read("README.md") == b"# calc\n"


def test_the_undo_stack_is_forked(ctx, call):
    from tools.registry import ToolSet

    call("edit", path="calc/core.py", old="a - b", new="a + b")
    fork = ctx.workspace.fork()
    twin = ctx.fork(fork)
    try:
        assert ToolSet().call(twin, "undo", "{}").ok
        assert b"a - b" in fork.read("calc/core.py")
        assert b"a + b" in ctx.workspace.read("calc/core.py")
        assert call("undo").ok
        assert not ToolSet().call(twin, "undo", "{}").ok
    finally:
        twin.close()
        fork.close()


def test_bash(call):
    assert call("bash", command="echo out; echo err >&2; false; true").text == (
        "out\nerr\n[exit status 0]"
    )
    assert call("bash", command="exit 3").text == "[exit status 3]"
    assert call("bash", command="cd calc; X=1").ok
    assert call("bash", command="pwd; echo $X", cwd="tests").text == (
        "/testbed/tests\n\n[exit status 0]"
    )
    assert "Killed" in call("bash", command="bash -c 'kill -9 $$'; true").text
    assert call("bash", command="cat").text == "[exit status 0]"
    assert call("bash", command="cat <<'X'\n$a\nX").text == "$a\n[exit status 0]"


def test_bash_is_bounded(call, ctx):
    result = call("bash", command="echo begin; sleep 60", timeout_s=0.5)
    assert not result.ok
    assert result.text.startswith("begin\n[")
    assert "time-out of 0.5 s" in result.text
    flood = call("bash", command="yes abcdefg | head -n 300000")
    assert flood.ok
    assert "bytes left out ...]" in flood.text
    assert len(flood.text) <= ctx.limits.max_chars
    assert flood.text.endswith("abcdefg\n[exit status 0]")
    assert not call("bash", command="  ").ok
    assert not call("bash", command="a\0b").ok
    assert not call("bash", command="true", cwd="nowhere").ok


def test_bash_output_is_scrubbed(call):
    texts = {call("bash", command="python3 -c 'print(object())'; mktemp -d").text for _ in "ab"}
    assert len(texts) == 1
    assert "object at 0x...>" in texts.pop()


def test_submit_ends(call):
    from tools.registry import Submitted

    with pytest.raises(Submitted) as caught:
        call("submit", summary="done")
    assert caught.value.summary == "done"


def test_the_undo_stack_is_bounded_and_forgets_the_oldest_first(monkeypatch):
    stack = History()
    monkeypatch.setattr("tools.history.MAX_STEPS", 3)
    for number in range(5):
        stack.push(Change(f"{number}.py", None, b"x" * 10))
    assert [change.path for change in stack.changes] == ["2.py", "3.py", "4.py"]
    monkeypatch.setattr("tools.history.MAX_BYTES", 30)
    stack.push(Change("5.py", b"x" * 5, b"x" * 15))
    assert [change.path for change in stack.changes] == ["4.py", "5.py"]
    stack.push(Change("6.py", None, b"x" * 100))  # the latest can always be undone
    assert [change.path for change in stack.changes] == ["6.py"]
