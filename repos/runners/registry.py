"""Test runners by name."""

from __future__ import annotations

from repos.errors import UnknownNameError
from repos.runners.pytest.runner import PytestRunner

RUNNERS = {"pytest": PytestRunner}


def get_runner(name: str) -> PytestRunner:
    """Return the runner called `name`.

    Raises:
        UnknownNameError: There is none.
    """
    if name not in RUNNERS:
        raise UnknownNameError("test runner", name, RUNNERS)
    return RUNNERS[name]()
