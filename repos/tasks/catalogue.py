"""Which suites come with RepoGym, in which version: standard library only, for quick starts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from repos.errors import InputError, UnknownNameError
from repos.plugins import import_module

PREFIX = "repogym/"
"""What every environment id begins with."""

MANIFESTS = Path(__file__).parent.parent / "data" / "manifests"


RENAMED_IDS = {
    "repogym/swe-lite-v1": "swe-releases",
    "repogym/swe-lite-v2": "swe-releases",
}
"""Ids of versions that go on under another name."""


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


@dataclass(frozen=True)
class FetchedSuite:
    """A suite of others, whose rows are fetched or named.

    Attributes:
        dataset: Its name on the Hugging Face hub; "" where only a file of it can be named.
        version: Changes whenever tasks are made of the same rows in another way.
        description: One line.
        benchmark: Whose rows they are.
    """

    dataset: str
    version: str
    description: str
    benchmark: str = "SWE-bench"


FETCHED_SUITES = {
    "swe-bench-lite": FetchedSuite(
        "SWE-bench/SWE-bench_Lite",
        "1",
        "SWE-bench Lite, its test split (needs --dataset or the hub).",
    ),
    "swe-bench-verified": FetchedSuite(
        "SWE-bench/SWE-bench_Verified", "1", "SWE-bench Verified (needs --dataset or the hub)."
    ),
    "repo-class-bench": FetchedSuite(
        "",
        "1",
        "Python classes of RepoClassBench, to be written again (needs --dataset, --repos-from).",
        "RepoClassBench",
    ),
    "evo-code-bench": FetchedSuite(
        "",
        "1",
        "Functions of EvoCodeBench, to be written again (needs --dataset, --repos-from).",
        "EvoCodeBench",
    ),
}


@lru_cache(maxsize=1)
def built_in_versions() -> dict[str, str]:
    """Return the version of each suite that comes with RepoGym, by name."""
    found = {name: suite.version for name, suite in BUNDLED_SUITES.items()}
    found |= {name: suite.version for name, suite in FETCHED_SUITES.items()}
    for path in MANIFESTS.glob("*.jsonl"):
        with path.open(encoding="utf-8") as lines:
            found[path.stem] = str(json.loads(next(lines))["version"])
    return dict(sorted(found.items()))


def environment_id(suite: str, version: str) -> str:
    """Return the Gymnasium id of a suite."""
    return f"{PREFIX}{suite}-v{version}"


_own_ids: dict[str, str] = {}


def register_id(name: str, source: str) -> None:
    """Let an environment id stand for a suite of one's own in this process.

    Args:
        name: The id, for example "repogym/mine-v1".
        source: What `repos.tasks.suite.load_suite` takes; a manifest by its absolute path, so
            that other processes find it.

    Raises:
        InputError: The id is taken by another suite.
    """
    suite = name.removeprefix(PREFIX).rpartition("-v")[0]
    if suite in built_in_versions():
        raise InputError(f"{suite} is a suite of RepoGym itself: give yours another name.")
    if _own_ids.setdefault(name, source) != source:
        raise InputError(
            f"{name} already stands for {_own_ids[name]}: give {source} another name or version."
        )


def suite_of(name: str) -> str:
    """Return the suite that an environment id names; any other name is returned as it is.

    Args:
        name: For example "repogym/swe-mini-v1", "repogym:repogym/swe-mini-v1" or "swe-mini".
            With another module in front, "package.module:repogym/mine-v1", the module is
            imported first, so that it can register the id.

    Raises:
        UnknownNameError: No suite of that name has an environment id.
        RepoGymError: The suite has another version, or the module can't be imported.
    """
    module, _, plain = name.rpartition(":")
    if not plain.startswith(PREFIX):
        return name
    if module not in ("", "repogym"):
        import_module(module, f"environment id {name!r}")
    if plain in _own_ids:
        return _own_ids[plain]
    if plain in RENAMED_IDS:
        return RENAMED_IDS[plain]
    versions = built_in_versions()
    suite, mark, version = plain.removeprefix(PREFIX).rpartition("-v")
    if not mark or suite not in versions:
        known = [*_own_ids, *(environment_id(*pair) for pair in versions.items())]
        raise UnknownNameError("environment id", plain, known)
    if version != versions[suite]:
        raise InputError(
            f"There is no {plain}: {suite} has version {versions[suite]}, so write "
            f"{environment_id(suite, versions[suite])}."
        )
    return suite
