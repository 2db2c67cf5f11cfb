"""What the sandbox benchmark compares with, in a process of its own: plain files and mounts.

Run as `python sandbox_plain.py TREE`; each line `WORD COUNT` on standard input is answered by
a JSON list of milliseconds. Everything it makes lies in a memory file system of a mount
namespace of its own, and is gone with it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

MODIFIED = ("django/db/models/query.py", "django/core/mail/message.py", "tests/queries/tests.py")
NEW_FILES = 20


def main(tree: str) -> None:
    """Answer until standard input ends."""
    from repos.sandbox.namespaces import linux

    uid, gid = os.geteuid(), os.getegid()
    linux.unshare(linux.CLONE_NEWNS | (linux.CLONE_NEWUSER if uid else 0))
    if uid:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    linux.mount("none", "/", None, linux.MS_REC | linux.MS_PRIVATE)
    base = "/dev/shm"
    linux.mount("tmpfs", base, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=755")
    for name in ("u", "w", "m"):
        Path(base, name).mkdir()

    def mount() -> float:
        begun = time.perf_counter()
        options = f"lowerdir={tree},upperdir={base}/u,workdir={base}/w"
        linux.mount("overlay", f"{base}/m", "overlay", 0, options)
        took = time.perf_counter() - begun
        linux.unmount(f"{base}/m")
        return took

    def copy() -> float:
        shutil.rmtree(f"{base}/copy", ignore_errors=True)
        begun = time.perf_counter()
        subprocess.run(["cp", "-a", tree, f"{base}/copy"], check=True)
        return time.perf_counter() - begun

    def git_reset() -> float:
        if not Path(base, "work").exists():
            subprocess.run(["cp", "-a", tree, f"{base}/work"], check=True)
            subprocess.run(["chown", "-R", f"{os.geteuid()}:0", f"{base}/work"], check=True)
        for name in MODIFIED:
            with Path(base, "work", name).open("a") as handle:
                handle.write("# changed\n")
        for at in range(NEW_FILES):
            Path(base, "work", f"new{at}.txt").write_text("new\n" * 200)
        begun = time.perf_counter()
        git = ["git", "-C", f"{base}/work"]
        subprocess.run([*git, "reset", "-q", "--hard"], check=True)
        subprocess.run([*git, "clean", "-fdxq"], check=True)
        return time.perf_counter() - begun

    operations: dict[str, Callable[[], float]] = {
        "mount": mount,
        "copy": copy,
        "git_reset": git_reset,
    }
    for line in sys.stdin:
        word, count = line.split()
        print(json.dumps([operations[word]() * 1000 for _ in range(int(count))]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
