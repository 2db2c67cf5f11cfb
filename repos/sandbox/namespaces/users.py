"""User namespaces for sandboxes that root makes: what is counted by user is counted for each.

inotify instances and watches, processes, pending signals and message queues are counted for the
user of a process and for the maker of its user namespace. All sandboxes have one user, so each
gets a namespace whose maker has a number of its own. One that has ended leaves its namespace to
the next. Standard library only.
"""

from __future__ import annotations

import os

from repos.sandbox.namespaces import linux

MAKERS = 0x80000000
"""First of the numbers of users that make namespaces; no account has them."""

PER_DAEMON = 512


class UserNamespaces:
    """Namespaces that no running sandbox has, made as they are needed."""

    def __init__(self, agent: int) -> None:
        """Prepare; none is made yet.

        Args:
            agent: The user of sandboxes.
        """
        self._agent = agent
        self._free: list[int] = []
        self._made = 0
        self._refused = False

    def take(self) -> int:
        """Return a descriptor of a namespace in which the agent and root are themselves; or -1.

        Root is there only as the owner of files: who has no right can't become it.
        """
        if self._free:
            return self._free.pop()
        if self._refused:
            return -1
        try:
            return self._make()
        except OSError:
            self._refused = True  # a container may allow none: limits stay those of the user
            return -1

    def give(self, namespace: int) -> None:
        """Take one back whose sandbox has ended."""
        if namespace >= 0:
            self._free.append(namespace)

    def _make(self) -> int:
        maker = MAKERS | (os.getpid() & 0x3FFFFF) << 9 | self._made % PER_DAEMON
        self._made += 1
        told, tell = os.pipe()
        held, hold = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.close(hold)
                os.setresuid(maker, maker, maker)
                linux.unshare(linux.CLONE_NEWUSER)
                os.write(tell, b"+")
                os.read(held, 1)
            finally:
                os._exit(0)
        os.close(tell)
        os.close(held)
        try:
            if not os.read(told, 1):
                raise OSError(0, "no user namespace is allowed")
            for name in ("uid_map", "gid_map"):
                fd = os.open(f"/proc/{pid}/{name}", os.O_WRONLY | os.O_CLOEXEC)
                try:
                    os.write(fd, b"0 0 1\n%d %d 1\n" % (self._agent, self._agent))
                finally:
                    os.close(fd)
            return os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            os.close(told)
            os.close(hold)
            os.waitpid(pid, 0)
