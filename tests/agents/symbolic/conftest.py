"""Small repositories in real sandboxes, and the model at work on them through the real tools."""

import json
import subprocess
import textwrap

import pytest

from agents.models.protocol import Message, ModelToolCall
from repos.environments.interpreters import minor_version
from repos.errors import SandboxUnavailableError
from repos.prepare import prepare
from repos.runners.registry import get_runner
from repos.sandbox.select import get_backend
from repos.sandbox.workspace import Workspace
from repos.tasks.environments import PythonEnvironment
from repos.tasks.records import Expected, TaskSpec
from repos.tasks.sources.git import GitSource
from tools.context import ToolContext
from tools.registry import Submitted, ToolSet

NAMES = ("run_tests", "view", "try_edits", "edit", "undo", "submit")


class Conversation:
    """A conversation about one repository; every call is answered by the tools themselves."""

    def __init__(self, ctx, failing):
        listed = "\n".join(f"- {test}" for test in failing)
        statement = f"<problem>\nSomething is wrong.\nThese tests fail:\n{listed}\n</problem>"
        self.ctx = ctx
        self.tools = ToolSet(NAMES)
        self.schemas = self.tools.schemas
        self.messages = [Message("system", "s"), Message("user", statement)]

    def call(self, name, /, **arguments):
        """Add a call with its answer, and return the answer."""
        call = ModelToolCall(f"c{len(self.messages)}", name, json.dumps(arguments))
        self.messages.append(Message("assistant", "", (call,)))
        return self.answer(call)

    def answer(self, call):
        said = self.tools.call(self.ctx, call.name, call.arguments).text
        self.messages.append(Message("tool", said, tool_call_id=call.id))
        return said

    def play(self, model, most=30):
        """Let a model work until it submits; return the messages before each of its turns."""
        turns = []
        for _ in range(most):
            reply = model.complete(self.messages, self.schemas)
            turns.append((tuple(self.messages), reply))
            self.messages.append(Message("assistant", reply.text, reply.tool_calls))
            try:
                for call in reply.tool_calls:
                    self.answer(call)
            except Submitted:
                return turns
        raise AssertionError("it came to no end")

    def source(self, path):
        return self.ctx.workspace.read(path).decode()


@pytest.fixture(scope="session")
def backend():
    try:
        made = get_backend("auto")
    except SandboxUnavailableError as error:
        pytest.skip(str(error))
    yield made
    made.close()


@pytest.fixture(scope="module")
def converse(backend, tmp_path_factory):
    """Return a function that opens a repository of some files and begins a conversation."""
    opened = []

    def begin(files, failing):
        root = tmp_path_factory.mktemp("own") / "repo"
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(textwrap.dedent(text))

        def git(*args):
            command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *args]
            subprocess.run(command, cwd=root, check=True, capture_output=True)

        git("init", "-q", "-b", "main")
        git("add", "-A")
        git("commit", "-qm", "Base")
        git("commit", "-qm", "Fix", "--allow-empty")
        minor = minor_version()
        environment = f"python{minor}"
        spec = TaskSpec(
            id=f"own-{len(opened)}",
            source=GitSource(path=str(root), base="HEAD~1", fix="HEAD"),
            test_paths=("tests",),
            environments={environment: PythonEnvironment(python=minor)},
            expected={environment: Expected(fail_to_pass=tuple(failing))},
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("REPOGYM_CACHE", str(root.parent / "cache"))
            task = prepare(spec)
        workspace = Workspace(backend.create(task.layers, task.sandbox))
        ctx = ToolContext(workspace, task.public, get_runner(task.public.runner))
        opened.append((ctx, workspace))
        return Conversation(ctx, failing)

    yield begin
    for ctx, workspace in opened:
        ctx.close()
        workspace.close()
