"""An interactive shell in a workspace: the user's terminal on one side, a pty inside."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import sys
import termios
import threading
import tty
from collections.abc import Iterator

from repos.environments.python import PYTHON
from repos.errors import InputError
from repos.sandbox.workspace import Workspace
from repos.tasks.records import PublicTask

INNER = """
import fcntl, os, pty, struct, sys, termios
rows, columns = int(sys.argv[1]), int(sys.argv[2])
def shell():
    os.environ["TERM"] = sys.argv[3]
    os.execvp("bash", ["bash", "--norc", "-i"])
pid, master = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    shell()
pty._copy(master)
"""


def interact(workspace: Workspace, task: PublicTask) -> None:
    """Let the user work in the workspace until the shell ends.

    Raises:
        RepoGymError: Standard input is not a terminal.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InputError("A shell needs a terminal; use `-c COMMAND` to run one command.")
    print(f"{task.id}: {task.title}\nLeave with `exit`; what you change here is thrown away.")
    size = shutil.get_terminal_size()
    terminal = os.environ.get("TERM", "xterm")
    argv = [PYTHON, "-c", INNER, str(size.lines), str(size.columns), terminal]
    process = workspace.spawn(argv, env={"PS1": f"{task.repository}$ "})
    with _raw(sys.stdin.fileno()):
        done = threading.Event()

        def pump() -> None:
            while data := process.read():
                os.write(sys.stdout.fileno(), data)
            done.set()

        threading.Thread(target=pump, daemon=True).start()
        while not done.is_set():
            ready, _, _ = select.select([sys.stdin], [], [], 0.1)
            if ready:
                data = os.read(sys.stdin.fileno(), 4096)
                if not data:
                    break
                process.write(data)
    process.close()


@contextlib.contextmanager
def _raw(descriptor: int) -> Iterator[None]:
    before = termios.tcgetattr(descriptor)
    tty.setraw(descriptor)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
