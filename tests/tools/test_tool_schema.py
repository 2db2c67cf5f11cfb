import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, Literal, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from repos.errors import RepoGymError, UnknownNameError
from tools.context import Limits, ToolContext
from tools.registry import (
    Submitted,
    Tool,
    ToolDefinitionError,
    ToolError,
    ToolResult,
    ToolSet,
    get_tool,
    tool,
)
from tools.schema import parse_docstring, read_signature


class Pair(BaseModel):
    title: str
    copy_: int = 0


class Opaque:
    pass


# These tools touch neither workspace nor runner.
NOTHING: Any = None
CTX = ToolContext(NOTHING, NOTHING, NOTHING, Limits(max_chars=200))


@tool
def shout(
    ctx,
    *,
    text: str,
    times: Annotated[int, Field(ge=1, le=5)] = 1,
    how: Literal["loud", "soft"] = "loud",
    pairs: Sequence[Pair] = (),
    schema: str | None = None,
) -> str:
    """Say it.

    Twice, if need be.

    Args:
        ctx: Not in the schema.
        text: What to say:
            in words.
        times: How often.
        how: In which voice.

    Returns:
        The noise.

    Raises:
        ToolError: Silence.
    """
    if text == "silence":
        raise ToolError("say something")
    if text == "submit":
        raise Submitted("done")
    said = text.upper() if how == "loud" else text
    return f"{said * times}|{len(pairs)}|{schema}"


@tool(read_only=True)
def nothing(ctx) -> ToolResult:
    """Do nothing, without arguments."""
    return ToolResult("x" * 1_000, ok=False)


TOOLS = ToolSet(["shout", "nothing"])


def call(name: str, arguments: str) -> ToolResult:
    return TOOLS.call(CTX, name, arguments)


def test_schema_has_types_and_descriptions_without_the_context():
    function = TOOLS.schemas[0]["function"]
    assert TOOLS.schemas[0]["type"] == "function"
    assert function["name"] == "shout"
    assert function["description"].startswith("Say it.\n\nTwice, if need be.")
    assert "The noise." in function["description"]
    assert "Silence" not in function["description"]
    parameters = function["parameters"]
    assert list(parameters["properties"]) == ["text", "times", "how", "pairs", "schema"]
    assert parameters["required"] == ["text"]
    assert parameters["additionalProperties"] is False
    text = parameters["properties"]["text"]
    assert text == {"type": "string", "description": "What to say: in words."}
    assert parameters["properties"]["times"]["maximum"] == 5
    assert parameters["properties"]["how"]["enum"] == ["loud", "soft"]
    item = parameters["properties"]["pairs"]["items"]
    assert item["properties"]["title"] == {"type": "string"}
    assert "$ref" not in json.dumps(parameters)
    assert "$defs" not in json.dumps(parameters)


def test_schemas_are_fresh_objects():
    TOOLS.schemas[0]["function"]["parameters"]["properties"].clear()
    assert TOOLS.schemas[0]["function"]["parameters"]["properties"]


def test_a_good_call():
    assert call("shout", '{"text": "a", "times": "2"}') == ToolResult("AA|0|None")
    got = call("shout", '{"text": "a", "how": "soft", "schema": "s", "pairs": [{"title": "t"}]}')
    assert got == ToolResult("a|1|s")


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("shuot", "{}", "Did you mean 'shout'?"),
        ("zzz", "{}", "shout"),
        ("shout", "{", "not valid JSON"),
        ("shout", '{"text": "a}', "not valid JSON"),
        ("shout", "[]", "one JSON object, not an array"),
        ("shout", "3", "one JSON object, not a number"),
        ("shout", "null", "not null"),
        ("shout", "", "argument `text` is missing"),
        ("shout", '{"text": 3}', "`text`: Input should be a valid string"),
        ("shout", '{"text": "a", "txt": 1}', "no argument `txt`"),
        ("shout", '{"text": "a", "times": 9}', "`times`: Input should be less than or equal to 5"),
        ("shout", '{"text": "a", "how": "x"}', "'loud' or 'soft'"),
        ("shout", '{"text": "a", "pairs": [{}]}', "argument `pairs[0].title` is missing"),
        ("shout", '{"text": "\\ud800"}', "lone surrogate"),
        ("shout", '{"text": "silence"}', "shout: say something"),
        ("shout", '{"text": ' + "[" * 100_000 + "}", "nested too deeply"),
        ("nothing", '{"a": 1}', "Expected: no arguments"),
    ],
)
def test_a_bad_call_is_a_result_that_says_what_to_do(name, arguments, said):
    result = call(name, arguments)
    assert not result.ok
    assert said in result.text


def test_missing_arguments_name_what_is_expected():
    assert "text: string, times?: integer" in call("shout", "{}").text


def test_submitted_goes_through():
    with pytest.raises(Submitted) as caught:
        call("shout", '{"text": "submit"}')
    assert caught.value.summary == "done"


def test_long_results_are_clipped_and_stay_not_ok():
    result = call("nothing", "{}")
    assert "left out" in result.text
    assert len(result.text) < 300
    assert not result.ok


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
argument_objects = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(["text", "times", "how", "pairs", "schema", "other"], json_values),
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text() | st.binary().map(repr) | argument_objects.map(json.dumps))
def test_no_arguments_raise(arguments):
    try:
        result = call("shout", arguments)
    except Submitted:
        return
    assert isinstance(result.text, str)
    result.text.encode()


@settings(max_examples=100, deadline=None)
@given(
    text=st.text(st.characters(exclude_categories=["Cs"])),
    times=st.integers(1, 5),
    how=st.sampled_from(["loud", "soft"]),
)
def test_valid_arguments_arrive_as_sent(text, times, how):
    if text in ("silence", "submit"):
        return
    values = TOOLS.tools["shout"].signature.validate({"text": text, "times": times, "how": how})
    assert (values["text"], values["times"], values["how"]) == (text, times, how)
    assert values["pairs"] == ()


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_any_name_is_answered(name):
    result = call(name, "{}")
    assert result.ok is False


def test_a_dotted_path_names_a_tool():
    # A plain function of an importable module, not decorated, is a tool by its path.
    found = get_tool("tools.submit:submit")
    assert found is get_tool("submit")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("no_such_module_here:x", "no module 'no_such_module_here'"),
        ("tools.submit:nope", "Unknown tool in tools.submit 'nope'"),
        ("tools.text:MAX_LINE", "not a function"),
        ("tools.text:scrub", "first parameter"),
    ],
)
def test_a_bad_path_is_one_sentence(path, said):
    with pytest.raises(RepoGymError, match=said):
        get_tool(path)


def test_an_unknown_name_is_named():
    with pytest.raises(UnknownNameError, match="Did you mean 'view'"):
        ToolSet(["veiw"])
    with pytest.raises(RepoGymError, match="chosen twice"):
        ToolSet(["submit", "submit"])


def undocumented(ctx, *, a: int): ...


def positional(ctx, a: int) -> str:
    """Take a."""
    return ""


def untyped(ctx, *, a) -> str:
    """Take a."""
    return ""


def wrong_docs(ctx, *, a: int) -> str:
    """Take a.

    Args:
        b: Not there.
    """
    return ""


def odd_type(ctx, *, a: Opaque) -> str:
    """Take a."""
    return ""


def no_context(*, a: int) -> str:
    """Take a."""
    return ""


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (undocumented, "docstring"),
        (positional, "keyword-only"),
        (untyped, "needs a type"),
        (wrong_docs, "describes b"),
        (odd_type, "without a JSON schema"),
        (no_context, "must be `ctx`"),
    ],
)
def test_a_function_that_is_no_tool_is_refused_with_the_reason(function, said):
    with pytest.raises(ToolDefinitionError, match=said):
        read_signature(function)


def test_a_taken_name_is_refused():
    with pytest.raises(ToolDefinitionError, match="already"):

        @tool
        def view(ctx) -> str:
            """Look."""
            return ""


def test_decorating_again_is_fine():
    assert isinstance(tool(shout.function), Tool)


def test_docstring_sections():
    body, arguments = parse_docstring(
        "Do.\n\nMore: of it.\n\nArgs:\n    a: One\n        and: two.\n    b (int): Three.\n\n"
        "Raises:\n    E: Bad.\n\nReturns:\n    Text."
    )
    assert body == "Do.\n\nMore: of it.\n\nReturns:\n    Text."
    assert arguments == {"a": "One and: two.", "b": "Three."}


@tool
def reads_without_looking(ctx, *, path: str) -> str:
    """Read a file of the host, as a tool that checks nothing would read one of the workspace.

    Args:
        path: Any path.
    """
    return Path(path).read_text()


def test_a_file_error_of_a_tool_is_an_observation(tmp_path):
    chosen = ToolSet(["reads_without_looking"])
    ctx = cast(ToolContext, SimpleNamespace(limits=Limits()))
    for path, said in ((tmp_path, "Is a directory"), (tmp_path / "no", "No such file")):
        result = chosen.call(ctx, "reads_without_looking", json.dumps({"path": str(path)}))
        assert not result.ok
        assert said in result.text
        assert str(path) in result.text


def test_any_other_error_of_a_tool_is_a_bug_and_is_raised():
    @tool
    def broken_tool(ctx) -> str:
        """Divide by zero."""
        return str(1 / 0)

    with pytest.raises(ZeroDivisionError):
        ToolSet(["broken_tool"]).call(cast(ToolContext, None), "broken_tool", "{}")
