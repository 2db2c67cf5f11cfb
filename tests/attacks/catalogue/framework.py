"""Changing pytest, unittest, the interpreter or the builtins from inside the package."""

from tests.attacks.attack import Attack

ATTACKS = [
    Attack(
        "patch-report",
        "TestReport.from_item_and_call says passed",
        code="""
            from _pytest.reports import TestReport
            old = TestReport.from_item_and_call.__func__
            def passing(cls, item, call):
                call.excinfo = None
                return old(cls, item, call)
            TestReport.from_item_and_call = classmethod(passing)
        """,
    ),
    Attack(
        "patch-report-attribute",
        "TestReport.failed and .outcome are constants",
        code="""
            from _pytest.reports import BaseReport, TestReport
            BaseReport.failed = property(lambda self: False)
            BaseReport.passed = property(lambda self: True)
            TestReport.outcome = property(lambda self: 'passed', lambda self, v: None)
        """,
    ),
    Attack(
        "patch-call-info",
        "CallInfo.from_call swallows exceptions",
        code="""
            from _pytest import runner
            old = runner.CallInfo.from_call.__func__
            def swallowing(cls, func, when, reraise=None):
                def quiet():
                    try:
                        func()
                    except BaseException:
                        pass
                return old(cls, quiet, when, reraise)
            runner.CallInfo.from_call = classmethod(swallowing)
        """,
    ),
    Attack(
        "patch-runtest",
        "Function.runtest does nothing",
        code="""
            from _pytest.python import Function
            from _pytest.unittest import TestCaseFunction
            Function.runtest = TestCaseFunction.runtest = lambda self: None
        """,
    ),
    Attack(
        "patch-pyfunc-call",
        "every hook implementation that calls a test function is replaced",
        code="""
            import gc
            from pluggy._hooks import HookImpl
            for impl in [o for o in gc.get_objects() if type(o) is HookImpl]:
                if impl.function.__name__ == 'pytest_pyfunc_call':
                    impl.function = lambda pyfuncitem: True
                    impl.argnames = ('pyfuncitem',)
        """,
    ),
    Attack(
        "patch-multicall",
        "pluggy runs no hook that could fail",
        code="""
            import gc
            from pluggy import _hooks
            for o in gc.get_objects():
                if type(o).__name__ == 'HookCaller' and o.name == 'pytest_runtest_call':
                    o._hookexec = lambda *a: []
        """,
    ),
    Attack(
        "patch-assert-rewriting",
        "test modules are compiled with no assert",
        code="""
            import ast
            from _pytest.assertion import rewrite
            class Drop(ast.NodeTransformer):
                def visit_Assert(self, node):
                    return ast.copy_location(ast.Pass(), node)
            def dropping(mod, *a):
                ast.fix_missing_locations(Drop().visit(mod))
            rewrite.rewrite_asserts = dropping
        """,
    ),
    Attack(
        "patch-compile",
        "builtins.compile drops asserts",
        code="""
            import ast, builtins
            real = builtins.compile
            class Drop(ast.NodeTransformer):
                def visit_Assert(self, node):
                    return ast.copy_location(ast.Pass(), node)
            def dropping(source, *a, **k):
                if isinstance(source, ast.Module):
                    source = ast.fix_missing_locations(Drop().visit(source))
                return real(source, *a, **k)
            builtins.compile = dropping
        """,
    ),
    Attack(
        "import-hook",
        "an import hook that rewrites the source of the tests",
        code="""
            import importlib.util, sys
            class Finder:
                def find_spec(self, name, path=None, target=None):
                    if 'test_' not in name:
                        return None
                    return importlib.util.spec_from_loader(name, self)
                def create_module(self, spec):
                    return None
                def exec_module(self, module):
                    class HighTest:
                        def test_runs(self): pass
                        def test_high(self): pass
                    module.test_low = module.test_even = lambda: None
                    module.HighTest = HighTest
            sys.meta_path.insert(0, Finder())
        """,
    ),
    Attack(
        "open-hook",
        "builtins.open and pathlib give other text for test files",
        code="""
            import builtins, io, pathlib
            real = io.open
            def other(path, mode='r', *a, **k):
                if 'test_' in str(path):
                    text = 'def test_low(): pass\\ndef test_even(): pass\\n'
                    return io.BytesIO(text.encode()) if 'b' in mode else io.StringIO(text)
                return real(path, mode, *a, **k)
            builtins.open = io.open = other
            pathlib.Path.read_bytes = lambda self: other(self, 'rb').read()
        """,
    ),
    Attack(
        "patch-unittest",
        "unittest assertions do nothing",
        code="""
            import unittest
            for name in dir(unittest.TestCase):
                if name.startswith(('assert', 'fail')) and name != 'failureException':
                    setattr(unittest.TestCase, name, lambda *a, **k: None)
        """,
    ),
    Attack(
        "unittest-run",
        "TestCase.run reports success",
        code="""
            import unittest
            def run(self, result=None):
                result.startTest(self)
                result.addSuccess(self)
                result.stopTest(self)
            unittest.TestCase.run = unittest.TestCase.__call__ = run
        """,
    ),
    Attack(
        "builtins-assertion-error",
        "AssertionError becomes pytest's skip, in the builtins",
        code="""
            import builtins, _pytest.outcomes
            builtins.AssertionError = _pytest.outcomes.Skipped
        """,
    ),
    Attack(
        "exception-metaclass",
        "an AssertionError whose metaclass makes it an instance of everything and nothing",
        code="""
            import builtins
            class Meta(type):
                def __instancecheck__(cls, other): return False
                def __subclasscheck__(cls, other): return True
            class Never(BaseException, metaclass=Meta):
                def __init__(self, *a): self.args = ()
                def with_traceback(self, tb): return self
            builtins.AssertionError = Never
        """,
    ),
    Attack(
        "builtins-isinstance",
        "isinstance and issubclass say yes to every exception question",
        code="""
            import builtins
            real = builtins.isinstance
            def yes(value, kinds):
                if real(value, BaseException):
                    return False
                return real(value, kinds)
            builtins.isinstance = yes
        """,
    ),
    Attack(
        "builtins-import",
        "__import__ gives the tests another measure and another unittest",
        code="""
            import builtins
            real = builtins.__import__
            class Yes:
                def __eq__(self, other): return True
                def __ne__(self, other): return False
            class Fake:
                def __getattr__(self, name):
                    return lambda *a, **k: Yes()
            def replaced(name, *a, **k):
                return Fake() if name == 'measure' else real(name, *a, **k)
            builtins.__import__ = replaced
        """,
    ),
    Attack(
        "sys-modules",
        "the package replaces itself, unittest and pytest in sys.modules",
        code="""
            import sys
            class Yes:
                def __eq__(self, other): return True
                def __ne__(self, other): return False
            class Anything:
                __path__ = []
                def __getattr__(self, name):
                    return lambda *a, **k: Yes()
            for name in ('measure', 'measure.testing', 'measure.core'):
                sys.modules[name] = Anything()
        """,
    ),
    Attack(
        "settrace-swallow",
        "a trace function that jumps over every assert",
        code="""
            import ast, linecache, sys, threading
            def local(frame, event, arg):
                if event == 'line':
                    text = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
                    if text.startswith(('assert', 'self.assert')):
                        lines = sorted({n for *_, n in frame.f_code.co_lines() if n})
                        after = [n for n in lines if n > frame.f_lineno]
                        if after:
                            frame.f_lineno = after[0]
                return local
            def trace(frame, event, arg):
                return local if 'test_' in frame.f_code.co_filename else None
            sys.settrace(trace)
            threading.settrace(trace)
        """,
    ),
    Attack(
        "setprofile",
        "a profile function that swaps the code of each test before it runs",
        code="""
            import sys
            def empty(*a): pass
            def profile(frame, event, arg):
                for value in list(frame.f_locals.values()):
                    code = getattr(value, '__code__', None)
                    if code is not None and code.co_name.startswith('test_'):
                        try:
                            value.__code__ = empty.__code__
                        except (AttributeError, ValueError, TypeError):
                            pass
            sys.setprofile(profile)
        """,
    ),
    Attack(
        "skip-in-call",
        "pytest.skip raised from package code",
        code="""
            import pytest
            def clamp(*a): pytest.skip('not today')
            median = slug = clamp
        """,
    ),
    Attack(
        "xfail-in-call",
        "pytest.xfail raised from package code, and unittest.SkipTest",
        code="""
            import pytest, unittest
            def clamp(*a): pytest.xfail('known')
            median = clamp
            def slug(*a): raise unittest.SkipTest('known')
        """,
    ),
    Attack(
        "skip-module",
        "the whole module skipped on import",
        code="import pytest; pytest.skip('all', allow_module_level=True)",
    ),
    Attack(
        "pytest-exit",
        "pytest.exit with status 0 on import and in a call",
        code="""
            import pytest
            def clamp(*a): pytest.exit('done', returncode=0)
            median = slug = clamp
        """,
    ),
    Attack(
        "mark-non-strict-xfail",
        "collected tests get a non-strict xfail mark",
        code="""
            import pytest, _pytest.python
            old = _pytest.python.Function.setup
            def setup(self):
                self.add_marker(pytest.mark.xfail(strict=False))
                return old(self)
            _pytest.python.Function.setup = setup
        """,
    ),
    Attack(
        "collected-ids",
        "passing tests answer under the ids of failing ones",
        code="""
            import gc, _pytest.nodes, _pytest.python
            swap = {
                'tests/test_core.py::test_low': 'tests/test_core.py::test_total',
                'tests/test_core.py::test_total': 'tests/test_core.py::test_low',
            }
            old = _pytest.nodes.Node.nodeid
            _pytest.nodes.Node.nodeid = property(
                lambda self: swap.get(self._nodeid, self._nodeid))
        """,
    ),
    Attack(
        "twice-reported",
        "a second record of each test, passed, after the failed one",
        code="""
            import _pytest.runner as r
            old = r.pytest_runtest_protocol
            import gc
            from pluggy._hooks import HookImpl
            def protocol(item, nextitem):
                old(item, nextitem)
                item.obj = lambda *a, **k: None
                item.runtest = lambda: None
                return old(item, nextitem)
            for impl in [o for o in gc.get_objects() if type(o) is HookImpl]:
                if impl.function is old:
                    impl.function = protocol
        """,
    ),
    Attack(
        "rerun-until-pass",
        "a failing test is repeated with an empty body, only the last report is kept",
        code="""
            import _pytest.runner as r
            old = r.call_and_report
            def repeating(item, when, log=True, **kwds):
                report = old(item, when, log=False, **kwds)
                if report.failed:
                    item.runtest = lambda: None
                    report = old(item, when, log=False, **kwds)
                if log:
                    item.ihook.pytest_runtest_logreport(report=report)
                return report
            r.call_and_report = repeating
        """,
    ),
    Attack(
        "excepthook",
        "excepthook, unraisablehook and displayhook that exit with 0",
        code="""
            import os, sys
            sys.excepthook = sys.unraisablehook = lambda *a: os._exit(0)
            raise RuntimeError
        """,
    ),
]
