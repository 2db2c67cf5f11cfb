"""What the tests of a task need of a machine: one record a kind of environment."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from repos.kernel.debian import SourcePackage
from repos.kernel.git_tree import GitTree
from repos.tasks.base import Record

EnvironmentId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9._-]*$")]
"""A short word, unique in its task: "python3.11"."""

MinorVersion = Annotated[str, Field(pattern=r"^3\.[0-9]+$")]


class OnPython(Record):
    """Packages for one Python, which is shown in the sandbox at its own path.

    Attributes:
        python: Minor version of the interpreter, for example "3.9"; any release of it will do.
        requirements: Exact pins (`name==version`), the whole closure, without the package
            under test; none stand for the test framework that RepoGym itself uses.
        install: Whether the package's metadata (version, entry points) is installed beside
            its source folders, which always stand on the import path.
    """

    python: MinorVersion
    requirements: tuple[str, ...] = ()
    install: bool = False


class PythonEnvironment(OnPython):
    """An environment that holds nothing but what its pins name."""

    kind: Literal["python"] = "python"


class SweBenchEnvironment(OnPython):
    """An environment of SWE-bench, which also has the programs of the package under test.

    Attributes:
        scripts: Programs by name, each as `module:function`.
        network: What of a network its tests need: "httpbin", which then runs in the sandbox.
        compiled: A release (`name==version`) whose compiled modules stand for those that building
            the repository would make; nothing else of it is there.
    """

    kind: Literal["swe-bench"] = "swe-bench"
    scripts: dict[str, str] = Field(default_factory=dict)
    network: Literal["", "httpbin"] = ""
    compiled: str = ""


class HarborEnvironment(OnPython):
    """What a task folder of Harbor asks for, as far as this machine can have it without Docker.

    Its requirements are what the folder installs, which need not be the whole closure.

    Attributes:
        packages: Packages of the system that must be installed here.
        workdir: The task's working folder, which is a link to the repository.
        variables: Variables of all programs.
    """

    kind: Literal["harbor"] = "harbor"
    packages: tuple[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.+-]*$")], ...] = ()
    workdir: Annotated[str, Field(pattern=r"^/[A-Za-z0-9._/-]+$")] = "/testbed"
    variables: dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], str] = Field(
        default_factory=dict
    )


class ToolsEnvironment(Record):
    """Programs of the machine itself, for what is not written in Python.

    Attributes:
        programs: What must be found in `/usr/local/bin`, `/usr/bin` or `/bin`.
    """

    kind: Literal["tools"] = "tools"
    programs: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")], ...] = ()


class KernelEnvironment(Record):
    """A built Linux kernel and the tools that build it.

    Attributes:
        sources: Interchangeable source packages, the best first, or one git commit.
        profile: Name of the configuration (`repos.kernel.profiles`).
        backend: What it runs on: "uml" (User-Mode Linux) or "qemu", as its profile says.
    """

    kind: Literal["kernel"] = "kernel"
    sources: tuple[SourcePackage | GitTree, ...]
    profile: str = "small"
    backend: Literal["uml", "qemu"] = "uml"


class ImageEnvironment(Record):
    """The Python environment of a container image; it runs on every back end.

    Attributes:
        image: The image's name, as an engine pulls it.
        prefix: Where the environment lies in it.
        testbed: Where the repository lies in it, whose compiled modules are taken.
    """

    kind: Literal["image"] = "image"
    image: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/:@-]*$")]
    prefix: Annotated[str, Field(pattern=r"^/[^/].*$")] = "/opt/miniconda3/envs/testbed"
    testbed: Annotated[str, Field(pattern=r"^/[^/].*$")] = "/testbed"


Environment = Annotated[
    PythonEnvironment
    | SweBenchEnvironment
    | HarborEnvironment
    | ImageEnvironment
    | ToolsEnvironment
    | KernelEnvironment,
    Field(discriminator="kind"),
]


def python_id(minor: str) -> str:
    """Return the usual id of an environment for a Python minor version."""
    return f"python{minor}"
