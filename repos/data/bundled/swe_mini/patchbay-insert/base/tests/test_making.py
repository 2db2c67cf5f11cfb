import pytest

import patchbay

OLD = "".join(f"{number}\n" for number in range(1, 13))


def test_equal_texts():
    patch = patchbay.make("x", OLD, OLD)
    assert not patch
    assert str(patch) == ""


def test_change():
    patch = patchbay.make("x", OLD, OLD.replace("6\n", "six\n"), context=1)
    assert str(patch) == "--- a/x\n+++ b/x\n@@ -5,3 +5,3 @@\n 5\n-6\n+six\n 7\n"
    assert (patch.added, patch.removed) == (1, 1)


def test_two_hunks():
    new = OLD.replace("1\n2\n", "2\n", 1).replace("11\n", "")
    headers = [hunk.header for hunk in patchbay.make("x", OLD, new, context=1).hunks]
    assert headers == ["@@ -1,2 +1 @@", "@@ -10,3 +9,2 @@"]


def test_headers_without_context():
    new = "0\n" + OLD.replace("6\n", "")
    headers = [hunk.header for hunk in patchbay.make("x", OLD, new, context=0).hunks]
    assert headers == ["@@ -0,0 +1 @@", "@@ -6 +6,0 @@"]


def test_new_file():
    assert patchbay.make("x", "", "a\nb\n").hunks[0].header == "@@ -0,0 +1,2 @@"


def test_missing_newline():
    patch = patchbay.make("x", "a\nb", "a\nb\n")
    assert str(patch.hunks[0]) == "@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n"


def test_negative_context():
    with pytest.raises(ValueError):
        patchbay.make("x", "", "a", context=-1)
