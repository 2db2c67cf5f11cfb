"""Errors that a person sees as one sentence, and the exit status each one means."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class RepoGymError(Exception):
    """What RepoGym raises on purpose: one clear sentence that says what to do.

    The command line prints the message without a traceback and exits with `exit_status`.
    Each kind below is one side of a boundary, and says who can mend it: whoever gave the
    input, whoever made the task, whoever wrote the agent, or whoever runs the machine. One
    raised as `RepoGymError` itself counts as input.
    """

    exit_status: int = 2


class InputError(RepoGymError):
    """Bad input or a missing part: a name, a value or a file of the user's."""


class TaskError(RepoGymError):
    """A task that can't be played or scored as it is."""


class AgentError(RepoGymError):
    """What an agent, or a tool or reward of one's own, did wrong.

    It ends the episode in which it happens, never the run, and is no infrastructure failure.
    """


class InfrastructureError(RepoGymError):
    """Something outside the input, the task and the agent failed (no memory, a dead sandbox).

    Never a score of 0: counted apart and retried.
    """

    exit_status = 3


class UnknownNameError(InputError):
    """A name that is not known, with the nearest names that are."""

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        """Build the sentence.

        Args:
            kind: What the name should have been, for example "suite".
            name: The name that was given.
            known: All the names that would have worked.
            hint: A further sentence, for example how to list all names.
        """
        self.kind = kind
        self.name = name
        self.known = sorted(known)
        near = difflib.get_close_matches(name, self.known, n=3, cutoff=0.5)
        if near:
            did_you_mean = f" Did you mean {' or '.join(repr(n) for n in near)}?"
        elif self.known and len(self.known) <= 12:
            did_you_mean = f" Known: {', '.join(self.known)}."
        else:
            did_you_mean = ""
        super().__init__(f"Unknown {kind} {name!r}.{did_you_mean}{' ' + hint if hint else ''}")


def refuse_unknown(kind: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse the first of the given names that is not known.

    Raises:
        UnknownNameError: There is one.
    """
    names = list(known)
    for name in given:
        if name not in names:
            raise UnknownNameError(kind, str(name), names)


class MissingExtraError(InputError):
    """An optional part of RepoGym that is not installed."""

    def __init__(self, extra: str, package: str, what: str) -> None:
        """Name the extra that brings `package`, which `what` needs."""
        self.extra = extra
        super().__init__(
            f"{what} needs the package {package}: install it with `pip install 'repogym[{extra}]'`."
        )


class RecordError(InputError):
    """A record (task, suite, manifest) that does not follow its schema."""


class NotPreparedError(InputError):
    """A task that is not prepared, where preparing is not possible (REPOGYM_OFFLINE=1)."""


class SandboxUnavailableError(InputError):
    """No sandbox of the wished kind runs on this machine; the message holds the remedy."""
