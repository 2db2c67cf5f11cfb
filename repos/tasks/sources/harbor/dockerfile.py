"""A Dockerfile as far as a sandbox without images can follow it."""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from repos.errors import InputError

IGNORED = {
    "FROM", "CMD", "ENTRYPOINT", "EXPOSE", "LABEL", "USER", "SHELL", "HEALTHCHECK", "VOLUME",
    "STOPSIGNAL", "MAINTAINER",
}  # fmt: skip
"""Instructions without a meaning here: programs are the machine's, commands come from outside."""


UV = re.compile(r"--from=ghcr\.io/astral-sh/uv\S*\s")
"""Copies a program that only installs what is otherwise provided."""


@dataclass(frozen=True)
class Copy:
    """Files of the build folder that go into the sandbox.

    Attributes:
        sources: Relative to the build folder; a folder's contents where it ends in a slash.
        folder: Where they go.
        rename: The name of a single file there; "" keeps its own.
    """

    sources: tuple[str, ...]
    folder: str
    rename: str = ""


@dataclass(frozen=True)
class Run:
    """A shell command of the build."""

    command: str
    cwd: str
    env: tuple[tuple[str, str], ...]


@dataclass
class Recipe:
    """What a Dockerfile asks for.

    Attributes:
        steps: In order.
        workdir: Where commands run in the end.
        env: Variables in the end.
    """

    steps: list[Copy | Run] = field(default_factory=list)
    workdir: str = "/testbed"
    env: dict[str, str] = field(default_factory=dict)

    def places(self) -> list[str]:
        """Return the folders that must be writable."""
        found = [self.workdir]
        for step in self.steps:
            found.append(step.folder if isinstance(step, Copy) else step.cwd)
        return [path for path in found if path != "/"]


def read_dockerfile(path: Path) -> Recipe:
    """Read a Dockerfile of one stage.

    Raises:
        InputError: An instruction that can't be followed, or a file that is not there.
    """
    recipe = Recipe(workdir="/")
    arguments: dict[str, str] = {}
    stages = 0
    for word, rest in _instructions(path.read_text(encoding="utf-8")):
        said = _filled(rest, {**arguments, **recipe.env})
        if word == "FROM":
            stages += 1
            if stages > 1:
                raise InputError(f"{path} has several stages: that needs Docker.")
        elif word == "WORKDIR":
            recipe.workdir = posixpath.join(recipe.workdir, said.strip("\"'"))
        elif word == "ENV":
            recipe.env.update(_pairs(said))
        elif word == "ARG":
            arguments |= _pairs(said if "=" in said else f"{said}=")
        elif word in ("COPY", "ADD"):
            if UV.match(rest):
                continue
            recipe.steps.append(_copy(path, said, recipe.workdir))
        elif word == "RUN":
            command = rest if not rest.startswith("[") else shlex.join(json.loads(rest))
            env = tuple(sorted({**arguments, **recipe.env}.items()))
            recipe.steps.append(Run(command, recipe.workdir, env))
        elif word not in IGNORED:
            raise InputError(f"{path}: the instruction {word} can't be followed without Docker.")
    return recipe


def base_image(path: Path) -> str:
    """Return the image that a Dockerfile begins with; "" where it names none."""
    arguments: dict[str, str] = {}
    for word, rest in _instructions(path.read_text(encoding="utf-8")):
        if word == "ARG":
            arguments |= _pairs(rest if "=" in rest else f"{rest}=")
        elif word == "FROM":
            words = [part for part in _filled(rest, arguments).split() if not part.startswith("--")]
            return words[0] if words else ""
    return ""


def _instructions(text: str) -> list[tuple[str, str]]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\[ \t]*\n", " ", "\n".join(lines))
    found = []
    for line in joined.splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            found.append((word.upper(), rest.strip()))
    return found


def _filled(text: str, values: dict[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        return values.get(match[1] or match[2], "")

    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", value, text)


def _pairs(text: str) -> dict[str, str]:
    parts = shlex.split(text)
    if parts and "=" not in parts[0]:
        return {parts[0]: " ".join(parts[1:])}
    return dict(part.split("=", 1) for part in parts if "=" in part)


def _copy(path: Path, said: str, workdir: str) -> Copy:
    parts = json.loads(said) if said.startswith("[") else shlex.split(said)
    flags = [part for part in parts if part.startswith("--")]
    *sources, target = [part for part in parts if not part.startswith("--")]
    if any(flag.startswith("--from") for flag in flags) or any("://" in s for s in sources):
        raise InputError(f"{path}: COPY {said} can't be followed without Docker.")
    root = path.parent.resolve()
    names: list[str] = []
    for source in sources:
        relative = source.lstrip("/") or "."
        found = sorted(root.glob(relative)) if any(c in relative for c in "*?[") else []
        found = found or [root / relative]
        # Patterns too are followed before the check: `../*` would bring in files of this machine.
        for one in [place.resolve() for place in found]:
            if not (one.exists() and one.is_relative_to(root)):
                raise InputError(f"{path}: COPY names {source}, which is not beside it.")
            name = one.relative_to(root).as_posix()
            names.append(f"{name}/" if one.is_dir() else name)
    folder = posixpath.normpath(posixpath.join(workdir, target))
    single = len(names) == 1 and not names[0].endswith("/")
    if single and not target.endswith(("/", ".")):
        return Copy(tuple(names), posixpath.dirname(folder), posixpath.basename(folder))
    return Copy(tuple(names), folder)
