"""Which environment of a task is played here."""

from __future__ import annotations

from collections.abc import Iterable

from repos.environments.harbor import check_packages, missing_packages
from repos.environments.images import check_image
from repos.environments.interpreters import (
    NotAvailableError,
    find_python,
    is_installed,
    minor_version,
)
from repos.environments.tools import check_programs, missing_programs
from repos.errors import InputError, UnknownNameError
from repos.kernel import trees as kernels
from repos.kernel.profiles import get_profile
from repos.tasks.environments import (
    HarborEnvironment,
    ImageEnvironment,
    KernelEnvironment,
    OnPython,
)
from repos.tasks.records import TaskSpec


def choose_environment(spec: TaskSpec, wanted: str = "") -> str:
    """Return the id of the environment to play.

    That is the one that was named; else that of the Python that runs RepoGym; else that of the
    newest Python which is installed here; else one whose programs are here.

    Args:
        spec: The task.
        wanted: An environment id, or "" for the best one here.

    Raises:
        UnknownNameError: The task has no environment of that id with expected tests.
        NotAvailableError: This machine does not have what the environment needs; the message
            says what, and how to get it.
    """
    if wanted:
        if wanted not in spec.expected:
            raise UnknownNameError(f"environment of {spec.id}", wanted, spec.expected)
        _check(spec, wanted)
        return wanted
    ranked = _ranked(spec)
    for name in ranked:
        if _is_here(spec, name):
            return name
    if not ranked:
        why = spec.labels.get("unavailable", "it names none")
        raise NotAvailableError(
            f"Task {spec.id} has no environment that can be played here: {why}."
        )
    _check(spec, ranked[0])
    return ranked[0]


def is_available(spec: TaskSpec, wanted: str = "") -> bool:
    """Whether `choose_environment` finds one."""
    names = [wanted] if wanted in spec.expected else [] if wanted else _ranked(spec)
    return any(_is_here(spec, name) for name in names)


def missing_python(spec: TaskSpec, wanted: str = "") -> str:
    """Return the minor version of the Python without which a task can't be played; "" without one.

    Args:
        spec: The task.
        wanted: As for `choose_environment`.
    """
    names = [wanted] if wanted in spec.expected else [] if wanted else _ranked(spec)
    for name in names:
        environment = spec.environments[name]
        if isinstance(environment, OnPython) and not is_installed(environment.python):
            return environment.python
    return ""


def available(specs: Iterable[TaskSpec], wanted: str = "") -> tuple[TaskSpec, ...]:
    """Return the tasks that can be played here, in their order."""
    return tuple(spec for spec in specs if is_available(spec, wanted))


def _ranked(spec: TaskSpec) -> list[str]:
    """Return the environments that can be played, best first wherever they are installed."""
    own = minor_version()

    def rank(name: str) -> tuple[bool, bool, tuple[int, ...], str]:
        environment = spec.environments[name]
        if not isinstance(environment, OnPython):
            return (True, True, (), name)
        newest = tuple(-int(part) for part in environment.python.split("."))
        return (environment.python != own, False, newest, name)

    return sorted((name for name in spec.expected if name in spec.environments), key=rank)


def _is_here(spec: TaskSpec, name: str) -> bool:
    environment = spec.environments[name]
    if isinstance(environment, HarborEnvironment) and missing_packages(environment):
        return False
    if isinstance(environment, OnPython):
        return is_installed(environment.python)
    if isinstance(environment, KernelEnvironment):
        return not kernels.missing_programs(get_profile(environment.profile).machine)
    if isinstance(environment, ImageEnvironment):
        try:
            check_image(environment, spec.source_dirs)
        except NotAvailableError:
            return False
        return True
    return not missing_programs(environment)


def _check(spec: TaskSpec, name: str) -> None:
    environment = spec.environments[name]
    try:
        if isinstance(environment, HarborEnvironment):
            check_packages(environment)
        if isinstance(environment, OnPython):
            find_python(environment.python)
        elif isinstance(environment, KernelEnvironment):
            kernels.check_programs(get_profile(environment.profile).machine)
        elif isinstance(environment, ImageEnvironment):
            check_image(environment, spec.source_dirs)
        else:
            check_programs(environment)
    except InputError as error:
        raise NotAvailableError(f"Task {spec.id} is not available here: {error}") from error
