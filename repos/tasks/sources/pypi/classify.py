"""Sorts the files of a source distribution: source, tests, data, metadata, changelog, ..."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from repos.tasks.sources.pypi.index import normalise

Kind = Literal[
    "source", "data", "test", "metadata", "docs", "changelog", "version", "compiled", "other"
]

TEST_FOLDERS = frozenset({"test", "tests", "_test", "_tests", "testing", "unit_tests", "testcases"})
SURE_TEST_FOLDERS = frozenset({"tests", "_tests", "unit_tests", "testcases"})
"""Test folders whose name is enough, even inside a package."""

DOC_FOLDERS = frozenset({"doc", "docs", "documentation", "example", "examples", "man", "notebooks"})
TOOL_FOLDERS = frozenset(
    {
        *("bench", "benchmark", "benchmarks", "build", "ci", "dev", "maint", "perf", "profiling"),
        *("requirements", "release", "scripts", "tasks", "tools", "util", "utils", "script"),
        *("typing-examples", "typing_examples", "fuzz", "fuzzing", "stubs", "vendor", "bin"),
    }
)
"""Top-level folders whose Python files are not the package."""

TOP_SCRIPTS = frozenset(
    {
        *("setup", "conftest", "noxfile", "tasks", "versioneer", "fabfile", "build", "conf"),
        *("hatch_build", "ez_setup", "distribute_setup", "manage", "make", "release", "bench"),
        *("dodo", "pavement", "runtests", "run_tests", "benchmark", "publish"),
    }
)

VERSION_FILES = frozenset(
    {
        *("_version.py", "__about__.py", "__version__.py", "version.py", "_version_info.py"),
        *("about.py", "_about.py", "__meta__.py", "__pkginfo__.py"),
    }
)

COMPILED = (".pyx", ".pxd", ".c", ".h", ".cc", ".cpp", ".hpp", ".rs", ".so", ".f90")
TEST_FILE = re.compile(r"(test_.*|.*_test|tests?|conftest)\.py")
CHANGELOG = re.compile(
    r"(change[-_ ]?logs?|changes|history|news|release[-_ ]?notes|releases|whats[-_ ]?new)"
    r"([-_.0-9a-z]*)?(\.(md|rst|txt|adoc|markdown))?",
    re.IGNORECASE,
)
CHANGELOG_FOLDERS = frozenset({"changelog", "changelogs", "changelog.d", "news", "newsfragments"})
METADATA_FILES = re.compile(
    r"(pkg-info|setup\.(py|cfg)|pyproject\.toml|tox\.ini|pytest\.ini|manifest\.in|makefile"
    r"|noxfile\.py|justfile|(un)?licen[sc]e.*|copying.*|notice.*|authors.*|citation\.cff"
    r"|.*requirements.*\.(txt|in)|(uv|poetry|pdm)\.lock|\..*)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Layout:
    """Where a project keeps its package.

    Attributes:
        source_dirs: Folders that go on the import path: ("src",), ("lib",) or (".",).
        packages: Paths of top-level packages and modules, relative to the project.
        tests_in_package: Folders inside packages that hold tests.
    """

    source_dirs: tuple[str, ...]
    packages: tuple[str, ...]
    tests_in_package: frozenset[str]

    def inside(self, path: str) -> bool:
        """Whether a path belongs to one of the packages."""
        return any(path == p or path.startswith(p + "/") for p in self.packages)


def read_layout(paths: Iterable[str], project: str) -> Layout:
    """Find a project's packages from its file list.

    Args:
        paths: All files, POSIX, relative to the project.
        project: Project name, to recognise a package without `__init__.py`.
    """
    files = sorted(paths)
    name = normalise(project).replace("-", "_")
    for folder in ("src", "lib"):
        packages = _packages(files, folder + "/", name)
        if packages:
            return Layout((folder,), packages, _test_folders(files, packages))
    packages = _packages(files, "", name)
    return Layout((".",), packages, _test_folders(files, packages))


def _packages(files: list[str], prefix: str, name: str) -> tuple[str, ...]:
    found: set[str] = set()
    for path in files:
        if not path.startswith(prefix):
            continue
        parts = path[len(prefix) :].split("/")
        top = parts[0]
        if len(parts) == 1:
            stem = top.removesuffix(".py")
            usual = stem not in TOP_SCRIPTS and not TEST_FILE.fullmatch(top)
            if top.endswith(".py") and stem.isidentifier() and (usual or stem == name):
                found.add(prefix + top)
        elif parts[-1].endswith(".py") and top.isidentifier():
            named = top.lower().lstrip("_") == name
            ordinary = top not in TEST_FOLDERS | DOC_FOLDERS | TOOL_FOLDERS
            if named or (len(parts) == 2 and parts[1] == "__init__.py" and ordinary):
                found.add(prefix + top)
    return tuple(sorted(found))


def _test_folders(files: list[str], packages: tuple[str, ...]) -> frozenset[str]:
    """Return test folders inside packages: sure by name, or because they hold test files.

    A folder `testing` of helpers for users (no `test_*.py` in it) is source.
    """
    found: set[str] = set()
    for path in files:
        parts = path.split("/")
        if not any(path.startswith(p + "/") for p in packages):
            continue
        for depth, part in enumerate(parts[:-1]):
            sure = part in SURE_TEST_FOLDERS
            if sure or (part in TEST_FOLDERS and re.fullmatch(r"test_.*\.py", parts[-1])):
                found.add("/".join(parts[: depth + 1]))
    return frozenset(found)


def classify(path: str, layout: Layout) -> Kind:
    """Return what a file of a source distribution is.

    Args:
        path: POSIX, relative to the project.
        layout: Of the release in which the file is.
    """
    parts = path.split("/")
    base = parts[-1]
    folders = parts[:-1]
    if any(part.endswith((".egg-info", ".dist-info")) for part in folders):
        return "metadata"
    if layout.inside(path):
        return _classify_inside(path, base, layout)
    if any(part in TEST_FOLDERS for part in folders) or TEST_FILE.fullmatch(base):
        return "test"
    if folders and folders[0] in CHANGELOG_FOLDERS:
        return "changelog"
    if CHANGELOG.fullmatch(base) and (not folders or folders[0] in DOC_FOLDERS):
        return "changelog"
    if METADATA_FILES.fullmatch(base) or (folders and folders[0].startswith(".")):
        return "metadata"
    if (folders and folders[0] in DOC_FOLDERS) or base.endswith((".md", ".rst", ".txt")):
        return "docs"
    if base.endswith(COMPILED):
        return "compiled"
    return "other"


def _classify_inside(path: str, base: str, layout: Layout) -> Kind:
    if any(path.startswith(folder + "/") for folder in layout.tests_in_package):
        return "test"
    if base == "conftest.py" or re.fullmatch(r"test_.*\.py", base):
        return "test"
    if base in VERSION_FILES:
        return "version"
    if base.endswith(COMPILED):
        return "compiled"
    return "source" if base.endswith((".py", ".pyi")) else "data"


VERSION_LINE = re.compile(
    r"""\s*(__)?(version|version_info|date|release|copyright|build)(__)?\b.*"""
    r"""|\s*\(?\s*\d+,\s*\d+.*|.*copyright.*\d{4}.*|\s*""",
    re.IGNORECASE,
)


def only_version_changed(old: str, new: str) -> bool:
    """Whether two texts of a module differ in version, date and copyright lines alone."""

    def rest(text: str) -> list[str]:
        return [line for line in text.splitlines() if not VERSION_LINE.fullmatch(line)]

    return rest(old) == rest(new)
