"""What kernels run on: User-Mode Linux, an ordinary process, or QEMU, an emulated x86_64."""

from __future__ import annotations

import json
from dataclasses import dataclass

from repos.errors import UnknownNameError
from repos.kernel.edits import SourceEdit
from repos.sandbox.workspace import Workspace

PREBUILT = "/opt/repogym/kernel"
"""Where a sandbox shows the built kernel of the base: `build/` is its output folder, and
`facts.json` says the machine and the titles of a clean boot."""

MEMORY_MB = 128
QEMU_MEMORY_MB = 256
COMMON = ("rdinit=/init", "panic=-1", "panic_on_warn=1", "oops=panic")
UML_ARGUMENTS = (
    f"mem={MEMORY_MB}M", "con=null", "con0=null,fd:1", "ssl=null", "hostname=kernel",
    "uml_dir=/tmp/", *COMMON,
)  # fmt: skip
QEMU_ARGUMENTS = ("console=ttyS0", "nokaslr", "reboot=t", "ends_by=reboot", *COMMON)
QEMU_PROGRAM = (
    "qemu-system-x86_64", "-accel", "tcg,tb-size=64", "-icount", "shift=4,sleep=off",
    "-cpu", "max", "-smp", "2",
    "-m", str(QEMU_MEMORY_MB), "-nodefaults", "-no-user-config", "-display", "none",
    "-serial", "stdio", "-no-reboot",
)  # fmt: skip
"""The guest's clock counts instructions, so that no busy host makes it see a stall."""


@dataclass(frozen=True)
class Machine:
    """One kind of machine.

    Attributes:
        name: "uml" or "qemu".
        title: For people.
        arch: What make calls its architecture.
        image: The kernel below an output folder.
        target: What make builds for it; "" is its default.
        whole: Folders of the source that its build reads by more than the compiler.
        drivers: Folders of the source's `drivers` that are kept besides the usual ones.
        plain: Folders that run before there is a shadow memory: KASAN and UBSAN stay out.
        edits: What else its source needs, where it fits.
        needs: Programs by the Debian package that brings them.
        disk_in_archive: Whether a check's disk is a file of the initial file system, which
            init copies to a RAM disk; otherwise the kernel has a device for it.
        boot_s: Wall time that a boot may take.
        cpu_s: About what a build costs without a compiler cache, in CPU seconds.
    """

    name: str
    title: str
    arch: str
    image: str
    target: str
    whole: tuple[str, ...]
    drivers: tuple[str, ...]
    plain: tuple[str, ...]
    edits: tuple[SourceEdit, ...]
    needs: tuple[tuple[str, str], ...]
    disk_in_archive: bool
    boot_s: float
    cpu_s: int

    def command(self, kernel: str, archive: str, disk: str = "") -> list[str]:
        """Return the command that boots a kernel.

        Args:
            kernel: Path of the kernel.
            archive: Path of the initial file system.
            disk: Path of a disk's image; "" for none.
        """
        if self.name == "uml":
            disks = [f"ubd0={disk}"] if disk else []
            return [kernel, *UML_ARGUMENTS, f"initrd={archive}", *disks]
        return [
            *QEMU_PROGRAM,
            "-kernel",
            kernel,
            "-initrd",
            archive,
            "-append",
            " ".join(QEMU_ARGUMENTS),
        ]


UML = Machine(
    name="uml",
    title="User-Mode Linux",
    arch="um",
    image="linux",
    target="",
    whole=("arch/um/",),
    drivers=(),
    plain=(),
    edits=(),
    needs=(),
    disk_in_archive=False,
    boot_s=90.0,
    cpu_s=350,
)
QEMU = Machine(
    name="qemu",
    title="QEMU",
    arch="x86_64",
    image="vmlinux",
    target="vmlinux",
    whole=("arch/x86/", "tools/"),
    drivers=(
        *("acpi", "bus", "clk", "clocksource", "cpufreq", "cpuidle", "dma-buf", "edac"),
        *("firmware", "hwmon", "idle", "iommu", "irqchip", "nvmem", "of", "opp", "pci", "perf"),
        *("platform", "pnp", "power", "powercap", "ras", "rtc", "thermal"),
    ),
    plain=("arch/x86/platform/pvh",),
    edits=(
        # Looking for Xen compares strings with a function that KASAN watches, too early.
        SourceEdit(
            path="arch/x86/platform/pvh/enlighten.c",
            function="xen_prepare_pvh",
            operator="replace",
            about="xen_cpuid_base()",
            instead="0",
        ),
    ),
    needs=(("qemu-system-x86_64", "qemu-system-x86"),),
    disk_in_archive=True,
    boot_s=300.0,
    cpu_s=350,
)
MACHINES = {machine.name: machine for machine in (UML, QEMU)}


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
