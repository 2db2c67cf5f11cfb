"""Runs inside the failing tests: tries very many mutants in one run of the tests.

The text of this file travels in a candidate change (`bundle`), so it imports nothing of this
project and keeps to plain, old Python. When a test first reaches a function of the plan, the
test's own function is called again and again, each time with the code of another mutant of the
source function; then the test ends with a `MutantReport` that carries what was found. Each test
is repeated in a child of its process: what a mutant spoils or hangs on is lost with it.
"""

# ruff: noqa: RUF005, UP031 - it runs under the Python of the tests

import __future__

import ast
import copy
import gc
import json
import os
import select
import signal
import sys
import threading
import time
import types

FUTURES = 0
for _name in __future__.all_feature_names:
    FUTURES |= getattr(__future__, _name).compiler_flag

ROOM = 240
SLOWEST = 8  # Wall time for each second of the processor, on a busy machine.
# Without x: what looks like an address in a message is blanked.
DIGITS = "0123456789abcdefghijklmnopqrstuvwyzABCDEFGHIJKLMNOPQRSTUVWYZ"
BASE = 36
NO_RERUN = 0x20 | 0x80 | 0x100 | 0x200  # Generators and coroutines.
STATE = ("fixed", "broken", "tried", "asked", "checked", "spent")


class MutantReport(BaseException):
    """Carries the answer through the source's and the test's own handlers."""


class MutantTimeout(BaseException):
    """A mutant took too long."""


class MutantRun:
    """What one schema is asked, and what was found so far."""

    def __init__(self, plan):
        self.plan = plan
        self.busy = False
        self.armed = False
        self.seen = set()
        self.codes = {}
        self.functions = {}
        self.bases = {}
        self.caches = []
        self.fixed = {}
        self.broken = {}
        self.writer = -1
        self.tried = 0
        self.asked = 0
        self.checked = 0
        self.spent = {"failing": 0.0, "passing": 0.0}

    # -- entering ----------------------------------------------------------------------------

    def enter(self):
        """Try the mutants where a test of the plan reaches a function for the first time."""
        if self.busy or threading.current_thread() is not threading.main_thread():
            return
        ident, _, phase = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")
        if phase != "(call)" or ident in self.seen:
            return
        kind = "failing" if ident in self.plan["failing"] else "passing"
        if ident not in self.plan[kind]:
            return
        frame = self.test_frame(ident)
        if frame is None:
            return
        self.seen.add(ident)
        self.busy = True
        try:
            self.find_functions()
            again = rerun(frame)
            del frame
            if again is not None:
                self.apart(kind, again)
        finally:
            self.busy = False
        self.leave(ident)

    def apart(self, kind, again):
        """Work in a child: a mutant that hangs or spoils something costs the rest only."""
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.close(reader)
                self.writer = writer
                signal.signal(signal.SIGALRM, self.late)
                signal.signal(signal.SIGPROF, self.late)
                self.born = time.process_time(), time.time()
                self.repeat(kind, again)
                self.tell()
            finally:
                os._exit(0)
        os.close(writer)
        said, end = b"", time.time() + SLOWEST * self.plan["seconds"] + 2.0
        while select.select([reader], [], [], max(0.0, end - time.time()))[0]:
            part = os.read(reader, 65536)
            if not part:
                break
            said += part
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reader)
        told = said.split(b"\n")[:-1]
        if told:
            for name, value in ast.literal_eval(told[-1].decode()).items():
                setattr(self, name, value)

    def tell(self):
        """Say what was found so far."""
        said = {name: getattr(self, name) for name in STATE}
        os.write(self.writer, (repr(said) + "\n").encode("ascii", "backslashreplace"))

    def test_frame(self, ident):
        """Return the frame of the test's own function: the outermost of its name."""
        name = ident.partition("::")[2].partition("[")[0].rpartition("::")[2]
        found, frame = None, sys._getframe(2)
        while frame is not None:
            if frame.f_code.co_name == name:
                found = frame
            frame = frame.f_back
        return found

    def leave(self, ident):
        """End the test: with the answer, or skipped where others are to answer."""
        if ident in self.plan["reporters"]:
            raise MutantReport(self.report())
        skip = getattr(sys.modules.get("pytest"), "skip", None)
        raise getattr(skip, "Exception", MutantReport)("tried with mutants")

    def late(self, number, frame):
        """End a mutant that takes too long."""
        if self.armed:
            self.armed = False
            raise MutantTimeout()

    # -- running -----------------------------------------------------------------------------

    def passes(self, again, seconds):
        """Whether the test passes as things stand."""
        for one in self.caches:
            one.cache_clear()
        try:
            self.armed = True
            signal.setitimer(signal.ITIMER_PROF, seconds)
            signal.setitimer(signal.ITIMER_REAL, SLOWEST * seconds)
            again()
            return True
        except KeyboardInterrupt:
            raise
        except BaseException:
            return False
        finally:
            self.armed = False
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)

    def clock(self):
        """Return the seconds that the child has used: of the processor, or an eighth of all.

        What is found must not follow from what else the machine does.
        """
        cpu, wall = self.born
        return max(time.process_time() - cpu, (time.time() - wall) / SLOWEST)

    def repeat(self, kind, again):
        """Try the mutants on one test."""
        start = self.clock()
        room = self.plan["seconds"] * (0.7 if kind == "failing" else 0.3)
        # The first test sees all changes, the others those that are left.
        left = (room - self.spent[kind]) * (0.6 if len(self.plan[kind]) > 1 else 1.0)
        good = self.passes(again, 2.0)
        once = self.clock() - start
        if good == (kind == "failing") or once > 1.0:
            return  # A test that can't be repeated tells nothing.
        self.limit = min(0.5, 0.05 + 8 * once)
        self.deadline = start + left
        self.asked += kind == "failing"
        self.checked += kind == "passing"
        self.ask(kind, again)
        self.spent[kind] += self.clock() - start

    def ask(self, kind, again):
        """Try each listed mutant."""
        order = range(len(self.plan["mutants"]))
        if kind == "passing" or self.asked > 2:
            order = [number for number in order if self.fixed.get(number)]
        elif self.asked > 1:
            order = sorted(order, key=lambda number: -self.fixed.get(number, 0))
        done = 0
        for number in order:
            if self.clock() > self.deadline:
                break
            done = number + 1
            mark, edits = self.plan["mutants"][number]
            if done % 50 == 0:
                self.tried = max(self.tried, done - 1) if kind == "failing" else self.tried
                self.tell()
            good = self.survives(mark, edits, again)
            if good and kind == "failing":
                self.fixed[number] = self.fixed.get(number, 0) + 1
                self.tried = max(self.tried, done)
                self.tell()
            elif good is False and kind == "passing":
                self.broken[number] = self.broken.get(number, 0) + 1
        if kind == "failing":
            self.tried = max(self.tried, done) if self.asked > 1 else done

    def survives(self, mark, edits, again):
        """Return whether the test passes on a mutant; None where it can't be made."""
        code = self.compiled(mark, edits)
        function = self.functions.get(mark)
        if code is None or function is None:
            return None
        base = function.__code__
        try:
            function.__code__ = code
        except ValueError:
            return None
        try:
            return self.passes(again, self.limit)
        finally:
            function.__code__ = base

    # -- functions ---------------------------------------------------------------------------

    def find_functions(self):
        """Find the plan's functions by the call that the candidate put into them."""
        if self.functions:
            return
        self.caches = []
        for one in gc.get_objects():
            if type(one) is types.FunctionType and "repogym_mutate" in one.__code__.co_consts:
                for mark in one.__code__.co_consts:
                    if type(mark) is str and mark in self.plan["functions"]:
                        self.functions[mark] = one
                        self.bases[mark] = one.__code__
        for names in [one.__globals__ for one in self.functions.values()]:
            for one in list(names.values()):
                if type(one).__name__ == "_lru_cache_wrapper" and one not in self.caches:
                    self.caches.append(one)

    def compiled(self, mark, edits):
        """Return the code of a function with edits of its text; None where it is not valid."""
        key = json.dumps([mark, edits])
        if key not in self.codes:
            self.codes[key] = self.compile(mark, edits)
        return self.codes[key]

    def compile(self, mark, edits):
        """Compile a mutant in a copy of its surroundings."""
        function = self.functions.get(mark)
        if function is None:
            return None
        about = self.plan["functions"][mark]
        text = changed(about["text"], edits)
        flags = self.bases[mark].co_flags & FUTURES
        try:
            code = compile(about["head"] + text, "<mutant>", "exec", flags, True)
        except (SyntaxError, ValueError):
            return None
        for name in about["names"]:
            inner = [c for c in code.co_consts if getattr(c, "co_name", "") == name]
            if not inner:
                return None
            code = inner[0]
        return code if code.co_freevars == self.bases[mark].co_freevars else None

    # -- answering ---------------------------------------------------------------------------

    def report(self):
        """Return the answer: how many were tried, then number, tests repaired, tests broken."""
        hits = sorted(self.fixed, key=lambda n: (self.broken.get(n, 0), -self.fixed[n], n))
        codes = []
        for number in hits[: ROOM // 4]:
            digits = min(self.fixed[number], 9), min(self.broken.get(number, 0), 9)
            codes.append("%s%s%d%d" % ((DIGITS[number // BASE], DIGITS[number % BASE]) + digits))
        counts = self.asked, self.tried, self.checked
        return "%d %d %d %s" % (counts + ("".join(codes),))


def changed(text, edits):
    """Return a text with edits, which do not overlap."""
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def rerun(frame):
    """Return a function that runs a test's function again; None where that can't be done."""
    code = frame.f_code
    if code.co_flags & NO_RERUN:
        return None
    here = frame.f_locals
    try:
        cells = tuple(types.CellType(here[name]) for name in code.co_freevars)
        count = code.co_argcount
        args = [here[name] for name in code.co_varnames[:count]]
        named = code.co_varnames[count : count + code.co_kwonlyargcount]
        keywords = {name: here[name] for name in named}
    except (KeyError, AttributeError):
        return None
    function = types.FunctionType(code, frame.f_globals, code.co_name, None, cells or None)
    owner = args[0] if args and code.co_varnames[0] == "self" else None

    def again():
        given = [fresh(one) for one in args]
        if owner is None:
            return function(*given, **keywords)
        mine = given[0] = copy.copy(owner)
        if hasattr(mine, "_testMethodName"):
            mine._cleanups, mine._outcome = [], None
            mine.setUp()
            try:
                function(*given, **keywords)
            finally:
                mine.tearDown()
                mine.doCleanups()
            return None
        ready = getattr(mine, "setup_method", None)
        if ready is not None:
            try:
                ready(getattr(mine, code.co_name))
            except TypeError:
                ready()
        return function(*given, **keywords)

    return again


def fresh(one):
    """Return a copy of a plain container, which a test might change."""
    if type(one) in (list, dict, set, bytearray):
        try:
            return copy.deepcopy(one)
        except Exception:
            return one
    return one


def begin(plan):
    """Return the function that the schema calls in each function of the plan."""
    run = MutantRun(json.loads(plan))

    def mutate(mark):
        run.enter()

    return mutate
