# Paths are strings here: they may be undecodable, and pathlib costs start-up time.
"""Templates: roots that bwrap laid out, each a mount namespace for sandboxes of its kind."""

from __future__ import annotations

import os
import subprocess
from collections import OrderedDict

MOST = 16


class Templates:
    """The roots that were asked for last."""

    def __init__(self) -> None:
        self._namespaces: OrderedDict[tuple[object, ...], int] = OrderedDict()

    def get(self, argv: list[str], sources: list[str]) -> int:
        """Return the mount namespace of a root, laid out first where it is new.

        Args:
            argv: bwrap's command line up to the program.
            sources: What it binds and may be replaced under its name (layers): what lies there
                now is part of the root's identity.

        Raises:
            OSError: bwrap failed; the text is its own.
        """
        found = [(info.st_dev, info.st_ino) for info in map(os.stat, sources)]
        key = (*argv, *found)
        if key in self._namespaces:
            self._namespaces.move_to_end(key)
            return self._namespaces[key]
        made = self._namespaces[key] = lay_out(argv)
        if len(self._namespaces) > MOST:
            os.close(self._namespaces.popitem(last=False)[1])
        return made


def lay_out(argv: list[str]) -> int:
    """Run bwrap with a program that waits, and return the mount namespace that it made.

    Raises:
        OSError: It failed.
    """
    info_read, info_write = os.pipe()
    try:
        process = subprocess.Popen(
            [item.replace("@INFO@", str(info_write)) for item in argv] + ["cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[info_write],
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            cwd="/",
        )
    finally:
        os.close(info_write)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with os.fdopen(info_read, "rb") as f:
            said = b""
            while b"}" not in said and (piece := f.read1(4096)):
                said += piece
        process.stdin.write(b"+")
        process.stdin.flush()
        if process.stdout.read(1) == b"+":  # the root is complete: its program runs
            digits = said.partition(b'"child-pid":')[2].strip().split(b",")[0].strip(b"} \n")
            return os.open(f"/proc/{int(digits)}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    except (BrokenPipeError, ValueError):
        pass
    finally:
        _, errors = process.communicate()
    raise OSError(0, errors.decode("utf-8", "replace").strip() or "bubblewrap did not start")
