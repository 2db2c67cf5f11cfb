"""What kernels run on: User-Mode Linux, whose kernel is an ordinary process."""

from __future__ import annotations

import json
from dataclasses import dataclass

from repos.errors import UnknownNameError
from repos.sandbox.workspace import Workspace

PREBUILT = "/opt/repogym/kernel"
"""Where a sandbox shows the built kernel of the base: `build/` is its output folder, and
`facts.json` says the machine and the titles of a clean boot."""

MEMORY_MB = 128
COMMON = ("rdinit=/init", "panic=-1", "panic_on_warn=1", "oops=panic")
UML_ARGUMENTS = (
    f"mem={MEMORY_MB}M", "con=null", "con0=null,fd:1", "ssl=null", "hostname=kernel",
    "uml_dir=/tmp/", *COMMON,
)  # fmt: skip


@dataclass(frozen=True)
class Machine:
    """One kind of machine.

    Attributes:
        name: "uml".
        title: For people.
        arch: What make calls its architecture.
        image: The kernel below an output folder.
        target: What make builds for it; "" is its default.
        whole: Folders of the source that its build reads by more than the compiler.
        needs: Programs by the Debian package that brings them.
        cpu_s: About what a build costs without a compiler cache, in CPU seconds.
    """

    name: str
    title: str
    arch: str
    image: str
    target: str
    whole: tuple[str, ...]
    needs: tuple[tuple[str, str], ...]
    cpu_s: int

    def command(self, kernel: str, archive: str, disk: str = "") -> list[str]:
        """Return the command that boots a kernel.

        Args:
            kernel: Path of the kernel.
            archive: Path of the initial file system.
            disk: Path of a disk's image; "" for none.
        """
        disks = [f"ubd0={disk}"] if disk else []
        return [kernel, *UML_ARGUMENTS, f"initrd={archive}", *disks]


UML = Machine(
    name="uml",
    title="User-Mode Linux",
    arch="um",
    image="linux",
    target="",
    whole=("arch/um/",),
    needs=(),
    cpu_s=350,
)
MACHINES = {machine.name: machine for machine in (UML,)}


def get_machine(name: str) -> Machine:
    """Return a kind of machine.

    Raises:
        UnknownNameError: There is none of that name.
    """
    if name not in MACHINES:
        raise UnknownNameError("kernel back end", name, MACHINES)
    return MACHINES[name]


def read_facts(workspace: Workspace) -> tuple[Machine, tuple[str, ...]]:
    """Return the machine of a workspace's kernel, and the titles of its clean boot."""
    facts = json.loads(workspace.read(f"{PREBUILT}/facts.json"))
    return get_machine(facts.get("machine", "uml")), tuple(facts["baseline"])
