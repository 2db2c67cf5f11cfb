"""Ending all that a request started.

A process belongs to the request whose root process is its ancestor or, once orphaned, whose
slot it carries. Orphans that belong to no live request are killed.
"""

import _signal  # pyright: ignore[reportMissingImports]
import os
import time

from .processes import descends, process_table, slot_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List

    from .jobs import Job
    from .processes import Table

PATIENCE_S = 10.0


class Reaper:
    """Collects what has ended, and ends what a request started.

    Attributes:
        by_pid: Running requests by their root process.
        adopts: Whether every orphan comes to this process: it is PID 1, and nobody else's
            programs are here.
    """

    def __init__(self, jobs: "Dict[int, Job]", adopts: bool, wake: int) -> None:
        """Serve a table of running requests.

        Args:
            jobs: By request id; it stays the server's.
            adopts: See the class.
            wake: Descriptor to write to where the loop must look at a request again.
        """
        self.jobs = jobs
        self.by_pid: Dict[int, Job] = {}
        self.adopts = adopts
        self.wake = wake

    def collect_all(self) -> None:
        """Note the exit status of every process that has ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            job = self.by_pid.pop(pid, None)
            if job is not None:
                job.status = status

    def _collect(self) -> bool:
        """Do the same while a request is being ended; return whether children are left."""
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
                    os.write(self.wake, b"c")  # the loop looks at it again

    def sweep(self, job: "Job") -> None:
        """End every process that is not part of another live request."""
        others = [j for j in self.jobs.values() if j is not job and not j.ending]
        if not self.adopts:
            # Without a process namespace a look may miss a fork: look twice.
            self._sweep_among(job, others)
            self._sweep_among(job, others)
        elif others:
            self._sweep_among(job, others)
        else:
            self._sweep_everything()

    def _sweep_everything(self) -> None:
        patience = time.monotonic() + PATIENCE_S
        while time.monotonic() < patience:
            try:
                os.kill(-1, _signal.SIGKILL)
            except ProcessLookupError:
                pass
            if not self._collect():
                return
            time.sleep(0.0005)

    def _sweep_among(self, job: "Job", others: "List[Job]") -> None:
        patience = time.monotonic() + PATIENCE_S
        rounds = 0
        while time.monotonic() < patience:
            self._collect()
            victims = self._victims(job, others)
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

    def _victims(self, job: "Job", others: "List[Job]") -> "List[int]":
        table = process_table()
        keep_roots = {j.pid for j in others if j.status is None}
        keep_slots = {j.slot for j in others}
        me = os.getpid()
        owners: Dict[int, bool] = {}

        def is_to_go(pid: int) -> bool:
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
                        slot = slot_of(pid)
                        # Without a namespace other programs live here too: those of ours that
                        # lost their parent came to us.
                        ours = self.adopts or parent == me
                        verdict = ours and slot not in keep_slots
                    else:
                        pid = parent
            for item in chain:
                owners[item] = bool(verdict)
            return bool(verdict)

        return [pid for pid, (_, state) in table.items() if state not in b"ZX" and is_to_go(pid)]

    def own_processes(self) -> "Table":
        """Return the table of all processes, but those of other programs."""
        table = process_table()
        if not self.adopts:
            roots = {job.pid for job in self.jobs.values()}
            table = {pid: row for pid, row in table.items() if descends(pid, table, roots)}
        return table

    def signal_all(self, number: int) -> None:
        """Send a signal to every process but this one."""
        for pid in self.own_processes():
            try:
                os.kill(pid, number)
            except OSError:
                pass
