"""The temporary repository beside the workspace, which borrows the harness's objects.

Neither the workspace's `.git` nor any hook, configuration, attribute or commit made there has
any effect on it.
"""

import os
import shutil
import subprocess
import tempfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Sequence

ATTRIBUTES = "* -text -eol -filter -ident -working-tree-encoding -whitespace !diff !merge\n"
IGNORE_FOLDER = "repogym-ignore"
REFUSED = 3
"""Exit status where a patch can't be applied."""


class RefusedError(Exception):
    """The patch can't be applied; the message says why."""


def environment(home: str) -> "Dict[str, str]":
    """Return git's environment: no configuration but the repository's own."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": home,
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
    }


def scratch() -> str:
    """Return a temporary folder where there is most room (an agent may have filled /tmp)."""
    best, room = None, -1
    for folder in (os.environ.get("TMPDIR"), "/tmp", "/dev/shm", os.environ.get("HOME")):
        if not folder:
            continue
        try:
            usage = os.statvfs(folder)
            free = usage.f_bavail * usage.f_frsize
            if free > room and os.access(folder, os.W_OK):
                best, room = folder, free
        except OSError:
            continue
    return tempfile.mkdtemp(prefix=".repogym-", dir=best)


class Git:
    """A temporary repository that borrows the harness's objects."""

    def __init__(self, base: str, root: str) -> None:
        """Make it for a workspace.

        Args:
            base: The harness's git folder.
            root: The workspace.
        """
        self.base = base
        self.root = os.fsencode(root)
        self.folder = scratch()
        self.env = environment(self.folder)
        for name in ("objects/info", "objects/pack", "refs/heads", "info"):
            os.makedirs(os.path.join(self.folder, name))
        texts = {
            "HEAD": "ref: refs/heads/work\n",
            "config": "[core]\n\trepositoryformatversion = 0\n\tbare = false\n"
            "\tcompression = 0\n\tsafecrlf = false\n\tautocrlf = false\n"
            "[pack]\n\tcompression = 0\n",
            "info/attributes": ATTRIBUTES,
            "objects/info/alternates": os.path.join(base, "objects") + "\n",
        }
        for name, text in texts.items():
            with open(os.path.join(self.folder, name), "w") as f:
                f.write(text)

    def run(
        self,
        args: "List[str]",
        data: bytes = b"",
        git_dir: "Optional[str]" = None,
        work_tree: "Optional[bytes]" = None,
        ok: "Sequence[int]" = (0,),
    ) -> bytes:
        """Run git and return its standard output.

        Raises:
            RefusedError: It ended with a status that is not in `ok`.
        """
        command = ["git", "--git-dir", git_dir or self.folder]
        if work_tree is not None:
            command += ["--work-tree", os.fsdecode(work_tree)]
        done = subprocess.run(
            command + args,
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.env,
            cwd=work_tree or self.folder,
        )
        if done.returncode not in ok:
            raise RefusedError(done.stderr.decode("utf-8", "replace").strip() or "git failed")
        return done.stdout

    def close(self) -> None:
        """Remove the temporary repository."""
        shutil.rmtree(self.folder, ignore_errors=True)


def quoted(path: bytes) -> bytes:
    """Return a path as `git fast-import` reads it."""
    text = path.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    return b'"' + text + b'"'
