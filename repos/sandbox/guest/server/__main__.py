"""Run: `server.pyz IN_FD OUT_FD OPTIONS`, the options being an encoded dict in hexadecimal.

For sandboxes whose server is a program of its own: containers and plain processes. Options beyond
those of `Server`: `root` (the workspace, a copy of the layers), `skip` (paths mounted in it),
`lock` (False: the caller's rights are kept), `uid` and `gid`, `seccomp` (a filter).
"""

import os
import sys

from . import rights
from .codec import decode
from .copied import CopiedWorkspace
from .serving import Server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List


def main(argv: "List[str]") -> None:
    """Lock this process down and serve."""
    rights.ignore_interrupts()
    source, sink = int(argv[1]), int(argv[2])
    options = decode(bytes.fromhex(argv[3]))
    for each in (source, sink):
        os.set_inheritable(each, False)
    options["oom_fd"] = rights.open_oom_score()
    os.umask(0o022)
    if options.get("lock", True):
        rights.lock_down(options.get("uid"), options.get("gid"))
    if os.getpid() != 1:
        rights.adopt_orphans()
    if options.get("seccomp"):
        rights.install_filter(options["seccomp"])
    server = Server(source, options, sink)
    skip = options.get("skip", ())
    copied = CopiedWorkspace(options["root"], skip, server.reaper.signal_all)
    server.operations.update(copied.operations())
    server.run()


if __name__ == "__main__":
    main(sys.argv)
