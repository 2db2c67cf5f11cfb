"""What language servers answer on Django, and how fast: ty, jedi and pyright side by side.

    python benchmarks/completion.py [--positions N] [--servers A,B] [--quick] [--json FILE]

Each server runs in a sandbox of its own over the source of Django 5.1.4 from the package index, as
in an episode, and is asked at the same N attributes (120; `--quick` 20), drawn by `--seed` from the
files of `django/`. The code is cut behind the dot; a hit is an answer that holds the attribute's
name. `first_completion_s` is counted from the start of the process. `diagnostics_ms` is the time
from an edit that adds an undefined name and a missing member of a module to the answer;
`diagnostics_found` is the share of edits of which both were told. `rss_mb` is the memory of all
processes of the server at the end. A place that a server refuses, or does not answer within 30
seconds, counts as a miss (`refused`). `--servers` names some of the three.
pyright is the one that is installed for RepoGym's own checks; it needs node in /usr.
"""

from __future__ import annotations

import argparse
import ast
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

from benchmarks.record import write  # noqa: E402
from benchmarks.sandbox_layers import django_tree  # noqa: E402
from repos.environments.interpreters import minor_version  # noqa: E402
from repos.environments.layers import environment_layers  # noqa: E402
from repos.environments.servers import server_mounts  # noqa: E402
from repos.errors import InputError  # noqa: E402
from repos.sandbox.protocol import ENVIRONMENT, Backend, Layers, Mount, SandboxSpec  # noqa: E402
from repos.sandbox.select import get_backend  # noqa: E402
from repos.sandbox.workspace import HARNESS_PYTHON, Workspace  # noqa: E402
from repos.tasks.environments import PythonEnvironment  # noqa: E402
from tools.language.client import LanguageServerError, RequestError  # noqa: E402
from tools.language.positions import Place  # noqa: E402
from tools.language.servers import KINDS, ServerKind, for_python  # noqa: E402
from tools.language.session import Document, Server  # noqa: E402

REQUIREMENTS = ("asgiref==3.8.1", "sqlparse==0.5.3")
PYRIGHT = "/opt/pyright"
EDIT = "\n\nimport os as _os\n\n\ndef _added():\n    undefined_here\n    _os.missing_here\n"
ADDED = ("undefined_here", "missing_here")
EDITS = 20

_SETTINGS: dict[str, Any] = {
    "python": {"pythonPath": f"{ENVIRONMENT}/bin/python"},
    "python.analysis": {"diagnosticMode": "openFilesOnly", "autoImportCompletions": False,
                        "useLibraryCodeForTypes": True},
}  # fmt: skip
PYRIGHT_KIND = ServerKind(
    "pyright",
    {".py": "python"},
    ("/usr/bin/node", f"{PYRIGHT}/langserver.index.js", "--stdio"),
    settings=_SETTINGS,
)

RSS = (
    "import glob\n"
    "total = 0\n"
    "for path in glob.glob('/proc/[0-9]*/status'):\n"
    "    try:\n"
    "        rows = dict(line.split(':', 1) for line in open(path))\n"
    "    except OSError:\n"
    "        continue\n"
    "    total += int(rows.get('VmRSS', '0 kB').split()[0])\n"
    "print(total)\n"
)


@dataclass(frozen=True)
class Position:
    """An attribute in a file: the place behind its dot, and its name."""

    path: str
    line: int
    column: int
    name: str


def positions(tree: Path, count: int, seed: int) -> list[Position]:
    """Draw attributes that are read, each with its object on the same line."""
    found = []
    for path in sorted((tree / "django").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        lines = text.split("\n")
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.Attribute) or node.end_lineno is None:
                continue
            line, end = lines[node.end_lineno - 1], node.end_col_offset or 0
            begin = end - len(node.attr)
            if line.isascii() and line[begin:end] == node.attr and line[begin - 1] == ".":
                name = path.relative_to(tree).as_posix()
                found.append(Position(name, node.end_lineno - 1, begin, node.attr))
    return random.Random(seed).sample(found, count)


def layers() -> Layers:
    """Return Django with its environment, the language servers and pyright."""
    spec = util.find_spec("pyright")
    if spec is None or spec.origin is None:
        raise InputError("pyright is not installed: pip install -r constraints-dev.txt.")
    pyright = Path(spec.origin).parent / "dist"
    environment = environment_layers(
        PythonEnvironment(python=minor_version(), requirements=REQUIREMENTS), django_tree(), (".",)
    )
    mounts = (*environment.mounts, *server_mounts(), Mount(pyright, PYRIGHT))
    return Layers((django_tree(),), mounts, environment.path)


class Measured:
    """One server in a sandbox of its own, and the times that it took in milliseconds."""

    def __init__(self, backend: Backend, kind: ServerKind, made: Layers) -> None:
        self.workspace = Workspace(backend.create(made, SandboxSpec()))
        self._files: dict[str, Document] = {}
        self.refused = 0
        self._idle = self.rss()
        self._begun = time.perf_counter()
        self.server = Server(self.workspace, kind)

    def rss(self) -> int:
        """Return the memory of all processes in the sandbox, in kB."""
        done = self.workspace.exec([HARNESS_PYTHON, "-c", RSS])
        return int(done.stdout)

    def original(self, path: str) -> Document:
        """Return a file as it is."""
        if path not in self._files:
            self._files[path] = Document(path, self.workspace.read(path).decode())
        return self._files[path]

    def complete(self, one: Position) -> tuple[float, bool]:
        """Return what one completion took, and whether it was a hit."""
        lines = list(self.original(one.path).lines)
        line = lines[one.line]
        lines[one.line] = line[: one.column] + line[one.column + len(one.name) :]
        document = Document(one.path, "\n".join(lines))
        place = Place(one.line, one.column)
        items, took = self._timed(lambda: self.server.completions(document, place))
        labels = {str(i.get("filterText") or i.get("label")).partition("(")[0] for i in items}
        return took, one.name in labels

    def define(self, one: Position) -> float:
        """Return what one definition took."""
        place = Place(one.line, one.column)
        document = self.original(one.path)
        return self._timed(lambda: self.server.definitions(document, place))[1]

    def diagnose(self, path: str) -> tuple[float, bool]:
        """Return what diagnostics after an edit took, and whether both errors were told."""
        self._timed(lambda: self.server.diagnose(self.original(path)))
        edited = Document(path, self.original(path).text + EDIT)
        items, took = self._timed(lambda: self.server.diagnose(edited))
        told = " ".join(str(item.get("message")) for item in items)
        return took, all(name in told for name in ADDED)

    def _timed(self, ask: Callable[[], list[Any]]) -> tuple[list[Any], float]:
        begun = time.perf_counter()
        try:
            items = ask()
        except RequestError:
            self.refused += 1
            items = []
        except LanguageServerError:  # it has ended, or gave no answer in 30 s
            self.refused += 1
            items = []
            self.server.close()
            self.server = Server(self.workspace, self.server.kind)
        return items, 1000 * (time.perf_counter() - begun)

    def figures(self, places: Sequence[Position]) -> dict[str, float]:
        """Ask at all places and return the figures."""
        _, hit = self.complete(places[0])
        first = time.perf_counter() - self._begun
        warm = [self.complete(one) for one in places[1:]]
        times = [took for took, _ in warm]
        found = {
            "first_completion_s": round(first, 2),
            "warm_ms_p50": round(statistics.median(times), 1),
            "warm_ms_p95": round(statistics.quantiles(times, n=20)[-1], 1),
            "definition_ms_p50": round(statistics.median([self.define(p) for p in places]), 1),
            "hit_rate": round((hit + sum(one for _, one in warm)) / len(places), 3),
            "refused": self.refused,
        }
        if self.server.kind.pulls is not None:
            paths = list(dict.fromkeys(one.path for one in places))[:EDITS]
            told = [self.diagnose(path) for path in paths]
            found["diagnostics_ms_p50"] = round(statistics.median([t for t, _ in told]), 1)
            found["diagnostics_found"] = round(sum(both for _, both in told) / len(told), 3)
        found["rss_mb"] = round((self.rss() - self._idle) / 1024, 1)
        return found

    def close(self) -> None:
        """End it."""
        self.server.close()
        self.workspace.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Language servers on Django.")
    parser.add_argument("--positions", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--servers", default="ty,jedi,pyright")
    parser.add_argument("--quick", action="store_true", help="20 positions")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    count = 20 if options.quick else options.positions
    made = layers()
    places = positions(django_tree(), count, options.seed)
    figures: dict[str, Any] = {"positions": count}
    backend = get_backend("auto")
    try:
        for kind in (for_python(KINDS["ty"], minor_version()), KINDS["jedi"], PYRIGHT_KIND):
            if kind.name not in options.servers.split(","):
                continue
            measured = Measured(backend, kind, made)
            try:
                found = measured.figures(places)
            finally:
                measured.close()
            for name, value in found.items():
                figures[f"{kind.name}_{name}"] = value
                print(f"{kind.name}_{name} {value}", flush=True)
    finally:
        backend.close()
    if options.json:
        write(options.json, figures)


if __name__ == "__main__":
    main()
