import pytest

import patchbay
from patchbay import ApplyError

OLD = "".join(f"{number}\n" for number in range(1, 31))


@pytest.mark.parametrize("context", [1, 3])
@pytest.mark.parametrize(
    "new",
    [
        OLD.replace("6\n", "six\n", 1),
        OLD.replace("10\n", ""),
        OLD.replace("10\n", "10\n10a\n10b\n"),
        "0\n" + OLD,
        OLD + "31\n",
        OLD + "31",
        OLD.replace("3\n", "", 1).replace("20\n", "20\n20a\n").replace("28\n", ""),
        "",
    ],
)
def test_there_and_back(new, context):
    patch = patchbay.make("x", OLD, new, context=context)
    assert patchbay.apply(OLD, patch) == new
    assert patchbay.apply(new, patch.reversed()) == OLD


def test_changes_without_context():
    new = OLD.replace("6\n", "six\n", 1).replace("20\n", "twenty\n")
    patch = patchbay.make("x", OLD, new, context=0)
    assert patchbay.apply(OLD, patch) == new


def test_new_file():
    patch = patchbay.make("x", "", "a\nb\n")
    assert patchbay.apply("", patch) == "a\nb\n"
    assert patchbay.apply("a\nb\n", patch.reversed()) == ""


def test_hunk_that_has_moved():
    patch = patchbay.make("x", OLD, OLD.replace("15\n", "fifteen\n"))
    shifted = "a\nb\nc\n" + OLD
    assert patchbay.apply(shifted, patch) == shifted.replace("15\n", "fifteen\n")
    assert patchbay.apply_leniently(shifted, patch).offsets == (3,)
    with pytest.raises(ApplyError):
        patchbay.apply(shifted, patch, max_offset=2)


def test_nearest_place_wins():
    text = "x\ny\n" * 10
    (patch,) = patchbay.parse("--- a\n+++ b\n@@ -9,2 +9,2 @@\n x\n-y\n+z\n")
    assert patchbay.apply(text, patch).split("\n")[9] == "z"


def test_rejected_hunks():
    new = OLD.replace("3\n", "three\n", 1).replace("25\n", "x\n")
    patch = patchbay.make("x", OLD, new)
    changed = OLD.replace("25\n", "other\n")
    result = patchbay.apply_leniently(changed, patch)
    assert result.text == changed.replace("3\n", "three\n", 1)
    assert result.rejected == (patch.hunks[1],)
    with pytest.raises(ApplyError) as caught:
        patchbay.apply(changed, patch)
    assert caught.value.number == 2


def test_missing_newline_matters():
    patch = patchbay.make("x", "a\nb", "a\nc")
    with pytest.raises(ApplyError):
        patchbay.apply("a\nb\n", patch)


def test_reversed_twice():
    patch = patchbay.make("x", OLD, OLD.replace("6\n7\n", "a\nb\nc\n"))
    assert patch.reversed().reversed() == patch
