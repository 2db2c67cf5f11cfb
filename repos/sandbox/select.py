"""Choosing a back end by its name, or by running what there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from repos.errors import SandboxUnavailableError, UnknownNameError
from repos.sandbox.protocol import Backend, Isolation, Probe


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
        return _automatic()
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
    warning = {
        "isolated": "isolated",
        "partial": "WARNING: only partly isolated",
        "none": "WARNING: not isolated at all",
    }[probe.isolation]
    return Choice(backend, f"sandbox: {name}, as asked ({probe.detail}; {warning})")


def _automatic() -> Choice:
    failures: list[Probe] = []
    for entry in BACKENDS.values():
        if not entry.automatic:
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
    raise SandboxUnavailableError(_nothing_isolated(failures))


def _nothing_isolated(failures: list[Probe]) -> str:
    lines = ["No isolated sandbox runs on this machine. Any one of these helps:"]
    lines += dict.fromkeys(f"- {probe.remedy or probe.detail}" for probe in failures)
    for name, entry in BACKENDS.items():
        if entry.isolation == "partial":
            backend = entry.make()
            works = backend.probe().works
            backend.close()
            if works:
                lines.append(f"- `--sandbox {name}` runs here, but isolates only in part.")
    return "\n".join(lines)


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
