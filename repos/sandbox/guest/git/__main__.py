"""Git work inside a sandbox: the diff of a workspace, and applying one.

Run by the harness's interpreter with the workspace's rights. It uses the repository of the
harness (`base.git`, read-only, one commit) and a temporary one beside it.

    git.pyz diff BASE_GIT ROOT    candidates on stdin (NUL after each), diff on stdout
    git.pyz show BASE_GIT ROOT    the same, to be read: text of other encodings as it is
    git.pyz apply BASE_GIT ROOT   diff on stdin
"""

import os
import sys

from .applying import apply
from .diffing import diff
from .repository import REFUSED, Git, RefusedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List


def main(argv: "List[str]") -> int:
    """Run one command; exit status 3 and a message where a change was refused.

    What files, links and folders a change makes, and how many, is up to an agent: what the
    kernel or Python says to it is a refusal, not a failure of ours.
    """
    os.umask(0o022)
    command, base, root = argv[1:4]
    data = sys.stdin.buffer.read()
    git = None
    try:
        git = Git(base, root)
        if command in ("diff", "show"):
            candidates = [path for path in data.split(b"\0") if path]
            sys.stdout.buffer.write(diff(git, candidates, readable=command == "show"))
        else:
            apply(git, data)
    except RefusedError as error:
        sys.stderr.write(str(error) + "\n")
        return REFUSED
    except OSError as error:
        if error.args == ("git",):
            raise
        sys.stderr.write((error.strerror or "it can't be done") + "\n")
        return REFUSED
    except (ValueError, MemoryError, RecursionError, OverflowError) as error:
        sys.stderr.write((str(error) or type(error).__name__)[:300] + "\n")
        return REFUSED
    finally:
        if git is not None:
            git.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
