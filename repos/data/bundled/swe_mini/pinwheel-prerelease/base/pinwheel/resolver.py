"""Choosing one version of each package, by backtracking."""

from __future__ import annotations

from collections.abc import Mapping

from .errors import ResolutionError
from .index import Index
from .ranges import Range
from .version import Version

_Wanted = dict[str, list[tuple[str, Range]]]


class Resolver:
    """Resolves requirements against an index, highest versions first."""

    def __init__(self, index: Index) -> None:
        self.index = index

    def resolve(
        self,
        requirements: Mapping[str, str | Range],
        prefer: Mapping[str, str | Version] | None = None,
    ) -> dict[str, Version]:
        """Choose versions for `requirements` and all that they require.

        Args:
            requirements: package name -> range.
            prefer: versions to try before all others, if they fit (a lock
                file, for example).

        Returns:
            package name -> version, sorted by name.

        Raises:
            ResolutionError: if there is no solution.
            UnknownPackage: if a package isn't in the index.
        """
        wanted: _Wanted = {}
        for name, spec in requirements.items():
            wanted[name] = [("the project", Range.parse(spec))]
        preferred = {name: Version.parse(v) for name, v in (prefer or {}).items()}
        chosen = self._search(wanted, {}, preferred)
        return dict(sorted(chosen.items()))

    def _search(
        self, wanted: _Wanted, chosen: dict[str, Version], preferred: dict[str, Version]
    ) -> dict[str, Version]:
        name = next((name for name in wanted if name not in chosen), None)
        if name is None:
            return chosen
        failure: ResolutionError | None = None
        for version in self._candidates(name, wanted[name], preferred.get(name)):
            requires = self.index.requires(name, version)
            who = f"{name} {version}"
            extended = {dep: list(specs) for dep, specs in wanted.items()}
            for dep, spec in requires.items():
                extended.setdefault(dep, []).append((who, spec))
            try:
                _check(chosen | {name: version}, extended)
                return self._search(extended, chosen | {name: version}, preferred)
            except ResolutionError as error:
                failure = failure or error
        raise failure or ResolutionError(name, wanted[name])

    def _candidates(
        self, name: str, specs: list[tuple[str, Range]], first: Version | None
    ) -> list[Version]:
        fitting = [
            version
            for version in self.index.versions(name)
            if all(spec.matches(version) for _, spec in specs)
        ]
        if first in fitting:
            fitting.remove(first)
            fitting.insert(0, first)
        return fitting


def _check(chosen: dict[str, Version], wanted: _Wanted) -> None:
    """Raise if a version already chosen doesn't fit what is wanted now."""
    for name, version in chosen.items():
        if not all(spec.matches(version) for _, spec in wanted.get(name, [])):
            raise ResolutionError(name, wanted[name])
