"""The language servers of one episode: started at first use, following every edit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from lsprotocol import types as lsp

from repos.sandbox.protocol import TESTBED
from tools.context import ToolContext
from tools.language.client import LanguageClient, LanguageServerError, RequestError
from tools.language.positions import Place, from_server, to_server
from tools.language.servers import ServerKind, for_python, server_for
from tools.paths import clean, read_text
from tools.result import ToolError

if TYPE_CHECKING:
    from repos.sandbox.workspace import Mark, Workspace

RESOURCE = "language servers"

START_S = 60.0
"""Wall time that a server gets to start."""

ANSWER_S = 30.0
"""Wall time that a server gets for one answer."""

MAX_OPEN = 64
"""Documents that a server holds open at once."""

T = TypeVar("T")


class Document:
    """A file as a server sees it: its text cut into lines.

    Attributes:
        path: Its path in the repository.
        uri: Its URI.
        lines: Its lines, without their ends.
    """

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.uri = f"file://{TESTBED}/{path}" if not path.startswith("/") else f"file://{path}"
        self.lines = text.split("\n")

    @property
    def text(self) -> str:
        """The whole text."""
        return "\n".join(self.lines)


class Server:
    """One running language server and what it was told."""

    def __init__(self, workspace: Workspace, kind: ServerKind) -> None:
        """Start it.

        Raises:
            LanguageServerError: It does not start.
        """
        self.kind = kind
        self._workspace = workspace
        self._open: dict[str, tuple[int, str]] = {}
        self._version = 0
        self._mark: Mark = workspace.mark()
        process = workspace.spawn(list(kind.argv), env=dict(kind.env))
        self.client = LanguageClient(process, kind.settings)
        try:
            answer = self.client.request(lsp.INITIALIZE, _initialize(kind), START_S)
            self.client.notify(lsp.INITIALIZED, {})
        except (LanguageServerError, RequestError) as error:
            self.close()
            raise LanguageServerError(f"it does not start: {error}") from error
        capabilities = answer.get("capabilities") if isinstance(answer, dict) else None
        encoding = (capabilities or {}).get("positionEncoding")
        self.encoding = encoding if encoding in ("utf-8", "utf-16", "utf-32") else "utf-16"

    def follow(self) -> None:
        """Tell the server which files changed since it was told last."""
        changed = self._workspace.changes(self._mark)
        if not changed:
            return
        self._mark = self._workspace.mark()
        changes = [
            {"uri": f"file://{TESTBED}/{path}", "type": int(lsp.FileChangeType.Changed)}
            for path in changed
        ]
        self.client.notify(lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES, {"changes": changes})
        for path in changed:
            uri = f"file://{TESTBED}/{path}"
            if uri in self._open:
                self._show_again(path, uri)

    def _show_again(self, path: str, uri: str) -> None:
        try:
            self.show(Document(path, _plain_ends(read_text(self._workspace, path).text)))
        except ToolError:
            self._close_document(uri)

    def show(self, document: Document) -> int:
        """Make the server see a document as it is; return the document's version there."""
        known = self._open.get(document.uri)
        wanted = document.text
        if known is not None and known[1] == wanted:
            return known[0]
        # Never the same number twice: what a server says of an older text is told apart by it.
        self._version += 1
        if known is not None:
            self.client.notify(
                lsp.TEXT_DOCUMENT_DID_CHANGE,
                {
                    "textDocument": {"uri": document.uri, "version": self._version},
                    "contentChanges": [{"text": wanted}],
                },
            )
        else:
            if len(self._open) >= MAX_OPEN:
                self._close_document(next(iter(self._open)))
            ending = document.path[document.path.rfind(".") :].lower()
            self.client.notify(
                lsp.TEXT_DOCUMENT_DID_OPEN,
                {
                    "textDocument": {
                        "uri": document.uri,
                        "languageId": self.kind.languages[ending],
                        "version": self._version,
                        "text": wanted,
                    }
                },
            )
        self.client.diagnostics.pop(document.uri, None)
        self._open[document.uri] = (self._version, wanted)
        return self._version

    def _close_document(self, uri: str) -> None:
        self._open.pop(uri)
        self.client.diagnostics.pop(uri, None)
        self.client.notify(lsp.TEXT_DOCUMENT_DID_CLOSE, {"textDocument": {"uri": uri}})

    def ask(self, method: str, document: Document, place: Place, **more: Any) -> Any:
        """Ask about a place of a document."""
        version = self.show(document)
        if self.kind.pulls is False:
            # clangd answers from an older state of the file until it has diagnosed this one.
            self.client.wait_for_diagnostics(document.uri, version, ANSWER_S)
        params = {
            "textDocument": {"uri": document.uri},
            "position": to_server(document.lines, place, self.encoding),
            **more,
        }
        return self.client.request(method, params, ANSWER_S)

    def completions(self, document: Document, place: Place) -> list[Any]:
        """Return the items that may stand at a place."""
        context: dict[str, Any] = {"triggerKind": int(lsp.CompletionTriggerKind.Invoked)}
        if document.lines[place.line][: place.column].endswith("."):
            kind = int(lsp.CompletionTriggerKind.TriggerCharacter)
            context = {"triggerKind": kind, "triggerCharacter": "."}
        answer = self.ask(lsp.TEXT_DOCUMENT_COMPLETION, document, place, context=context)
        items = answer.get("items") if isinstance(answer, dict) else answer
        return items if isinstance(items, list) else []

    def definitions(self, document: Document, place: Place) -> list[Any]:
        """Return the locations at which the name at a place is defined."""
        answer = self.ask(lsp.TEXT_DOCUMENT_DEFINITION, document, place)
        return answer if isinstance(answer, list) else [answer] if answer else []

    def hover(self, document: Document, place: Place) -> Any:
        """Return what is known of the name at a place; None for nothing."""
        answer = self.ask(lsp.TEXT_DOCUMENT_HOVER, document, place)
        return answer.get("contents") if isinstance(answer, dict) else None

    def diagnose(self, document: Document) -> list[Any]:
        """Return the server's errors in a document as it is."""
        version = self.show(document)
        if not self.kind.pulls:
            items: Any = self.client.wait_for_diagnostics(document.uri, version, ANSWER_S)
        else:
            params = {"textDocument": {"uri": document.uri}}
            answer = self.client.request(lsp.TEXT_DOCUMENT_DIAGNOSTIC, params, ANSWER_S)
            items = answer.get("items") if isinstance(answer, dict) else None
        error = int(lsp.DiagnosticSeverity.Error)
        known = items if isinstance(items, list) else []
        return [i for i in known if isinstance(i, dict) and i.get("severity", error) == error]

    def place(self, document: Document, position: Any) -> Place | None:
        """Return a place of a document that the server wrote; None where it is none."""
        return from_server(document.lines, position, self.encoding)

    def close(self) -> None:
        """End the server."""
        self.client.close()


class LanguageServers:
    """The servers of one workspace; a fork starts its own when it needs them."""

    def __init__(self, workspace: Workspace, python: str = "") -> None:
        """Make it; no server is started before the first question.

        Args:
            workspace: Whose files they see.
            python: Minor version of the task's Python; "" where it has none.
        """
        self._workspace = workspace
        self._python = python
        self._servers: dict[str, Server] = {}
        self._lock = threading.Lock()

    def ask(self, path: str, question: Callable[[Server], T]) -> T:
        """Ask the server of a file's language; one that has died is started again, once.

        Args:
            path: The file.
            question: Asks; it may be called a second time with another server.

        Raises:
            ToolError: No server knows the language, or it does not answer.
            InputError: The server that was chosen is not installed.
            InfrastructureError: The sandbox is gone.
        """
        kind = server_for(path)
        if kind is None:
            raise ToolError(f"{path} is of no language with a language server (Python, C, C++).")
        with self._lock:
            for attempt in (1, 2):
                try:
                    if kind.name not in self._servers:
                        self._servers[kind.name] = Server(
                            self._workspace, for_python(kind, self._python)
                        )
                    server = self._servers[kind.name]
                    server.follow()
                    return question(server)
                except LanguageServerError as error:
                    self._drop(kind.name)
                    if attempt == 2:
                        raise ToolError(f"The language server {kind.name}: {error}.") from error
                    time.sleep(0.05)
                except RequestError as error:
                    raise ToolError(f"The language server {kind.name} refused: {error}.") from error
        raise AssertionError("unreachable")

    def _drop(self, name: str) -> None:
        server = self._servers.pop(name, None)
        if server is not None:
            server.close()

    def fork(self, workspace: Workspace) -> LanguageServers:
        """Return the twin for a fork of the workspace; its servers start when asked."""
        return LanguageServers(workspace, self._python)

    def close(self) -> None:
        """End all servers; may be called twice."""
        with self._lock:
            for name in list(self._servers):
                self._drop(name)


def kind_name(number: Any) -> str:
    """Return the name of a completion item's kind; "" for one that is none."""
    try:
        return lsp.CompletionItemKind(number).name.lower()
    except ValueError:
        return ""


def servers_of(ctx: ToolContext) -> LanguageServers:
    """Return the episode's language servers."""
    return ctx.resource(RESOURCE, lambda: LanguageServers(ctx.workspace, ctx.task.python))


def open_document(ctx: ToolContext, path: str) -> Document:
    """Return a file of the workspace as a document.

    Raises:
        ToolError: It does not exist or is no text.
    """
    path = clean(path)
    file = read_text(ctx.workspace, path)
    return Document(path, _plain_ends(file.text))


def _plain_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _initialize(kind: ServerKind) -> dict[str, Any]:
    root = f"file://{TESTBED}"
    return {
        # The sandbox ends the server; it must not look for a process of another namespace.
        "processId": None,
        "rootUri": root,
        "workspaceFolders": [{"uri": root, "name": "testbed"}],
        "initializationOptions": dict(kind.options),
        "capabilities": {
            "general": {"positionEncodings": ["utf-32", "utf-16"]},
            "workspace": {
                "configuration": True,
                "workspaceFolders": True,
                "didChangeWatchedFiles": {"dynamicRegistration": True},
            },
            "textDocument": {
                "synchronization": {},
                "completion": {
                    "completionItem": {
                        "snippetSupport": False,
                        "documentationFormat": ["plaintext"],
                    },
                    "contextSupport": True,
                },
                "definition": {"linkSupport": False},
                "hover": {"contentFormat": ["plaintext"]},
                "signatureHelp": {"signatureInformation": {"documentationFormat": ["plaintext"]}},
                "publishDiagnostics": {"versionSupport": True},
                "diagnostic": {},
            },
        },
    }
