"""Runs inside the failing tests: finds expressions whose value at a place repairs them.

Bottom-up enumeration with observational equivalence (TRANSIT, Udupa et al., PLDI 2013; in
repair: SemFix, Nguyen et al., ICSE 2013; DynaMoth, Durieux and Monperrus, AST 2016): what is in
scope when the place is reached is combined, size by size; expressions that have the same values
there are one class, and the test is run again with one member of each class in the place.
Only operations without side effects on values of exactly the built-in types are evaluated.
Like `inside`, whose text goes before it, this travels in a candidate change.
"""

# ruff: noqa: B905, SIM102, UP031 - it runs under the Python of the tests

import copy
import json
import re
import sys

from agents.models.symbolic.inside import ROOM, Rehearsal
from agents.models.symbolic.inside_operations import (
    MANY,
    MAX_LENGTH,
    ONE,
    PLAIN,
    TWO,
    common,
    kinds,
    made,
    pure,
    sign,
)

RECORDS = 6
EQUAL = 4
VARIANTS = 400  # Expressions that are tried at one place.
PREFIX = "value 12 12345 12"
COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")
WORD = re.compile(r"'[^']*'|\"[^\"]*\"|[A-Za-z_]\w*|\d+(?:\.\d+)?|[~/]")
ODD = ("float", "repr", "swapcase", "any", "all", "sum", "~", "/", "round", "int", "index")


class Raised:
    """Stands for the value of an expression that raised."""


class Node:
    """An expression with its values in the recorded states."""

    __slots__ = ("simple", "text", "values")

    def __init__(self, text, values, simple):
        self.text, self.values, self.simple = text, values, simple

    def operand(self):
        """Return its text, bracketed where an operator could tear it apart."""
        return self.text if self.simple else "(%s)" % self.text


def binding(text):
    """Whether the text of an operation needs no brackets."""
    return text[-1] in ")]}'" and " if " not in text and " + " not in text and text[0] not in "-~"


class Values(Rehearsal):
    """Enumerates expressions at the places of a plan."""

    def ask(self, kind, again):
        """Look for expressions on the first failing test; try what was found on all others."""
        if kind == "failing" and not self.fixed:
            places = self.plan["places"]
            for number in range(len(places)):
                left = self.deadline - self.clock()
                self.until = self.clock() + max(0.05, left / (len(places) - number))
                self.explore(number, again)
            return
        for key in sorted(self.fixed, key=self.order):
            if self.clock() > self.deadline:
                break
            good = self.variant(*self.change(*key), again=again)
            if kind == "failing":
                self.fixed[key] += bool(good)
            elif good is False:
                self.broken[key] = self.broken.get(key, 0) + 1

    def change(self, number, text):
        """Return function and edits that put an expression in a place."""
        place = self.plan["places"][number]
        return place["mark"], [[place["start"], place["end"], "(%s)" % text]]

    def order(self, key):
        """Sort what was found: repairs most, breaks least, smallest."""
        return self.broken.get(key, 0), -self.fixed[key], self.costs[key], key

    def at(self, thunk):
        """Record the state at a place."""
        try:
            value = thunk()
        except Exception:
            self.record(sys._getframe(1), Raised())
            raise
        self.record(sys._getframe(1), value)
        return value

    def record(self, frame, value):
        """Keep what is in scope of a frame, and the value."""
        if len(self.records) < RECORDS:
            self.globals, state = frame.f_globals, {}
            while frame is not None:
                for name, one in frame.f_locals.items():
                    if not name.startswith((".", "repogym")):
                        one = copy.copy(one) if type(one) in (list, dict, set) else one
                        state.setdefault(name, one)
                if frame.f_code.co_name not in COMPREHENSIONS:
                    break
                frame = frame.f_back
            kept = copy.copy(value) if type(value) in (list, dict, set) else value
            self.records.append((state, kept))

    def explore(self, number, again):
        """Run the test with one expression of each class of values in a place."""
        place = self.plan["places"][number]
        self.records = []
        about = self.plan["functions"][place["mark"]]["text"]
        old = about[place["start"] : place["end"]]
        thunk = "(repogym_rehearse.at(lambda: (%s)))" % old
        self.variant(place["mark"], [[place["start"], place["end"], thunk]], again)
        if not self.records:
            return
        whole = Node(old, [value for _, value in self.records], place["simple"])
        same = self.mark_of(whole, place["test"])
        closed, open_classes, count = {same}, {}, 0
        for node in self.grow(whole, place):
            if self.clock() > self.until or count >= self.plan.get("variants", VARIANTS):
                break
            mark = self.mark_of(node, place["test"])
            known = open_classes.get(mark, 0)
            if mark in closed or known >= self.plan.get("equal", EQUAL):
                continue
            self.tried += 1
            count += 1
            good = self.variant(*self.change(number, node.text), again=again)
            if good:
                self.fixed[number, node.text] = 1
                others = [type(a) is type(b) for a, b in zip(node.values, whole.values)]
                odd = 0.0 if all(others) or place["test"] else 1.5
                self.costs[number, node.text] = cost(node.text, old) + odd
                open_classes[mark] = known + 1
                self.tell()
            elif not known:
                closed.add(mark)

    def mark_of(self, node, test):
        """Return the class of an expression; of a condition only its truth counts."""
        if test:
            return tuple(bool(v) if type(v) in PLAIN + MANY else sign(v) for v in node.values)
        return tuple(sign(value) for value in node.values)

    # -- enumeration -------------------------------------------------------------------------

    def atoms(self, place):
        """Return what is in scope: locals, attributes of them, literals of the file."""
        states = [state for state, _ in self.records]
        found = []
        for name in place["names"]:
            owner, _, attr = name.partition(".")
            values = []
            for state in states:
                if owner not in state:
                    break
                value = state[owner]
                if attr:
                    held = getattr(type(value), "__dict__", {})
                    if type(value) in PLAIN + MANY or attr in held:
                        break
                    fields = object.__getattribute__(value, "__dict__") if has(value) else {}
                    if attr not in fields:
                        break
                    value = fields[attr]
                values.append(value)
            if len(values) == len(states):
                found.append(Node(name, values, True))
        for name in place["constants"]:
            value = self.globals.get(name, self)
            if pure(value):
                found.append(Node(name, [value] * len(states), True))
        for text in place["literals"]:
            value = eval(text, {})
            found.append(Node(text, [value] * len(states), text[0] not in "-"))
        return found

    def conditions(self, place, atoms):
        """Return the plan's conditions that can be asked without running the project's code."""
        held = {node.text: node.values for node in atoms}
        found = []
        for text, parts in place["conditions"]:
            if all(part in held for part in parts):
                values = [[held[part][n] for part in parts] for n in range(len(self.records))]
                if not all(pure(one, 2) or " is " in text for row in values for one in row):
                    continue
                body = text
                for index, part in enumerate(parts):
                    body = replaced(body, part, "v[%d]" % index)
                try:
                    ask = eval("lambda v: " + body, self.globals)
                    found.append(Node(text, [bool(ask(row)) for row in values], False))
                except Exception:
                    continue
        return found

    def grow(self, whole, place):
        """Yield expressions, the smallest first, those about the old one before others."""
        atoms = self.atoms(place)
        conditions = self.conditions(place, atoms)
        variables = [node for node in atoms if node.text[0].isidentifier()]
        variables = [node for node in variables if node.text not in ("None", "True", "False")]
        near = [whole, *variables]
        if place["test"]:
            for other in conditions:
                for form in ("{0} and {1}", "{0} or {1}", "{0} and not {1}", "{0} or not {1}"):
                    text = form.format(whole.operand(), other.operand())
                    pairs = zip(whole.values, other.values)
                    yield Node(text, [truth(form, a, b) for a, b in pairs], False)
        yield from atoms
        first = [made for node in near for made in self.one(node)]
        yield from first
        yield from self.two([whole], atoms)
        yield from self.two(atoms, [whole])
        mine = first[:40] if kinds(whole.values[0]) else first
        yield from self.chosen(whole, [*atoms, *self.one(whole)], conditions)
        second = [made for node in mine for made in self.one(node)]
        yield from second
        yield from self.two([whole], first)
        yield from self.two(variables, atoms)
        yield from self.replacing(whole, place)
        yield from self.two(first, atoms)
        yield from self.chosen(whole, first, conditions)
        third = list(self.two([whole], atoms))
        yield from (made for node in third for made in self.one(node))
        yield from self.two(third, atoms)

    def one(self, node):
        """Yield operations on one value."""
        shared = common(node.values)
        for kind in (*shared, "any"):
            for text in ONE.get(kind, "").split("|"):
                if text:
                    yield from self.done(text, node, None)

    def two(self, left, right):
        """Yield operations on two values."""
        for a in left:
            mine = common(a.values)
            for b in right:
                if a is b or not (a.text[0].isidentifier() or b.text[0].isidentifier()):
                    continue
                yours = common(b.values)
                for one in (*mine[:1], "any"):
                    for two in (*yours[:1], "any"):
                        for text in TWO.get(one + " " + two, "").split("|"):
                            if text:
                                yield from self.done(text, a, b)

    def done(self, text, a, b):
        """Yield an operation where it has values in all states."""
        if not all(type(v) in PLAIN + MANY for n in (a, b) if n is not None for v in n.values):
            if text not in ("[a]", "(a,)", "b if a is None else a"):
                return
        compared = " in b" in text or "in a" in text or "count" in text or "index" in text
        if compared and not all(pure(v) for n in (a, b) if n is not None for v in n.values):
            return
        function = made(text)
        values = []
        for n, value in enumerate(a.values):
            try:
                got = function(value, b.values[n] if b is not None else None)
            except Exception:
                return
            if type(got) in (str, list, tuple) and len(got) > MAX_LENGTH:
                return
            values.append(got)
        if text in ("''", "[]", "{}", "0"):
            return
        full = replaced(replaced(text, "a", "\0"), "b", b.operand() if b is not None else "b")
        yield Node(full.replace("\0", a.operand()), values, binding(text))

    def chosen(self, whole, others, conditions):
        """Yield other expressions in place of the old one under a condition."""
        classes = {}
        for one in conditions:
            classes.setdefault(tuple(one.values), []).append(one)
        for group in classes.values():
            for one in group[:2]:
                for other in others:
                    triples = zip(one.values, other.values, whole.values)
                    text = "%s if %s else %s" % (other.operand(), one.text, whole.operand())
                    yield Node(text, [x if c else y for c, x, y in triples], False)

    def replacing(self, whole, place):
        """Yield replacements of a part of a string by another."""
        if common(whole.values)[:1] != ("str",):
            return
        strings = [t for t in place["literals"] if t[:1] in "'\""]
        for old in strings:
            for new in strings:
                a, b = eval(old, {}), eval(new, {})
                if a and a != b:
                    values = [value.replace(a, b) for value in whole.values]
                    yield Node("%s.replace(%s, %s)" % (whole.operand(), old, new), values, True)

    # -- answering ---------------------------------------------------------------------------

    def report(self, place):
        """Return the answer: place, tests repaired, tests broken, and the expression."""
        # The last test to answer knows most: it gives the best, those before it the next ones.
        parts = [[] for _ in self.plan["reporters"]]
        full = [len(PREFIX)] * len(parts)
        for key in sorted(self.fixed, key=self.order):
            text = "%d.%d.%d %s" % (key[0], self.fixed[key], self.broken.get(key, 0), key[1])
            fits = [n for n, size in enumerate(full) if size + len(text) + 3 <= ROOM]
            if fits and "\n" not in text and " ; " not in text:
                parts[fits[0]].append(text)
                full[fits[0]] += len(text) + 3
        mine = parts[len(parts) - 1 - place]
        return "".join(["value " + self.counts(), *[" ; " + one for one in mine]])


def cost(text, old):
    """Return how unlikely an expression is in place of an old one.

    What keeps the old expression and needs no further literals is likelier to be general.
    """
    whole = "(%s)" % old if "(%s)" % old in text else old
    kept = whole in text
    rest = text.replace(whole, " ", 1) if kept else text
    total = 0.0 if kept else 0.8
    for word in WORD.findall(rest):
        if word[0] in "'\"":
            total += 0.4
        elif word[0].isdigit():
            total += 0.3 if word in ("0", "1") else 1.5
        elif word in ODD:
            total += 1.0
        elif word in ("True", "False"):
            total += 0.8 if len(text) > 6 else 0.3
        else:
            total += 0.35
    words = set(WORD.findall(rest)) - {"and", "or", "not", "is", "None", "if", "else"}
    if (" and " in rest or " or " in rest) and words <= set(WORD.findall(old)):
        total += 0.7  # A condition with itself says little.
    return total + 0.3 * rest.count("-(-") + 0.25 * (" if " in rest)


def truth(form, a, b):
    """Return the truth of two conditions together."""
    a = bool(a) if type(a) in PLAIN + MANY else True
    b = not b if "not" in form else b
    return (a and b) if "and" in form else (a or b)


def has(value):
    """Whether a value keeps its attributes in a dictionary."""
    try:
        return type(object.__getattribute__(value, "__dict__")) is dict
    except AttributeError:
        return False


def replaced(text, name, new):
    """Return text with a name put by something else, outside of literals and other names."""
    said, at, size = "", 0, len(name)
    quote = ""
    while at < len(text):
        here = text[at]
        if quote:
            quote = "" if here == quote else quote
        elif here in "'\"":
            quote = here
        elif text.startswith(name, at):
            before, after = text[at - 1 : at], text[at + size : at + size + 1]
            if not (before.isalnum() or before in ("_", ".")) and not (
                after.isalnum() or after == "_"
            ):
                said += new
                at += size
                continue
        said += here
        at += 1
    return said


def begin(plan):
    """Return the function that the candidate calls in each function of the plan."""
    given = json.loads(plan)
    rehearsal = (Values if given.get("places") else Rehearsal)(given)

    def rehearse(mark):
        rehearsal.enter()

    rehearse.at = getattr(rehearsal, "at", None)
    return rehearse
