"""Tools by name: the decorator that makes one, and the chosen set that an episode offers."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast, overload

from repos.errors import InputError, UnknownNameError
from repos.plugins import installed_plugins, load_dotted, load_plugin
from tools.context import ToolContext
from tools.result import Submitted, ToolError, ToolResult
from tools.schema import Signature, ToolDefinitionError, read_signature
from tools.text import clip

__all__ = [
    "BUILTIN_TOOLS",
    "DEFAULT_TOOLS",
    "KERNEL_TOOLS",
    "Submitted",
    "Tool",
    "ToolDefinitionError",
    "ToolError",
    "ToolResult",
    "ToolSet",
    "get_tool",
    "tool",
    "tool_names",
]

ToolFunction = Callable[..., "str | ToolResult"]

BUILTIN_TOOLS: dict[str, str] = {
    "view": "tools.view",
    "list_files": "tools.list_files",
    "search": "tools.search",
    "edit": "tools.edit",
    "create": "tools.create",
    "undo": "tools.undo",
    "bash": "tools.bash",
    "run_tests": "tools.run_tests",
    "try_edits": "tools.try_edits",
    "git_diff": "tools.git_diff",
    "git_log": "tools.git_log",
    "find_symbol": "tools.symbols",
    "callers": "tools.symbols",
    "callees": "tools.symbols",
    "references": "tools.symbols",
    "hierarchy": "tools.symbols",
    "repo_map": "tools.symbols",
    "graph_query": "tools.graph_query",
    "complete": "tools.complete",
    "definition": "tools.lookups",
    "signature": "tools.lookups",
    "diagnostics": "tools.diagnostics",
    "get_imports": "tools.code_parts",
    "get_class_info": "tools.code_parts",
    "get_method_body": "tools.code_parts",
    "get_relevant_code": "tools.retrieval",
    "get_related_snippets": "tools.retrieval",
    "submit": "tools.submit",
    "kernel_build": "tools.kernel",
    "kernel_run": "tools.kernel",
    "crash_report": "tools.kernel",
    "kernel_config": "tools.kernel",
}
"""The module of each tool that comes with RepoGym; imported when the tool is chosen."""

RETRIEVAL_TOOLS: tuple[str, ...] = (
    "get_imports",
    "get_class_info",
    "get_method_body",
    "get_relevant_code",
    "get_related_snippets",
)
"""Tools for code generation, offered where they are chosen."""

KERNEL_TOOLS = ("kernel_build", "kernel_run", "crash_report", "kernel_config")
"""What episodes on a kernel have besides."""

DEFAULT_TOOLS: tuple[str, ...] = tuple(
    n for n in BUILTIN_TOOLS if n not in (*RETRIEVAL_TOOLS, *KERNEL_TOOLS)
)
"""The tools of an episode where nothing else is chosen."""

_registered: dict[str, Tool] = {}

_FILE_ERRORS = (
    FileExistsError,
    FileNotFoundError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)


@dataclass(frozen=True)
class Tool:
    """A registered tool; calling it calls its function, without any checks.

    Attributes:
        name: The name that a model calls.
        function: `def name(ctx: ToolContext, *, ...) -> str | ToolResult`.
        signature: Its schema and its validator.
        read_only: Whether it leaves the workspace as it is, so that several such calls may
            run at the same time.
        max_chars: Bound of its observation where the context's own does not fit.
    """

    name: str
    function: ToolFunction
    signature: Signature
    read_only: bool = False
    max_chars: int | None = None

    def __call__(self, ctx: ToolContext, **arguments: Any) -> str | ToolResult:
        """Run the tool with Python values."""
        return self.function(ctx, **arguments)

    @property
    def schema(self) -> dict[str, Any]:
        """The schema in OpenAI function form, a fresh copy."""
        return {
            "type": "function",
            "function": {
                "name": self.name,
                "description": self.signature.description,
                "parameters": json.loads(json.dumps(self.signature.parameters)),
            },
        }


@overload
def tool(function: ToolFunction, /) -> Tool: ...


@overload
def tool(
    *, read_only: bool = False, max_chars: int | None = None
) -> Callable[[ToolFunction], Tool]: ...


def tool(
    function: ToolFunction | None = None,
    /,
    *,
    read_only: bool = False,
    max_chars: int | None = None,
) -> Tool | Callable[[ToolFunction], Tool]:
    """Register a function as a tool under its own name; with or without parentheses.

    Args:
        function: `def name(ctx: ToolContext, *, ...) -> str | ToolResult` with a Google
            docstring; it may raise `ToolError` for what the agent did wrong.
        read_only: Whether the tool leaves the workspace as it is.
        max_chars: Bound of its observation in characters, instead of the context's.

    Raises:
        ToolDefinitionError: The function can't be a tool, or its name is another tool's.
    """

    def register(function: ToolFunction) -> Tool:
        made = _make(function, read_only, max_chars)
        other = _registered.get(made.name)
        owner = BUILTIN_TOOLS.get(made.name)
        if (other and _origin(other.function) != _origin(function)) or (
            owner is not None and owner != function.__module__
        ):
            raise ToolDefinitionError(f"There is a tool {made.name} already: choose another name.")
        _registered[made.name] = made
        return made

    return register if function is None else register(function)


def get_tool(name: str) -> Tool:
    """Return a tool by its name (also of an entry point) or by `package.module:function`.

    Raises:
        UnknownNameError: No tool of that name.
        RepoGymError: The path names nothing that can be a tool.
    """
    if ":" in name:
        return _from_path(name)
    if name not in _registered and name in BUILTIN_TOOLS:
        importlib.import_module(BUILTIN_TOOLS[name])
    if name in _registered:
        return _registered[name]
    form = "package.module:function"
    known = dict.fromkeys((*BUILTIN_TOOLS, *_registered), "")
    found = load_plugin("tools", name, known, noun="tool", form=form)
    return _as_tool(found, name)


def tool_names() -> list[str]:
    """Return the names of all tools that are known, sorted."""
    return sorted({*BUILTIN_TOOLS, *_registered, *installed_plugins("tools")})


class ToolSet:
    """The tools of one episode; holds no state, so forks share it.

    Attributes:
        tools: By name, in the chosen order.
    """

    def __init__(self, names: str | Iterable[str] = DEFAULT_TOOLS) -> None:
        """Choose tools.

        Args:
            names: Names or dotted paths; as text, separated by commas. Those with a "+" in
                front are added to the default ones: "+my.module:count".

        Raises:
            RepoGymError: No list of names, or a name that is unknown or given twice.
        """
        self.tools: dict[str, Tool] = {}
        for name in _chosen(names):
            chosen = get_tool(name)
            if chosen.name in self.tools:
                raise InputError(f"The tool {chosen.name} was chosen twice.")
            self.tools[chosen.name] = chosen

    @property
    def schemas(self) -> list[dict[str, Any]]:
        """Schemas in OpenAI function form, fresh copies, in the chosen order."""
        return [chosen.schema for chosen in self.tools.values()]

    def is_read_only(self, name: str) -> bool:
        """Whether calls of this tool may run beside other read-only calls."""
        return name in self.tools and self.tools[name].read_only

    def call(self, ctx: ToolContext, name: str, arguments: str) -> ToolResult:
        """Run one call as a model wrote it.

        Args:
            ctx: The context of the episode.
            name: The tool's name.
            arguments: Raw JSON text of an object; "" counts as "{}".

        Returns:
            The result. An unknown name, broken JSON and arguments that don't fit are results
            with `ok=False` that say what to do; text longer than the bound keeps head and tail.

        Raises:
            Submitted: The agent submits.
            InfrastructureError: The sandbox is gone.
        """
        chosen = self.tools.get(name)
        if chosen is None:
            error = UnknownNameError("tool", name[:200], self.tools)
            return ToolResult(_one_of(str(error), self.tools), ok=False)
        try:
            values = chosen.signature.validate(_parse(arguments))
            result = chosen(ctx, **values)
        except ToolError as error:
            result = ToolResult(f"{name}: {error}", ok=False)
        except _FILE_ERRORS as error:
            # Of a tool that did not look at a path first; a lost sandbox is another error.
            said = f"{error.filename or 'a file'}: {error.strerror or type(error).__name__}"
            result = ToolResult(f"{name}: {said}.", ok=False)
        if isinstance(result, str):
            result = ToolResult(result)
        bound = chosen.max_chars or ctx.limits.max_chars
        # Names of files may hold bytes that are no text; an observation is always text.
        text = result.text.encode("utf-8", "replace").decode()
        return ToolResult(clip(text, bound), result.ok)


def _chosen(names: str | Iterable[str]) -> tuple[str, ...]:
    """Return the names of the chosen tools, the default ones first where some are added."""
    if isinstance(names, str):
        names = [name.strip() for name in names.split(",")]
    listed = isinstance(names, Iterable) and not isinstance(names, Mapping)
    chosen = tuple(names) if listed else ()
    if not all(isinstance(name, str) and name.strip("+ ") for name in chosen) or not chosen:
        raise InputError(
            f'tools is {names!r}: give a list of names, for example ["view", "submit"], or names '
            'that are added to the default ones, for example "+my.module:count".'
        )
    added = [name.removeprefix("+") for name in chosen if name.startswith("+")]
    if added and len(added) < len(chosen):
        raise InputError(
            f"tools is {names!r}: put a + in front of all names (added to the default ones) or "
            "of none (these and no others)."
        )
    return (*DEFAULT_TOOLS, *added) if added else chosen


def _parse(arguments: str) -> dict[str, Any]:
    if not arguments.strip():
        return {}
    try:
        value = json.loads(arguments)
        # Half a surrogate pair is legal JSON and no legal text: it could not be written.
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ToolError("The arguments are nested too deeply.") from error
    except UnicodeEncodeError as error:
        raise ToolError(
            "The arguments hold a lone surrogate (\\ud800 to \\udfff), which is no character."
        ) from error
    except ValueError as error:
        raise ToolError(
            f"The arguments are not valid JSON ({error}). Send one JSON object; inside strings "
            'write newlines as \\n and quotes as \\".'
        ) from error
    if not isinstance(value, dict):
        raise ToolError(
            f"The arguments must be one JSON object, not {_json_kind(value)}: "
            'for example {"path": "README.md"}.'
        )
    return value


def _json_kind(value: object) -> str:
    kinds = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return kinds.get(type(value), "a number")


def _one_of(message: str, known: Iterable[str]) -> str:
    return message if "Known:" in message else f"{message} The tools are: {', '.join(known)}."


def _make(function: ToolFunction, read_only: bool, max_chars: int | None) -> Tool:
    return Tool(function.__name__, function, read_signature(function), read_only, max_chars)


def _origin(function: ToolFunction) -> tuple[str, str]:
    return function.__module__, function.__qualname__


def _from_path(path: str) -> Tool:
    return _as_tool(load_dotted(path, "tool"), path)


def _as_tool(found: Any, path: str) -> Tool:
    if isinstance(found, Tool):
        return found
    if not callable(found) or not hasattr(found, "__name__"):
        raise InputError(f"{path} is not a function, so it can't be a tool.")
    return _make(cast(ToolFunction, found), read_only=False, max_chars=None)
