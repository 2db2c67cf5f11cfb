"""Whether a completion tool helps a small model: the same functions, written freely and with names.

Tasks of the level "function" of repo-lite. A model continues the file twice, with the same bound
of tokens: freely, and held at each dot to the names that jedi knows there (`agents.guided`). Lines
that the bound left unfinished are cut off in both. Others than jedi judge what was written: the
task's hidden tests, Dependency Coverage and Static Validity Rate (pylint) as ToolGen defines them,
attributes that pyright refuses, whether it parses, and lines that repeat. Intervals are
bootstrapped over tasks, those of differences over pairs.

Needs pylint, and an endpoint with /v1/completions and grammars, for example llama.cpp with a small
model:

    python benchmarks/toolgen.py --api-base http://127.0.0.1:8080/v1 [--functions 100] [--json FILE]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import record  # noqa: E402
import toolgen_judges as judges  # noqa: E402

from agents.guided import generate  # noqa: E402
from agents.models.continuation import continuing  # noqa: E402
from agents.models.litellm_model import LiteLLMModel  # noqa: E402
from agents.toolgen import Hole, prompt  # noqa: E402
from agents.training.toolgen_data import read_example  # noqa: E402
from repos.cache import cache_root  # noqa: E402
from repos.sandbox.select import get_backend  # noqa: E402
from repos.syntax import parse  # noqa: E402
from repos.tasks.records import TaskSpec  # noqa: E402
from repos.tasks.sources.pypi.archives import Tree  # noqa: E402
from repos.tasks.sources.removed.build import released  # noqa: E402
from repos.tasks.sources.removed.records import RemovedCodeSource  # noqa: E402
from repos.tasks.suite import load_suite  # noqa: E402

TOKENS = 96
ARMS = {"free": False, "held": True}


@dataclass(frozen=True)
class Case:
    """A task whose function is written again.

    Attributes:
        spec: The task.
        tree: The release.
        root: Its own Python files.
        hole: Where the body stood.
        before: The file's text before its line.
        after: The text after it.
        dependencies: ToolGen's, of the reference.
    """

    spec: TaskSpec
    tree: Tree
    root: Path
    hole: Hole
    before: str
    after: str
    dependencies: tuple[str, ...]


@dataclass(frozen=True)
class Written:
    """What an arm wrote for a case, and the tokens and seconds it took."""

    case: Case
    text: str
    tokens: int
    seconds: float

    def file(self) -> str:
        """Return the whole file with the text in it."""
        space = " " * self.case.hole.indent
        body = self.text.strip() or "pass"
        return f"{self.case.before}{space}{body}\n{self.case.after}"

    def lines(self) -> range:
        """Return the lines that the text has there."""
        first = self.case.hole.line
        return range(first, first + (self.text.strip() or "pass").count("\n") + 1)


def corpus(tree: Tree, root: Path) -> None:
    """Write a release's own Python files into a folder, where they are not there yet."""
    if root.exists():
        return
    for path, file in tree.items():
        if path.endswith(".py") and not file.link and "test" not in path:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(file.data)


def case_of(spec: TaskSpec, folder: Path) -> Case | None:
    """Return the case of a task of the level "function"; None where ToolGen's figures lack a base.

    That is where the reference has no dependency, or the file lies among tests.
    """
    source = spec.source
    if not isinstance(source, RemovedCodeSource) or source.level != "function":
        return None
    tree = released(source.package, source.archive, cache_root() / "archives").tree
    root = folder / source.package
    corpus(tree, root)
    if not (root / source.path).exists():
        return None
    text = tree[source.path].data.decode()
    lines, (first, column), last = text.split("\n"), source.start, source.end[0]
    example = read_example(root, source.path, source.name, first)
    if example is None or lines[first - 1][:column].strip():
        return None
    dependencies = judges.dependencies(text, source.name, first, example.names)
    if not dependencies:
        return None
    hole = Hole(source.path, first, "...", column, tuple(lines[: first - 1]))
    before, after = "\n".join(lines[: first - 1]) + "\n", "\n".join(lines[last:])
    return Case(spec, tree, root, hole, before, after, dependencies)


def names_by_jedi(case: Case) -> Callable[[str], Sequence[str]]:
    import jedi

    project = jedi.Project(case.root, load_unsafe_extensions=False)

    def names(text: str) -> list[str]:
        code = case.before + " " * (case.hole.indent - 1) + text
        row, column = code.count("\n") + 1, len(code.rpartition("\n")[2])
        place = case.root / case.hole.path
        try:
            found = jedi.Script(code + "\n", path=place, project=project).complete(row, column)
        except Exception:
            return []
        return [one.name for one in found if not one.name.startswith("__")]

    return names


def write(case: Case, model: LiteLLMModel, held: bool, tokens: int) -> Written:
    begun = time.perf_counter()
    made = generate(
        continuing(model), prompt(case.hole, 3000), names=names_by_jedi(case) if held else None,
        max_tokens=tokens, indent=case.hole.indent, temperature=0.0,
    )  # fmt: skip
    spent = time.perf_counter() - begun
    text = whole_lines(Written(case, made.text, 0, 0.0))
    return Written(case, text, made.usage.completion_tokens, spent)


class Kept:
    """What was written, in a file of JSON lines, so that an interrupted run goes on."""

    def __init__(self, path: Path | None) -> None:
        """Read what is there; without a file nothing is kept."""
        self.path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path and path.exists() else []
        rows = [json.loads(line) for line in lines]
        self.rows = {(row["task"], row["arm"], row["model"], row["bound"]): row for row in rows}

    def write(self, case: Case, model: LiteLLMModel, arm: str, tokens: int) -> Written:
        """Return what an arm writes for a case, or wrote."""
        row = self.rows.get((case.spec.id, arm, model.name, tokens))
        if row is not None:
            return Written(case, row["text"], row["tokens"], row["seconds"])
        made = write(case, model, ARMS[arm], tokens)
        if self.path:
            row = {"task": case.spec.id, "arm": arm, "model": model.name, "bound": tokens,
                   "text": made.text, "tokens": made.tokens, "seconds": made.seconds}  # fmt: skip
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        return made


def whole_lines(written: Written) -> str:
    """Return the text without the lines at its end that the bound of tokens left unfinished."""
    lines = written.text.split("\n")
    for count in range(len(lines), 0, -1):
        shorter = replace(written, text="\n".join(lines[:count]))
        try:
            parse(shorter.file())
        except (SyntaxError, ValueError):
            continue
        return shorter.text
    return written.text


def figures(
    arms: dict[str, list[Written]], found: dict[str, list[judges.Judged]]
) -> dict[str, float]:
    """Return each arm's figures and their differences, with intervals."""
    told: dict[str, float] = {}
    free, held = (found[arm] for arm in ARMS)
    for key, figure in judges.FIGURES.items():
        for arm in ARMS:
            told[f"{key}_{arm}"] = figure(found[arm])
            low, high = judges.interval(found[arm], figure)
            told |= {f"{key}_{arm}_low": low, f"{key}_{arm}_high": high}
        pairs = list(zip(free, held, strict=True))

        def gain(some: Sequence[Any], figure: Any = figure) -> float:
            return figure([b for _, b in some]) - figure([a for a, _ in some])

        low, high = judges.interval(pairs, gain)
        told |= {f"{key}_gain": gain(pairs), f"{key}_gain_low": low, f"{key}_gain_high": high}
    for arm in ARMS:
        told[f"attributes_{arm}"] = sum(j.attributes for j in found[arm])
        told[f"tokens_{arm}"] = sum(w.tokens for w in arms[arm])
        told[f"seconds_{arm}"] = statistics.median(w.seconds for w in arms[arm])
    return told


def table(told: dict[str, float]) -> str:
    """Return the figures as a Markdown table."""

    def shown(key: str) -> str:
        value, low, high = (told[key + end] for end in ("", "_low", "_high"))
        return f"{value:.3f} ({low:.3f} to {high:.3f})"

    rows = ["| | free | held | difference |", "|---|---|---|---|"]
    for key in judges.FIGURES:
        rows.append("| " + " | ".join([key, *(shown(f"{key}_{end}") for end in (*ARMS, "gain"))])
                    + " |")  # fmt: skip
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--api-base", required=True)
    parser.add_argument("--model", default="openai/model")
    parser.add_argument("--suite", default="repo-lite", help="repo-lite, or a manifest like it")
    parser.add_argument("--functions", type=int, default=100)
    parser.add_argument("--tokens", type=int, default=TOKENS)
    parser.add_argument("--texts", type=Path, help="keeps what was written; such a run goes on")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if importlib.util.find_spec("pylint") is None:
        raise SystemExit("toolgen.py judges by pylint, which is missing: pip install pylint")
    model = LiteLLMModel(
        options.model, api_base=options.api_base, args={"api_key": "none"}, price=(0.0, 0.0)
    )
    kept = Kept(options.texts)
    arms: dict[str, list[Written]] = {arm: [] for arm in ARMS}
    backend = get_backend("auto", allow_unsafe=False)
    with tempfile.TemporaryDirectory(prefix="repogym-toolgen-") as name:
        for spec in load_suite(options.suite).specs:
            case = case_of(spec, Path(name))
            if case is None:
                continue
            for arm in ARMS:
                arms[arm].append(kept.write(case, model, arm, options.tokens))
            print(f"{len(arms['free'])} of {options.functions}: {spec.id}", file=sys.stderr)
            if len(arms["free"]) == options.functions:
                break
        tests = judges.Tests(backend)
        try:
            found = {
                arm: judges.judge(written, Path(name) / f"judged-{arm}", tests)
                for arm, written in arms.items()
            }
        finally:
            tests.close()
            backend.close()
    told = figures(arms, found)
    told["functions"] = len(arms["free"])
    print(table(told))
    for key, value in told.items():
        print(f"{key:28} {value:.4g}")
    if options.json:
        rows = [
            {"arm": arm, "task": w.case.spec.id, "text": w.text, "passed": j.passed,
             "pylint": [m.symbol for m in j.pylint if m.line in w.lines()],
             "invalid": list(j.invalid)}
            for arm in ARMS for w, j in zip(arms[arm], found[arm], strict=True)
        ]  # fmt: skip
        record.write(options.json, told, rows=rows)


if __name__ == "__main__":
    main()
