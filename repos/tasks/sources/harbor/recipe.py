"""A task folder's Dockerfile as what a sandbox without images can give, or why it can't."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from pathlib import Path

from repos.errors import InputError
from repos.sandbox.protocol import TESTBED
from repos.tasks.sources.harbor.dockerfile import Copy, Run, base_image, read_dockerfile
from repos.tasks.sources.harbor.shell import Installs, read_installs

IMAGES = re.compile(
    r"(?:docker\.io/)?(?:library/)?(?:ubuntu|debian|buildpack-deps)(?::[\w.-]+)?(?:@\S+)?"
    r"|(?:docker\.io/)?(?:library/)?python(?::(?P<python>3\.\d+)?[\w.-]*)?(?:@\S+)?"
    r"|ghcr\.io/astral-sh/uv:python(?P<uv>3\.\d+)[\w.-]*"
)
"""Images of which nothing is needed but programs that a machine has, and a Python."""

FETCHING = {"curl", "wget", "ca-certificates"}
"""System packages of a test script that only fetch what is already there."""

TAKEN = ("/usr", "/etc", "/tmp", "/proc", "/dev", "/run", "/var", "/opt/repogym", "/env", "/lib")
TAKEN += ("/bin", "/sbin", "/home/agent", "/tests", "/logs", "/solution")
"""Where a working folder can't be."""

OWN_PATHS = {"", "/root/.local/bin", "/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"}
FORBIDDEN = ("LD_", "GIT_", "PATH", "HOME", "USER", "TMPDIR", "SHELL", "BASH_ENV", "HARBOR_")


@dataclass
class HarborRecipe:
    """What a task needs.

    Attributes:
        workdir: The working folder.
        python: Minor version; "" for the one that runs RepoGym.
        steps: What makes the files of the working folder, in order.
        variables: Of all programs.
        requirements: Python packages, as written, in order.
        packages: Packages of the system, sorted.
        project: Whether the repository itself is installed.
    """

    workdir: str
    python: str = ""
    steps: list[Copy | Run] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    requirements: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    project: bool = False


def read_recipe(folder: Path, workdir: str = "") -> HarborRecipe:
    """Return what the Dockerfile and the tests of a task folder need.

    Args:
        folder: The task folder.
        workdir: What `task.toml` says in place of the Dockerfile's.

    Raises:
        InputError: It asks for something that needs Docker.
    """
    dockerfile = folder / "environment" / "Dockerfile"
    if not dockerfile.is_file():
        raise InputError("it has no environment/Dockerfile: images and compose files need Docker")
    match = _image(dockerfile)
    asked = read_dockerfile(dockerfile)
    recipe = HarborRecipe(workdir or asked.workdir, match["python"] or match["uv"] or "")
    place = posixpath.normpath(recipe.workdir)
    if place == "/" or (place != TESTBED and _lies_in(place, TAKEN)):
        raise InputError(f"its working folder is {place}, which a sandbox has for itself")
    recipe.workdir = place
    installs = []
    for step in asked.steps:
        cwd = step.folder if isinstance(step, Copy) else step.cwd
        if isinstance(step, Copy):
            if not _lies_in(posixpath.normpath(cwd), (place,)):
                raise InputError(f"it copies files to {cwd}, outside of its working folder {place}")
            recipe.steps.append(step)
            continue
        found = read_installs(step.command, "its Dockerfile")
        installs.append(found)
        if found.others:
            kept = Run(" && ".join(found.others), cwd if cwd != "/" else place, step.env)
            recipe.steps.append(kept)
    recipe.variables = checked_variables(asked.env)
    tests = folder / "tests" / "Dockerfile"
    if tests.is_file():
        _image(tests)
        others = read_dockerfile(tests)
        for step in others.steps:
            if isinstance(step, Run):
                found = read_installs(step.command, "its tests/Dockerfile")
                if found.others:
                    raise InputError(f"its tests/Dockerfile runs {found.others[0]!r:.80}")
                installs.append(found)
            elif not _lies_in(posixpath.normpath(step.folder), ("/tests",)):
                raise InputError(f"its tests/Dockerfile copies files to {step.folder}")
    script = (folder / "tests" / "test.sh").read_text(encoding="utf-8", errors="replace")
    checks = read_installs(script, "its tests/test.sh", opaque=False)
    checks.packages = [name for name in checks.packages if name not in FETCHING]
    _join(recipe, [*installs, checks])
    return recipe


def _image(dockerfile: Path) -> re.Match[str]:
    image = base_image(dockerfile)
    match = IMAGES.fullmatch(image)
    if match is None:
        raise InputError(f"it is built from the image {image}, which needs Docker")
    return match


def _lies_in(path: str, folders: tuple[str, ...]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


def checked_variables(env: dict[str, str]) -> dict[str, str]:
    """Return variables that programs of a task get; a plain PATH is left out.

    Raises:
        InputError: One would steer what a sandbox does for itself, or is one of the host's.
    """
    kept = {}
    for name, value in env.items():
        if name == "PATH" and set(value.split(":")) <= OWN_PATHS:
            continue
        if "${" in value:
            raise InputError(f"it asks for the variable {name} of your machine, which stays there")
        if name.startswith(FORBIDDEN) or not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            raise InputError(f"it sets the variable {name}, which a sandbox has for itself")
        kept[name] = value
    return kept


def _join(recipe: HarborRecipe, installs: list[Installs]) -> None:
    wanted = [requirement for one in installs for requirement in one.requirements]
    recipe.requirements = tuple(dict.fromkeys(wanted))
    recipe.packages = tuple(sorted({name for one in installs for name in one.packages}))
    recipe.project = any(one.project for one in installs)
