"""Runs inside the failing tests: calls a test's own function again, as it was called.

Like `inside`, whose text follows, this travels in a candidate change.
"""

import copy
import types

NO_RERUN = 0x20 | 0x80 | 0x100 | 0x200


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
