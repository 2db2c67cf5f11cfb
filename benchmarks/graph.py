"""Time and memory of the code graph, side by side with other indexers, on Django 4.2.11 and sympy.

Usage: python benchmarks/graph.py [--quick] [--json FILE] [--kernel FOLDER]

Sources come from the package index once and are kept in the cache. Figures without the name of a
store are of the default store, kglite. The Bolt figures need REPOGYM_TEST_BOLT_PYTHON (see
docs/graph.md); ``--kernel`` indexes the fs/ folder of a kernel tree. CPU seconds are of this
process and those it waited for; a busy machine makes them larger.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.graph_corpora import corpus, tools_python
from benchmarks.record import write

HERE = Path(__file__).resolve().parent


def resident() -> float:
    """Resident memory of this process in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6


def milliseconds(work: Callable[[], Any], repeat: int) -> float:
    """Median wall time of some runs."""
    times = []
    for _ in range(repeat):
        begin = time.perf_counter()
        work()
        times.append((time.perf_counter() - begin) * 1e3)
    return statistics.median(times)


def cpu(work: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of this process and its ended children, and the result."""
    before = os.times()
    result = work()
    after = os.times()
    return sum(after[:4]) - sum(before[:4]), result


def index_figures(name: str, folder: Path) -> dict[str, float]:
    """Build, memory, unchanged build and load from what was kept; run in a fresh process."""
    from graphdb import FolderSource
    from graphdb.graph import CodeGraph
    from graphdb.index import Index
    from graphdb.languages import language_of, languages

    languages()
    source = FolderSource(corpus(name))
    before = resident()
    index = Index()
    paths = [path for path in source.list() if language_of(path)]
    figures = {f"{name}_index_s": cpu(lambda: index.update(source, paths))[0]}
    figures["index_mb"] = resident() - before
    index = Index()
    CodeGraph.build(source, folder).close()
    figures[f"{name}_reindex_s"] = cpu(lambda: CodeGraph.build(source, folder))[0]
    return figures


_POINT = {
    "class by name": "MATCH (c:CLASS {name: 'HttpResponse'}) RETURN c.id AS id, c.file_path AS f",
    "methods": "MATCH (c:CLASS {id: 'python:django/http/response.py::HttpResponse'})"
    "-[:HAS_METHOD]->(m:METHOD) RETURN m.name AS name",
    "callers": "MATCH (f)-[:CALLS]->(g:FUNCTION {id: 'python:django/shortcuts.py::render'}) "
    "RETURN DISTINCT f.id AS id",
    "subclasses": "MATCH (s:CLASS)-[:INHERITS*1..10]->(b:CLASS {id: "
    "'python:django/db/models/fields/__init__.py::Field'}) RETURN DISTINCT s.id AS id",
    "importers": "MATCH (a:MODULE)-[:IMPORTS]->(b:MODULE {id: "
    "'python:django/utils/translation/__init__.py'}) RETURN a.name AS name",
}
_TWO_HOP = (
    "MATCH (a)-[:CALLS]->(b)-[:USES]->(v:GLOBAL_VARIABLE {name: 'settings'}) "
    "RETURN DISTINCT a.id AS id"
)


def canonical(store: Any) -> dict[str, Callable[[], Any]]:
    """The five point questions as functions."""
    from graphdb import queries

    one = queries.one_symbol
    response = one(store, "django.http.response.HttpResponse")
    render = one(store, "django.shortcuts.render")
    field = one(store, "django.db.models.fields.Field")
    module = one(store, "django.utils.translation", ("MODULE",))
    return {
        "class by name": lambda: store.named("HttpResponse", ("CLASS",)),
        "methods": lambda: store.links([response], ["HAS_METHOD"], "out"),
        "callers": lambda: store.links([render], ["CALLS"], "in"),
        "subclasses": lambda: queries.hierarchy(store, field).descendants,
        "importers": lambda: store.links([module], ["IMPORTS"], "in"),
    }


def two_hop(store: Any) -> int:
    """What calls a user of the variable ``settings``, by the store's own operations."""
    used = store.named("settings", ("GLOBAL_VARIABLE",))
    users = {link.other.id: link.other for link in store.links(used, ["USES"], "in")}
    return len({link.other.id for link in store.links(list(users.values()), ["CALLS"], "in")})


def store_figures(folder: Path, repeat: int) -> dict[str, float]:
    """Load, queries, forks and updates on the embedded stores."""
    from graphdb import FolderSource, persist
    from graphdb.graph import CodeGraph
    from graphdb.index import MAX_FILE_BYTES
    from graphdb.stores.kglite_store import KgliteStore
    from graphdb.stores.networkx_store import NetworkXStore

    figures: dict[str, float] = {}
    loaded = persist.read(folder, MAX_FILE_BYTES)
    assert loaded is not None
    index, stamp = loaded
    figures["store_load_s"], _ = cpu(lambda: persist.kglite_store(folder, stamp, index))
    figures["store_build_s"], _ = cpu(lambda: KgliteStore().load(index.nodes(), index.edges()))
    networkx = NetworkXStore()
    figures["store_load_s_networkx"], _ = cpu(lambda: networkx.load(index.nodes(), index.edges()))
    work = Path(tempfile.mkdtemp())
    copy = work / "django"
    shutil.copytree(corpus("django"), copy)
    try:
        graph = CodeGraph.build(FolderSource(copy), folder)
        times = {
            name: milliseconds(lambda text=text: graph.query(text), repeat)
            for name, text in _POINT.items()
        }
        print("kglite, ms:", {k: round(v, 3) for k, v in times.items()})
        figures["query_ms_max"] = max(times.values())
        figures["two_hop_ms"] = milliseconds(lambda: graph.query(_TWO_HOP), repeat)
        times = {k: milliseconds(work_, repeat) for k, work_ in canonical(networkx).items()}
        print("networkx, ms:", {k: round(v, 3) for k, v in times.items()})
        figures["query_ms_max_networkx"] = max(times.values())
        figures["two_hop_ms_networkx"] = milliseconds(lambda: two_hop(networkx), repeat)
        figures.update(fork_figures(graph.store, networkx))
        figures.update(update_figures(graph, copy, 15 if repeat < 30 else 60))
    finally:
        shutil.rmtree(work)
    return figures


def fork_figures(kglite: Any, networkx: Any) -> dict[str, float]:
    """A fork and its first question, and its first edit; memory for each of ten."""
    from graphdb.delta import Delta
    from graphdb.schema import Edge

    figures: dict[str, float] = {}
    for store, ending in ((kglite, ""), (networkx, "_networkx")):
        node = store.named("render", ("FUNCTION",))[0]
        other = store.named("HttpResponse", ("CLASS",))[0]
        delta = Delta(
            [node._replace(line=1)], [], [Edge(other.id, "USES", node.id, "read")], [], []
        )
        kept, times = [], []
        before = resident()
        for _ in range(10):
            begin = time.perf_counter()
            fork = store.fork()
            fork.links([node], ["CALLS"], "in")
            times.append((time.perf_counter() - begin) * 1e3)
            fork.apply(delta)
            kept.append(fork)
        figures[f"graph_fork_ms{ending}"] = statistics.median(times)
        figures[f"graph_fork_mb{ending}"] = (resident() - before) / len(kept)
    return figures


def update_figures(graph: Any, root: Path, count: int) -> dict[str, float]:
    """One file edited at a time, index and store brought up to it.

    In turns: a new function and a call of it, and another signature and name for the first
    top-level function or class, on which other files may depend.
    """
    rng = random.Random(3)
    paths = rng.sample(sorted(p for p in graph.index.entries if p.endswith(".py")), count)
    times, files = [], []
    for number, path in enumerate(paths):
        target = root / path
        text = target.read_text(encoding="utf-8", errors="replace")
        renamed = re.sub(r"(?m)^(def|class) (\w+)", rf"\1 \2_{number}", text, count=1)
        if number % 2 and renamed != text:
            target.write_text(renamed)
        else:
            target.write_text(
                f"{text}\n\ndef added_{number}(x):\n    return len(x)\n\nadded_{number}([])\n"
            )
        begin = time.perf_counter()
        delta = graph.update([path])
        times.append((time.perf_counter() - begin) * 1e3)
        files.append(len(delta.files))
    quantiles = statistics.quantiles(times, n=20)
    print("update ms: p50", round(statistics.median(times), 1), "p95", round(quantiles[-1], 1),
          "files", statistics.mean(files))  # fmt: skip
    return {"update_ms_p50": statistics.median(times), "update_ms_p95": quantiles[-1]}


def probe_figures(folder: Path) -> dict[str, float]:
    """How many of the 29 Cypher probes run, on the embedded store and over Bolt, rows compared."""
    from benchmarks.graph_probes import PROBES
    from graphdb import FolderSource
    from graphdb.errors import GraphError
    from graphdb.graph import CodeGraph
    from graphdb.stores.base import Limits

    # a part of Django keeps loading a server short; the probes ask for what is in it
    part = Path(tempfile.mkdtemp()) / "part"
    for name in ("http", "shortcuts.py", "conf", "utils"):
        place = corpus("django") / "django" / name
        target = part / "django" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(place, target) if place.is_dir() else shutil.copy(place, target)
    (part / "django" / "__init__.py").touch()

    def run(graph: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, (text, parameters) in PROBES.items():
            try:
                result = graph.query(text, parameters, Limits(rows=2000))
                found[name] = sorted(json.dumps(row, sort_keys=True) for row in result.rows)
            except GraphError as error:
                print("probe", name, "fails:", error)
        return found

    embedded = run(CodeGraph.build(FolderSource(part)))
    figures: dict[str, float] = {"cypher_probes": len(embedded)}
    python = os.environ.get("REPOGYM_TEST_BOLT_PYTHON")
    if python:
        with BoltServer(python) as address:
            graph = CodeGraph.build(FolderSource(part), store=address + "/conformance")
            bolt = run(graph)
            figures["cypher_probes_bolt"] = len(bolt)
            equal = [name for name in PROBES if name in bolt and bolt[name] == embedded.get(name)]
            print("rows differ:", [name for name in PROBES if name not in equal])
            figures["cypher_probes_same_rows"] = len(equal)
            times = {k: milliseconds(lambda t=t: graph.query(t), 10) for k, t in _POINT.items()}
            figures["query_ms_max_bolt"] = max(times.values())
            figures["two_hop_ms_bolt"] = milliseconds(lambda: graph.query(_TWO_HOP), 10)
    shutil.rmtree(part.parent)
    return figures


class BoltServer:
    """ArcadeDB with its Bolt port, while in the context."""

    def __init__(self, python: str) -> None:
        self._folder = tempfile.mkdtemp()
        script = HERE.parent / "tests" / "graphdb" / "bolt_server.py"
        self._process = subprocess.Popen(
            [python, str(script), self._folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def __enter__(self) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("BOLT "):
                return line.split()[1]
        raise SystemExit("the Bolt server did not start")

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def speedup_figures(count: int) -> dict[str, float]:
    """CPU time of others on the same files, divided by ours on these files."""
    from graphdb import FolderSource
    from graphdb.index import Index

    root = corpus("django")
    folders = [root / "django" / name for name in ("http", "urls", "dispatch", "core/handlers")]
    every = [path for folder in folders for path in sorted(folder.glob("*.py"))]
    files = [*every[:count], root / "django" / "shortcuts.py"]
    paths = [str(path.relative_to(root)) for path in files]
    begin = time.process_time()
    for _ in range(5):
        Index().update(FolderSource(root), paths)
    own = (time.process_time() - begin) / 5
    python = tools_python()
    jedi, _ = cpu(lambda: subprocess.run(
        [str(python), str(HERE / "jedi_indexer.py"), str(root), *paths],
        check=True, stdout=subprocess.DEVNULL))  # fmt: skip
    pyan, _ = cpu(lambda: subprocess.run(
        [str(python.parent / "pyan3"), *map(str, files), "--root", str(root), "--uses",
         "--defines", "--dot"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))  # fmt: skip
    print(f"{len(paths)} files: ours {own:.3f} s, jedi {jedi:.2f} s, pyan3 {pyan:.2f} s")
    return {"indexer_speedup": jedi / own, "indexer_speedup_pyan3": pyan / own}


def kernel_figures(folder: Path) -> dict[str, float]:
    """The fs/ folder of a kernel tree, with the headers it includes looked up in the tree."""
    from graphdb import FolderSource
    from graphdb.index import Index
    from graphdb.languages import language_of

    source = FolderSource(folder)
    paths = [p for p in source.list() if p.startswith("fs/") and language_of(p)]
    index = Index()
    seconds, _ = cpu(lambda: index.update(source, paths))
    return {"kernel_fs_index_s": seconds, "kernel_fs_files": len(index.entries)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="Django only, fewer repeats")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--kernel", type=Path, metavar="FOLDER")
    parser.add_argument("--index-only", metavar="NAME", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.index_only:
        print(json.dumps(index_figures(options.index_only, options.folder)))
        return
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as kept:
        for name in ("django",) if options.quick else ("django", "sympy"):
            corpus(name)
            answer = subprocess.run(
                [sys.executable, __file__, "--index-only", name, "--folder", f"{kept}/{name}"],
                check=True, capture_output=True, text=True,
            )  # fmt: skip
            found = json.loads(answer.stdout.splitlines()[-1])
            if name != "django":
                found[f"index_mb_{name}"] = found.pop("index_mb")
            figures.update(found)
        figures.update(store_figures(Path(kept) / "django", 15 if options.quick else 51))
        figures.update(probe_figures(Path(kept) / "django"))
    figures.update(speedup_figures(3 if options.quick else 20))
    if options.kernel:
        figures.update(kernel_figures(options.kernel))
    figures = {key: round(value, 4) for key, value in figures.items()}
    print("\n".join(f"{key:28} {value}" for key, value in figures.items()))
    if options.json:
        write(options.json, figures)


if __name__ == "__main__":
    main()
