"""Hunks that only insert lines, without context."""

import pytest

import patchbay

OLD = "one\ntwo\nthree\nfour\nfive\n"


def patched(text, hunk):
    (patch,) = patchbay.parse("--- a/x\n+++ b/x\n" + hunk)
    return patchbay.apply(text, patch)


def test_insert_behind_a_line():
    assert patched(OLD, "@@ -2,0 +3 @@\n+new\n") == "one\ntwo\nnew\nthree\nfour\nfive\n"


def test_insert_two_lines():
    assert patched(OLD, "@@ -4,0 +5,2 @@\n+a\n+b\n") == "one\ntwo\nthree\nfour\na\nb\nfive\n"


def test_append():
    assert patched(OLD, "@@ -5,0 +6 @@\n+six\n") == OLD + "six\n"


def test_insert_in_front():
    assert patched(OLD, "@@ -0,0 +1 @@\n+zero\n") == "zero\n" + OLD


def test_new_text():
    assert patched("", "@@ -0,0 +1,2 @@\n+a\n+b\n") == "a\nb\n"


def test_several_hunks():
    hunks = "@@ -0,0 +1 @@\n+zero\n@@ -3,0 +5 @@\n+x\n@@ -5 +7 @@\n-five\n+FIVE\n"
    assert patched(OLD, hunks) == "zero\none\ntwo\nthree\nx\nfour\nFIVE\n"


def test_undoing_a_deletion():
    patch = patchbay.make("x", OLD, OLD.replace("three\n", ""), context=0)
    assert patchbay.apply(OLD.replace("three\n", ""), patch.reversed()) == OLD


@pytest.mark.parametrize("new", ["one\ntwo\nX\nthree\nfour\nfive\n", OLD + "six\n", OLD.replace("two\n", "2\n")])
def test_made_here(new):
    patch = patchbay.make("x", OLD, new, context=0)
    assert patchbay.apply(OLD, patch) == new


def test_offsets_are_zero():
    patch = patchbay.make("x", OLD, "zero\n" + OLD + "six\n", context=0)
    assert patchbay.apply_leniently(OLD, patch).offsets == (0, 0)
