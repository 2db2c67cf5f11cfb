"""Runs inside the sandbox: sends the actual values that rewritten tests come to.

A rewritten test calls `v`, `p`, `raises` and `raises_call` in the place of its assertions; they
send a value in a typed encoding and go on. What is expected stands outside of the sandbox. The
`k...` functions record both sides, and are called in runs of the reference patch only.
Standard library only, for CPython 3.6 and later.
"""

import collections.abc
import datetime
import decimal
import enum
import fractions
import itertools
import operator
import pathlib
import re
import uuid

MAX_NODES = 4000
MAX_DEPTH = 24
MAX_TEXT = 1 << 16
MAX_NAMES = 24

OPERATIONS = {
    "eq": operator.eq,
    "same": operator.eq,
    "ne": operator.ne,
    "in": lambda a, e: e in a,
    "notin": lambda a, e: e not in a,
    "among": lambda a, e: a in e,
    "notamong": lambda a, e: a not in e,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "is": operator.is_,
    "isnot": operator.is_not,
    "isinstance": isinstance,
    "truth": lambda a, e: bool(a) is e,
    "approx": operator.eq,
    "almost": lambda a, e: almost(a, *e),
    "match": lambda a, e: re.search(e, a),
    "count": lambda a, e: True,
}


def almost(actual, expected, places, delta):
    """Do what assertAlmostEqual does."""
    if actual == expected:
        return True
    gap = abs(actual - expected)
    return gap <= delta if delta is not None else round(gap, places) == 0


class Encoder:
    """Turns one value into JSON; what it has no form for, or is too large, is opaque."""

    def __init__(self):
        """Have the whole bound left."""
        self.nodes = MAX_NODES
        self.text = MAX_TEXT

    def encode(self, value, depth=0):
        """Return a value's encoding."""
        self.nodes -= 1
        if self.nodes < 0 or depth > MAX_DEPTH:
            return opaque(value)
        if value is None:
            return ["n"]
        kind = type(value)
        if kind is bool:
            return ["b", value]
        if issubclass(kind, enum.Enum) and not issubclass(kind, (int, str)):
            return ["m", kind.__qualname__, str(value.name), self.encode(value.value, depth + 1)]
        for base, method in self.PLAIN:
            if issubclass(kind, base):
                return method(self, value)
        return self.container(value, kind, depth)

    def container(self, value, kind, depth):
        """Return the encoding of a collection, or of an object by its fields."""
        for base, mark, iterate in self.SERIES:
            if issubclass(kind, base):
                return [mark, [self.encode(one, depth + 1) for one in self.some(iterate(value))]]
        if issubclass(kind, dict):
            return self.pairs(dict.items(value), depth)
        fields = field_names(kind)
        try:
            if fields is not None:
                named = [[n, self.encode(getattr(value, n, None), depth + 1)] for n in fields]
                return ["o", kind.__qualname__, named]
            if issubclass(kind, collections.abc.Mapping):
                return self.pairs(((k, value[k]) for k in value), depth)
            for base, mark in ((collections.abc.Set, "e"), (collections.abc.Sequence, "l")):
                if issubclass(kind, base):
                    return [mark, [self.encode(one, depth + 1) for one in self.some(iter(value))]]
        except Exception:
            return opaque(value)
        return opaque(value)

    def some(self, values):
        """Return no more of what is iterated over than the bound allows."""
        return itertools.islice(values, self.nodes + 1)

    def pairs(self, items, depth):
        """Return the encoding of a mapping."""
        found = self.some(items)
        return ["d", [[self.encode(k, depth + 1), self.encode(v, depth + 1)] for k, v in found]]

    def written(self, value):
        """Return the encoding of a text."""
        text = str.__str__(value)
        self.text -= len(text)
        if self.text < 0:
            return opaque(value)
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            return ["u", text.encode("utf-8", "surrogatepass").hex()]
        return ["s", text]

    def number(self, value):
        """Return the encoding of an integer, in hexadecimal: of any size in linear time."""
        return self.bounded("i", format(int.__index__(value), "x"))

    def bounded(self, mark, *parts):
        """Return the encoding of something that is told by short texts."""
        self.text -= sum(len(part) for part in parts)
        return [mark, *parts] if self.text >= 0 else ["?", [], None]

    def moment(self, value):
        """Return the encoding of a datetime or time: its fields and the offset from UTC."""
        offset = value.utcoffset()
        seconds = None if offset is None else offset.total_seconds()
        return ["w", value.replace(tzinfo=None, fold=0).isoformat(), seconds]

    PLAIN = (
        (int, number),
        (float, lambda self, x: ["f", float.hex(x)]),
        (complex, lambda self, x: ["c", float.hex(x.real), float.hex(x.imag)]),
        (str, written),
        (bytes, lambda self, x: self.bounded("y", bytes(x).hex())),
        (bytearray, lambda self, x: self.bounded("y", bytes(x).hex())),
        (decimal.Decimal, lambda self, x: self.bounded("D", decimal.Decimal.__str__(x))),
        (fractions.Fraction, lambda self, x: self.bounded("F", "%d/%d" % (
            x.numerator, x.denominator))),
        (uuid.UUID, lambda self, x: ["U", x.hex]),
        (pathlib.PurePath, lambda self, x: self.bounded("P", pathlib.PurePath.__str__(x))),
        (range, lambda self, x: ["r", *(str(n) for n in (x.start, x.stop, x.step))]),
        (datetime.timedelta, lambda self, x: ["T", x.days, x.seconds, x.microseconds]),
        (datetime.datetime, moment),
        (datetime.date, lambda self, x: ["a", datetime.date.isoformat(x)]),
        (datetime.time, lambda self, x: ["z", *moment_of_day(x)]),
    )  # fmt: skip
    SERIES = (
        (list, "l", list.__iter__),
        (tuple, "t", tuple.__iter__),
        (set, "e", set.__iter__),
        (frozenset, "e", frozenset.__iter__),
    )


def moment_of_day(value):
    """Return the fields of a time and its offset from UTC."""
    offset = value.utcoffset()
    seconds = None if offset is None else offset.total_seconds()
    return value.replace(tzinfo=None, fold=0).isoformat(), seconds


def opaque(value):
    """Return what can be told of any object: the names of its classes, and whether it is true."""
    try:
        truth = bool(value)
    except Exception:
        truth = None
    return ["?", class_names(type(value)), truth]


def class_names(kind):
    """Return the names of a class and its bases, but for `object`."""
    return [c.__qualname__[:200] for c in kind.__mro__[:-1]][:MAX_NAMES]


def field_names(kind):
    """Return the names of the fields by which objects of a class are compared, or None."""
    attributes = getattr(kind, "__attrs_attrs__", None)
    if attributes is not None:
        return [a.name for a in attributes if getattr(a, "eq", True) is not False]
    fields = getattr(kind, "__dataclass_fields__", None)
    if fields is not None:
        return [name for name, f in fields.items() if f.compare]
    return None


def encode(value):
    """Return a value's encoding; an object of a class that gets in the way is opaque."""
    try:
        return Encoder().encode(value)
    except RecursionError:
        return ["?", [], None]


def told(error):
    """Return what is told of an exception: the names of its classes, and its text."""
    if error is None:
        return ["n"]
    try:
        text = str(error)
    except Exception:
        text = ""
    text = text[:MAX_TEXT].encode("utf-8", "replace").decode("utf-8")
    return ["x", class_names(type(error)), text]


class Answers:
    """What a rewritten test file imports."""

    def __init__(self, emit):
        """`emit` takes a JSON-able dict."""
        self.emit = emit
        self.item, self.row = "", 0

    def begin(self, item, row=0):
        """Say which test runs from now on."""
        self.item, self.row = item, row

    def send(self, question, value, **more):
        """Send one answer."""
        self.emit({"kind": "answer", "item": self.item, "row": self.row, "question": question,
                   "value": value, **more})  # fmt: skip

    def v(self, question, value):
        """Send a value, and the names of its classes."""
        self.send(question, ["v", encode(value), class_names(type(value))])

    def p(self, question, one, other):
        """Send two values that are compared with each other."""
        self.send(question, ["p", encode(one), encode(other)])

    def raises(self, question):
        """Return a context that sends what is raised in it."""
        return Raising(self, question)

    def raises_call(self, question, function, *args, **kwargs):
        """Call a function and send what it raises."""
        with Raising(self, question) as context:
            function(*args, **kwargs)
        return context

    def k(self, question, operation, value, expected):
        """Send a value, what is expected, and whether they agree."""
        try:
            agree = bool(OPERATIONS[operation](value, expected))
        except Exception:
            agree = False
        if operation == "isinstance":
            classes = expected if isinstance(expected, tuple) else (expected,)
            key = ["k", [c.__qualname__ for c in classes if isinstance(c, type)]]
        elif operation == "match":
            key = pattern_key(expected)
        elif operation == "approx":
            key = approximation(expected)
        else:
            key = encode(expected)
        if operation == "same":
            self.send(question, ["p", encode(value), key], key=key, agree=agree)
        else:
            names = class_names(type(value))
            self.send(question, ["v", encode(value), names], key=key, agree=agree)

    def kraises(self, question, classes, pattern=None):
        """Return a context as `raises` does, which also sends what is expected."""
        return Raising(self, question, (classes, pattern))

    def kraises_call(self, question, classes, function, *args, **kwargs):
        """Call a function as `raises_call` does; send also what is expected."""
        with Raising(self, question, (classes, None)) as context:
            function(*args, **kwargs)
        return context


def pattern_key(pattern):
    """Return a regular expression as text and flags."""
    if isinstance(pattern, str):
        return ["k", pattern, 0]
    if isinstance(getattr(pattern, "pattern", None), str):
        return ["k", pattern.pattern, int(pattern.flags)]
    return ["?", [], None]


def approximation(expected):
    """Return the numbers of a pytest.approx and how near to them is near enough."""
    parts = ("expected", "rel", "abs", "nan_ok")
    return ["k", *(encode(getattr(expected, part, None)) for part in parts)]


class Raising:
    """Stands for the contexts of pytest.raises and assertRaises."""

    value = exception = type = None
    information = None

    def __init__(self, answers, question, expected=None):
        """`expected` is known in runs of the reference only."""
        self.answers, self.question, self.expected = answers, question, expected

    def __getattr__(self, name):
        """Be what pytest gives, where a test asks for more of it."""
        if self.information is None:
            raise AttributeError(name)
        import pytest

        return getattr(pytest.ExceptionInfo.from_exc_info(self.information), name)

    def __enter__(self):
        """Begin."""
        return self

    def __exit__(self, kind, error, trace):
        """Send what was raised and go on; the framework's own exceptions pass."""
        if error is not None and not isinstance(error, (Exception, SystemExit)):
            return False
        if error is not None and type(error).__name__ == "SkipTest":
            return False
        self.value = self.exception = error
        self.type = kind
        self.information = (kind, error, trace) if error is not None else None
        more = {}
        if self.expected is not None:
            classes, pattern = self.expected
            names = classes if isinstance(classes, tuple) else (classes,)
            agree = isinstance(error, classes)
            key = ["k", [c.__qualname__ for c in names], None]
            if pattern is not None:
                key[2] = pattern_key(pattern)
                try:
                    agree = agree and re.search(pattern, str(error)) is not None
                except Exception:
                    agree = False
            more = {"key": key, "agree": agree}
        self.answers.send(self.question, told(error), **more)
        return True
