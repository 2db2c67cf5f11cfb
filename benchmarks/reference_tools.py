"""Asks jedi and ty for the definitions of calls; run by call_resolution.py in a venv with both.

Usage: python reference_tools.py ROOT < SITES > ANSWERS, SITES being a list of [path, line, column]
and ANSWERS lists of such places for each tool.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit


def relative(path: str | None, root: Path) -> str | None:
    """The path below the root, None outside of it."""
    if path is None:
        return None
    try:
        return str(Path(path).resolve().relative_to(root))
    except ValueError:
        return None


def ask_jedi(root: Path, sites: list[list[Any]]) -> list[list[list[Any]]]:
    """Definitions by jedi, imports followed."""
    import jedi  # pyright: ignore[reportMissingImports]

    project = jedi.Project(root, sys_path=[str(root), str(root / "tests"), *sys.path[1:]])
    found = []
    scripts: dict[str, Any] = {}
    for path, line, column in sites:
        if path not in scripts:
            scripts = {path: jedi.Script(path=root / path, project=project)}
        try:
            names = scripts[path].goto(line, column, follow_imports=True)
            found.append([[relative(str(n.module_path), root) if n.module_path else None,
                           n.line, n.column] for n in names])  # fmt: skip
        except Exception as error:  # jedi fails on some sites in many ways; counted as no answer
            print(f"{path}:{line}: {error!r}", file=sys.stderr)
            found.append([])
    return found


class Ty:
    """A ty language server, spoken to over its standard streams."""

    def __init__(self, root: Path) -> None:
        program = Path(sys.executable).parent / "ty"
        self._process = subprocess.Popen(
            [str(program), "server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, cwd=root,
        )  # fmt: skip
        self._count = 0
        folders = [{"uri": root.as_uri(), "name": "it"}]
        self.ask(
            "initialize",
            {"processId": None, "rootUri": root.as_uri(), "capabilities": {},
             "workspaceFolders": folders},
        )  # fmt: skip
        self.tell("initialized", {})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._process.stdin.flush()

    def tell(self, method: str, parameters: dict[str, Any]) -> None:
        """Send a notification."""
        self._send({"method": method, "params": parameters})

    def ask(self, method: str, parameters: dict[str, Any]) -> Any:
        """Send a request and wait for its answer; the server's own requests get null."""
        self._count += 1
        self._send({"id": self._count, "method": method, "params": parameters})
        stream = self._process.stdout
        assert stream is not None
        while True:
            length = 0
            while line := stream.readline().strip():
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            message = json.loads(stream.read(length))
            if "method" in message:
                if "id" in message:
                    self._send({"id": message["id"], "result": None})
            elif message.get("id") == self._count:
                return message.get("result")

    def close(self) -> None:
        """End the server."""
        self._process.kill()
        self._process.wait()


def ask_ty(root: Path, sites: list[list[Any]]) -> list[list[list[Any]]]:
    """Definitions by ty."""
    server = Ty(root)
    opened: set[str] = set()
    found = []
    for path, line, column in sites:
        uri = (root / path).as_uri()
        if path not in opened:
            opened.add(path)
            text = (root / path).read_text(encoding="utf-8", errors="replace")
            server.tell("textDocument/didOpen", {"textDocument": {
                "uri": uri, "languageId": "python", "version": 1, "text": text}})  # fmt: skip
        result = server.ask(
            "textDocument/definition",
            {"textDocument": {"uri": uri}, "position": {"line": line - 1, "character": column}},
        )
        places = []
        for item in result if isinstance(result, list) else [result] if result else []:
            target = unquote(urlsplit(item.get("uri") or item["targetUri"]).path)
            at = item.get("range") or item["targetSelectionRange"]
            start = at["start"]
            places.append([relative(target, root), start["line"] + 1, start["character"]])
        found.append(places)
    server.close()
    return found


def main() -> None:
    """Ask both."""
    root = Path(sys.argv[1]).resolve()
    sites = json.load(sys.stdin)
    order = sorted(range(len(sites)), key=lambda place: sites[place])
    answers = {}
    for name, ask in (("jedi", ask_jedi), ("ty", ask_ty)):
        got = ask(root, [sites[place] for place in order])
        answers[name] = [answer for _, answer in sorted(zip(order, got, strict=True))]
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
