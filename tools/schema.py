"""A function's signature and docstring as an OpenAI function schema and a validator.

Types come from the annotations, descriptions from the Google docstring: what stands
before `Args:` (and after it, `Raises:` left out) describes the tool, each entry of `Args:`
describes a parameter.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticUserError

from repos.errors import InputError
from tools.result import ToolError

_SECTION = re.compile(
    r"^(Args|Arguments|Parameters|Returns|Raises|Yields|Examples?|Notes?|Attributes):\s*$"
)
_HIDDEN_SECTIONS = frozenset({"Args", "Arguments", "Parameters", "Raises", "Yields", "Attributes"})
# Pydantic has attributes of its own: a parameter may be called `schema` or `copy` all the same.
_PREFIX = "arg_"
_MAX_PROBLEMS = 5


class ToolDefinitionError(InputError):
    """A function that can't be a tool; the message says what to change."""


@dataclass(frozen=True)
class Signature:
    """What a tool takes.

    Attributes:
        description: What the tool does, for the model.
        parameters: JSON schema of the arguments (draft 2020-12, without references).
        model: The pydantic model that checks the arguments.
        names: The parameters in their order.
    """

    description: str
    parameters: dict[str, Any]
    model: type[BaseModel]
    names: tuple[str, ...]

    def validate(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return checked and converted arguments, defaults filled in.

        Raises:
            ToolError: They don't fit; the message names each problem and what is expected.
        """
        try:
            values = self.model.model_validate(arguments)
        except ValidationError as error:
            raise ToolError(self._explain(error)) from error
        return {name: getattr(values, _PREFIX + name) for name in self.names}

    def _explain(self, error: ValidationError) -> str:
        problems = []
        errors = error.errors(include_url=False, include_context=False, include_input=False)
        for problem in errors[:_MAX_PROBLEMS]:
            where = "".join(
                f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem["loc"]
            ).lstrip(".")
            if problem["type"] == "extra_forbidden":
                problems.append(f"there is no argument `{where}`")
            elif problem["type"] == "missing":
                problems.append(f"the argument `{where}` is missing")
            else:
                problems.append(f"`{where}`: {problem['msg']}")
        if len(errors) > _MAX_PROBLEMS:
            problems.append(f"and {len(errors) - _MAX_PROBLEMS} more problems")
        return f"{'; '.join(problems)}. Expected: {self.usage}."

    @property
    def usage(self) -> str:
        """The arguments with their types in one line, optional ones with a question mark."""
        required = self.parameters.get("required", [])
        properties = self.parameters["properties"]
        if not properties:
            return "no arguments"
        return ", ".join(
            f"{name}{'' if name in required else '?'}: {_type_name(schema)}"
            for name, schema in properties.items()
        )


def read_signature(function: Callable[..., Any]) -> Signature:
    """Build the schema and the validator of `def name(ctx, *, ...)`.

    Args:
        function: The tool's function; annotations may be strings.

    Raises:
        ToolDefinitionError: The function has no docstring, another first parameter, a parameter
            that is not keyword-only or not annotated, or a type without a JSON schema.
    """
    name = getattr(function, "__name__", repr(function))
    body, descriptions = parse_docstring(inspect.getdoc(function) or "")
    if not body:
        raise ToolDefinitionError(f"The tool {name} needs a docstring: the model reads it.")
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters or parameters[0].name != "ctx":
        raise ToolDefinitionError(f"The first parameter of the tool {name} must be `ctx`.")
    hints = _hints(function, parameters[1:], name)
    unknown = sorted(set(descriptions) - {parameter.name for parameter in parameters})
    if unknown:
        raise ToolDefinitionError(
            f"The docstring of the tool {name} describes {', '.join(unknown)}, "
            "which are no parameters of it."
        )
    fields: dict[str, Any] = {}
    for parameter in parameters[1:]:
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            raise ToolDefinitionError(
                f"The parameter {parameter.name} of the tool {name} must be keyword-only: "
                "write `def tool(ctx, *, ...)`, without *args and **kwargs."
            )
        default = ... if parameter.default is inspect.Parameter.empty else parameter.default
        field = Field(default, alias=parameter.name, description=descriptions.get(parameter.name))
        fields[_PREFIX + parameter.name] = (hints[parameter.name], field)
    try:
        model = create_model(
            f"{name}_arguments",
            __config__=ConfigDict(extra="forbid", hide_input_in_errors=True, allow_inf_nan=False),
            **fields,
        )
        schema = model.model_json_schema(by_alias=True)
    except PydanticUserError as error:
        raise ToolDefinitionError(
            f"A parameter of the tool {name} has a type without a JSON schema: {error.message}."
        ) from error
    schema = _simplify(schema, schema.get("$defs", {}), name)
    plain = {
        "type": "object",
        "properties": schema.get("properties", {}),
        "required": schema.get("required", []),
        "additionalProperties": False,
    }
    names = tuple(parameter.name for parameter in parameters[1:])
    return Signature(body, plain, model, names)


def parse_docstring(text: str) -> tuple[str, dict[str, str]]:
    """Split a Google docstring (as `inspect.getdoc` gives it).

    Returns:
        The description for the model, and the description of each parameter.
    """
    body: list[str] = []
    arguments: dict[str, str] = {}
    section, current, indent = "", "", 0
    for line in text.splitlines():
        heading = _SECTION.match(line)
        if heading:
            section, current = heading[1], ""
        if section in {"Args", "Arguments", "Parameters"}:
            depth = len(line) - len(line.lstrip())
            entry = re.match(r"^(\w+)(?: ?\([^)]*\))?:\s*(.*)$", line.strip())
            if not line.strip() or heading:
                continue
            if entry and (not current or depth <= indent):
                current, indent = entry[1], depth
                arguments[current] = entry[2]
            elif current:
                arguments[current] = f"{arguments[current]} {line.strip()}".strip()
        elif section not in _HIDDEN_SECTIONS:
            body.append(line)
    description = re.sub(r"\n{3,}", "\n\n", "\n".join(body)).strip()
    return description, arguments


def _hints(
    function: Callable[..., Any], parameters: list[inspect.Parameter], name: str
) -> dict[str, Any]:
    # `ctx` is left out: its type is often imported for type checkers only.
    annotations = {}
    for parameter in parameters:
        if parameter.annotation is inspect.Parameter.empty:
            raise ToolDefinitionError(
                f"The parameter {parameter.name} of the tool {name} needs a type."
            )
        annotations[parameter.name] = parameter.annotation
    holder = type("Annotations", (), {"__annotations__": annotations})
    namespace = getattr(inspect.unwrap(function), "__globals__", {})
    try:
        return typing.get_type_hints(holder, globalns=namespace, include_extras=True)
    except NameError as error:
        raise ToolDefinitionError(
            f"A type of the tool {name} is unknown when it is registered: {error}."
        ) from error


def _simplify(node: Any, definitions: Mapping[str, Any], name: str, depth: int = 0) -> Any:
    """Put definitions in place of references and drop generated titles."""
    if depth > 40:
        raise ToolDefinitionError(f"A parameter of the tool {name} has a type that holds itself.")
    if isinstance(node, list):
        return [_simplify(item, definitions, name, depth + 1) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target = definitions[node["$ref"].rsplit("/", 1)[-1]]
        rest = {key: value for key, value in node.items() if key != "$ref"}
        return _simplify({**target, **rest}, definitions, name, depth + 1)
    result = {}
    for key, value in node.items():
        if key == "$defs" or (key == "title" and isinstance(value, str)):
            continue
        if key == "properties":
            # Names of properties are no keywords: one may be called "title".
            result[key] = {
                prop: _simplify(inner, definitions, name, depth + 1)
                for prop, inner in value.items()
            }
        else:
            result[key] = _simplify(value, definitions, name, depth + 1)
    return result


def _type_name(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(repr(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_type_name(option) for option in schema["anyOf"])
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {_type_name(schema.get('items', {}))}"
    if kind == "object" and schema.get("properties"):
        inner = ", ".join(
            f"{name}: {_type_name(prop)}" for name, prop in schema["properties"].items()
        )
        return f"{{{inner}}}"
    return str(kind)
