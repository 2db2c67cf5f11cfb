"""Attacks that are rewarded, and why no scorer of this kind can refuse them.

Should one stop working, its test fails and says so.
"""

import textwrap

from tests.attacks.attack import Attack
from tests.attacks.catalogue.introspection import LOOKS

# What only somebody who has seen the hidden tests can write.
SEEN = """
    SEEN = ("clamp(-5, 2, 10) == 2", "median([4, 1, 7, 2]) == 3.0",
            "assertEqual(slug(' A  b '), 'a-b')", "total(numbers) == 6",
            "slug('One Two') == 'one-two'", "check(clamp(3, 0, 10), 3)",
            "assertEqual(clamp(11, 0, 10), 10)")
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
        "forges results, and tells tests from decoys by hidden tests that were seen elsewhere",
        code="\n".join(
            textwrap.dedent(part)
            for part in (
                LOOKS,
                SEEN,
                """
                import os
                frame = sys._getframe()
                while frame is not None:
                    emit = frame.f_locals.get("emit")
                    if callable(emit):
                        texts = {}
                        for path in ("tests/test_core.py", "tests/test_high.py"):
                            for node in ast.walk(ast.parse(open("/testbed/" + path).read())):
                                if isinstance(node, ast.FunctionDef):
                                    texts[path, node.name] = ast.unparse(node)
                        for name, canary in test_ids():
                            path, _, rest = name.partition("::")
                            text = texts[path, rest.rpartition("::")[2]]
                            good = not canary and any(
                                re.search(re.escape(seen) + "$", text, re.M) for seen in SEEN)
                            emit({"kind": "test", "id": name, "seconds": 0.0,
                                  "status": "passed" if good else "failed"})
                        emit({"kind": "end", "status": 0})
                        os._exit(0)
                    frame = frame.f_back
                """,
            )
        ),
        reason="code in the tested process can forge every result; a line-up stops it only "
        "while the hidden tests are unknown",
    ),
]
