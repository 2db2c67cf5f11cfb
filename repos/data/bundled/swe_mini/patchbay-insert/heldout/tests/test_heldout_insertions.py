import itertools

import pytest

import patchbay

OLD = "a\nb\nc\nd\ne\nf\n"


@pytest.mark.parametrize("index", range(7))
def test_insertion_anywhere(index):
    lines = OLD.splitlines(keepends=True)
    new = "".join([*lines[:index], "new\n", *lines[index:]])
    patch = patchbay.make("x", OLD, new, context=0)
    assert patchbay.apply(OLD, patch) == new
    assert patchbay.apply(new, patch.reversed()) == OLD


@pytest.mark.parametrize("kept", list(itertools.combinations("abcdef", 3)))
def test_deletions_there_and_back(kept):
    new = "".join(f"{line}\n" for line in kept)
    patch = patchbay.make("x", OLD, new, context=0)
    assert patchbay.apply(OLD, patch) == new
    assert patchbay.apply(new, patch.reversed()) == OLD
    assert set(patchbay.apply_leniently(new, patch.reversed()).offsets) == {0}


def test_headers_stay_those_of_diff():
    patch = patchbay.make("x", OLD, OLD.replace("c\n", "c\nX\n"), context=0)
    assert patch.hunks[0].header == "@@ -3,0 +4 @@"
    assert patch.hunks[0].reversed().header == "@@ -4 +3,0 @@"


def test_insertions_behind_a_shifted_hunk():
    text = "0\n" + OLD
    hunks = "@@ -2 +2 @@\n-b\n+B\n@@ -4,0 +5 @@\n+X\n"
    (patch,) = patchbay.parse("--- a\n+++ b\n" + hunks)
    assert patchbay.apply(text, patch) == "0\na\nB\nc\nd\nX\ne\nf\n"
    assert patchbay.apply_leniently(text, patch).offsets == (1, 1)


def test_insertion_next_to_a_change():
    hunks = "@@ -2 +2 @@\n-b\n+B\n@@ -2,0 +3 @@\n+X\n"
    (patch,) = patchbay.parse("--- a\n+++ b\n" + hunks)
    assert patchbay.apply(OLD, patch) == "a\nB\nX\nc\nd\ne\nf\n"


def test_hunks_with_context_are_as_before():
    (patch,) = patchbay.parse("--- a\n+++ b\n@@ -2,2 +2,3 @@\n b\n+X\n c\n")
    assert patchbay.apply(OLD, patch) == "a\nb\nX\nc\nd\ne\nf\n"
    assert patchbay.apply_leniently(OLD, patch).offsets == (0,)


def test_strictly_at_its_place():
    (patch,) = patchbay.parse("--- a\n+++ b\n@@ -6,0 +7 @@\n+g\n")
    assert patchbay.apply(OLD, patch, max_offset=0) == OLD + "g\n"
    (top,) = patchbay.parse("--- a\n+++ b\n@@ -0,0 +1 @@\n+_\n")
    assert patchbay.apply(OLD, top, max_offset=0) == "_\n" + OLD
