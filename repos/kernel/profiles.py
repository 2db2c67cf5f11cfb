"""Kernel configurations: fragments of options and the folders that UBSAN instruments.

What differs between profiles is small, so with ccache a second one costs a fraction of the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from repos.errors import UnknownNameError
from repos.kernel.machines import QEMU, UML, Machine

FOLDER = Path(__file__).parent / "profiles"


@dataclass(frozen=True)
class Profile:
    """One configuration.

    Attributes:
        name: Its name.
        parts: Names of the fragments in `profiles/`, the later ones win.
        ubsan: Folders whose makefiles get `UBSAN_SANITIZE := y`: User-Mode Linux has no
            UBSAN for the whole kernel.
        machine: What its kernels run on.
    """

    name: str
    parts: tuple[str, ...]
    ubsan: tuple[str, ...]
    machine: Machine = UML

    @property
    def fragment(self) -> str:
        """The options, as scripts/kconfig/merge_config.sh reads them."""
        texts = [(FOLDER / f"{part}.config").read_text(encoding="ascii") for part in self.parts]
        return "".join(texts)


IMAGES = ("fs/squashfs", "fs/adfs", "fs/isofs")
USUAL = (
    Profile("small", ("core", "images", "keys"), IMAGES),
    Profile("disks", ("core", "disks"), ("fs/omfs", "fs/ext2", "block/partitions")),
    Profile("net", ("core", "net"), ()),
)
PROFILES = {profile.name: profile for profile in USUAL} | {
    f"{profile.name}-qemu": Profile(f"{profile.name}-qemu", (*profile.parts, "qemu"), (), QEMU)
    for profile in USUAL
}


def get_profile(name: str) -> Profile:
    """Return a profile.

    Raises:
        UnknownNameError: There is none of that name.
    """
    if name not in PROFILES:
        raise UnknownNameError("kernel profile", name, PROFILES)
    return PROFILES[name]
