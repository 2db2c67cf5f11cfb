"""Signed records that are no records: none may look like a broken machine to the scorer.

A failure of the infrastructure is left out by trainers, so a losing agent would ask for one.
"""

import textwrap

from tests.attacks.attack import Attack

SEND = """
    import os, sys
    def send(*records):
        frame = sys._getframe()
        while frame is not None:
            if callable(frame.f_locals.get("emit")):
                for record in records:
                    frame.f_locals["emit"](record)
                frame.f_locals["emit"]({"kind": "end", "status": 0})
                os._exit(0)
            frame = frame.f_back
"""

RECORDS = {
    "no-id": '{"kind": "test"}',
    "text-as-seconds": '{"kind": "test", "id": "a", "status": "passed", "seconds": "x"}',
    "list-as-id": '{"kind": "test", "id": ["a"], "status": "passed", "seconds": 0.0}',
    "infinite": '{"kind": "test", "id": "a", "status": "passed", "seconds": float("inf")}',
    "huge": '{"kind": "test", "id": "a", "status": "passed", "seconds": 10 ** 400}',
    "surrogate": '{"kind": "test", "id": "\\udc80", "status": "passed", "seconds": 0.0}',
    "list": '["x"]',
    "no-status": '{"kind": "end"}',
    "lines": '{"kind": "coverage", "id": "a", "file": "b", "lines": 5}',
    "tampered": '{"kind": "tampered"}',
}

DEEP = """
    import json
    count = [0]
    def deep(value, real=json.dumps, **kwargs):
        return "[%d, %s]" % (value[0], "[" * 50000 + "]" * 50000)
    for frame in [sys._getframe(n) for n in range(60) if _has(n)]:
        emit = frame.f_locals.get("emit")
        if callable(emit) and emit.__closure__:
            for cell in emit.__closure__:
                if cell.cell_contents is json.dumps:
                    cell.cell_contents = deep
"""

HAS = """
    import sys
    def _has(n):
        try:
            sys._getframe(n)
        except ValueError:
            return False
        return True
"""

ATTACKS = [
    *(
        Attack(
            f"malformed-{name}",
            f"sends a signed record that is none: {record}",
            code="\n".join([textwrap.dedent(SEND), f"send({record})"]),
        )
        for name, record in RECORDS.items()
    ),
    Attack(
        "malformed-deep",
        "sends a signed record that is nested deeper than any parser goes",
        code="\n".join(textwrap.dedent(part) for part in (HAS, DEEP)),
    ),
]
