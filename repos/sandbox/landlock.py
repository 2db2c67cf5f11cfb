# Paths are strings here: they may be undecodable, and pathlib costs start-up time.
# ruff: noqa: PTH112, PTH114
"""Landlock, seccomp and resource limits on a copy of the files: partial isolation, without root.

For places that forbid user namespaces and have no container engine. Programs inside write to the
copy only, read the system, the task's layers and nothing else, open no socket, and hold no
capability. What is not isolated: other processes are seen (and, before Linux 6.12, may be
signalled by those of the same user), memory and processes are counted ten times a second rather
than held by the kernel, disk use twice a second, and System V shared memory is the host's. Paths
are translated as for plain processes.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from repos.errors import InfrastructureError
from repos.sandbox import landside, seccomp
from repos.sandbox.bubblewrap import FILE_LIMIT
from repos.sandbox.interpreter import package_folders, running
from repos.sandbox.process import ProcessBackend, ProcessSandbox
from repos.sandbox.protocol import Isolation, Layers, Probe, SandboxSpec

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
ETC = (
    "alternatives ld.so.cache ld.so.conf ld.so.conf.d passwd group nsswitch.conf hosts localtime "
    "mime.types protocols services os-release fonts terminfo"
).split()
DEVICES = ("null", "zero", "full", "random", "urandom")


def allowed(top: str, hidden: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Return what of a folder may be read whole, and which folders may be listed only.

    Landlock knows no exceptions: around a hidden folder its siblings are allowed one by one.

    Args:
        top: The folder.
        hidden: Folders below it that may not be read.
    """
    inner = [path for path in hidden if path == top or path.startswith(f"{top}/")]
    if not inner:
        return [top], []
    if top in inner:
        return [], []
    read, listed = [], [top]
    for entry in os.scandir(top):
        more = allowed(entry.path, tuple(inner))
        read += more[0]
        listed += more[1]
    return read, listed


class LandlockBackend(ProcessBackend):
    """Makes sandboxes that are confined processes."""

    name = "landlock"
    isolation: Isolation = "partial"

    def probe(self) -> Probe:
        """Run one command in a sandbox, look whether it is confined, and say so."""
        found = landside.version()
        if found < landside.LEAST_VERSION:
            state = f"version {found}" if found else "no Landlock"
            reason = f"The kernel offers {state}; the landlock sandbox needs version 3 (Linux 6.2)."
            return Probe(
                self.name, False, self.isolation, reason,
                f"{reason} Where it is built in, add `landlock` to the kernel's `lsm=` option.",
            )  # fmt: skip
        try:
            with tempfile.TemporaryDirectory(prefix="repogym-probe-") as folder:
                layer = Path(folder, "layer")
                layer.mkdir()
                layer.joinpath("f").write_text("probe")
                outside = Path(folder, "outside")
                sandbox = self.create(Layers((layer,)), SandboxSpec(disk_mb=8))
                try:
                    script = f"cat f && echo ok > g && ! echo no > {outside} 2>/dev/null && cat g"
                    result = sandbox.exec(["sh", "-c", script], timeout_s=20)
                finally:
                    sandbox.close()
            if result.stdout == b"probeok\n" and not outside.exists():
                return Probe(
                    self.name, True, self.isolation,
                    f"Landlock version {found} works: files and network are confined, other "
                    "processes are seen",
                )  # fmt: skip
            reason = result.text.strip()[-300:] or f"exit status {result.exit_code}"
        except (InfrastructureError, OSError) as error:
            reason = str(error)
        return Probe(self.name, False, self.isolation, reason, reason)

    def _make(self, layers: Layers, spec: SandboxSpec, family: Any, delta: str | None) -> Any:
        if family is None:
            from repos.sandbox.copies import Family

            folder = self.folder()
            family = Family(str(folder), f"{os.getpid()}.{folder.name}")
        return LandlockSandbox(self, layers, spec, family, delta)


class LandlockSandbox(ProcessSandbox):
    """A copy of the files, and a confined server that runs programs on it."""

    def _confinement(self, root: Path, sources: list[str]) -> dict[str, Any]:
        """Return the server's options: Landlock's rules, the filter, limits."""
        interpreter = running()
        read, listed = [], []
        tops = [top for top in SYSTEM if os.path.isdir(top) and not os.path.islink(top)]
        if interpreter.prefix is not None:
            tops.append(interpreter.prefix)
        hidden = (*package_folders("/usr"), *interpreter.masks)
        for top in tops:
            more = allowed(top, hidden)
            read += more[0]
            listed += more[1]
        read += [f"/etc/{name}" for name in ETC]
        read += ["/proc", str(Path(__file__).parent / "server.py")]
        read += [os.path.realpath(path) for path in self._layers.testbed]
        read += [os.path.realpath(mount.source) for mount in self._layers.mounts]
        read += [path for path in sources if not path.startswith(f"{root}/")]
        ripgrep = root / "bin" / "rg"
        if ripgrep.exists():
            read.append(os.path.realpath(ripgrep))
        spec = self._spec
        size = (spec.disk_mb + spec.tmp_mb) << 20
        # No socket at all: Landlock can't keep a process from connecting to a service's file.
        filtered = seccomp.program(spec.seccomp, families=())
        return {
            "lock": True,
            "landlock": {
                "read": read,
                "write": [str(root), *(f"/dev/{name}" for name in DEVICES)],
                # Test runners list the folders above the workspace; names alone are shown.
                "list": [*listed, str(root.parent), str(root.parent.parent), "/"],
                "rlimits": {
                    "RLIMIT_CORE": 0,
                    "RLIMIT_NOFILE": FILE_LIMIT,
                    "RLIMIT_FSIZE": spec.disk_mb << 20,
                },
            },
            "seccomp": filtered,
            "processes": spec.processes,
            "disk": size,
            "written": [str(root)],
        }
