"""A git repository on this machine, read with none of its user's settings."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from git import Repo

from repos.errors import InputError, RecordError
from repos.sandbox.guest.git.repository import environment


def clean_environment() -> dict[str, str]:
    """Return git's environment: no user's and no system's settings, no owner check, no hooks."""
    settings = {"safe.directory": "*", "core.hooksPath": os.devnull, "core.fsmonitor": "false"}
    env = {**environment("/nonexistent"), "PATH": os.environ.get("PATH", os.defpath)}
    env |= {"GIT_LITERAL_PATHSPECS": "1", "GIT_NO_REPLACE_OBJECTS": "1"}
    env["GIT_CONFIG_COUNT"] = str(len(settings))
    for number, (key, value) in enumerate(settings.items()):
        env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return env


def run_git(*arguments: str, cwd: Path | None = None) -> bytes:
    """Run git in a clean environment and return its standard output.

    Raises:
        RecordError: It refused; its own last line is told.
    """
    command = ["git", "-c", "core.quotePath=false", *arguments]
    # Variables that name another repository than the one that is asked for stay outside.
    env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        done = subprocess.run(
            command, cwd=cwd, env=env | clean_environment(), capture_output=True, check=False
        )
    except FileNotFoundError:
        raise InputError("The git program is missing: install git.") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["git failed"]
        raise RecordError(f"git {arguments[0]}: {said[-1]}")
    return done.stdout


class IsolatedRepository(Repo):
    """The objects of a repository in a git folder of our own.

    The folder borrows the objects and has no settings, attributes, hooks or owner of the
    original. It is removed when nothing refers to the repository any more.

    Attributes:
        root: The original's work tree, or its git folder where it is bare.
    """

    def __init__(self, path: str) -> None:
        """Open the repository at `path`.

        Raises:
            RecordError: It is none, or a folder inside of one.
        """
        place = Path(path).resolve()
        if not place.is_dir():
            raise RecordError(f"{path} is not a git repository.")
        try:
            said = run_git(
                "rev-parse", "--path-format=absolute", "--show-object-format",
                "--is-bare-repository", "--absolute-git-dir", "--git-path", "objects",
                "--git-path", "shallow", cwd=place,
            ).decode("utf-8", "surrogateescape").splitlines()  # fmt: skip
        except RecordError as error:
            raise RecordError(f"{path} is not a git repository.") from error
        form, bare, git_dir, objects, shallow = said
        self.root = Path(git_dir)
        if bare == "false" and place != self.root:
            top = run_git("rev-parse", "--show-toplevel", cwd=place)
            self.root = Path(os.fsdecode(top.removesuffix(b"\n")))
        if place not in (self.root, Path(git_dir)):
            raise RecordError(f"{path} is not a git repository, but a folder in {self.root}.")
        self.shallow = Path(shallow).is_file()
        self._folder = tempfile.TemporaryDirectory(prefix="repogym-git-")
        folder = Path(self._folder.name)
        for name in ("objects/info", "objects/pack", "refs/heads", "info"):
            (folder / name).mkdir(parents=True)
        (folder / "HEAD").write_text("ref: refs/heads/none\n")
        config = "[core]\n\trepositoryformatversion = 1\n\tbare = true\n\tsymlinks = true\n"
        config += "\tautocrlf = false\n\tfilemode = true\n\tlogAllRefUpdates = false\n"
        (folder / "config").write_text(f"{config}[extensions]\n\tobjectFormat = {form}\n")
        # In quotes, since a path may begin with what the file takes for a comment.
        quoted = objects.replace("\\", "\\\\").replace('"', '\\"')
        alternates = f'"{quoted}"\n'.encode("utf-8", "surrogateescape")
        (folder / "objects/info/alternates").write_bytes(alternates)
        if self.shallow:
            (folder / "shallow").write_bytes(Path(shallow).read_bytes())
        super().__init__(folder)
        self.git.update_environment(**clean_environment())

    def full_id(self, revision: str) -> str:
        """Return the full commit id of a revision, as the original names it.

        Raises:
            RecordError: There is no such revision.
        """
        try:
            found = run_git(
                "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}",
                cwd=self.root,
            )  # fmt: skip
        except RecordError as error:
            hint = ""
            if self.shallow:
                hint = " It is a shallow clone: `git fetch --unshallow` brings the rest."
            raise RecordError(f"{self.root} has no revision {revision!r}.{hint}") from error
        return found.decode().split()[-1]

    def check_out(self, commit: str, dest: Path) -> None:
        """Write the files of a commit as a checkout has them.

        The attributes in the tree count (line ends, encodings); programs that filter would
        come from the user's settings, so there are none, and `export-` attributes say nothing.

        Raises:
            RecordError: Objects are missing.
        """
        dest.mkdir(parents=True, exist_ok=True)
        folder = Path(self.git_dir)
        (folder / "index").unlink(missing_ok=True)
        options = ("--git-dir", str(folder), "--work-tree", str(dest), "-c", "core.bare=false")
        try:
            run_git(*options, "read-tree", "--reset", "-u", commit, cwd=dest)
        except RecordError as error:
            raise RecordError(
                f"{commit[:12]} of {self.root} can't be checked out ({error}). Where it is a "
                "partial or shallow clone, fetch the rest."
            ) from error
