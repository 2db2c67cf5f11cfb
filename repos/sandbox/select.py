"""Choosing a back end by its name, or by running what there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from repos.errors import SandboxUnavailableError, UnknownNameError
from repos.sandbox.protocol import Backend, Isolation


@dataclass(frozen=True)
class Entry:
    """A back end that can be chosen.

    Attributes:
        make: Returns it; imports what it needs only then.
        isolation: What it isolates.
        automatic: Whether `auto` may pick it, in the order of the table.
    """

    make: Callable[[], Backend]
    isolation: Isolation
    automatic: bool


def _bubblewrap() -> Backend:
    from repos.sandbox.bubblewrap import BubblewrapBackend

    return BubblewrapBackend()


def _process() -> Backend:
    from repos.sandbox.process import ProcessBackend

    return ProcessBackend()


def _docker() -> Backend:
    from repos.sandbox.docker import DockerBackend

    return DockerBackend("docker")


def _podman() -> Backend:
    from repos.sandbox.docker import DockerBackend

    return DockerBackend("podman")


def _landlock() -> Backend:
    from repos.sandbox.landlock import LandlockBackend

    return LandlockBackend()


BACKENDS: dict[str, Entry] = {
    "bubblewrap": Entry(_bubblewrap, "isolated", automatic=True),
    "docker": Entry(_docker, "isolated", automatic=True),
    "podman": Entry(_podman, "isolated", automatic=True),
    "landlock": Entry(_landlock, "partial", automatic=False),
    "process": Entry(_process, "none", automatic=False),
}
"""All back ends; a further one is one entry here."""


def get_backend(name: str = "auto", *, allow_unsafe: bool = False) -> Backend:
    """Return a back end that works on this machine.

    Args:
        name: One of `BACKENDS`, or "auto": the first isolated one that runs a command here.
            A weaker one is never picked in its place.
        allow_unsafe: Whether a back end without isolation may be used.

    Raises:
        UnknownNameError: No such back end.
        SandboxUnavailableError: It does not run here; the message says why and what to do.
    """
    if name != "auto" and name not in BACKENDS:
        raise UnknownNameError("sandbox", name, ["auto", *BACKENDS])
    if name == "auto":
        failures = []
        for entry in BACKENDS.values():
            if not entry.automatic:
                continue
            backend = entry.make()
            probe = backend.probe()
            if probe.works:
                return backend
            backend.close()
            failures.append(probe.remedy or probe.detail)
        raise SandboxUnavailableError("\n".join(failures))
    entry = BACKENDS[name]
    if entry.isolation == "none" and not allow_unsafe:
        raise SandboxUnavailableError(
            f"The sandbox {name!r} isolates nothing: code of the task and of the agent would run "
            "with your rights. Add --allow-unsafe if that is what you want."
        )
    backend = entry.make()
    probe = backend.probe()
    if not probe.works:
        backend.close()
        raise SandboxUnavailableError(probe.remedy or probe.detail)
    return backend
