"""What an agent may not see and a person who reads a run may: reference patches and tests."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agents.reports.reading import StoredEpisode, StoredRun, read_checks, read_text
from repos.errors import RepoGymError

if TYPE_CHECKING:
    from repos.tasks.sources.base import BuiltFiles
    from repos.tasks.suite import Suite

LOG_CHARACTERS = 200_000
"""Characters of a scoring log that are shown, its end."""


_SECTION = re.compile(r"^_{3,} (?P<title>\S.*?) _{3,}$", re.MULTILINE)
_MESSAGE = re.compile(r"^E   (?P<message>.+)$", re.MULTILINE)
MESSAGE_CHARACTERS = 500


@dataclass(frozen=True)
class HiddenData:
    """The hidden side of an episode.

    Attributes:
        reference: The reference patch; None where the task is not prepared on this machine.
        checks: Verdict by id of each expected test.
        log: What the scoring printed.
    """

    reference: str | None
    checks: dict[str, str]
    log: str


class TaskFiles:
    """The files of a suite's tasks that lie in this machine's cache; fetches nothing."""

    def __init__(self, run: StoredRun) -> None:
        """Make it for the suite of a run; a suite that is not known here has no files."""
        self._suite = _suite(run)
        self._found: dict[str, BuiltFiles | None] = {}

    def files(self, task: str) -> BuiltFiles | None:
        """Return a task's files, or None where they are not here."""
        if task not in self._found:
            self._found[task] = self._look(task)
        return self._found[task]

    def base(self, task: str) -> Path | None:
        """Return the folder with a task's untouched source, or None."""
        files = self.files(task)
        return files.base if files else None

    def _look(self, task: str) -> BuiltFiles | None:
        from repos.prepare import stored_files

        if self._suite is None:
            return None
        try:
            return stored_files(self._suite.spec(task))
        except (RepoGymError, OSError, ValueError, KeyError):
            return None  # A damaged or foreign cache: the page says "not prepared here".


def _suite(run: StoredRun) -> Suite | None:
    """Return the suite that was played, where it is one of this machine and the same list."""
    from repos.tasks.suite import load_suite, suite_names

    name = run.settings.env
    # Only names and manifests: `package.module:NAME` would run code to show a page.
    if name not in suite_names() and not name.endswith(".jsonl"):
        return None
    try:
        suite = load_suite(name)
    except RepoGymError:
        return None
    return suite if suite.digest == run.settings.suite_digest else None


def read_hidden(episode: StoredEpisode, tasks: TaskFiles) -> HiddenData:
    """Return the hidden side of an episode."""
    checks = read_checks(episode).get("checks")
    files = tasks.files(episode.task)
    return HiddenData(
        reference=files.reference.decode("utf-8", "replace") if files else None,
        checks={str(k): str(v) for k, v in checks.items()} if isinstance(checks, dict) else {},
        log=read_text(episode.folder / "scoring.log")[-LOG_CHARACTERS:],
    )


def failure_messages(log: str, checks: Iterable[str]) -> dict[str, str]:
    """Return by id the message of each check whose failure the log tells of.

    Args:
        log: What scoring printed; sections of failures are headed as pytest heads them.
        checks: Ids of the expected tests.
    """
    by_title: dict[str, list[str]] = {}
    for check in checks:
        by_title.setdefault(check.partition("::")[2].replace("::", "."), []).append(check)
    messages: dict[str, str] = {}
    parts = _SECTION.split(log)
    for title, text in zip(parts[1::2], parts[2::2], strict=True):
        found = _MESSAGE.search(text)
        if found is None:
            continue
        ids = by_title.get(title, [])
        # Tests of one name in several files are told apart by the files that the section names.
        here = [check for check in ids if check.partition("::")[0] in text] or ids
        for check in here[:1]:
            messages.setdefault(check, found["message"][:MESSAGE_CHARACTERS])
    return messages
