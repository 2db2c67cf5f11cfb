"""The packages that the resolver may choose from."""

from __future__ import annotations

from collections.abc import Mapping

from .errors import UnknownPackage
from .ranges import Range
from .version import Version


class Index:
    """Packages, their versions and what each version requires."""

    def __init__(self) -> None:
        self._packages: dict[str, dict[Version, dict[str, Range]]] = {}

    def add(
        self,
        name: str,
        version: str | Version,
        requires: Mapping[str, str | Range] | None = None,
    ) -> None:
        """Add one version of a package, replacing it if it is there."""
        parsed = {dep: Range.parse(spec) for dep, spec in (requires or {}).items()}
        self._packages.setdefault(name, {})[Version.parse(version)] = parsed

    def versions(self, name: str) -> list[Version]:
        """All versions of a package, highest first.

        Raises:
            UnknownPackage: if the index doesn't have it.
        """
        return sorted(self._releases(name), reverse=True)

    def requires(self, name: str, version: Version) -> dict[str, Range]:
        """What a version requires, by package name."""
        return dict(self._releases(name)[version])

    def __contains__(self, name: str) -> bool:
        return name in self._packages

    def _releases(self, name: str) -> dict[Version, dict[str, Range]]:
        try:
            return self._packages[name]
        except KeyError:
            raise UnknownPackage(f"no package named {name!r} in the index") from None
