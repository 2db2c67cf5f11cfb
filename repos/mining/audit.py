"""A page for reading tasks: statement, failing tests and reference side by side."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from pathlib import Path

from repos.environments.choosing import choose_environment, is_available
from repos.mining.readings import Reading
from repos.prepare import build_files, statement
from repos.runners.python.source import function_spans
from repos.runners.registry import get_runner
from repos.tasks.records import TaskSpec
from repos.tasks.sources.base import BuiltFiles

STYLE = """
body { font: 15px/1.5 sans-serif; margin: 2em; color: #222; }
section { border-top: 2px solid #888; padding: 1em 0; }
.sides { display: grid; grid-template-columns: 1fr 1fr; gap: 1.5em; }
pre { background: #f4f4f4; padding: .8em; overflow-x: auto; white-space: pre-wrap; }
table { border-collapse: collapse; } td { padding: .1em .8em .1em 0; vertical-align: top; }
@media (max-width: 900px) { .sides { grid-template-columns: 1fr; } }
"""
LONGEST = 20_000
"""Characters of a reference that are shown at most."""


def audit_page(
    title: str, specs: Sequence[TaskSpec], refused: dict[str, dict[str, str]] | None = None,
    readings: Sequence[Reading] = (),
) -> str:  # fmt: skip
    """Return an HTML page in one file, without links to anything outside.

    Args:
        title: Name and version of the suite.
        specs: The tasks.
        refused: What the fairness checks refuse, by task and check, where they were run.
        readings: What readers found before.
    """
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'>",
        f"<title>{html.escape(title)}</title><style>{STYLE}</style>",
        f"<h1>{html.escape(title)}</h1><p>{len(specs)} tasks. For each, ask: is the change "
        "described, is it one, do the tests ask for nothing more than what is told, and how "
        "hard is it?</p>",
    ]
    for spec in specs:
        known = [reading for reading in readings if reading.task == spec.id]
        parts.append(_section(spec, (refused or {}).get(spec.id), known))
    return "\n".join(parts) + "\n"


def write_audit(path: Path, page: str) -> None:
    """Write a page whole or not at all."""
    partial = path.with_name(path.name + ".part")
    partial.write_text(page, encoding="utf-8")
    partial.replace(path)


def _section(spec: TaskSpec, refused: dict[str, str] | None, readings: Sequence[Reading]) -> str:
    files = build_files(spec)
    facts = {"date": spec.date, **spec.labels}
    facts |= {f"refused: {check}": why for check, why in (refused or {}).items()}
    for number, reading in enumerate(readings, start=1):
        facts[f"reading {number}"] = _told(reading)
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{html.escape(value)}</td></tr>"
        for name, value in facts.items()
        if value
    )
    reference = files.reference.decode("utf-8", "replace")[:LONGEST]
    return (
        f"<section id='{html.escape(spec.id)}'><h2>{html.escape(spec.id)}</h2>"
        f"<table>{rows}</table><div class='sides'>"
        f"<div><h3>Statement</h3>{_pre(statement(spec, files))}</div>"
        f"<div><h3>Failing tests</h3>{''.join(_tests(spec, files))}"
        f"<h3>Reference</h3>{_pre(reference)}</div></div></section>"
    )


def _told(reading: Reading) -> str:
    judged = {name: getattr(reading, name) for name in ("described", "single", "fair")}
    words = [name if good else f"not {name}" for name, good in judged.items()]
    told = f"{', '.join(words)}; {reading.difficulty}; a {reading.reader}, {reading.date}"
    return f"{told}; {reading.note}" if reading.note else told


def _tests(spec: TaskSpec, files: BuiltFiles) -> Iterable[str]:
    """Yield the failing tests' functions, each with its ids."""
    expected = spec.expected[_environment(spec)]
    runner = get_runner(spec.runner)
    by_place: dict[tuple[str, str], list[str]] = {}
    for test in expected.fail_to_pass:
        by_place.setdefault(runner.split_id(test).place, []).append(test)
    for (path, function), tests in sorted(by_place.items()):
        hidden = files.hidden / path
        source = hidden.read_bytes() if hidden.is_file() else b""
        span = function_spans(source).get(function)
        text = source.decode("utf-8", "replace").splitlines()
        shown = "\n".join(text[span[0] - 1 : span[1]]) if span else "(not found in its file)"
        yield f"<p>{html.escape(', '.join(tests))}</p>{_pre(shown)}"


def _environment(spec: TaskSpec) -> str:
    """Return the environment that is played here, else the first."""
    return choose_environment(spec) if is_available(spec) else sorted(spec.expected)[0]


def _pre(text: str) -> str:
    return f"<pre>{html.escape(text)}</pre>"
