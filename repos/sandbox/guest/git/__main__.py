"""Git work inside a sandbox: the diff of a workspace, and applying one.

Run by the harness's interpreter with the workspace's rights. It uses the repository of the
harness (`base.git`, read-only, one commit) and a temporary one beside it.

    git.pyz diff BASE_GIT ROOT    candidates on stdin (NUL after each, or "*"), diff on stdout
    git.pyz apply BASE_GIT ROOT   diff on stdin
    git.pyz states BASE_GIT ROOT  what differs from the base, with a word for its state
"""

import os
import sys

from .applying import apply
from .diffing import diff, states
from .repository import REFUSED, Git, RefusedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List


def main(argv: "List[str]") -> int:
    """Run one command; exit status 3 and a message where a patch was refused."""
    os.umask(0o022)
    command, base, root = argv[1:4]
    data = sys.stdin.buffer.read()
    git = Git(base, root)
    try:
        if command == "diff":
            candidates = None if data == b"*" else [p for p in data.split(b"\0") if p]
            sys.stdout.buffer.write(diff(git, candidates))
        elif command == "states":
            sys.stdout.buffer.write(states(git))
        else:
            apply(git, data)
    except RefusedError as error:
        sys.stderr.write(str(error) + "\n")
        return REFUSED
    finally:
        git.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
