"""Test runners by name, and the one that a project's tests are for."""

from __future__ import annotations

from collections.abc import Mapping

from repos.errors import InputError
from repos.plugins import load_plugin
from repos.runners.protocol import Runner
from repos.runners.unittest.detect import only_unittest

BUILT_IN = {
    "kernel": "repos.runners.kernel.runner:KernelRunner",
    "harbor": "repos.runners.harbor.runner:HarborRunner",
    "django": "repos.runners.django.runner:DjangoRunner",
    "pytest": "repos.runners.pytest.runner:PytestRunner",
    "swe-bench-pytest": "repos.runners.pytest.swe_bench:SweBenchPytest",
    "sympy": "repos.runners.sympy.runner:SympyRunner",
    "unittest": "repos.runners.unittest.runner:UnittestRunner",
}
NEEDED = (
    *("run", "grade", "split_id", "layers", "warm", "protects", "test_files", "cut"),
    *("shown", "weighed"),
    *("packages", "requirements", "controls", "internals"),
)


def get_runner(name: str) -> Runner:
    """Return the runner of a name: built in, of an entry point, or `package.module:Name`.

    Raises:
        UnknownNameError: There is none.
        RepoGymError: The module cannot be imported, or what it has there is no runner.
    """
    kind = load_plugin("runners", name, BUILT_IN, noun="test runner")
    lacks = [part for part in NEEDED if not hasattr(kind, part)]
    if not isinstance(kind, type) or lacks:
        raise InputError(
            f"Test runner {name!r} is no class that extends repos.runners.protocol.Runner"
            + (f": it has no {', '.join(lacks)}." if lacks else ".")
        )
    try:
        return kind()
    except TypeError as error:
        raise InputError(f"Test runner {name!r} can't be made: {error}.") from error


def choose_runner(files: Mapping[str, bytes]) -> str:
    """Return the name of the runner that a project's tests are for.

    Args:
        files: The project's files, content by path.
    """
    return "unittest" if only_unittest(files) else "pytest"
