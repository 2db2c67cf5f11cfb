"""Which changes of a release become tasks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ChangeRule:
    """Bounds; the defaults are the rule of RepoGym's own suites of single changes.

    Attributes:
        newest_releases: How many final releases of a package are looked at.
        after: Releases are taken that were uploaded on this day or later (ISO), "" for any.
        per_package: Tasks of one package at most.
        hunks: Hunks that change code, in one release at most.
        units: Units that are tried in one release at most.
        failing: Tests that a task's base fails at most.
        functions: Functions that a change touches at most.
        pins: Packages that the tests may need, all together.
        seconds: Processor seconds of the tests that are run for each unit, at most.
        whole_seconds: Up to this time all test files decide, beyond it those of failing tests.
        ids: Tests at most for all test files to decide.
        bits: Bits of blind answers that must remain.
    """

    newest_releases: int = 6
    after: str = ""
    per_package: int = 4
    hunks: int = 120
    units: int = 24
    failing: int = 20
    functions: int = 5
    pins: int = 30
    seconds: float = 3.0
    whole_seconds: float = 4.0
    ids: int = 1500
    bits: float = 10.0
