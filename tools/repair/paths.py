"""What a path, or the id of a test, tells."""

from __future__ import annotations

_TEST_FOLDERS = frozenset({"test", "tests"})
_FOREIGN_FOLDERS = frozenset(
    {"_vendor", "vendor", "_vendored", "vendored", "third_party", "extern"}
)


def is_test_file(path: str) -> bool:
    """Whether a file belongs to the tests rather than to the source."""
    parts = path.split("/")
    name = parts[-1]
    return (
        bool(_TEST_FOLDERS & set(parts[:-1]))
        or name.startswith("test_")
        or name.endswith("_test.py")
        or name in ("conftest.py", "setup.py", "noxfile.py")
    )


def is_vendored(path: str) -> bool:
    """Whether a file is a copy of another project's."""
    return bool(_FOREIGN_FOLDERS & set(path.split("/")[:-1]))


def file_of(test: str) -> str:
    """Return the file of a test id."""
    return test.partition("::")[0]


def function_of(test: str) -> str:
    """Return a test id without its parameters."""
    head, _, tail = test.partition("::")
    return f"{head}::{tail.partition('[')[0]}"


def folder_of_tests(folder: str) -> str:
    """Return the outermost test folder of a path, or the path itself."""
    parts = folder.split("/")
    for index, part in enumerate(parts):
        if part in _TEST_FOLDERS:
            return "/".join(parts[: index + 1])
    return folder


def outermost(files: set[str]) -> list[str]:
    """Return the outermost test folders of files; files that lie in none as they are."""
    folders = {path: path.rpartition("/")[0] for path in files}
    return sorted({folder_of_tests(folders[path]) if folders[path] else path for path in files})
