import pytest

from repos.tasks.sources.pypi.changelog import clean_entry, find_entry

MARKDOWN = """# Changelog

## 1.2.1 (2025-01-02)

- Fix a thing.

### Notes

More.

## 1.2.0 (2024-01-02)

- Old, about 1.2.1 too.
"""
RST = """
Version 3.1.6
-------------

Released 2025-03-05

-   Fix `x`.


Version 3.1.5
-------------

-   Old.
"""
BARE = """4.8.1: fix

v4.24.1
=======

* Properly escape segments.

v4.24.0
=======

* Old.
"""


@pytest.mark.parametrize(
    ("text", "version", "has", "not_has"),
    [
        (MARKDOWN, "1.2.1", ["Fix a thing.", "More."], "Old"),
        (RST, "3.1.6", ["Fix `x`."], "Old"),
        (BARE, "4.24.1", ["Properly escape"], "Old"),
    ],
)
def test_the_section_of_a_version_is_found(text, version, has, not_has):
    entry = find_entry(text, "", version)
    assert all(item in entry for item in has)
    assert not_has not in entry


def test_without_a_heading_the_added_lines_are_the_entry():
    old = "Changes\n\n* older\n"
    new = "Changes\n\n* repaired the parser\n* older\n"
    assert find_entry(new, old, "9.9") == "* repaired the parser"
    assert find_entry(new, "", "9.9") == ""


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("-   Fix ``a.b``. :issue:`12`", "-   Fix `a.b`."),
        ("- Fix :func:`~demo.run` and {func}`go <demo.go>`.", "- Fix `demo.run` and `go`."),
        ("- Fix it ([#12](https://example.org/12))", "- Fix it"),
        ("- Fix it (`#12 <https://example.org/12>`_).", "- Fix it."),
        ("* Fix it (#12, #13)", "* Fix it"),
        ("* Fix the loader, by @someone", "* Fix the loader,"),
        ("- Fix it by [@some-one] in [#7](https://example.org/7)", "- Fix it"),
        ("* Fix it (pr12, by someone).", "* Fix it."),
        ("- chore: bump version\n- Fix it", "- Fix it"),
        ("Fix it.\n\nDetails: https://example.org/advisory\nReported by: A. Person", "Fix it."),
        ("* Keep `https://example.org/a` in code", "* Keep `https://example.org/a` in code"),
        ("Released 2025-03-05\n- Fix it", "- Fix it"),
        ("_(July 17, 2026)_\n- Fix it", "- Fix it"),
        ("- Bump version to 1.2.1\n- Fix it", "- Fix it"),
        ("1.2.1\n-----\n- Fix it", "- Fix it"),
        ("- Fix it\n\n    def test_it():\n    assert f(1) == 2\n", "- Fix it"),
        ("## Fixed\n\n- It.\n\n## Other\n", "## Fixed\n\n- It."),
    ],
)
def test_clutter_goes(raw, clean):
    assert clean_entry(raw, "demo", ("1.2.0", "1.2.1")) == clean


def test_very_long_entries_are_cut_at_a_line():
    cleaned = clean_entry("- point after point\n" * 1000, "demo", ("1", "2"))
    assert len(cleaned) < 6100
    assert cleaned.endswith("point\n…")
