"""A copy of a workspace in which candidate changes are tested one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from repos.runners.protocol import Runner, TestReport
from repos.sandbox.workspace import Workspace
from tools.files import decode
from tools.paths import read_bytes, writable, write_bytes
from tools.replace import replace_exact


class Replacement(Protocol):
    """One exact replacement: `old` occurs once in the file."""

    @property
    def path(self) -> str:
        """File of the repository."""
        ...

    @property
    def old(self) -> str:
        """Text to replace."""
        ...

    @property
    def new(self) -> str:
        """Text to put in its place."""
        ...


def make_edits(
    workspace: Workspace, edits: Sequence[Replacement], before: dict[str, bytes]
) -> None:
    """Make edits in a workspace, one after the other.

    Args:
        workspace: Where.
        edits: Exact replacements.
        before: Takes what the changed files held, by path.

    Raises:
        ToolError: An edit can't be made; those before it are.
    """
    for edit in edits:
        place = writable(workspace, edit.path)
        raw = read_bytes(workspace, place)
        changed, _ = replace_exact(decode(raw, place), edit.old, edit.new, place)
        write_bytes(workspace, place, changed.encode())
        before.setdefault(place, raw)


class TrialFork:
    """Tests candidates, each from the same clean state; its runner is kept warm between them."""

    def __init__(self, workspace: Workspace, runner: Runner) -> None:
        """Fork a workspace, which stays as it is.

        Args:
            workspace: What candidates are changes of.
            runner: Runs the tests.
        """
        self._workspace = workspace.fork()
        self._runner = runner.warm(self._workspace)
        self._clean = self._workspace.snapshot()
        self._mark = self._workspace.mark()

    def run(
        self, edits: Sequence[Replacement], ids: Sequence[str], *, timeout_s: float
    ) -> TestReport:
        """Make the edits, run the tests, and go back to the clean state.

        Raises:
            ToolError: An edit can't be made.
            InfrastructureError: The sandbox failed.
        """
        before: dict[str, bytes] = {}
        try:
            make_edits(self._workspace, edits, before)
            return self._runner.run(ids, timeout_s=timeout_s)
        finally:
            self._clean_up(before)

    def _clean_up(self, before: dict[str, bytes]) -> None:
        for path, data in before.items():
            self._workspace.write(path, data)
        if set(self._workspace.changes(self._mark)) - before.keys():
            # The tests left something behind: the next candidate gets a clean copy.
            self._runner.close()
            self._workspace.restore(self._clean)
            self._mark = self._workspace.mark()

    def close(self) -> None:
        """End its processes."""
        self._runner.close()
        self._workspace.close()
