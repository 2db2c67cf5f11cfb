# Paths are strings here: they may be undecodable, and pathlib costs start-up time.
# ruff: noqa: PTH110, PTH118
"""Containers of a Docker engine, or of Podman's Docker-compatible socket.

The container's only process is the exec server, attached through one stream that lives as long
as the sandbox; a step is a frame each way, never an engine call. `/testbed` is a sized memory
file system that the server fills from the layers; a snapshot is what differs from that filling,
kept in a file on the host; a fork is a new container of the same image with it.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from repos.errors import InfrastructureError, MissingExtraError, SandboxUnavailableError
from repos.sandbox.backends.bubblewrap.backend import own_layer
from repos.sandbox.backends.copies import Family, refuse_links
from repos.sandbox.backends.docker.host import ContainerHost, no_engine
from repos.sandbox.backends.docker.sandbox import OPEN, DockerSandbox
from repos.sandbox.protocol import Isolation, Layers, Probe, SandboxSpec


class DockerBackend(ContainerHost):
    """Makes containers; `docker` by any engine that answers, `podman` by Podman only."""

    isolation: Isolation = "isolated"

    def probe(self) -> Probe:
        """Run one command in a sandbox and say how it went; never raises."""
        try:
            with tempfile.TemporaryDirectory(prefix="repogym-probe-") as folder:
                layer = Path(folder, "layer")
                (layer / "d").mkdir(parents=True)
                (layer / "d" / "f").write_text("probe")
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
                assert self.facts is not None
                how = "" if self.volumes is None else ", over volumes (it sees other files)"
                return Probe(self.name, True, self.isolation, f"{self.facts.title} works{how}")
            reason = result.text.strip()[-300:] or f"exit status {result.exit_code}"
            remedy = f"{reason} {no_engine(self.name)}"
        except MissingExtraError as error:
            reason = remedy = str(error)
        except SandboxUnavailableError as error:
            reason, remedy = str(error).removesuffix(f" {no_engine(self.name)}"), str(error)
        except (InfrastructureError, OSError) as error:
            reason = str(error)
            remedy = f"{reason} {no_engine(self.name)}"
        return Probe(self.name, False, self.isolation, reason, remedy)

    def create(self, layers: Layers, spec: SandboxSpec) -> DockerSandbox:
        """Start a container.

        Raises:
            SandboxUnavailableError: There is no engine.
            InfrastructureError: The engine failed, or a layer does not exist.
        """
        refuse_links(self.name, layers)
        sources = [*layers.testbed, *(mount.source for mount in layers.mounts)]
        missing = [str(path) for path in sources if not os.path.exists(path)]
        if missing:
            raise InfrastructureError(f"These layers of a sandbox do not exist: {missing}.")
        if not layers.testbed:
            raise InfrastructureError("A sandbox needs at least one layer at /testbed.")
        self.engine  # noqa: B018  (looked for before anything is laid out)
        number = next(self.numbers)
        family = Family(os.path.join(self.folder(), str(number)), f"{os.getpid()}.{number}")
        return DockerSandbox(self, layers, spec, family, None)

    def close(self) -> None:
        """Close the sandboxes that are open, and free what they share."""
        if self._owner == os.getpid():
            for sandbox in list(OPEN):
                if sandbox.host is self:
                    sandbox.close()
        super().close()
