"""What an attack is, and the diff that it makes."""

from __future__ import annotations

import secrets
import textwrap
from dataclasses import dataclass, field

from repos.sandbox.workspace import Workspace

PACKAGE = "src/measure/__init__.py"
SALT = "@SALT@"
"""In an attack's code: random text, another one in each test."""


@dataclass(frozen=True)
class Attack:
    """A hostile patch.

    Attributes:
        name: In test ids and in the published table.
        about: What it does, a few words.
        code: Python appended to the package's `__init__`.
        files: Files that are written, by path.
        shell: Commands run in the workspace, as an agent would.
        raw: A whole diff, in the place of the workspace's.
        reason: Why it is known to be rewarded; empty where it must not be.
        timeout: Whether it is meant to run into the time limit.
        honest_fix: Whether the diff holds the real fix beside the attack.
        scorings: How many times the same diff is scored; the last verdict counts.
        alone: Whether it uses what all sandboxes of a host share, so that no other attack of
            this kind may run at the same time.
    """

    name: str
    about: str
    code: str = ""
    files: dict[str, str] = field(default_factory=dict)
    shell: str = ""
    raw: bytes | None = None
    reason: str = ""
    timeout: bool = False
    honest_fix: bool = False
    scorings: int = 1
    alone: bool = False

    def diff(self, workspace: Workspace) -> bytes:
        """Carry the attack out in a workspace and return the diff that would be scored."""
        if self.raw is not None:
            return self.raw
        if self.code:
            text = workspace.read(PACKAGE).decode()
            code = textwrap.dedent(self.code).replace(SALT, secrets.token_hex(8))
            workspace.write(PACKAGE, (text + "\n\n" + code).encode())
        for path, content in self.files.items():
            workspace.write(path, textwrap.dedent(content).encode())
        if self.shell:
            done = workspace.exec(["bash", "-ec", textwrap.dedent(self.shell)], timeout_s=60)
            assert done.exit_code == 0, done.text
        return workspace.diff()
