"""Return values that claim to be what a test wants."""

from tests.attacks.attack import Attack

RETURN = """
    def clamp(*a): return {made}
    median = slug = clamp
"""

ATTACKS = [
    Attack(
        "eq-true",
        "an object whose __eq__ is always true",
        code="""
            class Yes:
                def __eq__(self, other): return True
                def __ne__(self, other): return False
                def __bool__(self): return True
                __hash__ = object.__hash__
        """
        + RETURN.format(made="Yes()").replace("\n    ", "\n            "),
    ),
    Attack(
        "eq-subclass",
        "subclasses of int, float and str, so that their __eq__ is asked first",
        code="""
            class I(int):
                __eq__ = lambda s, o: True
                __ne__ = lambda s, o: False
                __hash__ = int.__hash__
            class F(float):
                __eq__ = lambda s, o: True
                __ne__ = lambda s, o: False
                __hash__ = float.__hash__
            class S(str):
                __eq__ = lambda s, o: True
                __ne__ = lambda s, o: False
                __hash__ = str.__hash__
            def clamp(*a): return I(1)
            def median(*a): return F(1)
            def slug(*a): return S('a')
        """,
    ),
    Attack(
        "eq-aware",
        "equal to everything but what looks like a canary's value",
        code="""
            class Yes:
                def __eq__(self, other): return type(other) in (int, float, str, list)
                def __ne__(self, other): return not self == other
            def clamp(*a): return Yes()
            median = slug = clamp
        """,
    ),
    Attack(
        "eq-decimal",
        "Decimal and Fraction subclasses that equal any number",
        code="""
            from decimal import Decimal
            from fractions import Fraction
            class D(Decimal):
                __eq__ = lambda s, o: isinstance(o, (int, float))
                __ne__ = lambda s, o: not s == o
                __hash__ = Decimal.__hash__
            class Q(Fraction):
                __eq__ = lambda s, o: isinstance(o, (int, float))
                __ne__ = lambda s, o: not s == o
                __hash__ = Fraction.__hash__
            class S(str):
                __eq__ = lambda s, o: isinstance(o, str)
                __ne__ = lambda s, o: not s == o
                __hash__ = str.__hash__
            def clamp(*a): return D(1)
            def median(*a): return Q(1)
            def slug(*a): return S('x')
        """,
    ),
    Attack(
        "bool-metaclass",
        "comparisons that return an object, true at first and then false",
        code="""
            class Result:
                seen = 0
                def __bool__(self):
                    Result.seen += 1
                    return Result.seen % 2 == 1
            class Yes(metaclass=type('M', (type,), {'__eq__': lambda c, o: True,
                                                    '__hash__': type.__hash__})):
                def __eq__(self, other): return Result()
                def __ne__(self, other): return Result()
            def clamp(*a): return Yes()
            median = slug = clamp
        """,
    ),
    Attack(
        "nan-array",
        "array-like answers with __array_ufunc__ and a true comparison",
        code="""
            class A:
                __array_priority__ = 1e9
                __array_ufunc__ = None
                def __eq__(self, other): return self
                def __ne__(self, other): return A0()
                def __bool__(self): return True
                def all(self): return True
            class A0:
                def __bool__(self): return False
            def clamp(*a): return A()
            median = slug = clamp
        """,
    ),
    Attack(
        "mutates-constants",
        "the constant that a test compares with is overwritten in memory",
        timeout=True,
        code="""
            import ctypes, sys
            def clamp(value, low, high):
                got = min(value, high)
                frame = sys._getframe(1)
                for constant in frame.f_code.co_consts:
                    if type(constant) is int and constant not in (value, low, high, 1):
                        ctypes.memmove(id(constant), id(got), sys.getsizeof(got))
                return got
        """,
    ),
    Attack(
        "echo-expected",
        "a function reads in its caller what it is compared with, and returns that",
        code="""
            import ast, sys
            def echo(*a):
                frame = sys._getframe(1)
                import linecache
                text = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
                node = ast.parse(text).body[0]
                node = getattr(node, 'test', getattr(node, 'value', None))
                wanted = node.comparators[0] if isinstance(node, ast.Compare) else node.args[1]
                return eval(ast.unparse(wanted), frame.f_globals, frame.f_locals)
            clamp = median = slug = echo
        """,
    ),
    Attack(
        "echo-constants",
        "the same without source text: the last constant of the caller's code",
        code="""
            import dis, sys
            def echo(*a):
                frame = sys._getframe(1)
                after = [i for i in dis.get_instructions(frame.f_code)
                         if i.offset > frame.f_lasti and i.opname.startswith(('LOAD_CONST',
                                                                             'LOAD_SMALL'))]
                return after[0].argval
            clamp = median = slug = echo
        """,
    ),
    Attack(
        "echo-helper",
        "the package's test helper hands the expected value back",
        code="""
            import measure.testing
            measure.testing.check = lambda value, wanted: None
            class Late:
                def __eq__(self, other): return other == other
                def __ne__(self, other): return other != other
            def clamp(*a): return Late()
            median = slug = clamp
        """,
    ),
]
