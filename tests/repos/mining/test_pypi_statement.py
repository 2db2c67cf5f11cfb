from repos.mining.pypi.symptoms import describe_symptoms, tells
from repos.runners.protocol import TestOutcome
from repos.tasks.sources.pypi.statement import compose

BACKTRACE = """tests/test_core.py:12: assert demo.run("") == []
/testbed/src/demo/core.py:88: return table[key]
src/demo/tests/test_x.py:3: boom
KeyError: ''"""


def failures(**messages):
    return {
        f"tests/test_a.py::{name}": TestOutcome("failed", message=message)
        for name, message in messages.items()
    }


def test_exception_message_and_own_frames_only():
    outcome = TestOutcome("failed", message="KeyError: ''", traceback=BACKTRACE)
    text = describe_symptoms({"t": outcome}, ["src/demo"])
    assert text == "- `KeyError: ''` (raised through `src/demo/core.py:88`)"
    assert "test" not in text


def test_python_style_frames_carry_the_function():
    trace = (
        '  File "/testbed/demo/a.py", line 7, in run\n    x\n  File "/usr/lib/x.py", line 1, in y'
    )
    outcome = TestOutcome("error", message="ValueError: no", traceback=trace)
    assert "`demo/a.py:7 in run`" in describe_symptoms({"t": outcome}, ["demo"])


def test_assertions_tell_plain_values_and_no_test_code():
    text = describe_symptoms(
        failures(
            a="AssertionError: assert '1.0 Bytes' == '1.0 Byte'",
            b="assert run(secret_input) == 3",
            c="AssertionError: helper said so",
            d="AssertionError: 'a' != 'b'",
            e="assert 'in test_secret' == ''",
            f="assert 'cut...' == 'cut...'",
        ),
        ["demo"],
    )
    assert "`'1.0 Bytes' == '1.0 Byte'` does not hold" in text
    assert "secret_input" not in text
    assert "test_secret" not in text
    assert "`'a' != 'b'`\n" in text + "\n"
    assert "cut" not in text
    assert "helper said so" not in text
    assert text.splitlines().count("- a wrong result") == 1


def test_missing_exception_and_scrubbing():
    text = describe_symptoms(
        failures(
            a="Failed: DID NOT RAISE <class 'demo.errors.ParseError'>",
            b="TypeError: test_it.<locals>.Point.__init__() got <object at 0x7f00aa11bb22>",
            c="OSError: no /tmp/pytest-of-root/pytest-0/a.txt",
        ),
        ["demo"],
    )
    assert "an exception that should be raised is not: `ParseError`" in text
    assert "`TypeError: Point.__init__() got <object at 0x…>`" in text
    assert "pytest-0" not in text


def test_kinds_come_before_repetitions():
    many = failures(**{f"a{i}": f"KeyError: {i}" for i in range(20)}, z="assert [] == [1]")
    lines = describe_symptoms(many, ["demo"], limit=3).splitlines()
    assert any("[] == [1]" in line for line in lines)
    assert lines[-1].startswith("- and ")


def test_statement_with_and_without_entry():
    with_entry = compose("demo", "1.0", "- Fix a.\n\n- Fix b.")
    assert "> - Fix a.\n>\n> - Fix b." in with_entry
    assert "release 1.0" in with_entry
    assert ">" not in compose("demo", "1.0", "")


def test_which_symptoms_tell_something():
    assert not tells("- a wrong result\n- an exception that should be raised is not: `KeyError`")
    assert not tells("")
    assert tells("- a wrong result\n- a wrong result: `1 == 2` does not hold")
    assert tells("- `KeyError: 1`")
