import pytest

from repos.tasks.sources.pypi.classify import classify, only_version_changed, read_layout

SRC = [
    "PKG-INFO", "pyproject.toml", "CHANGES.rst", "docs/changelog.md", "docs/index.rst", "README.md",
    "src/demo/__init__.py", "src/demo/core.py", "src/demo/core.pyi", "src/demo/data.json",
    "src/demo/_version.py", "src/demo/testing.py", "src/demo/testing/helpers.py",
    "src/demo.egg-info/SOURCES.txt", "tests/test_core.py", "tests/data/case.txt", "conftest.py",
    "benchmarks/run.py", "setup.py", "tools/gen.py",
]  # fmt: skip
FLAT = [
    "demo/__init__.py", "demo/core.py", "demo/tests/__init__.py", "demo/tests/helper.py",
    "demo/test/test_a.py", "demo/grammar.lark", "setup.py", "test_more.py", "docs/conf.py",
    "json/tests/draft7/enum.json", "demo/_speed.c", "changelog.d/12.change.rst", "tasks.py",
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("src/demo/core.py", "source"),
        ("src/demo/core.pyi", "source"),
        ("src/demo/data.json", "data"),
        ("src/demo/_version.py", "version"),
        ("src/demo/testing.py", "source"),
        ("src/demo/testing/helpers.py", "source"),
        ("src/demo.egg-info/SOURCES.txt", "metadata"),
        ("PKG-INFO", "metadata"),
        ("pyproject.toml", "metadata"),
        ("setup.py", "metadata"),
        ("CHANGES.rst", "changelog"),
        ("docs/changelog.md", "changelog"),
        ("docs/index.rst", "docs"),
        ("README.md", "docs"),
        ("tests/test_core.py", "test"),
        ("tests/data/case.txt", "test"),
        ("conftest.py", "test"),
        ("benchmarks/run.py", "other"),
        ("tools/gen.py", "other"),
    ],
)
def test_src_layout(path, kind):
    layout = read_layout(SRC, "demo")
    assert layout.source_dirs == ("src",)
    assert classify(path, layout) == kind


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("demo/core.py", "source"),
        ("demo/grammar.lark", "data"),
        ("demo/tests/helper.py", "test"),
        ("demo/test/test_a.py", "test"),
        ("test_more.py", "test"),
        ("json/tests/draft7/enum.json", "test"),
        ("demo/_speed.c", "compiled"),
        ("changelog.d/12.change.rst", "changelog"),
        ("docs/conf.py", "docs"),
    ],
)
def test_flat_layout(path, kind):
    layout = read_layout(FLAT, "demo")
    assert (layout.source_dirs, layout.packages) == ((".",), ("demo",))
    assert classify(path, layout) == kind


def test_single_module_and_name_that_looks_like_a_script():
    layout = read_layout(["pycodestyle.py", "setup.py", "tests/test_all.py"], "pycodestyle")
    assert layout.packages == ("pycodestyle.py",)
    assert read_layout(["build/__init__.py", "tests/test_a.py"], "build").packages == ("build",)


def test_version_lines_alone_are_no_change():
    old = '"""Demo."""\n__version__ = "1.0"\nX = 1\n'
    assert only_version_changed(old, old.replace("1.0", "1.1"))
    assert not only_version_changed(old, old.replace("X = 1", "X = 2"))
