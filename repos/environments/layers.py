"""An environment as sandboxes get it: mounts, folders of PATH, and what compiles for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from repos.environments.harbor import check_packages, harbor_links
from repos.environments.images import image_layer, image_python
from repos.environments.interpreters import PythonInstallation, find_python
from repos.environments.python import interpreter_mounts, python_layer
from repos.environments.tools import check_programs
from repos.kernel.building import PREBUILT
from repos.kernel.trees import changed_build, prepared_kernel
from repos.sandbox.protocol import ENVIRONMENT, Mount
from repos.tasks.environments import (
    Environment,
    HarborEnvironment,
    ImageEnvironment,
    KernelEnvironment,
    ToolsEnvironment,
)


@dataclass(frozen=True)
class EnvironmentLayers:
    """A prepared environment.

    Attributes:
        mounts: What shows it in a sandbox.
        path: Folders put in front of PATH, as seen inside.
        python: The task's interpreter, or None where the environment has none.
        layer: The folder at `/env`, or None where there is none.
        links: Links that its programs need (`repos.sandbox.protocol.Layers`).
        variables: Variables of all programs.
    """

    mounts: tuple[Mount, ...] = ()
    path: tuple[str, ...] = ()
    python: PythonInstallation | None = None
    layer: Path | None = None
    links: tuple[tuple[str, str], ...] = ()
    variables: tuple[tuple[str, str], ...] = ()


def environment_layers(
    environment: Environment,
    base: Path,
    source_dirs: tuple[str, ...],
    packages: tuple[str, ...] = (),
) -> EnvironmentLayers:
    """Return an environment's layers, building them where they are missing.

    Args:
        environment: What the task says that it needs.
        base: The task's base tree, read for metadata.
        source_dirs: Folders of the repository that belong on the import path.
        packages: Distributions of RepoGym's own installation that an environment without
            requirements gets.

    Raises:
        NotAvailableError: This machine does not have the interpreter or a program.
        NotPreparedError: Something must be fetched and REPOGYM_OFFLINE is set.
        InfrastructureError: The package index did not give what the pins name.
    """
    if isinstance(environment, ToolsEnvironment):
        check_programs(environment)
        return EnvironmentLayers()
    if isinstance(environment, KernelEnvironment):
        kernel = prepared_kernel(environment.sources, environment.profile)
        return EnvironmentLayers(mounts=(Mount(changed_build(kernel, base), PREBUILT),))
    if isinstance(environment, ImageEnvironment):
        layer = image_layer(environment, source_dirs)
        return EnvironmentLayers(
            # Programs of an environment name their interpreter by its path in the image.
            mounts=(Mount(layer, ENVIRONMENT), Mount(layer, environment.prefix)),
            path=(f"{ENVIRONMENT}/bin",),
            python=image_python(environment, layer),
            layer=layer,
        )
    links: tuple[tuple[str, str], ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    if isinstance(environment, HarborEnvironment):
        check_packages(environment)
        links = harbor_links(environment.workdir)
        named = {**environment.variables, "HARBOR_WORKDIR": environment.workdir}
        variables = tuple(sorted(named.items()))
    python = find_python(environment.python)
    layer = python_layer(environment, base, source_dirs, python, packages)
    return EnvironmentLayers(
        mounts=(*interpreter_mounts(python), Mount(layer, ENVIRONMENT)),
        path=(f"{ENVIRONMENT}/bin",),
        python=python,
        layer=layer,
        links=links,
        variables=variables,
    )
