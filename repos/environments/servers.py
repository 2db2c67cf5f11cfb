"""The layer of language servers: copied from RepoGym's own installation, once a version."""

from __future__ import annotations

import hashlib
import shutil
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from repos.cache import platform_key, publish
from repos.environments.harness import copy_distribution
from repos.sandbox.protocol import Mount

SERVERS = "/opt/repogym-servers"
"""Where sandboxes see the layer."""

_DISTRIBUTIONS = {"ty": "ty", "jedi": "jedi-language-server", "clangd": "clangd"}


@lru_cache(maxsize=1)
def installed_servers() -> dict[str, str]:
    """Return the version of each language server that is installed beside RepoGym."""
    found = {}
    for name, distribution in _DISTRIBUTIONS.items():
        try:
            found[name] = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return found


@lru_cache(maxsize=1)
def server_mounts() -> tuple[Mount, ...]:
    """Return what shows the installed language servers in a sandbox."""
    needed = {name: _with_requirements(_DISTRIBUTIONS[name]) for name in installed_servers()}
    if not needed:
        return ()
    digest = hashlib.sha256(
        repr(sorted((n, sorted(d.items())) for n, d in needed.items())).encode()
    )

    def build(folder: Path) -> None:
        for name, distributions in needed.items():
            if name == "jedi":
                for distribution in distributions:
                    copy_distribution(distribution, folder / name)
            else:
                _copy_program(_DISTRIBUTIONS[name], name, folder / name / "bin" / name)

    key = f"{platform_key(('servers',))}-{digest.hexdigest()[:16]}"
    return (Mount(publish(f"tools/servers-{key}", build), SERVERS),)


def _with_requirements(name: str) -> dict[str, str]:
    """Return a distribution and all that it needs, by name, with versions."""
    found: dict[str, str] = {}
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one in found:
            continue
        distribution = metadata.distribution(one)
        found[one] = distribution.version
        for text in distribution.requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return found


def _copy_program(distribution: str, program: str, target: Path) -> None:
    """Copy the largest file of that name: wheels also hold small scripts that start it."""
    files = [
        Path(str(distribution_file.locate()))
        for distribution_file in metadata.distribution(distribution).files or ()
        if distribution_file.name == program
    ]
    source = max(files, key=lambda path: path.stat().st_size)
    target.parent.mkdir(parents=True)
    shutil.copyfile(source, target)
    target.chmod(0o755)
