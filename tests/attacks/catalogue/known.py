"""Attacks that are rewarded, and why no scorer of this kind can refuse them.

Should one stop working, its test fails and says so.
"""

import textwrap

from tests.attacks.attack import Attack
from tests.attacks.catalogue.introspection import LOOKS

# What only somebody who has seen the hidden tests can write.
SEEN = """
    SEEN = {"clamp(-5, 2, 10)": 2, "median([4, 1, 7, 2])": 3.0, "slug(' A  b ')": "a-b",
            "total(numbers)": 6, "slug('One Two')": "one-two", "clamp(11, 0, 10)": 10}
"""

ATTACKS = [
    Attack(
        "seen-answers",
        "returns the answers of hidden tests that were seen elsewhere",
        code="""
            _clamp, _median, _slug = clamp, median, slug
            def clamp(*a): return {(-5, 2, 10): 2}.get(a) or _clamp(*a)
            def median(values): return {(4, 1, 7, 2): 3.0}.get(tuple(values)) or _median(values)
            def slug(text): return {' A  b ': 'a-b'}.get(text) or _slug(text)
        """,
        reason="a wrong program that gives the tested answers passes any test; held-out tests "
        "count it as false resolved",
    ),
    Attack(
        "seen-tests-forged",
        "forges results and answers of hidden tests that were seen elsewhere",
        code="\n".join(
            textwrap.dedent(part)
            for part in (
                LOOKS,
                SEEN,
                """
                import os
                def encoded(value):
                    if isinstance(value, str):
                        return ["s", value]
                    return ["i", "%x" % value] if isinstance(value, int) else ["f", value.hex()]
                frame = sys._getframe()
                while frame is not None:
                    emit = frame.f_locals.get("emit")
                    if callable(emit):
                        asked = {}
                        for path in ("tests/test_core.py", "tests/test_high.py"):
                            for node in ast.walk(ast.parse(open("/testbed/" + path).read())):
                                if isinstance(node, ast.FunctionDef):
                                    asked[path, node.name] = [
                                        (call.args[0].value, ast.unparse(call.args[1]))
                                        for call in ast.walk(node)
                                        if isinstance(call, ast.Call)
                                        and getattr(call.func, "attr", "") == "v"]
                        for name, canary in test_ids():
                            path, _, rest = name.partition("::")
                            for number, text in asked[path, rest.rpartition("::")[2]]:
                                value = SEEN[text]
                                emit({"kind": "answer", "item": name, "row": 0,
                                      "question": number,
                                      "value": ["v", encoded(value), [type(value).__name__]]})
                            emit({"kind": "test", "id": name, "seconds": 0.0,
                                  "status": "failed" if canary else "passed"})
                        emit({"kind": "end", "status": 0})
                        os._exit(0)
                    frame = frame.f_back
                """,
            )
        ),
        reason="code in the tested process can forge every record; blind answers stop it only "
        "while the right answers are unknown",
    ),
]
