"""A kernel's source as a commit of a git repository that the user has."""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Collection
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from repos.errors import InfrastructureError, InputError
from repos.kernel.debian import is_left_out


class GitTree(BaseModel):
    """One commit.

    Attributes:
        commit: Its full hash.
        folder: The repository on this machine, bare or not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    commit: str = Field(pattern=r"^[0-9a-f]{40}$")
    folder: str = Field(pattern=r"^/")

    @property
    def package(self) -> str:
        """What it is called where a package's name would stand."""
        return "linux"

    @property
    def version(self) -> str:
        """The commit, short."""
        return self.commit[:12]

    @property
    def sha256(self) -> str:
        """What names its content: the commit's hash."""
        return self.commit


def check_commit(tree: GitTree) -> Path:
    """Return the repository of a commit.

    Raises:
        InputError: There is no such repository, or it lacks the commit.
    """
    done = subprocess.run(
        ["git", "-C", tree.folder, "cat-file", "-e", f"{tree.commit}^{{commit}}"],
        capture_output=True, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    if done.returncode:
        raise InputError(
            f"{tree.folder} is no git repository with the commit {tree.commit}: fetch it there."
        )
    return Path(tree.folder)


def unpack_commit(tree: GitTree, dest: Path, drivers: Collection[str] = ()) -> int:
    """Write the files of a commit that a build may read; return their number.

    Args:
        tree: The commit.
        dest: An empty folder.
        drivers: Folders of `drivers` that are kept besides the usual ones.

    Raises:
        InfrastructureError: git did not give them.
    """
    count = 0
    command = ["git", "-C", tree.folder, "archive", "--format=tar", tree.commit]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                for member in archive:
                    name = member.name
                    if is_left_out(name, drivers):
                        continue
                    archive.extract(member, dest, filter="data")
                    count += member.isfile()
        except (tarfile.TarError, OSError) as error:
            raise InfrastructureError(f"{tree.folder} can't be unpacked: {error}.") from error
        finally:
            process.kill()
    return count
