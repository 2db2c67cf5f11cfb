"""Which fixes of a pair of versions are ranked, and how."""

from repos.mining.kernel_pairs import fix_titles, rank

CHANGELOG = """\
linux (6.1.3-1) bookworm-security; urgency=high

  * New upstream stable update:
    https://www.example.org/ChangeLog-6.1.3
    - toyfs: reject a negative offset in toy_copy()
      (CVE-2026-1234)
    - net: speed up a thing

 -- Someone <someone@example.org>  Fri, 06 Nov 2026 00:00:00 +0000

linux (6.1.2-1) bookworm-security; urgency=high

  * New upstream stable update:
    - toyfs: an older change

 -- Someone <someone@example.org>  Fri, 30 Oct 2026 00:00:00 +0000
"""
BEFORE = """\
static int other(int a)
{
\treturn a;
}

int toy_copy(struct toy *t, int offset)
{
\treturn t->data[offset];
}
"""
AFTER = BEFORE.replace("\treturn t->data", "\tif (offset < 0)\n\t\treturn -EIO;\n\treturn t->data")


def test_titles_are_those_of_the_newer_entries():
    assert fix_titles(CHANGELOG, "6.1.2-1") == [
        "toyfs: reject a negative offset in toy_copy() (CVE-2026-1234)",
        "net: speed up a thing",
    ]
    assert fix_titles(CHANGELOG, "6.1.3-1") == []
    assert fix_titles(CHANGELOG, "6.0.9-1") == []


def test_a_fix_gets_its_title_and_its_function():
    found = rank("fs/toyfs/file.c", BEFORE, AFTER, fix_titles(CHANGELOG, "6.1.2-1"))
    assert found is not None
    assert found.functions == ("toy_copy",) and found.cve == "CVE-2026-1234"
    assert found.changed == 2 and "refuses bad input" in found.reasons
    assert found.title.startswith("toyfs: reject")


def test_a_check_ranks_above_a_change_of_names():
    titles = fix_titles(CHANGELOG, "6.1.2-1")
    renamed = rank("fs/toyfs/file.c", BEFORE, BEFORE.replace("int a)", "int b)"), titles)
    checked = rank("fs/toyfs/file.c", BEFORE, AFTER, titles)
    assert renamed is not None and checked is not None and renamed.score < checked.score


def test_what_is_too_large_or_the_same_is_left_out():
    assert rank("fs/a.c", BEFORE, BEFORE, []) is None
    assert rank("fs/a.c", BEFORE, BEFORE + "int more;\n" * 61, []) is None
