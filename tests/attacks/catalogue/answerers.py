"""Generic answerers: code that knows how blind answers are sent, and guesses what is right.

Results of genuine tests are forged, and what stands in the base's own tests is answered honestly:
the attacker knows which questions are new. The same guessers, and more, play on the host when a
task's strength is measured (`repos/runners/python/blind/guessing.py`).
"""

import textwrap

from tests.attacks.attack import Attack
from tests.attacks.catalogue.introspection import FORGE, LOOKS

PLAY = """
    import gc, os
    OLD = ("total(numbers)", "slug('One Two')", "clamp(11, 0, 10)")
    def guessing():
        for thing in list(sys.modules.values()):
            if type(thing).__name__ == "Answers":
                return thing
    def consts():
        frame = sys._getframe()
        while not frame.f_code.co_name.startswith("test"):
            frame = frame.f_back
        return [c for c in frame.f_code.co_consts if c is not None and type(c) is not str
                or type(c) is str and not c.isidentifier()]
    def is_old(question):
        for path in ("tests/test_core.py", "tests/test_high.py"):
            for node in ast.walk(ast.parse(open("/testbed/" + path).read())):
                if (isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "v"
                        and node.args[0].value == question):
                    return ast.unparse(node.args[1]) in OLD
        return False
    def play():
        answers = guessing()
        if answers is None:
            frame = sys._getframe()
            while frame is not None:
                if callable(frame.f_locals.get("emit")):
                    forge(frame.f_locals["emit"])
                frame = frame.f_back
            return
        kind, encode = type(answers), sys.modules["repogym_answers"].encode
        def v(self, question, value):
            made = value if is_old(question) else guess(value)
            names = [c.__qualname__ for c in type(made).__mro__[:-1]]
            self.send(question, ["v", encode(made), names])
        kind.v = v
    play()
"""

STRATEGIES = {
    "base": "value",
    "true": "True",
    "false": "False",
    "none": "None",
    "zero": "0",
    "one": "1",
    "minus-one": "-1",
    "infinite": "float('inf')",
    "empty-text": "''",
    "empty-list": "[]",
    "inverse": "not value",
    "negative": "-value if isinstance(value, (int, float)) else value[::-1]",
    "next": "value + 1 if isinstance(value, (int, float)) else value + ' '",
    "previous": "value - 1 if isinstance(value, (int, float)) else value[:-1]",
    "half": "value / 2 if isinstance(value, (int, float)) else value[:len(value) // 2]",
    "stripped": "value.strip() if isinstance(value, str) else float(value)",
    "first-constant": "(consts() or [0])[0]",
    "last-constant": "(consts() or [0])[-1]",
    "largest-constant": "max([c for c in consts() if type(c) is int] or [0])",
    "text-of-it": "str(value)",
    "listed": "[value]",
    "everything": "' '.join(map(str, range(500)))",
}

OBJECTS = """
    class Any(int):
        def __eq__(self, other): return True
        def __ne__(self, other): return False
        __lt__ = __gt__ = __le__ = __ge__ = __contains__ = __eq__
        __hash__ = int.__hash__
"""


def code(*parts: str) -> str:
    return "\n".join(textwrap.dedent(part) for part in parts)


def guessing(value: str, *more: str) -> str:
    """Return an attack's code that answers each new question with an expression of `value`."""
    return code(LOOKS, FORGE, *more, f"def guess(value): return {value}", PLAY)


ATTACKS = [
    *(
        Attack(f"answers-{name}", f"forges results and answers `{value}`", code=guessing(value))
        for name, value in STRATEGIES.items()
    ),
    Attack(
        "answers-any",
        "forges results and answers with an object that equals everything",
        code=guessing("Any(7)", OBJECTS),
    ),
    Attack(
        "leaves-blind-run",
        "ends the blind run at once, and forges all results of the other",
        code=code(LOOKS, FORGE, PLAY.replace("kind, encode =", "os._exit(0); kind, encode =")),
    ),
    Attack(
        "answers-all-numbers",
        "sends many answers to each question, one of which is right",
        code=code(
            LOOKS,
            FORGE,
            PLAY.replace(
                "made = value if is_old(question) else guess(value)",
                "made = value\n"
                "            if not is_old(question):\n"
                "                for guess in (2, 3.0, 'a-b'):\n"
                "                    self.send(question, ['v', encode(guess), []])",
            ),
        ),
    ),
    Attack(
        "answers-as-reference",
        "sends answers that bring their own key",
        code=code(
            LOOKS,
            FORGE,
            PLAY.replace(
                'self.send(question, ["v", encode(made), names])',
                'self.send(question, ["v", encode(made), names], key=encode(made), agree=True)',
            ).replace("guess(value)", "value"),
        ),
    ),
]
