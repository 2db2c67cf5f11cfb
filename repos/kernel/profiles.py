"""Kernel configurations: a fragment of options and the folders that UBSAN instruments."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from repos.errors import UnknownNameError

FOLDER = Path(__file__).parent / "profiles"


@dataclass(frozen=True)
class Profile:
    """One configuration.

    Attributes:
        name: Its name.
        ubsan: Folders whose makefiles get `UBSAN_SANITIZE := y`: User-Mode Linux has no
            UBSAN for the whole kernel.
    """

    name: str
    ubsan: tuple[str, ...]

    @property
    def fragment(self) -> str:
        """The options, as scripts/kconfig/merge_config.sh reads them."""
        return (FOLDER / f"{self.name}.config").read_text(encoding="ascii")


PROFILES = {
    "small": Profile("small", ("fs/squashfs", "fs/adfs", "fs/isofs", "fs/omfs", "fs/minix")),
}


def get_profile(name: str) -> Profile:
    """Return a profile.

    Raises:
        UnknownNameError: There is none of that name.
    """
    if name not in PROFILES:
        raise UnknownNameError("kernel profile", name, PROFILES)
    return PROFILES[name]
