"""How well calls are resolved, against two reference tools that agree and labels by hand.

Usage: python benchmarks/call_resolution.py [--quick] [--json FILE] [--seed N] [--list]

Sites are drawn with a fixed seed from Django 4.2.11, sympy 1.13.3 and rich 13.9.4 (sources from the
package index, kept in the cache). Truth is where jedi and ty, asked for the definition of the same
call, name the same place; sites on which they disagree are counted apart. Labels by hand lie in
``call_sites.json`` beside this file.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.graph_corpora import cache, corpus, tools_python
from benchmarks.record import write
from graphdb.languages.python import LANGUAGE
from graphdb.languages.python.expressions import chain
from graphdb.languages.python.extract import Extraction, engine
from graphdb.languages.python.resolve import PythonResolver
from graphdb.parsing import captures
from graphdb.source import FolderSource

REPOSITORIES = ("django", "sympy", "rich")
HERE = Path(__file__).resolve().parent


class Site(NamedTuple):
    """A call: where its last name stands, and how the graph sees it."""

    repository: str
    path: str
    line: int
    column: int
    scope: str
    expr: str


def sites_of(repository: str, path: str, source: bytes) -> list[Site]:
    """All calls in a file; line from 1, column in characters from 0."""
    parser, query = engine()
    root = parser.parse(source).root_node
    extraction = Extraction(path, source, root, captures(query, root))
    extraction.facts()
    found = []
    for node in extraction.captures.get("callee", ()):
        name = node.child_by_field_name("attribute") if node.type == "attribute" else node
        if name is None or name.type != "identifier":
            continue
        line_start = source.rfind(b"\n", 0, name.start_byte) + 1
        column = len(source[line_start : name.start_byte].decode("utf-8", "replace"))
        scope = extraction.owner(node.start_byte)
        expr = extraction.seen_from(chain(node, source), scope, node.start_byte)
        found.append(Site(repository, path, name.start_point.row + 1, column, scope, expr))
    return sorted(found)  # a query gives captures in no fixed order


def ask_references(root: Path, sites: list[Site]) -> dict[str, list[list[list[Any]]]]:
    """Definitions (path, line, column) of each site by jedi and by ty, in a process of their own.

    The answers to the same questions are kept in the cache: they take minutes.
    """
    asked = json.dumps([[s.path, s.line, s.column] for s in sites])
    script = HERE / "reference_tools.py"
    digest = blake2b(f"{root}\0{asked}\0{script.read_text()}".encode(), digest_size=12)
    kept = cache() / "references" / f"{digest.hexdigest()}.json"
    if kept.exists():
        return json.loads(kept.read_text())
    answer = subprocess.run(
        [str(tools_python()), str(script), str(root)],
        input=asked,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(answer.stdout)
    return json.loads(answer.stdout)


class Repository:
    """A corpus, resolved, with a map from places to nodes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.root = corpus(name)
        source = FolderSource(self.root)
        self.texts = {p: source.read(p) for p in source.list() if p.endswith(".py")}
        self.facts = {p: LANGUAGE.extract(p, text) for p, text in self.texts.items()}
        self.resolver = PythonResolver(self.facts)
        self.nodes: dict[tuple[str, int], str] = {}
        self.labels: dict[str, str] = {}
        for path, facts in self.facts.items():
            lines = self.texts[path].split(b"\n")
            for item in facts.definitions:
                if item.label not in ("CLASS", "FUNCTION", "METHOD"):
                    continue
                at = item.line  # the decorators' first line; tools name the line of the keyword
                while at < item.end_line and not lines[at - 1].lstrip().startswith(
                    (b"def ", b"class ", b"async ")
                ):
                    at += 1
                self.nodes[(path, at)] = f"python:{path}::{item.dotted}"
                self.labels[f"python:{path}::{item.dotted}"] = item.label

    def sample(self, count: int, seed: int) -> list[Site]:
        """Calls of any kind, files drawn evenly by their number of calls."""
        rng = random.Random(seed)
        paths = sorted(self.texts)
        rng.shuffle(paths)
        every: list[Site] = []
        for path in paths[: max(60, count // 2)]:
            every += sites_of(self.name, path, self.texts[path])
        rng.shuffle(every)
        return every[:count]

    def ours(self, site: Site) -> set[str]:
        """What the graph has for a call."""
        if site.expr[0] in '?"':
            return set()
        targets = self.resolver.call_targets(site.path, site.scope, site.expr)
        return {target.id for target in targets if not target.id.startswith("external:")}

    def mean(self, places: list[list[Any]]) -> set[str]:
        """Nodes at the places a tool named; ``outside`` for one beyond the repository."""
        found = set()
        for path, line, column in places:
            if path is None or path not in self.facts:
                found.add("outside")
                continue
            node = self.nodes.get((path, line), "")
            if node and not self._names(path, line, column, node):
                node = ""  # a parameter in the line of its function
            found.add(node or f"{path}:{line}:{column}")
        return found

    def _names(self, path: str, line: int, column: int, node: str) -> bool:
        """Whether a place is where a definition has its name, or begins."""
        text = self.texts[path].split(b"\n")[line - 1].decode("utf-8", "replace")[column:]
        name = node.rpartition("::")[2].rpartition(".")[2].partition("#")[0]
        return re.match(rf"(?:{re.escape(name)}|def|class|async|@)\b", text) is not None


def same(one: str, other: str) -> bool:
    """Whether two ids mean the same target: a class is also its initializer."""
    if one == other:
        return True
    makers = (".__init__", ".__new__")
    return any(one == other + m or other == one + m for m in makers) or (
        one.rpartition("#")[0] or one
    ) == (other.rpartition("#")[0] or other)


def agreed(first: set[str], second: set[str]) -> set[str] | None:
    """What both tools name; None where they disagree or one says nothing."""
    if not first or not second:
        return None
    both = {a for a in first if any(same(a, b) for b in second)}
    return both or None


def judge(truth: set[str], found: set[str]) -> tuple[int, int, int]:
    """Hits (0 or 1), edges that are right, edges in all."""
    right = sum(any(same(f, t) for t in truth) for f in found)
    return int(right > 0), right, len(found)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer sites")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--seed", type=int, default=7, help="which sites are drawn")
    parser.add_argument("--list", action="store_true", help="print the sites that are wrong")
    options = parser.parse_args()
    count = 150 if options.quick else 700
    totals: Counter[str] = Counter()
    per: dict[str, float] = {}
    repositories = {name: Repository(name) for name in REPOSITORIES}
    for name, repository in repositories.items():
        sites = repository.sample(count, options.seed)
        answers = ask_references(repository.root, sites)
        begin = time.process_time()
        ours = [repository.ours(site) for site in sites]
        totals["us"] += int((time.process_time() - begin) * 1e6)
        here: Counter[str] = Counter()
        for site, jedi, ty, found in zip(sites, answers["jedi"], answers["ty"], ours, strict=True):
            here["sites"] += 1
            truth = agreed(repository.mean(jedi), repository.mean(ty))
            if truth is None:
                here["disagree"] += 1
                here["disagree_answered"] += bool(found)
                continue
            inside = {t for t in truth if t in repository.labels}
            if not inside:
                if truth == {"outside"}:
                    here["outside"] += 1
                    here["edges"] += len(found)
                    if found and options.list:
                        print("OUTSIDE", *site, sorted(found))
                continue
            hit, right, edges = judge(inside, found)
            here["truth"] += 1
            here["hits"] += hit
            here["right"] += right
            here["edges"] += edges
            if options.list and (not hit or right < edges):
                print("WRONG" if found else "MISSED", *site, sorted(found), sorted(inside))
        per[f"recall_{name}"] = round(here["hits"] / max(1, here["truth"]), 4)
        per[f"precision_{name}"] = round(here["right"] / max(1, here["edges"]), 4)
        totals.update(here)
    figures: dict[str, float] = {
        "recall": round(totals["hits"] / max(1, totals["truth"]), 4),
        "precision": round(totals["right"] / max(1, totals["edges"]), 4),
        "sites_asked": totals["sites"],
        "sites_agreed_inside": totals["truth"],
        "sites_agreed_outside": totals["outside"],
        "sites_disagreed": totals["disagree"],
        "sites_disagreed_answered": totals["disagree_answered"],
        "us_per_site": round(totals["us"] / max(1, totals["sites"]), 1),
        **per,
        **by_hand(repositories, options.list),
    }
    print("\n".join(f"{key:28} {value}" for key, value in figures.items()))
    if options.json:
        write(options.json, figures)


def by_hand(repositories: dict[str, Repository], show: bool) -> dict[str, float]:
    """Recall and precision on the sites in call_sites.json."""
    labelled = json.loads((HERE / "call_sites.json").read_text())["sites"]
    count = hits = right = edges = 0
    for row in labelled:
        repository = repositories[row["repository"]]
        every = sites_of(row["repository"], row["path"], repository.texts[row["path"]])
        site = next(s for s in every if (s.line, s.column) == (row["line"], row["column"]))
        truth, found = set(row["truth"]), repository.ours(site)
        hit, good, all_edges = judge(truth, found)
        count += bool(truth)
        hits += hit
        right += good
        edges += all_edges
        if show and ((truth and not hit) or good < all_edges):
            print("BY HAND", *site, sorted(found), sorted(truth))
    return {
        "hand_sites": len(labelled),
        "hand_sites_inside": count,
        "hand_recall": round(hits / max(1, count), 4),
        "hand_precision": round(right / max(1, edges), 4),
    }


if __name__ == "__main__":
    main()
