import pytest

import patchbay
from patchbay import ParseError

GIT = """\
diff --git a/one.py b/one.py
index 83db48f..bf269f4 100644
--- a/one.py
+++ b/one.py
@@ -3,3 +3,4 @@ def f():
 a
-b
+c
+d

diff --git a/two.py b/two.py
new file mode 100644
--- /dev/null
+++ b/two.py
@@ -0,0 +1 @@
+x
\\ No newline at end of file
"""


def test_git_diff():
    one, two = patchbay.parse(GIT)
    assert (one.path, one.added, one.removed) == ("one.py", 2, 1)
    assert one.hunks[0].section == "def f():"
    assert one.hunks[0].old_lines == ["a\n", "b\n", "\n"]
    assert two.is_new and not two.is_deleted
    assert two.hunks[0].new_lines == ["x"]


def test_dates_and_single_lines():
    (file,) = patchbay.parse("--- x.txt\t2024-01-01\n+++ x.txt\t2024-01-02\n@@ -3 +3 @@\n-a\n+b\n")
    assert file.path == "x.txt"
    assert (file.hunks[0].old_start, file.hunks[0].new_start) == (3, 3)


def test_round_trip():
    patch = patchbay.make("x", "a\nb\nc", "a\nd\nc\n")
    assert patchbay.parse(str(patch)) == [patch]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("@@ -1 +1 @@\n-a\n+b\n", 1),
        ("--- a\n+++ b\nnothing\n", 3),
        ("--- a\n+++ b\n@@ -1,2 +1 @@\n-a\n", 5),
        ("--- a\n+++ b\n@@ -1 +1 @@\n-a\n-b\n", 5),
        ("--- a\n+++ b\n@@ -1 +1 @@\n*a\n", 4),
    ],
)
def test_problems(text, line):
    with pytest.raises(ParseError) as caught:
        patchbay.parse(text)
    assert caught.value.line == line


def test_no_patch_at_all():
    assert patchbay.parse("hello\nworld\n") == []
