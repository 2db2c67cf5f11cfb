"""Which suites come with RepoGym, in which version: standard library only, for quick starts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from repos.errors import InputError, UnknownNameError

MANIFESTS = Path(__file__).parent.parent / "data" / "manifests"


@dataclass(frozen=True)
class BundledSuite:
    """A suite whose tasks are folders of RepoGym itself.

    Attributes:
        folder: Below `repos/data/bundled`.
        version: Changes whenever the list of tasks changes.
        description: One line.
    """

    folder: str
    version: str
    description: str


BUNDLED_SUITES = {
    "swe-mini": BundledSuite(
        "swe_mini", "1", "Small packages with one bug each, bundled: no network, seconds a task."
    )
}


@lru_cache(maxsize=1)
def built_in_versions() -> dict[str, str]:
    """Return the version of each suite that comes with RepoGym, by name."""
    found = {name: suite.version for name, suite in BUNDLED_SUITES.items()}
    for path in MANIFESTS.glob("*.jsonl"):
        with path.open(encoding="utf-8") as lines:
            found[path.stem] = str(json.loads(next(lines))["version"])
    return dict(sorted(found.items()))


def environment_id(suite: str, version: str) -> str:
    """Return the Gymnasium id of a suite."""
    return f"repogym/{suite}-v{version}"


def suite_of(name: str) -> str:
    """Return the suite that an environment id names; any other name is returned as it is.

    Args:
        name: For example "repogym/swe-mini-v1", "repogym:repogym/swe-mini-v1" or "swe-mini".

    Raises:
        UnknownNameError: No suite of that name has an environment id.
        RepoGymError: The suite has another version.
    """
    plain = name.removeprefix("repogym:")
    if not plain.startswith("repogym/"):
        return name
    versions = built_in_versions()
    suite, mark, version = plain.removeprefix("repogym/").rpartition("-v")
    known = [environment_id(*pair) for pair in versions.items()]
    if not mark or suite not in versions:
        raise UnknownNameError("environment id", plain, known)
    if version != versions[suite]:
        raise InputError(
            f"There is no {plain}: {suite} has version {versions[suite]}, so write "
            f"{environment_id(suite, versions[suite])}."
        )
    return suite
