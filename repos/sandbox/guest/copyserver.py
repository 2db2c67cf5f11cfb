# Runs inside: standard library, CPython >= 3.6, byte-exact paths.
# ruff: noqa: B905, C401, C402, D102, PTH100, PTH101, PTH102, PTH108, PTH110, PTH115, PTH118
# ruff: noqa: PTH120, PTH123, PTH211, SIM105, UP031
"""The exec server of sandboxes whose workspace is a copy of the layers.

Where no overlay can be mounted, the workspace is filled from the read-only layers, and a state
of it is the *delta*: what differs from that filling, as a list of records
`[path, kind, mode, mtime_ns, data]`. Kinds are "d" (folder), "f" (file), "+" (more of the file
before it), "l" (link, data its target), "p" (named pipe) and "x" (gone). Paths are relative,
surrogate-escaped.

What differs is found by inode and change time, which the processes inside can't set, against an
index that lives in this process, which they can't read.

Run as `copyserver.py IN_FD OUT_FD OPTIONS`, with `server.py` importable beside it. Options beyond
the server's: `root` (the workspace), `skip` (paths mounted in it), `seccomp` (a filter).
"""

import errno
import os
import select
import stat
import sys

if __package__:
    from repos.sandbox.guest import server
else:
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import server

BATCH = 4 << 20
PIECE = 4 << 20
COUNTERS = (  # kills for memory, refusals of processes; version 2, then 1
    (("/sys/fs/cgroup/memory.events", b"oom_kill"), ("/sys/fs/cgroup/pids.events", b"max")),
    (
        ("/sys/fs/cgroup/memory/memory.oom_control", b"oom_kill"),
        ("/sys/fs/cgroup/pids/pids.events", b"max"),
    ),
)
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2


class CopyServer(server.Server):
    """The event loop, with the operations on a copied workspace."""

    def __init__(self, fd, out, options):
        server.Server.__init__(self, fd, options)
        self.out = out
        self.root = options["root"]
        self.skip = frozenset(options.get("skip", ()))
        self.base = {}
        self.modes = []
        self.packing = None
        self.counts = {}
        self.counters = []
        os.set_blocking(out, False)
        for version in COUNTERS if options.get("counters") else ():
            if all(os.path.exists(path) for path, _ in version):
                # Held open: nothing that happens inside changes what is read.
                self.counters = [
                    (os.open(path, os.O_RDONLY | os.O_CLOEXEC), key) for path, key in version
                ]
                break

    # ---- two descriptors instead of one socket
    def flush(self):
        if self.out == self.fd:
            server.Server.flush(self)
            return
        while self.outbox:
            try:
                sent = os.write(self.out, self.outbox[: 4 * server.CHUNK])
            except BlockingIOError:
                if self.out not in self.handlers:
                    self.watch(self.out, select.POLLOUT, lambda fd, event: self.flush())
                return
            except OSError:
                self.leave()
            del self.outbox[:sent]
        self.unwatch(self.out)

    # ---- bounds that the container's control group holds
    def used_up(self):
        found = []
        for fd, key in self.counters:
            number = 0
            for line in os.pread(fd, 4096, 0).splitlines():
                words = line.split()
                if len(words) == 2 and words[0] == key:
                    number = int(words[1])
            found.append(number)
        return found

    def start(self, ident, body, spawned):
        if self.counters and not spawned:
            self.counts[ident] = self.used_up()
        server.Server.start(self, ident, body, spawned)

    def send(self, ident, kind, body):
        if kind == "done" and self.counters:
            before = self.counts.pop(ident, [0, 0])
            if body["code"] != 0 and body["limit"] in (None, "output", "disk"):
                now = self.used_up()
                for limit, was, number in zip(("memory", "processes"), before, now):
                    if number > was:
                        body["limit"] = limit
                        break
        server.Server.send(self, ident, kind, body)

    # ---- the workspace
    def visit(self, folder, prefix):
        """Yield (path, stat) of everything below a folder, folders before their content."""
        try:
            with os.scandir(folder) as entries:
                items = sorted(entries, key=lambda entry: entry.name)
        except PermissionError:
            mode = os.lstat(folder).st_mode
            if mode & 0o700 == 0o700:
                return
            os.chmod(folder, stat.S_IMODE(mode) | 0o700)
            try:
                for found in self.visit(folder, prefix):
                    yield found
            finally:
                os.chmod(folder, stat.S_IMODE(mode))
            return
        for item in items:
            path = prefix + item.name
            if path in self.skip:
                continue
            try:
                info = item.stat(follow_symlinks=False)
            except OSError:
                continue
            yield path, info
            if stat.S_ISDIR(info.st_mode):
                for found in self.visit(item.path, path + "/"):
                    yield found

    def scan(self):
        """Return {path: word} of the workspace; a word changes when the entry does."""
        table = {}
        for path, info in self.visit(self.root, ""):
            if stat.S_ISDIR(info.st_mode):
                table[path] = "d%o" % stat.S_IMODE(info.st_mode)
            else:
                table[path] = "%d:%o:%d:%d:%d" % (
                    info.st_ino, info.st_mode, info.st_size, info.st_mtime_ns, info.st_ctime_ns,
                )  # fmt: skip
        return table

    def differences(self):
        """Return {path: word} of what differs from the filling; "gone" where it is no more."""
        now = self.scan()
        found = dict((path, word) for path, word in now.items() if self.base.get(path) != word)
        found.update((path, "gone") for path in self.base if path not in now)
        return found

    def sweep(self, job):
        """End what a request started; without a process namespace a look may miss a fork."""
        server.Server.sweep(self, job)
        if not self.adopts:
            server.Server.sweep(self, job)

    def freeze(self, number):
        """Stop (or go on with) every process but this one."""
        table = server._process_table()
        if not self.adopts:  # other programs live here too
            roots = set(job.pid for job in self.jobs.values())
            table = [pid for pid in table if server._has_root(pid, table, roots)]
        for pid in table:
            try:
                os.kill(pid, number)
            except OSError:
                pass


def _copy_file(source, target, size):
    """Copy a file's bytes by the kernel."""
    reading = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        writing = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            while size > 0:
                sent = os.sendfile(writing, reading, None, size)
                if sent == 0:
                    break
                size -= sent
            info = os.fstat(reading)
            os.fchmod(writing, stat.S_IMODE(info.st_mode) | 0o600)
            os.utime(writing, ns=(info.st_atime_ns, info.st_mtime_ns))
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def fill(self, body):
    """Copy the layers into the empty workspace, later ones over earlier ones."""
    for layer in body["layers"]:
        for path, info in CopyServer.visit(self, layer, ""):
            source = os.path.join(layer, path)
            target = os.path.join(self.root, path)
            mode = info.st_mode
            there = None
            if layer != body["layers"][0]:
                try:
                    there = os.lstat(target)
                except OSError:
                    pass
            if stat.S_ISDIR(mode):
                if there is not None and not stat.S_ISDIR(there.st_mode):
                    os.unlink(target)
                try:
                    os.mkdir(target, stat.S_IMODE(mode) | 0o700)
                except FileExistsError:  # also made for what is mounted in it
                    pass
                continue
            if there is not None:
                server.remove_tree(target)
            if stat.S_ISLNK(mode):
                os.symlink(os.readlink(source), target)
                os.utime(target, ns=(info.st_atime_ns, info.st_mtime_ns), follow_symlinks=False)
            elif stat.S_ISREG(mode):
                _copy_file(source, target, info.st_size)
            elif stat.S_ISFIFO(mode):
                os.mkfifo(target, stat.S_IMODE(mode))
    self.base = self.scan()


def changed(self, body):
    """Return what differs from the filling: path and word in turn, each ended by NUL."""
    out = []
    for path, word in self.differences().items():
        if word[0] != "d":
            out += [path, word]
    return "".join(item + "\0" for item in out).encode("utf-8", "surrogateescape")


def pack(self, body):
    """Return the next records of the delta, all of it over several calls; b"" at its end.

    The first call (`start`) stops all processes, so that they can't write meanwhile.
    """
    if body.get("start"):
        self.freeze(19)  # SIGSTOP
        self.packing = _records(self)
    if self.packing is None:
        return b""
    records, size = [], 0
    try:
        for record in self.packing:
            records.append(record)
            size += 64 + len(record[4])
            if size >= BATCH:
                break
    except BaseException:
        self.packing = None
        self.freeze(18)
        raise
    if not records:
        self.packing = None
        self.freeze(18)  # SIGCONT
        return b""
    return server.encode(records)


def _records(self):
    found = self.differences()
    for path in sorted((p for p, word in found.items() if word == "gone"), reverse=True):
        yield [path, "x", 0, 0, b""]
    for path in sorted(p for p, word in found.items() if word != "gone"):
        at = os.path.join(self.root, path)
        try:
            info = os.lstat(at)
        except OSError:
            continue
        mode, when = stat.S_IMODE(info.st_mode), info.st_mtime_ns
        if stat.S_ISDIR(info.st_mode):
            yield [path, "d", mode, when, b""]
        elif stat.S_ISLNK(info.st_mode):
            yield [path, "l", mode, when, os.fsencode(os.readlink(at))]
        elif stat.S_ISFIFO(info.st_mode):
            yield [path, "p", mode, when, b""]
        elif stat.S_ISREG(info.st_mode):
            kind = "f"
            fd = _open_for_reading(at, mode)
            try:
                while True:
                    data = os.read(fd, PIECE)
                    yield [path, kind, mode, when, data]
                    if len(data) < PIECE:
                        break
                    kind = "+"
            finally:
                os.close(fd)


def _open_for_reading(path, mode):
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except PermissionError:
        os.chmod(path, mode | 0o400)
        try:
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        finally:
            os.chmod(path, mode)


def unpack(self, body):
    """Apply records; modes and times of folders come with the last call (`end`)."""
    for path, kind, mode, when, data in server.decode(body["records"]) if body["records"] else ():
        at = os.path.join(self.root, path)
        try:
            there = os.lstat(at)
        except OSError:
            there = None
        if kind == "x":
            if there is not None:
                server.remove_tree(at)
            continue
        if kind == "+":
            with open(at, "ab") as f:
                f.write(data)
            os.chmod(at, mode)
            os.utime(at, ns=(when, when))
            continue
        if kind == "d":
            if there is None or not stat.S_ISDIR(there.st_mode):
                if there is not None:
                    server.remove_tree(at)
                os.mkdir(at, 0o700)
            else:
                os.chmod(at, mode | 0o700)
            self.modes.append((at, mode))
            continue
        if there is not None:
            server.remove_tree(at)
        if kind == "l":
            os.symlink(os.fsdecode(data), at)
            os.utime(at, ns=(when, when), follow_symlinks=False)
        elif kind == "p":
            os.mkfifo(at, mode)
        else:
            fd = os.open(at, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with open(fd, "wb") as f:
                f.write(data)
            # A file that goes on in the next record must stay writable till then.
            os.chmod(at, mode | 0o200 if len(data) == PIECE else mode)
            os.utime(at, ns=(when, when))
    if body.get("end"):
        for at, mode in reversed(self.modes):
            os.chmod(at, mode)
        self.modes = []


server.FILE_OPERATIONS.update(fill=fill, changed=changed, pack=pack, unpack=unpack)


def install_filter(program):
    """Install a system-call filter for good; `no_new_privs` is set before.

    Raises:
        OSError: The kernel refused it.
    """
    import ctypes

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]

    value = Program(len(program) // 8, program)
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(value), 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number or errno.EPERM, "the seccomp filter was refused")


def main(argv):
    """Run: `copyserver.py IN_FD OUT_FD OPTIONS`."""
    server.ignore_interrupts()
    fd, out = int(argv[1]), int(argv[2])
    options = server.decode(bytes.fromhex(argv[3]))
    for each in (fd, out):
        os.set_inheritable(each, False)
    try:
        options["oom_fd"] = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        options["oom_fd"] = None
    os.umask(0o022)
    if options.get("lock", True):
        server.lock_down(options.get("uid"), options.get("gid"))
    if os.getpid() != 1:
        # Orphans of ours come to us, and where the parent dies we must live on to end them.
        server._prctl()(server.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        server._prctl()(server.PR_SET_PDEATHSIG, 0, 0, 0, 0)
    if options.get("seccomp"):
        install_filter(options["seccomp"])
    CopyServer(fd, out, options).run()


if __name__ == "__main__":
    main(sys.argv)
