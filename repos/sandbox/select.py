"""Choosing a back end by its name, or by running what there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from repos.errors import InputError, SandboxUnavailableError
from repos.plugins import load_plugin
from repos.sandbox.protocol import Backend, Isolation, Probe


@dataclass(frozen=True)
class Entry:
    """A back end that can be chosen.

    Attributes:
        make: Returns it; imports what it needs only then.
        isolation: What it isolates; `auto` picks isolated ones only, in the order of the table.
    """

    make: Callable[[], Backend]
    isolation: Isolation


def _bubblewrap() -> Backend:
    from repos.sandbox.backends.bubblewrap.backend import BubblewrapBackend

    return BubblewrapBackend()


def _process() -> Backend:
    from repos.sandbox.backends.process import ProcessBackend

    return ProcessBackend()


def _docker() -> Backend:
    from repos.sandbox.backends.docker.backend import DockerBackend

    return DockerBackend("docker")


def _podman() -> Backend:
    from repos.sandbox.backends.docker.backend import DockerBackend

    return DockerBackend("podman")


BACKENDS: dict[str, Entry] = {
    "bubblewrap": Entry(_bubblewrap, "isolated"),
    "docker": Entry(_docker, "isolated"),
    "podman": Entry(_podman, "isolated"),
    "process": Entry(_process, "none"),
}
"""The built-in back ends, in the order in which `auto` tries those that isolate."""

REMOVED = {
    "landlock": "The sandbox 'landlock' is gone: use bubblewrap, docker or podman, or in a machine "
    "or container that you can throw away `--sandbox process --allow-unsafe`."
}
"""Names of former back ends, with what to take instead."""


@dataclass(frozen=True)
class Choice:
    """A back end that was chosen, and why.

    Attributes:
        backend: It works: a command ran in it.
        reason: One line for people.
    """

    backend: Backend
    reason: str


def choose(name: str = "auto", *, allow_unsafe: bool = False) -> Choice:
    """Return a back end that works on this machine, and why it is this one.

    Args:
        name: One of `BACKENDS`; "auto", the first isolated one of them that runs a command
            here (one without isolation is never picked in its place); the name of an entry
            point of the group `repogym.sandboxes`; or `package.module:Backend`.
        allow_unsafe: Whether a back end without isolation may be used.

    Raises:
        UnknownNameError: No such back end.
        SandboxUnavailableError: It does not run here; the message says why and what to do.
    """
    if name in REMOVED:
        raise SandboxUnavailableError(REMOVED[name])
    if name == "auto":
        return _automatic()
    entry = _entry(name)
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
    warning = "isolated" if probe.isolation == "isolated" else "WARNING: not isolated at all"
    return Choice(backend, f"sandbox: {name}, as asked ({probe.detail}; {warning})")


def _entry(name: str) -> Entry:
    if name in BACKENDS:
        return BACKENDS[name]
    made = load_plugin(
        "sandboxes",
        name,
        dict.fromkeys(("auto", *BACKENDS), ""),
        noun="sandbox",
        form="package.module:Backend",
    )
    if not callable(made):
        raise InputError(f"The sandbox {name!r} is no class or function that makes a back end.")
    # A back end that does not say what it isolates is taken for one that isolates nothing.
    return Entry(cast("Callable[[], Backend]", made), getattr(made, "isolation", "none"))


def _automatic() -> Choice:
    failures: list[Probe] = []
    for entry in BACKENDS.values():
        if entry.isolation == "none":
            continue
        backend = entry.make()
        probe = backend.probe()
        if probe.works:
            reason = f"sandbox: {probe.backend} ({probe.detail}; isolated)"
            for failed in failures:
                reason += f"; not {failed.backend}: {failed.detail}"
            return Choice(backend, reason)
        backend.close()
        failures.append(probe)
    lines = ["No isolated sandbox runs on this machine. Any one of these helps:"]
    lines += dict.fromkeys(f"- {probe.remedy or probe.detail}" for probe in failures)
    raise SandboxUnavailableError("\n".join(lines))


def get_backend(
    name: str = "auto",
    *,
    allow_unsafe: bool = False,
    report: Callable[[str], object] | None = None,
) -> Backend:
    """Return a back end that works on this machine.

    Args:
        name: As for `choose`.
        allow_unsafe: As for `choose`.
        report: Called with one line that says what was picked and why.

    Raises:
        UnknownNameError: No such back end.
        SandboxUnavailableError: It does not run here; the message says why and what to do.
    """
    choice = choose(name, allow_unsafe=allow_unsafe)
    if report is not None:
        report(choice.reason)
    return choice.backend


def probe_all() -> list[Probe]:
    """Run every back end and say how each went, the preferred ones first."""
    probes = []
    for entry in BACKENDS.values():
        backend = entry.make()
        try:
            probes.append(backend.probe())
        finally:
            backend.close()
    return probes
