"""Runs inside the sandbox: values as Python text that makes them again."""

import ast
import datetime
import math
from collections import OrderedDict
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

LONGEST = 300
FORMS = {
    "datetime": datetime, "Decimal": Decimal, "Fraction": Fraction, "OrderedDict": OrderedDict,
    "UUID": UUID, "inf": math.inf, "range": range, "set": set, "frozenset": frozenset,
    "bytearray": bytearray,
}  # fmt: skip


def literal(value):
    """Return text that makes a value again, of constants and a few standard classes, or None."""
    try:
        if isinstance(value, type) and value.__module__ == "builtins":
            return value.__qualname__
        text = repr(value)
        if len(text) >= LONGEST or ("0x" in text and not isinstance(value, (str, bytes))):
            return None
        try:
            return text if ast.literal_eval(text) == value else None
        except (ValueError, SyntaxError):
            made = eval(text, {"__builtins__": {}, **FORMS})
            return text if type(made) is type(value) and made == value else None
    except Exception:  # a repr is anyone's code
        return None
