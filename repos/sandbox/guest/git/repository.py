"""The temporary repository beside the workspace, which borrows the harness's objects.

Neither the workspace's `.git` nor any hook, configuration, attribute or commit made there has
any effect on it.

Modules are chosen for the start-up time: `subprocess`, `tempfile` and `shutil` would cost 20 ms.
"""

import os

from . import objects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Sequence, Tuple

ATTRIBUTES = "* -text -eol -filter -ident -working-tree-encoding -whitespace !diff !merge\n"
IGNORE_FOLDER = "repogym-ignore"
REFUSED = 3
"""Exit status where a change can't be told or applied."""

MOST_PATHS = 20000
"""Files of one change at most: each costs time, and no change that is read has so many."""


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
    path = os.path.join(best or "/tmp", ".repogym-" + os.urandom(8).hex())
    os.mkdir(path, 0o700)
    return path


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
        status, out, err = run_program(
            [*command, *args], self.env, os.fsdecode(work_tree or self.folder), self.folder, data
        )
        if status not in ok:
            raise RefusedError(err.decode("utf-8", "replace").strip() or "git failed")
        return out

    def close(self) -> None:
        """Remove the temporary repository."""
        for folder, names, files in os.walk(self.folder, topdown=False):
            for name in files:
                os.unlink(os.path.join(folder, name))
            for name in names:
                os.rmdir(os.path.join(folder, name))
        os.rmdir(self.folder)


def run_program(
    command: "List[str]", env: "Dict[str, str]", cwd: str, folder: str, data: bytes
) -> "Tuple[int, bytes, bytes]":
    """Run a program to its end.

    Args:
        command: Its name, which is looked for in the `PATH` of `env`, and its arguments.
        env: Its variables.
        cwd: Where it runs.
        folder: Where its input and what it complains of may lie meanwhile.
        data: Its standard input.

    Returns:
        Its exit status, what it printed, and what it complained of.

    Raises:
        FileNotFoundError: There is no such program.
    """
    places = [os.path.join(place, command[0]) for place in env["PATH"].split(":")]
    program = next((place for place in places if os.access(place, os.X_OK)), None)
    if program is None:
        raise FileNotFoundError(command[0])
    said = os.path.join(folder, "said")
    source = os.devnull
    if data:
        # From a file: it need not be fed while its output is read.
        source = os.path.join(folder, "input")
        with open(source, "wb") as f:
            f.write(data)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.chdir(cwd)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            for fd, target in (
                (os.open(source, os.O_RDONLY), 0), (write, 1), (os.open(said, flags, 0o600), 2)
            ):  # fmt: skip
                os.dup2(fd, target)
            os.execve(program, command, env)
        finally:
            os._exit(127)
    os.close(write)
    with os.fdopen(read, "rb") as f:
        out = f.read()
    _, status = os.waitpid(pid, 0)
    with open(said, "rb") as f:
        err = f.read()
    code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
    return code, out, err


def contents(git: Git, idents: "List[bytes]") -> "Dict[bytes, bytes]":
    """Return {object id: content} of blobs."""
    found = {}
    elsewhere = []
    for ident in set(idents):
        data = objects.read(git.folder, ident)
        if data is None:
            elsewhere.append(ident)
        else:
            found[ident] = data
    if not elsewhere:
        return found
    # Git does not write again what the base commit holds.
    out = git.run(["cat-file", "--batch"], data=b"".join(ident + b"\n" for ident in elsewhere))
    at = 0
    for ident in elsewhere:
        end = out.index(b"\n", at)
        size = int(out[at:end].split(b" ")[2])
        found[ident] = out[end + 1 : end + 1 + size]
        at = end + 1 + size + 1
    return found


def quoted(path: bytes) -> bytes:
    """Return a path as `git fast-import` reads it."""
    text = path.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    return b'"' + text + b'"'


def pattern_of(path: bytes) -> bytes:
    """Return the pattern that names one path in git's attributes."""
    for mark in b"\\*?[":
        path = path.replace(bytes([mark]), b"\\" + bytes([mark]))
    return quoted(b"/" + path)
