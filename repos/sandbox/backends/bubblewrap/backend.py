# Paths are strings here: they may be undecodable, and pathlib costs start-up time.
# ruff: noqa: PTH101, PTH110, PTH112, PTH114, PTH118
"""The default back end: bubblewrap with overlay file systems and one exec server inside."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path

from repos.errors import InfrastructureError, SandboxUnavailableError
from repos.sandbox.backends.bubblewrap.sandbox import BubblewrapSandbox, Family
from repos.sandbox.backends.bubblewrap.starter import SandboxStarter
from repos.sandbox.namespaces.rootview import AGENT_UID
from repos.sandbox.protocol import (
    Isolation,
    Layers,
    Probe,
    SandboxSpec,
)
from repos.sandbox.remedies import bubblewrap_remedy


def own_layer(path: Path) -> None:
    """Make a layer readable, and editable, for the agent inside.

    Whoever prepares a layer calls this once it is complete. As root the files get the agent's
    user id; otherwise they are the caller's already, which is who the agent is.

    Args:
        path: Folder; links in it are not followed.
    """
    uid = AGENT_UID if os.geteuid() == 0 else -1
    for folder, names, files in os.walk(path):
        for name in ["", *names, *files]:
            at = os.path.join(folder, name) if name else folder
            info = os.lstat(at)
            if uid >= 0 and info.st_uid != uid:
                os.lchown(at, uid, uid)
            if not os.path.islink(at):
                is_folder = os.path.isdir(at)
                wanted = info.st_mode | (0o755 if is_folder else 0o644)
                if info.st_mode & 0o100:
                    wanted |= 0o111
                if wanted != info.st_mode:
                    os.chmod(at, wanted & 0o7777)


class BubblewrapBackend(SandboxStarter):
    """Makes bubblewrap sandboxes."""

    name = "bubblewrap"
    isolation: Isolation = "isolated"

    def probe(self) -> Probe:
        """Run one command in a sandbox and say how it went; never raises."""
        try:
            with tempfile.TemporaryDirectory(prefix="repogym-probe-") as folder:
                layer = Path(folder, "layer")
                layer.mkdir()
                layer.joinpath("d").mkdir()
                layer.joinpath("d", "f").write_text("probe")
                own_layer(layer)
                sandbox = self.create(Layers((layer,)), SandboxSpec(disk_mb=8, tmp_mb=8))
                try:
                    result = sandbox.exec(
                        ["sh", "-c", "rm -r d && mkdir d && echo ok > d/g && cat d/g && ls d"],
                        timeout_s=20,
                    )
                finally:
                    sandbox.close()
            if result.stdout == b"ok\ng\n":
                return Probe(self.name, True, self.isolation, f"{self.bwrap} works")
            reason = result.text.strip()[-300:] or f"exit status {result.exit_code}"
        except SandboxUnavailableError as error:
            return Probe(self.name, False, self.isolation, "it does not start", str(error))
        except (InfrastructureError, OSError) as error:
            reason = str(error)
        return Probe(
            self.name, False, self.isolation, reason, bubblewrap_remedy(self.bwrap or "", reason)
        )

    def create(self, layers: Layers, spec: SandboxSpec) -> BubblewrapSandbox:
        """Start a sandbox.

        Raises:
            SandboxUnavailableError: It can't run here.
            InfrastructureError: It should run here and did not.
        """
        missing = [
            str(path)
            for path in (*layers.testbed, *(mount.source for mount in layers.mounts))
            if not os.path.exists(path)
        ]
        if missing:
            raise InfrastructureError(f"These layers of a sandbox do not exist: {missing}.")
        if not layers.testbed:
            raise InfrastructureError("A sandbox needs at least one layer at /testbed.")
        layers = replace(
            layers, testbed=tuple(Path(os.path.realpath(path)) for path in layers.testbed)
        )
        return BubblewrapSandbox(self, layers, spec, Family(), ())
