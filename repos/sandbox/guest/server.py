# The handlers of the event loop are named for what they handle.
# ruff: noqa: D102
"""The exec server: one standard-library file that runs as PID 1 inside every sandbox.

It speaks a framed protocol on one file descriptor. A frame is a four-byte big-endian length
and one encoded value (`encode`/`decode`: None, bool, int, float, str, bytes, list, dict); the
value is always `[request id, kind, body]`. Any number of requests may be under way.

After every `exec` all that it started is ended: a process belongs to the request whose root
process is its ancestor or, once orphaned, whose slot it carries as its soft RLIMIT_RTTIME
(inherited by every child, and without effect on processes that may not use real-time
scheduling). Orphans that belong to no live request are killed.

Python >= 3.6. Modules are chosen for the start-up time: `json`, `socket`, `signal` and
`subprocess` would cost 10 ms.
"""

import _signal
import errno
import os
import select
import stat
import sys
import time

MAX_FRAME = 1 << 30
CHUNK = 1 << 16
SPAWN_WINDOW = 1 << 20
STDERR_TAIL = 1 << 16
FLOOD_FACTOR = 64
FLOOD_FLOOR = 64 << 20
WATCH_S = 0.1
RTTIME_BASE = 900000000
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP = 1, 4, 24
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 36, 38


# --------------------------------------------------------------------------- codec
def encode(value):
    """Return the bytes of a value made of None, bool, int, float, str, bytes, list and dict."""
    out = []
    _encode(value, out.append)
    return b"".join(out)


def _encode(value, put):
    if value is None:
        put(b"n")
    elif value is True:
        put(b"t")
    elif value is False:
        put(b"f")
    elif isinstance(value, int):
        put(b"i%d;" % value)
    elif isinstance(value, float):
        put(b"r" + repr(value).encode() + b";")
    elif isinstance(value, str):
        data = value.encode("utf-8", "surrogateescape")
        put(b"s%d:" % len(data))
        put(data)
    elif isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
        put(b"b%d:" % len(data))
        put(data)
    elif isinstance(value, (list, tuple)):
        put(b"l")
        for item in value:
            _encode(item, put)
        put(b"e")
    elif isinstance(value, dict):
        put(b"d")
        for key, item in value.items():
            _encode(key, put)
            _encode(item, put)
        put(b"e")
    else:
        raise TypeError("can't send a value of type %s" % type(value).__name__)


def decode(data):
    """Return the value of `encode`d bytes.

    Raises:
        ValueError: The bytes are not one encoded value.
    """
    try:
        value, end = _decode(data, 0)
    except (IndexError, UnicodeDecodeError, TypeError, RecursionError) as error:
        raise ValueError("broken frame: %s" % error) from error
    if end != len(data):
        raise ValueError("broken frame: %d bytes too many" % (len(data) - end))
    return value


def _decode(data, at):
    tag = data[at : at + 1]
    at += 1
    if tag in (b"s", b"b"):
        colon = data.index(b":", at)
        start = colon + 1
        end = start + int(data[at:colon])
        if end < start or end > len(data):
            raise ValueError("broken frame: a length of %d" % (end - start))
        piece = bytes(data[start:end])
        return (piece.decode("utf-8", "surrogateescape") if tag == b"s" else piece), end
    if tag == b"i":
        end = data.index(b";", at)
        return int(data[at:end]), end + 1
    if tag == b"l":
        items = []
        while data[at : at + 1] != b"e":
            item, at = _decode(data, at)
            items.append(item)
        return items, at + 1
    if tag == b"d":
        table = {}
        while data[at : at + 1] != b"e":
            key, at = _decode(data, at)
            table[key], at = _decode(data, at)
        return table, at + 1
    if tag == b"n":
        return None, at
    if tag == b"t":
        return True, at
    if tag == b"f":
        return False, at
    if tag == b"r":
        end = data.index(b";", at)
        return float(data[at:end].decode()), end + 1
    raise ValueError("broken frame: unknown tag %r at %d" % (tag, at - 1))


def frame(value):
    """Return a value as a frame, ready to send."""
    body = encode(value)
    if len(body) > MAX_FRAME:
        raise ValueError("a frame of %d bytes is too large" % len(body))
    return len(body).to_bytes(4, "big") + body


def take_frames(buffer):
    """Remove all complete frames from the front of a bytearray and return their values."""
    values = []
    at = 0
    while len(buffer) - at >= 4:
        size = int.from_bytes(buffer[at : at + 4], "big")
        if size > MAX_FRAME:
            raise ValueError("a frame of %d bytes is too large" % size)
        if len(buffer) - at - 4 < size:
            break
        values.append(decode(bytes(buffer[at + 4 : at + 4 + size])))
        at += 4 + size
    if at:
        del buffer[:at]
    return values


# --------------------------------------------------------------------------- processes
class HeadTail:
    """Keeps the first and the last bytes of a stream."""

    def __init__(self, limit):
        self.head_limit = limit - limit // 2
        self.tail_limit = limit // 2
        self.head = bytearray()
        self.tail = bytearray()
        self.total = 0

    def add(self, data):
        self.total += len(data)
        room = self.head_limit - len(self.head)
        if room > 0:
            self.head += data[:room]
            data = data[room:]
        if data:
            self.tail += data
            # Cutting only now and then keeps a flood linear.
            if len(self.tail) > 2 * self.tail_limit + CHUNK:
                self._cut()

    def _cut(self):
        extra = len(self.tail) - self.tail_limit
        if extra > 0:
            del self.tail[:extra]

    def result(self):
        self._cut()
        kept = bytes(self.head + self.tail)
        return kept, self.total - len(kept)


def _new_errpipe_result(pipe):
    """Read what the child said when it could not start: (errno, in chdir) or None."""
    data = b""
    while True:
        piece = os.read(pipe, 4096)
        if not piece:
            break
        data += piece
    if not data:
        return None
    parts = data.split(b":", 2)
    try:
        number = int(parts[1], 16)
    except (IndexError, ValueError):
        number = errno.EIO
    return number, parts[-1].startswith(b"noexec")


class Starter:
    """Starts programs by the interpreter's own vfork path (0.7 ms; `fork` costs 4)."""

    def __init__(self):
        import _posixsubprocess

        self.fork_exec = _posixsubprocess.fork_exec
        if sys.version_info >= (3, 14):
            self.more = [(-1, None, None, None, -1, None)]
        elif sys.version_info >= (3, 11):
            self.more = [(-1, None, None, None, -1, None, True)]
        elif sys.version_info >= (3, 9):
            self.more = [(None, None, None, -1, None)]
        else:
            self.more = [(None,)]
        # The private signature changed four times; a wrong number of arguments is a TypeError
        # before anything is started, so the other known forms are tried then.
        for form in (
            (-1, None, None, None, -1, None, True),
            (-1, None, None, None, -1, None),
            (None, None, None, -1, None),
            (None,),
        ):
            if form not in self.more:
                self.more.append(form)

    def start(self, argv, cwd, env, stdin, stdout, stderr):
        """Start a program in a new session.

        Returns:
            `(pid, None)`, or `(None, (errno, in_chdir))` where it could not start.
        """
        args = [os.fsencode(arg) for arg in argv]
        if b"/" in args[0]:
            candidates = [args[0]]
        else:
            path = env.get("PATH", "/usr/bin:/bin")
            candidates = [
                os.path.join(os.fsencode(folder or "."), args[0]) for folder in path.split(":")
            ]
        env_list = [os.fsencode(k) + b"=" + os.fsencode(v) for k, v in env.items()]
        err_read, err_write = os.pipe()
        try:
            head = (
                args,
                candidates,
                True,
                (err_write,),
                os.fsencode(cwd),
                env_list,
                stdin,
                -1,
                -1,
                stdout,
                -1,
                stderr,
                err_read,
                err_write,
                True,
                True,
            )
            while True:
                try:
                    pid = self.fork_exec(*(head + self.more[0]))
                    break
                except TypeError:
                    if len(self.more) == 1:
                        raise
                    del self.more[0]
            os.close(err_write)
            err_write = -1
            failed = _new_errpipe_result(err_read)
            if failed is not None:
                os.waitpid(pid, 0)
                return None, failed
            return pid, None
        finally:
            os.close(err_read)
            if err_write >= 0:
                os.close(err_write)


class Job:
    """One running `exec` or `spawn`."""

    def __init__(self, ident, slot, spawned):
        self.ident = ident
        self.slot = slot
        self.spawned = spawned
        self.pid = 0
        self.status = None
        self.limit = None
        self.started = time.monotonic()
        self.deadline = None
        self.flood = None
        self.out = None
        self.err = None
        self.in_fd = -1
        self.out_fd = -1
        self.err_fd = -1
        self.to_write = bytearray()
        self.close_stdin = False
        self.unacked = 0
        self.paused = False
        self.ending = False


def _process_table():
    """Return {pid: (parent, state)} of all processes but this one."""
    table = {}
    me = os.getpid()
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        pid = int(name)
        if pid == me:
            continue
        try:
            with open("/proc/%d/stat" % pid, "rb") as f:
                line = f.read()
        except OSError:
            continue
        rest = line[line.rfind(b")") + 2 :].split()
        table[pid] = (int(rest[1]), rest[0])
    return table


def _slot_of(pid):
    """Return the slot that a process carries in its limits, or None."""
    try:
        with open("/proc/%d/limits" % pid, "rb") as f:
            for line in f:
                if line.startswith(b"Max realtime timeout"):
                    soft = line[20:].split()[0]
                    return int(soft) - RTTIME_BASE if soft.isdigit() else None
    except OSError:
        pass
    return None


class Server:
    """The event loop: one thread, one poll."""

    def __init__(self, fd, options):
        self.fd = fd
        self.options = options
        self.poll = select.poll()
        self.handlers = {}
        self.inbox = bytearray()
        self.outbox = bytearray()
        self.jobs = {}
        self.by_pid = {}
        self.starter = Starter()
        self.next_watch = 0.0
        self.devnull = os.open("/dev/null", os.O_RDWR)
        self.env = options["env"]
        self.adopts = os.getpid() == 1
        try:
            import resource
        except ImportError:
            resource = None
        self.resource = resource

    def path(self, path):
        """Return an absolute path; relative ones start at the workspace.

        Raises:
            PermissionError: It leads to what the kernel says about this server itself.
        """
        full = os.path.join(self.options.get("cwd", "/testbed"), path)
        if self.adopts and (os.path.realpath(full) + "/").startswith("/proc/1/"):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), path)
        return full

    # ---- loop
    def watch(self, fd, events, handler):
        self.handlers[fd] = handler
        self.poll.register(fd, events)

    def unwatch(self, fd):
        if self.handlers.pop(fd, None) is not None:
            self.poll.unregister(fd)

    def run(self):
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_read, False)
        os.set_blocking(wake_write, False)
        self.wake_write = wake_write
        _signal.signal(_signal.SIGCHLD, lambda *_: None)
        _signal.set_wakeup_fd(wake_write)
        os.set_blocking(self.fd, False)
        self.watch(self.fd, select.POLLIN, self.on_socket)
        self.watch(wake_read, select.POLLIN, self.on_child)
        if self.options.get("leash") is not None:
            self.watch(self.options["leash"], select.POLLIN, lambda fd, event: self.leave())
        self.send(0, "hello", {"pid": os.getpid(), "version": list(sys.version_info[:3])})
        while True:
            for fd, event in self.poll.poll(self.poll_timeout()):
                handler = self.handlers.get(fd)
                if handler is not None:
                    handler(fd, event)
            self.check_time()

    def poll_timeout(self):
        wait = None
        for job in self.jobs.values():
            if job.deadline is not None and not job.ending:
                wait = job.deadline if wait is None else min(wait, job.deadline)
        if self.jobs and self.options.get("watch"):
            wait = self.next_watch if wait is None else min(wait, self.next_watch)
        if wait is None:
            return None
        return max(0, int((wait - time.monotonic()) * 1000) + 1)

    def check_time(self):
        now = time.monotonic()
        for job in list(self.jobs.values()):
            if job.deadline is not None and now >= job.deadline and not job.ending:
                job.limit = job.limit or "time"
                self.end(job)
        if self.jobs and self.options.get("watch") and now >= self.next_watch:
            self.next_watch = now + WATCH_S
            self.check_bounds()

    def send(self, ident, kind, body):
        self.outbox += frame([ident, kind, body])
        self.flush()

    def flush(self):
        while self.outbox:
            try:
                sent = os.write(self.fd, self.outbox[: 4 * CHUNK])
            except BlockingIOError:
                self.poll.modify(self.fd, select.POLLIN | select.POLLOUT)
                return
            except OSError:
                os._exit(0)
            del self.outbox[:sent]
        self.poll.modify(self.fd, select.POLLIN)

    def on_socket(self, fd, event):
        if event & select.POLLOUT:
            self.flush()
        if not event & (select.POLLIN | select.POLLHUP | select.POLLERR):
            return
        try:
            data = os.read(fd, 16 * CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.leave()
        self.inbox += data
        for ident, kind, body in take_frames(self.inbox):
            self.handle(ident, kind, body)

    def leave(self):
        """Nobody listens any more: end everything."""
        if not self.adopts:
            for job in list(self.jobs.values()):
                self.sweep(job)
        os._exit(0)

    def handle(self, ident, kind, body):
        if kind in ("exec", "spawn"):
            try:
                self.start(ident, body, kind == "spawn")
            except OSError as error:
                self.send_error(ident, error)
            return
        if kind in ("cancel", "kill", "stdin", "ack"):
            job = self.jobs.get(body["job"])
            if job is None:
                return
            if kind == "stdin":
                self.feed(job, body["data"])
            elif kind == "ack":
                self.acknowledge(job, body["size"])
            else:
                self.end(job)
            return
        if kind in ("interrupt", "quit"):
            for job in list(self.jobs.values()):
                if kind == "quit" or not job.spawned:
                    self.end(job)
            self.send(ident, "ok", None)
            return
        operation = FILE_OPERATIONS.get(kind)
        try:
            if operation is None:
                raise OSError(errno.ENOSYS, "unknown request", kind)
            self.send(ident, "ok", operation(self, body))
        except OSError as error:
            self.send_error(ident, error)
        except ValueError as error:  # a NUL in a path
            self.send_error(ident, OSError(errno.EINVAL, str(error), body.get("path")))

    def send_error(self, ident, error):
        name = error.filename
        if isinstance(name, bytes):
            name = os.fsdecode(name)
        self.send(
            ident,
            "error",
            {
                "errno": error.errno or errno.EIO,
                "text": error.strerror or str(error),
                "path": name if isinstance(name, str) else None,
            },
        )

    # ---- starting
    def start(self, ident, body, spawned):
        used = {job.slot for job in self.jobs.values()}
        slot = 0
        while slot in used:
            slot += 1
        job = Job(ident, slot, spawned)
        env = dict(self.env)
        env.update(body["env"])
        stdin = body.get("stdin", b"")
        to_close = []
        mine = []
        try:
            if stdin or spawned:
                child_in, job.in_fd = os.pipe()
                to_close.append(child_in)
                mine.append(job.in_fd)
            else:
                child_in = self.devnull
            job.out_fd, child_out = os.pipe()
            to_close.append(child_out)
            mine.append(job.out_fd)
            job.err_fd, child_err = os.pipe()
            to_close.append(child_err)
            mine.append(job.err_fd)
            self.mark(slot)
            self.lower_oom(True)
            try:
                pid, failed = self.starter.start(
                    body["argv"], body["cwd"], env, child_in, child_out, child_err
                )
            finally:
                self.lower_oom(False)
        except (OSError, ValueError) as error:
            for fd in mine:
                os.close(fd)
            if isinstance(error, ValueError):
                return self.refuse(job, 126, str(error), None)
            if error.errno == errno.EAGAIN:
                return self.refuse(job, 126, "no more processes are allowed", "processes")
            if error.errno == errno.E2BIG:
                return self.refuse(job, 126, "argument list too long", None)
            if error.errno == errno.ENOMEM:
                return self.refuse(job, 126, "no memory left", "memory")
            raise
        finally:
            for fd in to_close:
                os.close(fd)
        if pid is None:
            for fd in mine:
                os.close(fd)
            number, in_chdir = failed
            what = body["cwd"] if in_chdir else body["argv"][0]
            code = 127 if number in (errno.ENOENT, errno.ENOTDIR) else 126
            return self.refuse(job, code, "%s: %s" % (what, os.strerror(number)), None)
        job.pid = pid
        self.jobs[ident] = job
        self.by_pid[pid] = job
        limit = STDERR_TAIL if spawned else body["max_output"]
        job.out = HeadTail(limit)
        job.err = HeadTail(limit)
        if not spawned:
            job.deadline = job.started + body["timeout"]
            job.flood = max(FLOOD_FLOOR, FLOOD_FACTOR * limit)
            job.close_stdin = True
        for fd in mine:
            os.set_blocking(fd, False)
        self.watch(job.out_fd, select.POLLIN, lambda fd, event: self.on_output(job, fd))
        self.watch(job.err_fd, select.POLLIN, lambda fd, event: self.on_output(job, fd))
        if spawned:
            self.send(ident, "started", {"pid": pid})
        if stdin:
            self.feed(job, stdin)
        return None

    def refuse(self, job, code, message, limit):
        if job.spawned:
            self.send(job.ident, "exit", {"code": code, "stderr": message.encode() + b"\n"})
        else:
            self.send(
                job.ident,
                "done",
                {
                    "code": code,
                    "out": b"",
                    "err": message.encode("utf-8", "surrogateescape") + b"\n",
                    "out_dropped": 0,
                    "err_dropped": 0,
                    "limit": limit,
                    "seconds": time.monotonic() - job.started,
                },
            )

    def mark(self, slot):
        if self.resource is None:
            return
        try:
            hard = self.resource.getrlimit(self.resource.RLIMIT_RTTIME)[1]
            self.resource.setrlimit(self.resource.RLIMIT_RTTIME, (RTTIME_BASE + slot, hard))
        except (AttributeError, ValueError, OSError):
            pass  # ancestry alone then tells whose a process is

    def lower_oom(self, child):
        """Make what starts now the first to go when memory runs out, never this server."""
        fd = self.options.get("oom_fd")
        if fd is None:
            return
        try:
            os.pwrite(fd, b"900" if child else b"0", 0)
        except OSError:
            self.options["oom_fd"] = None

    # ---- data
    def feed(self, job, data):
        if job.in_fd < 0:
            return
        if not data and job.spawned:
            job.close_stdin = True
        job.to_write += data
        self.on_writable(job, job.in_fd)

    def on_writable(self, job, fd):
        try:
            while job.to_write:
                sent = os.write(fd, job.to_write[:CHUNK])
                del job.to_write[:sent]
        except BlockingIOError:
            if fd not in self.handlers:
                self.watch(fd, select.POLLOUT, lambda fd, event: self.on_writable(job, fd))
            return
        except OSError:  # the reader has gone
            del job.to_write[:]
            job.close_stdin = True
        self.unwatch(fd)
        if job.close_stdin:
            os.close(fd)
            job.in_fd = -1

    def on_output(self, job, fd):
        """Take what a pipe holds; return whether more may come."""
        try:
            data = os.read(fd, CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        if not data:
            self.drop(job, fd)
            return False
        if fd == job.out_fd and job.spawned:
            self.send(job.ident, "data", data)
            job.unacked += len(data)
            if job.unacked >= SPAWN_WINDOW and not job.ending:
                self.unwatch(fd)
                job.paused = True
            return True
        kept = job.out if fd == job.out_fd else job.err
        kept.add(data)
        if job.flood is not None and kept.total > job.flood and not job.ending:
            job.limit = job.limit or "output"
            self.end(job)
        return True

    def acknowledge(self, job, size):
        job.unacked -= size
        if job.paused and job.unacked < SPAWN_WINDOW and job.out_fd >= 0:
            job.paused = False
            self.watch(job.out_fd, select.POLLIN, lambda fd, event: self.on_output(job, fd))

    def drop(self, job, fd):
        self.unwatch(fd)
        os.close(fd)
        if fd == job.out_fd:
            job.out_fd = -1
        elif fd == job.err_fd:
            job.err_fd = -1

    # ---- ending
    def on_child(self, fd, event):
        try:
            os.read(fd, 4096)
        except BlockingIOError:
            pass
        self.reap()

    def reap(self):
        """Collect the dead; finish the requests whose root process ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            job = self.by_pid.pop(pid, None)
            if job is not None:
                job.status = status
        for job in [j for j in self.jobs.values() if j.status is not None and not j.ending]:
            self.end(job)

    def end(self, job):
        """Kill everything a request started, then answer it."""
        if job.ending:
            return
        job.ending = True
        self.sweep(job)
        for fd in (job.out_fd, job.err_fd):
            if fd >= 0:
                while self.on_output(job, fd):
                    if not self.readable(fd):
                        break
        self.jobs.pop(job.ident, None)
        self.by_pid.pop(job.pid, None)
        for fd in (job.in_fd, job.out_fd, job.err_fd):
            if fd >= 0:
                self.unwatch(fd)
                os.close(fd)
        job.in_fd = job.out_fd = job.err_fd = -1
        status = job.status if job.status is not None else 9
        code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        err, err_dropped = job.err.result()
        if job.spawned:
            self.send(job.ident, "exit", {"code": code, "stderr": err, "limit": job.limit})
            return
        out, out_dropped = job.out.result()
        limit = job.limit
        if limit is None and code != 0 and self.disk_is_full():
            limit = "disk"
        if limit is None and (out_dropped or err_dropped):
            limit = "output"
        self.send(
            job.ident,
            "done",
            {
                "code": code,
                "out": out,
                "err": err,
                "out_dropped": out_dropped,
                "err_dropped": err_dropped,
                "limit": limit,
                "seconds": time.monotonic() - job.started,
            },
        )

    def readable(self, fd):
        return bool(select.select([fd], [], [], 0)[0])

    def disk_is_full(self):
        for path in self.options.get("disks", ()):
            try:
                usage = os.statvfs(path)
            except OSError:
                continue
            if usage.f_bavail * usage.f_frsize < CHUNK or (usage.f_files and not usage.f_favail):
                return True
        return False

    def sweep(self, job):
        """End every process that is not part of another live request."""
        others = [j for j in self.jobs.values() if j is not job and not j.ending]
        patience = time.monotonic() + 10
        if not others and self.adopts:
            while time.monotonic() < patience:
                try:
                    os.kill(-1, _signal.SIGKILL)
                except ProcessLookupError:
                    pass
                if not self.collect():
                    return
                time.sleep(0.0005)
            return
        rounds = 0
        while time.monotonic() < patience:
            self.collect()
            victims = self.victims(job, others)
            if not victims:
                return
            rounds += 1
            # Stopping all before killing any catches a tree that forks faster than it dies.
            for number in (_signal.SIGSTOP, _signal.SIGKILL) if rounds > 2 else (_signal.SIGKILL,):
                for pid in victims:
                    try:
                        os.kill(pid, number)
                    except (ProcessLookupError, PermissionError):
                        pass
            time.sleep(0.0005 if rounds < 10 else 0.005)

    def collect(self):
        """Reap without finishing requests; return whether children are left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            owner = self.by_pid.pop(pid, None)
            if owner is not None:
                owner.status = status
                if not owner.ending:
                    os.write(self.wake_write, b"c")  # the loop looks at it again

    def victims(self, job, others):
        table = _process_table()
        keep_roots = {j.pid for j in others if j.status is None}
        keep_slots = {j.slot for j in others}
        me = os.getpid()
        owners = {}

        def mine(pid):
            """Whether this process is to go."""
            chain = []
            verdict = None
            while verdict is None:
                if pid in owners:
                    verdict = owners[pid]
                elif pid in keep_roots:
                    verdict = False
                elif pid == job.pid:
                    verdict = True
                elif pid not in table or pid in (0, me):
                    verdict = None if self.adopts else False
                    break
                else:
                    chain.append(pid)
                    parent = table[pid][0]
                    if parent in (1, 0, me) or parent not in table:
                        slot = _slot_of(pid)
                        # Without a namespace other programs live here too: those of ours that
                        # lost their parent came to us.
                        mine_at_all = self.adopts or parent == me
                        verdict = mine_at_all and slot not in keep_slots
                    else:
                        pid = parent
            for item in chain:
                owners[item] = verdict
            return bool(verdict)

        return [pid for pid, (_, state) in table.items() if state not in b"ZX" and mine(pid)]

    def check_bounds(self):
        """Hold memory and process bounds where no control group does."""
        memory_limit = self.options.get("memory", 0)
        process_limit = self.options.get("processes", 0)
        table = _process_table()
        if not self.adopts:  # other programs live here too
            roots = {job.pid for job in self.jobs.values()}
            table = {p: row for p, row in table.items() if _has_root(p, table, roots)}
        if process_limit and len(table) > process_limit:
            # First, and at once: a fork bomb grows while its memory is added up.
            self.end_largest(table, dict.fromkeys(table, 1), "processes")
            return
        page = 4096
        use = {}
        for pid in table:
            try:
                with open("/proc/%d/statm" % pid, "rb") as f:
                    use[pid] = int(f.read().split()[1]) * page
            except (OSError, IndexError):
                use[pid] = 0
        if memory_limit and sum(use.values()) > memory_limit:
            for pid in use:  # shared pages count once only in the slower figure
                use[pid] = _proportional(pid, use[pid])
            if sum(use.values()) > memory_limit:
                self.end_largest(table, use, "memory")
                return

    def end_largest(self, table, weight, limit):
        totals = dict.fromkeys(self.jobs, 0)
        roots = {job.pid: ident for ident, job in self.jobs.items()}
        slots = {job.slot: ident for ident, job in self.jobs.items()}
        for pid in table:
            at = pid
            while at in table and at not in roots:
                at = table[at][0]
            ident = roots.get(at)
            if ident is None:
                ident = slots.get(_slot_of(pid))
            if ident is not None:
                totals[ident] += weight[pid]
        job = self.jobs[max(totals, key=lambda ident: totals[ident])]
        job.limit = job.limit or limit
        self.end(job)


def _has_root(pid, table, roots):
    while pid in table and pid not in roots:
        pid = table[pid][0]
    return pid in roots


def _proportional(pid, fallback):
    try:
        with open("/proc/%d/smaps_rollup" % pid, "rb") as f:
            for line in f:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return fallback


# --------------------------------------------------------------------------- files
def read_file(server, body):
    """Return the bytes of a regular file, links followed."""
    path = server.path(body["path"])
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        info = os.fstat(fd)
        if stat.S_ISDIR(info.st_mode):
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), body["path"])
        if not stat.S_ISREG(info.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", body["path"])
        limit = body["max_bytes"]
        pieces = []
        size = 0
        while size <= limit:
            piece = os.read(fd, 1 << 20)
            if not piece:
                return b"".join(pieces)
            pieces.append(piece)
            size += len(piece)
        raise OSError(errno.EFBIG, "larger than %d bytes" % limit, body["path"])
    finally:
        os.close(fd)


def write_file(server, body):
    """Write a file beside its place, then move it there."""
    shown = body["path"]
    path = os.path.realpath(server.path(shown))
    mode = None
    try:
        info = os.lstat(path)
        if stat.S_ISDIR(info.st_mode):
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), shown)
        if not stat.S_ISREG(info.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", shown)
        mode = stat.S_IMODE(info.st_mode)
    except FileNotFoundError:
        pass
    folder = os.path.dirname(path)
    if folder:
        os.makedirs(folder, exist_ok=True)
    if mode is None:
        mode = 0o755 if body["executable"] else 0o644
    elif body["executable"] is not None:
        mode = mode | 0o111 if body["executable"] else mode & ~0o111
    temporary = os.path.join(folder, ".repogym-write-%d~" % os.getpid())
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        fd = os.open(temporary, flags, 0o600)
    except FileExistsError:
        remove_tree(temporary)
        fd = os.open(temporary, flags, 0o600)
    try:
        try:
            view = memoryview(body["data"])
            while view:
                view = view[os.write(fd, view) :]
            os.fchmod(fd, mode)
        finally:
            os.close(fd)
        os.rename(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise


def remove_tree(path):
    """Remove a file or folder, granting ourselves the right where it is ours."""
    info = os.lstat(path)
    if not stat.S_ISDIR(info.st_mode):
        os.unlink(path)
        return
    try:
        names = os.listdir(path)
    except PermissionError:
        os.chmod(path, 0o700)
        names = os.listdir(path)
    for name in names:
        child = os.path.join(path, name)
        try:
            remove_tree(child)
        except PermissionError:
            os.chmod(path, 0o700)
            remove_tree(child)
    os.rmdir(path)


def remove_path(server, body):
    """Remove a file or a folder with all that is in it."""
    remove_tree(server.path(body["path"]))


def list_folder(server, body):
    """Return the entries as one blob: kind, executable, size, path, each ended by NUL."""
    top = server.path(body["path"])
    found = []

    def visit(folder, prefix):
        try:
            with os.scandir(folder) as entries:
                items = list(entries)
        except OSError:
            if not prefix:
                raise
            return
        for item in items:
            name = prefix + item.name
            try:
                info = item.stat(follow_symlinks=False)
            except OSError:
                continue
            mode = info.st_mode
            if stat.S_ISREG(mode):
                found.append((name, "f", 1 if mode & 0o100 else 0, info.st_size))
            elif stat.S_ISDIR(mode):
                found.append((name, "d", 0, 0))
                if body["recursive"]:
                    folders.append((item.path, name + "/"))
            elif stat.S_ISLNK(mode):
                found.append((name, "l", 0, info.st_size))
            else:
                found.append((name, "o", 0, 0))

    folders = [(top, "")]
    while folders:
        visit(*folders.pop())
    found.sort()
    text = "".join("%s\0%d\0%d\0%s\0" % (kind, ex, size, name) for name, kind, ex, size in found)
    return text.encode("utf-8", "surrogateescape")


FILE_OPERATIONS = {
    "read": read_file,
    "write": write_file,
    "remove": remove_path,
    "list": list_folder,
}


# --------------------------------------------------------------------------- privileges
def _prctl():
    """Return the C library's prctl; `ctypes` itself would cost 3 ms of start-up."""
    try:
        import _ctypes

        address = _ctypes.dlsym(_ctypes.dlopen(None, 2), "prctl")
        call = _ctypes.call_cdeclfunction
        return lambda *args: call(address, args)
    except (ImportError, AttributeError, OSError):
        import ctypes

        library = ctypes.CDLL(None)
        return lambda *args: library.prctl(*args)


def lock_down(uid, gid):
    """Give up all rights for good; afterwards nobody inside can look into this process.

    Args:
        uid: User to become where started as root, else None.
        gid: Group to become.
    """
    prctl = _prctl()
    if uid is not None:
        capability = 0
        while prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0:
            capability += 1
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    if prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError("no_new_privs was refused")
    if prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError("PR_SET_DUMPABLE was refused")
    # Changing the user cleared it.
    prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0)


def ignore_interrupts():
    """Let the kernel drop signals that come from inside, as it does for a PID 1 without handlers.

    Python handles SIGINT from its start: any program inside could end the sandbox with it.
    """
    if os.getpid() == 1:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)


def cap_processes(most):
    """Stop a fork bomb before the watch sees it, where no control group counts processes.

    The kernel counts for each user namespace (Linux 5.14), so other sandboxes of the same
    user do not count. The cap is above the bound, which the watch holds and names.
    """
    import resource

    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(resource.RLIMIT_NPROC, (most, most))


def main(argv):
    """Run: `server.py FD OPTIONS`, the options being an encoded dict in hexadecimal."""
    ignore_interrupts()
    fd = int(argv[1])
    options = decode(bytes.fromhex(argv[2]))
    for own in (fd, options.get("leash")):
        if own is not None:
            os.set_inheritable(own, False)
    try:
        options["oom_fd"] = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        options["oom_fd"] = None
    server = None
    if not options.get("lock", True):
        _prctl()(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # orphans of ours come to us
    if options.get("lock", True):
        lock_down(options.get("uid"), options.get("gid"))
        if options.get("uid") is None and options.get("processes"):
            cap_processes(2 * options["processes"] + 64)
        os.umask(0o022)
    server = Server(fd, options)
    server.run()


if __name__ == "__main__":
    main(sys.argv)
