"""The exec server: runs programs for its client, any number at a time.

After every `exec` all that it started is ended (`ending.py`).

Modules are chosen for the start-up time: `json`, `socket`, `signal` and `subprocess` would cost
10 ms.
"""

import _signal  # pyright: ignore[reportMissingImports]
import errno
import os
import select
import sys
import time

from .bounds import Counters, find_excess, is_any_full
from .ending import Reaper
from .files import Files
from .jobs import CHUNK, Job
from .loop import EventLoop
from .starting import Starter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, NoReturn, Optional, Tuple

    from .files import Operation

SPAWN_WINDOW = 1 << 20
STDERR_TAIL = 1 << 16
FLOOD_FACTOR = 64
FLOOD_FLOOR = 64 << 20
WATCH_S = 0.1


class Server:
    """Answers the requests of one client."""

    def __init__(self, source: int, options: "Dict[str, Any]", sink: "Optional[int]" = None):
        """Prepare to serve.

        Args:
            source: Descriptor that brings requests.
            options: `env` (variables of programs), `cwd`, `leash` (a descriptor whose end ends
                the server), `disks` (paths of sized file systems), `watch` (whether to hold
                `memory` and `processes` itself), `counters` (whether to read what the
                container's control group counts), `oom_fd` (see `Starter`).
            sink: Descriptor that takes answers; `source` by default.
        """
        sink = source if sink is None else sink
        self.loop = EventLoop(source, sink, self.handle, self.leave)
        self.options = options
        self.env = options["env"]
        self.adopts = os.getpid() == 1
        self.jobs: Dict[int, Job] = {}
        self.starter = Starter(options.get("oom_fd"))
        files = Files(options.get("cwd", "/testbed"), self.adopts)
        self.operations: Dict[str, Operation] = files.operations()
        self.wake, wake_end = os.pipe()
        for fd in (self.wake, wake_end):
            os.set_blocking(fd, False)
        self.reaper = Reaper(self.jobs, self.adopts, wake_end)
        self.counters = Counters() if options.get("counters") else None
        self.devnull = os.open("/dev/null", os.O_RDWR)
        self.next_watch = 0.0

    # ---- loop
    def run(self) -> "NoReturn":
        """Serve until the client is gone."""
        _signal.signal(_signal.SIGCHLD, lambda *_: None)
        _signal.set_wakeup_fd(self.reaper.wake)
        self.loop.open()
        self.loop.watch(self.wake, select.POLLIN, self._on_child)
        if self.options.get("leash") is not None:
            self.loop.watch(self.options["leash"], select.POLLIN, lambda fd, event: self.leave())
        version = [*sys.version_info[:3]]
        self.loop.send(0, "hello", {"pid": os.getpid(), "version": version})
        while True:
            self.loop.wait(self._time_left())
            self._check_time()

    def _time_left(self) -> "Optional[int]":
        """Return the milliseconds until something has to be looked at."""
        wait = None
        for job in self.jobs.values():
            if job.deadline is not None and not job.ending:
                wait = job.deadline if wait is None else min(wait, job.deadline)
        if self.jobs and self.options.get("watch"):
            wait = self.next_watch if wait is None else min(wait, self.next_watch)
        if wait is None:
            return None
        return max(0, int((wait - time.monotonic()) * 1000) + 1)

    def _check_time(self) -> None:
        now = time.monotonic()
        for job in [*self.jobs.values()]:
            if job.deadline is not None and now >= job.deadline and not job.ending:
                self.end(job, "time")
        if self.jobs and self.options.get("watch") and now >= self.next_watch:
            self.next_watch = now + WATCH_S
            memory, processes = self.options.get("memory", 0), self.options.get("processes", 0)
            found = find_excess(self.jobs, self.reaper.own_processes(), memory, processes)
            if found is not None:
                self.end(*found)

    def leave(self) -> "NoReturn":
        """Nobody listens any more: end everything."""
        if not self.adopts:
            for job in [*self.jobs.values()]:
                self.reaper.sweep(job)
        os._exit(0)

    # ---- requests
    def handle(self, ident: int, kind: str, body: "Any") -> None:
        """Answer one request, or begin to."""
        if kind in ("exec", "spawn"):
            try:
                self.start(ident, body, kind == "spawn")
            except OSError as error:
                self._send_error(ident, error)
        elif kind in ("cancel", "kill", "stdin", "ack", "go"):
            job = self.jobs.get(body["job"])
            if job is None:
                return
            if kind == "stdin":
                self._feed(job, body["data"])
            elif kind == "go":
                self._go(job, body)
            elif kind == "ack":
                self._acknowledge(job, body["size"])
            else:
                self.end(job)
        elif kind in ("interrupt", "quit"):
            for job in [*self.jobs.values()]:
                if kind == "quit" or not job.spawned:
                    self.end(job)
            self.loop.send(ident, "ok", None)
        else:
            self._operate(ident, kind, body)

    def _operate(self, ident: int, kind: str, body: "Any") -> None:
        operation = self.operations.get(kind)
        try:
            if operation is None:
                raise OSError(errno.ENOSYS, "unknown request", kind)
            self.loop.send(ident, "ok", operation(body))
        except OSError as error:
            self._send_error(ident, error)
        except ValueError as error:  # a NUL in a path
            self._send_error(ident, OSError(errno.EINVAL, str(error), body.get("path")))

    def _send_error(self, ident: int, error: OSError) -> None:
        name = error.filename
        if isinstance(name, bytes):
            name = os.fsdecode(name)
        self.loop.send(
            ident,
            "error",
            {
                "errno": error.errno or errno.EIO,
                "text": error.strerror or str(error),
                "path": name if isinstance(name, str) else None,
            },
        )

    # ---- starting
    def start(self, ident: int, body: "Dict[str, Any]", spawned: bool) -> None:
        """Start a program; one that can't be started is answered as ended.

        Raises:
            OSError: The server itself could not do its part.
        """
        used = {job.slot for job in self.jobs.values()}
        slot = 0
        while slot in used:
            slot += 1
        ahead = body.get("ahead", False)
        limit = STDERR_TAIL if spawned else body["max_output"]
        job = Job(ident, slot, spawned, limit)
        if self.counters and not spawned:
            job.counts = self.counters.read()
        stdin = body.get("stdin", b"")
        theirs: List[int] = []
        mine: List[int] = []
        pid = None
        try:
            streams = self._open_pipes(
                job, bool(stdin) or spawned or ahead, theirs, mine, body.get("join", False)
            )
            env = {**self.env, **body["env"]}
            pid, number, in_chdir = self.starter.start(
                body["argv"], body["cwd"], env, streams, slot
            )
        except ValueError as error:
            return self._refuse(job, 126, str(error), None)
        except OSError as error:
            if error.errno == errno.EAGAIN:
                return self._refuse(job, 126, "no more processes are allowed", "processes")
            if error.errno == errno.E2BIG:
                return self._refuse(job, 126, "argument list too long", None)
            if error.errno == errno.ENOMEM:
                return self._refuse(job, 126, "no memory left", "memory")
            raise
        finally:
            for fd in theirs if pid is not None else theirs + mine:
                os.close(fd)
        if pid is None:
            what = body["cwd"] if in_chdir else body["argv"][0]
            code = 127 if number in (errno.ENOENT, errno.ENOTDIR) else 126
            return self._refuse(job, code, "%s: %s" % (what, os.strerror(number)), None)
        job.pid = pid
        self.jobs[ident] = job
        self.reaper.by_pid[pid] = job
        if not spawned:
            job.flood = max(FLOOD_FLOOR, FLOOD_FACTOR * limit)
            job.close_stdin = not ahead
            job.deadline = None if ahead else job.started + body["timeout"]
        for fd in mine:
            os.set_blocking(fd, False)
        for fd in (job.out_fd, job.err_fd):
            if fd >= 0:
                self._watch_output(job, fd)
        if spawned:
            self.loop.send(ident, "started", {"pid": pid})
        if stdin:
            self._feed(job, stdin)
        return None

    def _go(self, job: Job, body: "Dict[str, Any]") -> None:
        """Give a program that was started ahead its input; its time begins here."""
        job.counts = self.counters.read() if self.counters else job.counts
        job.started = time.monotonic()
        job.deadline = job.started + body["timeout"]
        job.close_stdin = True
        self._feed(job, body["stdin"])

    def _open_pipes(
        self, job: Job, with_stdin: bool, theirs: "List[int]", mine: "List[int]", join: bool
    ) -> "Tuple[int, int, int]":
        """Open a request's pipes; the lists get all descriptors, also where it fails."""
        child_in = self.devnull
        if with_stdin:
            child_in, job.in_fd = os.pipe()
            theirs.append(child_in)
            mine.append(job.in_fd)
        job.out_fd, child_out = os.pipe()
        theirs.append(child_out)
        mine.append(job.out_fd)
        if join:
            return child_in, child_out, child_out
        job.err_fd, child_err = os.pipe()
        theirs.append(child_err)
        mine.append(job.err_fd)
        return child_in, child_out, child_err

    def _refuse(self, job: Job, code: int, message: str, limit: "Optional[str]") -> None:
        """Answer for a program that could not be started."""
        text = message.encode("utf-8", "surrogateescape") + b"\n"
        if job.spawned:
            self.loop.send(job.ident, "exit", {"code": code, "stderr": text, "limit": limit})
        else:
            self._send_done(job, code, (b"", 0), (text, 0), limit)

    def _send_done(
        self,
        job: Job,
        code: int,
        out: "Tuple[bytes, int]",
        err: "Tuple[bytes, int]",
        limit: "Optional[str]",
    ) -> None:
        if self.counters and code != 0 and limit in (None, "output", "disk"):
            limit = self.counters.hit_since(job.counts) or limit
        self.loop.send(
            job.ident,
            "done",
            {
                "code": code,
                "out": out[0],
                "err": err[0],
                "out_dropped": out[1],
                "err_dropped": err[1],
                "limit": limit,
                "seconds": time.monotonic() - job.started,
            },
        )

    # ---- data
    def _feed(self, job: Job, data: bytes) -> None:
        if job.in_fd < 0:
            return
        if not data and job.spawned:
            job.close_stdin = True
        job.to_write += data
        self._on_writable(job, job.in_fd)

    def _on_writable(self, job: Job, fd: int) -> None:
        try:
            while job.to_write:
                sent = os.write(fd, job.to_write[:CHUNK])
                del job.to_write[:sent]
        except BlockingIOError:
            if fd not in self.loop.handlers:
                self.loop.watch(fd, select.POLLOUT, lambda fd, event: self._on_writable(job, fd))
            return
        except OSError:  # the reader has gone
            del job.to_write[:]
            job.close_stdin = True
        self.loop.unwatch(fd)
        if job.close_stdin:
            os.close(fd)
            job.in_fd = -1

    def _watch_output(self, job: Job, fd: int) -> None:
        self.loop.watch(fd, select.POLLIN, lambda fd, event: self._on_output(job, fd))

    def _on_output(self, job: Job, fd: int) -> bool:
        """Take what a pipe holds; return whether more may come."""
        try:
            data = os.read(fd, CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        if not data:
            self._drop(job, fd)
            return False
        if fd == job.out_fd and job.spawned:
            self.loop.send(job.ident, "data", data)
            job.unacked += len(data)
            if job.unacked >= SPAWN_WINDOW and not job.ending:
                self.loop.unwatch(fd)
                job.paused = True
            return True
        kept = job.out if fd == job.out_fd else job.err
        kept.add(data)
        if job.flood is not None and kept.total > job.flood and not job.ending:
            self.end(job, "output")
        return True

    def _acknowledge(self, job: Job, size: int) -> None:
        job.unacked -= size
        if job.paused and job.unacked < SPAWN_WINDOW and job.out_fd >= 0:
            job.paused = False
            self._watch_output(job, job.out_fd)

    def _drop(self, job: Job, fd: int) -> None:
        self.loop.unwatch(fd)
        os.close(fd)
        if fd == job.out_fd:
            job.out_fd = -1
        elif fd == job.err_fd:
            job.err_fd = -1

    # ---- ending
    def _on_child(self, fd: int, event: int) -> None:
        try:
            os.read(fd, 4096)
        except BlockingIOError:
            pass
        self.reaper.collect_all()
        for job in [j for j in self.jobs.values() if j.status is not None and not j.ending]:
            self.end(job)

    def end(self, job: Job, limit: "Optional[str]" = None) -> None:
        """Kill everything a request started, then answer it.

        Args:
            job: The request.
            limit: The bound that it hit.
        """
        job.limit = job.limit or limit
        if job.ending:
            return
        job.ending = True
        self.reaper.sweep(job)
        for fd in (job.out_fd, job.err_fd):
            if fd >= 0:
                while self._on_output(job, fd):
                    if not select.select([fd], [], [], 0)[0]:
                        break
        self.jobs.pop(job.ident, None)
        self.reaper.by_pid.pop(job.pid, None)
        for fd in (job.in_fd, job.out_fd, job.err_fd):
            if fd >= 0:
                self.loop.unwatch(fd)
                os.close(fd)
        job.in_fd = job.out_fd = job.err_fd = -1
        status = job.status if job.status is not None else 9
        code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        out, err = job.out.result(), job.err.result()
        limit = job.limit
        if job.spawned:
            self.loop.send(job.ident, "exit", {"code": code, "stderr": err[0], "limit": limit})
            return
        if limit is None and code != 0 and is_any_full(self.options.get("disks", ())):
            limit = "disk"
        if limit is None and (out[1] or err[1]):
            limit = "output"
        self._send_done(job, code, out, err, limit)
