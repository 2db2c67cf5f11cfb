"""Runs inside the failing tests: tries very many changes in one run of the tests.

The text of this file travels in a candidate change (`rehearsal`), so it imports nothing of this
project and keeps to plain, old Python. When a test first reaches a function of the plan, the
test's own function is called again and again, each time with the code of another variant of
the source function (mutant schemata; Untch, Offutt and Harrold, ISSTA 1993); then the test ends
with a `Heard` that carries what was found. Nothing of it is ever kept.
"""

# ruff: noqa: RUF005, UP031 - it runs under the Python of the tests

import __future__

import ast
import gc
import json
import os
import select
import signal
import sys
import threading
import time
import types

from agents.models.symbolic.inside_repeat import changed, rerun

FUTURES = 0
for _name in __future__.all_feature_names:
    FUTURES |= getattr(__future__, _name).compiler_flag

ROOM = 240
SLOWEST = 8  # Wall time for each second of the processor, on a busy machine.
# Without x: what looks like an address in a message is blanked.
DIGITS = "0123456789abcdefghijklmnopqrstuvwyzABCDEFGHIJKLMNOPQRSTUVWYZ"
BASE = 36
STATE = ("fixed", "broken", "costs", "tried", "asked", "checked", "spent")


class Heard(BaseException):
    """Carries the answer through the source's and the test's own handlers."""


class Late(BaseException):
    """A variant took too long."""


class Rehearsal:
    """What one candidate is asked, and what was found so far."""

    def __init__(self, plan):
        self.plan = plan
        self.busy = False
        self.armed = False
        self.seen = set()
        self.codes = {}
        self.functions = {}
        self.bases = {}
        self.caches = []
        self.held = {}
        self.fixed = {}
        self.broken = {}
        self.costs = {}
        self.writer = -1
        self.tried = 0
        self.asked = 0
        self.checked = 0
        self.spent = {"failing": 0.0, "passing": 0.0}

    # -- entering ----------------------------------------------------------------------------

    def enter(self):
        """Rehearse where a test of the plan reaches a function for the first time."""
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
        """Rehearse in a child: a variant that hangs or spoils something costs the rest only."""
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.close(reader)
                self.writer = writer
                signal.signal(signal.SIGALRM, self.late)
                signal.signal(signal.SIGPROF, self.late)
                self.born = time.process_time(), time.time()
                self.rehearse(kind, again)
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
            raise Heard(self.report(self.plan["reporters"].index(ident)))
        skip = getattr(sys.modules.get("pytest"), "skip", None)
        raise getattr(skip, "Exception", Heard)("rehearsed")

    def late(self, number, frame):
        """End a variant that takes too long."""
        if self.armed:
            self.armed = False
            raise Late()

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

    def rehearse(self, kind, again):
        """Try the variants on one test."""
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
        """Try each listed change."""
        order = range(len(self.plan["changes"]))
        if kind == "passing" or self.asked > 2:
            order = [number for number in order if self.fixed.get(number)]
        elif self.asked > 1:
            order = sorted(order, key=lambda number: -self.fixed.get(number, 0))
        done = 0
        for number in order:
            if self.clock() > self.deadline:
                break
            done = number + 1
            mark, edits = self.plan["changes"][number]
            if done % 50 == 0:
                self.tried = max(self.tried, done - 1) if kind == "failing" else self.tried
                self.tell()
            good = self.variant(mark, edits, again)
            if good and kind == "failing":
                self.fixed[number] = self.fixed.get(number, 0) + 1
                self.tried = max(self.tried, done)
                self.tell()
            elif good is False and kind == "passing":
                self.broken[number] = self.broken.get(number, 0) + 1
        if kind == "failing":
            self.tried = max(self.tried, done) if self.asked > 1 else done

    def variant(self, mark, edits, again):
        """Return whether the test passes on a variant; None where it can't be made."""
        if mark in self.plan.get("constants", ()):
            return self.exchange(mark, edits, again)
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

    def exchange(self, mark, edits, again):
        """Return whether the test passes with another value of a constant."""
        about = self.plan["constants"][mark]
        users = [self.functions[one] for one in about["users"] if one in self.functions]
        if not users:
            return None
        here = users[0].__globals__
        owner = here.get(about["owner"]) if about["owner"] else None
        space = dict(here)
        space.update(getattr(owner, "__dict__", {}))
        texts = [changed(about["text"], edits)] + [text for _, text in about["after"]]
        try:
            for text in texts:
                exec(compile(text, "<rehearsed>", "exec"), space)
        except Exception:  # The other value can't be made: no pattern, say.
            return None
        if owner is not None:
            old = owner.__dict__.get(about["name"])
            try:
                setattr(owner, about["name"], space[about["name"]])
                return self.passes(again, self.limit)
            finally:
                setattr(owner, about["name"], old)
        bound = []
        for name in [about["name"]] + [name for name, _ in about["after"]]:
            old = here.get(name)
            for place in self.holders(name, old, here):
                bound.append((place, name, old))
                place[name] = space[name]
        try:
            return self.passes(again, self.limit)
        finally:
            for place, name, old in bound:
                place[name] = old

    def holders(self, name, value, here):
        """Return the modules that hold a value by a name: others may have imported it."""
        if name not in self.held:
            spaces = [getattr(one, "__dict__", {}) for one in list(sys.modules.values())]
            same = [one for one in spaces if one is not here and one.get(name, self) is value]
            self.held[name] = [here] + same
        return self.held[name]

    # -- functions ---------------------------------------------------------------------------

    def find_functions(self):
        """Find the plan's functions by the call that the candidate put into them."""
        if self.functions:
            return
        self.caches = []
        for one in gc.get_objects():
            if type(one) is types.FunctionType and "repogym_rehearse" in one.__code__.co_consts:
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
        """Compile a variant in a copy of its surroundings."""
        function = self.functions.get(mark)
        if function is None:
            return None
        about = self.plan["functions"][mark]
        text = changed(about["text"], edits)
        flags = self.bases[mark].co_flags & FUTURES
        try:
            code = compile(about["head"] + text, "<rehearsed>", "exec", flags, True)
        except (SyntaxError, ValueError):
            return None
        for name in about["names"]:
            inner = [c for c in code.co_consts if getattr(c, "co_name", "") == name]
            if not inner:
                return None
            code = inner[0]
        return code if code.co_freevars == self.bases[mark].co_freevars else None

    # -- answering ---------------------------------------------------------------------------

    def report(self, place):
        """Return the answer: how many were tried, then number, tests repaired, tests broken."""
        hits = sorted(self.fixed, key=lambda n: (self.broken.get(n, 0), -self.fixed[n], n))
        codes = []
        for number in hits[: ROOM // 4]:
            digits = min(self.fixed[number], 9), min(self.broken.get(number, 0), 9)
            codes.append("%s%s%d%d" % ((DIGITS[number // BASE], DIGITS[number % BASE]) + digits))
        return "swap %s %s" % (self.counts(), "".join(codes))

    def counts(self):
        """Return how many failing tests, changes and passing tests the answer is about."""
        return "%d %d %d" % (self.asked, self.tried, self.checked)
