"""Writes training data from stored runs: conversations, preference pairs, tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from agents.reports.reading import StoredRun
from agents.runs.journal import write_atomic
from agents.training.attempts import failed, groups, judgements, refinements
from agents.training.card import Origin, card, origins
from agents.training.conversations import Conversation
from agents.training.selection import Choice, Selection, Source, select, sources
from agents.training.splits import held_back
from repos.errors import InputError, MissingExtraError

Format = Literal["sft", "preference", "refine", "verifier", "minari", "parquet"]
FORMATS: tuple[str, ...] = get_args(Format)


@dataclass(frozen=True)
class Exported:
    """What an export wrote.

    Attributes:
        file: The data.
        rows: How many rows it has.
        episodes: From how many episodes they come.
        left_out: Episodes that were left out, by the reason.
    """

    file: Path
    rows: int
    episodes: int
    left_out: dict[str, int] = field(default_factory=dict)


def export(
    runs: Sequence[StoredRun],
    form: Format,
    out: Path,
    *,
    choice: Choice | None = None,
    pairs: int = 4,
) -> Exported:
    """Write the data and its card (`README.md`) into a new or empty folder.

    Args:
        runs: Stored runs; several of the same tasks are needed for pairs.
        form: "sft" (conversations that solved their task), "preference" (pairs of a solving
            and a failing conversation that open alike), "refine" (a failed attempt, then a
            solving one), "verifier" (steps with labels), "minari" (steps of the environment), or
            "parquet" (every episode).
        out: The folder.
        choice: Which episodes are taken.
        pairs: Most pairs a task, and most refinements.

    Raises:
        InputError: The folder is not empty, nothing can be exported, all tasks are of the test
            split, or an extra is missing.
    """
    choice = choice or Choice()
    if form not in FORMATS:
        raise InputError(f"--format {form} is unknown: {', '.join(FORMATS)}.")
    if pairs < 1:
        raise InputError(f"--pairs is {pairs}: it must be 1 or more.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is not an empty folder: name another one with --out.")
    arrow = _pyarrow() if form == "parquet" else None
    if form == "minari":
        import agents.training.adapters.minari  # noqa: F401 - says what is missing
    selection = select(runs, choice)
    rows, used = _rows(form, runs, selection, choice, pairs)
    if not rows:
        why = ", ".join(f"{n} {reason}" for reason, n in selection.left_out.items())
        raise InputError(f"Nothing to export as {form} ({why or 'the runs have no episodes'}).")
    out.mkdir(parents=True, exist_ok=True)
    if form == "minari":
        from agents.training.adapters.minari import write_runs

        file = write_runs(used, out)
    elif arrow is None:
        file = out / f"{form}.jsonl"
        write_atomic(file, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    else:
        file = out / "episodes.parquet"
        arrow.parquet.write_table(arrow.Table.from_pylist(rows), file)
    made = Exported(file, len(rows), len(used), dict(selection.left_out))
    told: list[Origin] = origins(used)
    write_atomic(out / "README.md", card(form, file.name, made.rows, made.left_out, told, choice))
    return made


def _rows(
    form: str,
    runs: Sequence[StoredRun],
    selection: Selection,
    choice: Choice,
    pairs: int,
) -> tuple[list[dict[str, Any]], list[Source]]:
    """Return the rows and the episodes that they come from; more reasons go to `selection`."""
    if form == "parquet":
        every = list(sources(runs))
        # Nothing else is left out of a table: who reads it masks by its columns.
        held = {id(run): held_back(run) for run in runs}
        every = [one for one in every if one.stored.task not in held[id(one.run)]]
        for reason in [r for r in selection.left_out if not r.endswith(" split")]:
            del selection.left_out[reason]
        return [row for source in every for row in _table_rows(source)], every
    if form == "preference":
        return _pairs(selection, choice, pairs)
    if form == "refine":
        return _refinements(selection, choice, pairs)
    if form == "verifier":
        judged = list(judgements(selection.taken, choice))
        return [{**row, **_tools(s), **_facts(s)} for s, row in judged], selection.taken
    if form == "minari":
        return [_facts(source) for source in selection.taken], selection.taken
    solved = [source for source in selection.taken if source.succeeded(choice)]
    _count(selection, "not solved", len(selection.taken) - len(solved))
    forks = sum(len(s.conversations) - len(s.own) for s in solved)
    _count(selection, "conversations on forks", forks)
    rows = [
        {"messages": list(one.messages), **_tools(source), **_facts(source)}
        for source in solved
        for one in source.own
    ]
    return rows, solved


def _pairs(
    selection: Selection, choice: Choice, most: int
) -> tuple[list[dict[str, Any]], list[Source]]:
    rows: list[dict[str, Any]] = []
    used: dict[int, Source] = {}
    for group in groups(selection.taken):
        solved = [s for s in group if s.succeeded(choice)]
        failures = [s for s in group if failed(s)]
        # First each success with its own failure, then the next failure, and so on.
        order = [
            (good, failures[(place + turn) % len(failures)])
            for turn in range(len(failures))
            for place, good in enumerate(solved)
        ]
        for good, bad in order[:most]:
            used |= {id(good): good, id(bad): bad}
            rows.append(
                {
                    "prompt": list(good.main.opening),
                    "chosen": list(good.main.answer),
                    "rejected": list(bad.main.answer),
                    **_tools(good),
                    **_facts(good),
                    "rejected_fraction": bad.record.fraction if bad.record else 0.0,
                }
            )
    _count(selection, "without a partner", len(selection.taken) - len(used))
    return rows, list(used.values())


def _refinements(
    selection: Selection, choice: Choice, most: int
) -> tuple[list[dict[str, Any]], list[Source]]:
    rows: list[dict[str, Any]] = []
    used: dict[int, Source] = {}
    for solved, attempt, row in refinements(selection.taken, choice, most):
        used |= {id(solved): solved, id(attempt): attempt}
        rows.append({**row, **_tools(solved), **_facts(solved)})
    _count(selection, "without a partner", len(selection.taken) - len(used))
    return rows, list(used.values())


def _count(selection: Selection, reason: str, number: int) -> None:
    if number:
        selection.left_out[reason] += number


def _tools(source: Source) -> dict[str, str]:
    # As text: TRL reads it, and no table gets a column for every parameter of every tool.
    return {"tools": json.dumps(source.tools, ensure_ascii=False)}


def _facts(source: Source) -> dict[str, Any]:
    settings, record = source.run.settings, source.record
    return {
        "suite": f"{settings.suite}-v{settings.version}",
        "task": source.stored.task,
        "sample": source.stored.sample,
        "assist": settings.assist,
        "agent": settings.agent,
        "model": settings.model or "",
        "seed": settings.seed,
        "reward": record.reward if record else 0.0,
        "fraction": record.fraction if record else 0.0,
        "end": record.end if record else "",
        "truncated": source.truncated,
    }


def _table_rows(source: Source) -> Iterable[dict[str, Any]]:
    record, state = source.record, source.stored.state
    scored = record is not None and state == "done"
    facts = {
        **_facts(source),
        "run": source.run.name,
        "state": state,
        "mask_sample": not scored or bool(record and record.agent_error),
        "failure_kind": _failure_kind(source),
        "error": (record.error or record.agent_error) if record else source.stored.problem,
        "resolved": bool(record and record.resolved),
        "plausible": bool(record and record.plausible),
        "false_resolved": bool(record and record.false_resolved),
        "tampered": list(record.tampered) if record else [],
        "privileged": source.run.settings.privileged,
        "steps": record.steps if record else 0,
        **_tools(source),
    }
    nothing = Conversation(0, "", ())
    for number, one in enumerate(source.conversations or [nothing]):
        messages = json.dumps(list(one.messages), ensure_ascii=False)
        yield {
            **facts,
            "conversation": number,
            "branch": one.branch,
            "messages": messages,
            "replies": json.dumps(list(one.tokens), ensure_ascii=False),
        }


def _failure_kind(source: Source) -> str:
    record, state = source.record, source.stored.state
    if record is None or state != "done":
        return "infrastructure" if state == "infrastructure" else "no_verdict"
    return "agent_error" if record.agent_error else ""


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError("data", "pyarrow", "--format parquet") from error
    return pyarrow
