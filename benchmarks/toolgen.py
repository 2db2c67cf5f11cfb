"""Whether a completion tool helps a small model: the same functions, written freely and with names.

Documented functions of the newest releases of packages of swe-lite. A model continues the file
twice, with the same bound of tokens: freely, and held at each dot to the names that jedi knows
there (`agents.guided`). Lines that the bound left unfinished are cut off in both. Others than jedi
judge what was written: Dependency Coverage and Static Validity Rate (pylint) as ToolGen defines
them, attributes that pyright refuses, whether it parses, and lines that repeat. Intervals are
bootstrapped over functions.

Needs an endpoint with /v1/completions and grammars, for example llama.cpp with a small model:

    python benchmarks/toolgen.py --api-base http://127.0.0.1:8080/v1 [--functions 100] [--json FILE]
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import record  # noqa: E402
import toolgen_judges  # noqa: E402

from agents.guided import generate  # noqa: E402
from agents.models.continuation import continuing  # noqa: E402
from agents.models.litellm_model import LiteLLMModel  # noqa: E402
from agents.toolgen import Hole, prompt  # noqa: E402
from agents.training.toolgen_data import Example, write_examples  # noqa: E402
from repos.cache import cache_root  # noqa: E402
from repos.scoring.generation import dependency_coverage, static_validity_rate  # noqa: E402
from repos.syntax import parse  # noqa: E402
from repos.tasks.sources.pypi.archives import read_archive  # noqa: E402
from repos.tasks.sources.pypi.index import PackageIndex  # noqa: E402
from repos.tasks.suite import load_suite  # noqa: E402

TOKENS = 96
A_PACKAGE = 8


@dataclass(frozen=True)
class Case:
    """A function whose body is written again."""

    root: Path
    example: Example
    hole: Hole
    before: str
    after: str
    reference: str
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


def corpus(package: str, folder: Path) -> Path:
    """Write a package's newest release into a folder."""
    index = PackageIndex()
    newest = index.releases(package)[-1]
    tree = read_archive(index.fetch(package, newest.archive, cache_root() / "archives"))
    root = folder / package
    for path, file in tree.items():
        if path.endswith(".py") and not file.link and "test" not in path:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(file.data)
    return root


def cases(root: Path, most: int) -> Iterator[Case]:
    """Give documented functions of at least three lines that use a name of the repository."""
    out = io.StringIO()
    write_examples(root, out, limit=2 * most)
    found = 0
    for row in out.getvalue().splitlines():
        example = Example(**json.loads(row))
        case = case_of(root, example)
        if case is not None and found < most:
            found += 1
            yield case


def case_of(root: Path, example: Example) -> Case | None:
    source = (root / example.path).read_text(encoding="utf-8")
    lines = source.split("\n")
    tree = ast.parse(source)
    nodes = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    name = example.function.rpartition(".")[2]
    text = example.text.replace("<COMP>", "")
    node = next((n for n in nodes if n.name == name
                 and "\n".join(lines[n.lineno - 1 : n.end_lineno]) == text), None)  # fmt: skip
    if node is None or len(node.body) < 2:
        return None
    first, last = node.body[1].lineno, node.end_lineno or 0
    if not 3 <= last - first + 1 <= 25:
        return None
    dependencies = toolgen_judges.dependencies(tree, node, example.names)
    if not dependencies:
        return None
    here = lines[first - 1]
    hole = Hole(
        example.path, first, "...", len(here) - len(here.lstrip()), tuple(lines[: first - 1])
    )
    return Case(
        root, example, hole, "\n".join(lines[: first - 1]) + "\n", "\n".join(lines[last:]),
        "\n".join(lines[first - 1 : last]), dependencies,
    )  # fmt: skip


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


def interval(values: Sequence[float], draws: int = 1000) -> list[float]:
    """Return the 95% bootstrap interval of a mean."""
    rng = random.Random(0)
    means = sorted(statistics.fmean(rng.choices(values, k=len(values))) for _ in range(draws))
    return [round(means[int(0.025 * draws)], 3), round(means[int(0.975 * draws) - 1], 3)]


def figures(arms: dict[str, list[Written]], folder: Path) -> tuple[dict[str, float], list[object]]:
    found: dict[str, float] = {}
    rows: list[object] = []
    per: dict[str, dict[str, list[float]]] = {}
    for arm, written in arms.items():
        judged = toolgen_judges.judge(written, folder / f"judged-{arm}")
        pairs = [(w.case.dependencies, w.text) for w in written]
        both = list(zip(written, judged, strict=True))
        valid = [static_validity_rate([(w.lines(), j.pylint)]) for w, j in both]
        one = {
            "dc": [dependency_coverage([pair]) for pair in pairs],
            "svr": valid,
            "parses": [float(j.parses) for j in judged],
            "repeated_lines": [toolgen_judges.repeated(w.text) for w in written],
            "no_invalid_attribute": [float(not j.invalid) for j in judged],
        }
        attributes = sum(j.attributes for j in judged)
        invalid = sum(len(j.invalid) for j in judged)
        found[f"dc_{arm}"] = dependency_coverage(pairs)
        found[f"svr_{arm}"] = statistics.fmean(valid)
        for key in ("parses", "repeated_lines", "no_invalid_attribute"):
            found[f"{key}_{arm}"] = statistics.fmean(one[key])
        found[f"valid_attributes_{arm}"] = 1 - invalid / attributes if attributes else 1.0
        found[f"attributes_{arm}"] = attributes
        found[f"seconds_{arm}"] = statistics.median(w.seconds for w in written)
        per[arm] = one
        rows += [
            {"arm": arm, "function": f"{w.case.root.name}:{w.case.example.function}",
             "text": w.text, "pylint": [m.symbol for m in j.pylint if m.line in w.lines()],
             "invalid": list(j.invalid)}
            for w, j in both
        ]  # fmt: skip
    for key in next(iter(per.values())):
        gains = [b - a for a, b in zip(per["free"][key], per["tool"][key], strict=True)]
        low, high = interval(gains)
        found |= {f"{key}_gain": statistics.fmean(gains), f"{key}_gain_low": low}
        found[f"{key}_gain_high"] = high
    return found, rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--api-base", required=True)
    parser.add_argument("--model", default="openai/model")
    parser.add_argument("--functions", type=int, default=100)
    parser.add_argument("--tokens", type=int, default=TOKENS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    model = LiteLLMModel(
        options.model, api_base=options.api_base, args={"api_key": "none"}, price=(0.0, 0.0)
    )
    packages = dict.fromkeys(spec.id.rpartition("-")[0] for spec in load_suite("swe-lite").specs)
    arms: dict[str, list[Written]] = {"free": [], "tool": []}
    with tempfile.TemporaryDirectory(prefix="repogym-toolgen-") as name:
        for package in packages:
            left = options.functions - len(arms["free"])
            if left <= 0:
                break
            for case in cases(corpus(package, Path(name)), min(A_PACKAGE, left)):
                for arm, held in (("free", False), ("tool", True)):
                    arms[arm].append(write(case, model, held, options.tokens))
            print(f"{package}: {len(arms['free'])} of {options.functions}", file=sys.stderr)
        found, rows = figures(arms, Path(name))
    found["functions"] = len(arms["free"])
    for key, value in found.items():
        print(f"{key:28} {value:.4g}")
    if options.json:
        record.write(options.json, found, rows=rows)


if __name__ == "__main__":
    main()
